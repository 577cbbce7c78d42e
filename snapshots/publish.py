"""The number of the configuration: raised in the transaction of each change, read by every worker."""

from django.db.models import F
from django.utils import timezone

from snapshots.models import ConfigVersion

_ROW = 1


def bump() -> None:
    """Raise the number, in the transaction in progress: it is seen with the change or not at all."""
    changed = ConfigVersion.objects.filter(pk=_ROW).update(number=F("number") + 1, changed_at=timezone.now())
    if not changed:
        ConfigVersion.objects.get_or_create(pk=_ROW, defaults={"number": 1})


def current_version() -> int:
    """The number in force; 1 before the first change."""
    row = ConfigVersion.objects.filter(pk=_ROW).values_list("number", flat=True).first()
    return 1 if row is None else row + 1

