"""What upstream requests are sent as: accounts and their sealed credentials."""

import hashlib
import uuid

from django.db import models
from simple_history.models import HistoricalRecords

from providers.models import Provider
from proxies.models import Proxy
from tenants import vault


class Account(models.Model):
    """One credential at one provider. The credential goes in and never comes out of any page or API."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="accounts")
    label = models.CharField(max_length=120)
    sealed_credential = models.TextField(blank=True, editable=False)
    credential_hint = models.CharField(
        max_length=24, blank=True, editable=False, help_text="The first and last characters of the credential."
    )
    proxy = models.ForeignKey(
        Proxy,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="accounts",
        help_text="Every request of the account leaves through it, never directly. Empty means directly.",
    )
    is_active = models.BooleanField("active", default=True)
    last_error = models.CharField(max_length=300, blank=True, editable=False)
    last_error_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    history = HistoricalRecords(
        excluded_fields=["sealed_credential", "last_error", "last_error_at", "last_used_at"]
    )

    class Meta:
        ordering = ["provider__slug", "label"]
        constraints = [models.UniqueConstraint(fields=["provider", "label"], name="one_label_per_provider")]

    def __str__(self) -> str:
        return f"{self.provider.slug}/{self.label}"

    def set_credential(self, plain: str) -> None:
        """Seal a new credential; the hint is all that will be shown of it."""
        self.sealed_credential = vault.seal(plain, **self._cell)
        self.credential_hint = hint(plain)

    def open_credential(self) -> str:
        """The plain credential; for the snapshot and the account test only. Raises vault.SealBroken."""
        return vault.unseal(self.sealed_credential, **self._cell)

    @property
    def has_credential(self) -> bool:
        return bool(self.sealed_credential)

    @property
    def _cell(self) -> dict[str, str]:
        return {"table": "accounts_account", "column": "credential", "row": str(self.pk)}


def hint(plain: str) -> str:
    """Enough to tell two credentials apart, too little to use: `sk-p…9f3c`, or a fingerprint if short."""
    if not plain:
        return ""
    if len(plain) < 16:
        return "#" + hashlib.sha256(plain.encode()).hexdigest()[:6]
    return f"{plain[:4]}…{plain[-4:]}"
