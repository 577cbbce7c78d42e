"""The number that tells every worker that the configuration has moved."""

from django.db import models


class ConfigVersion(models.Model):
    """One row; `number` grows with each committed change that the data plane must see."""

    number = models.PositiveBigIntegerField(default=0)
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return str(self.number)
