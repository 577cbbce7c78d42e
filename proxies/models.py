"""The ways out: egress proxies that accounts leave through."""

import uuid
from urllib.parse import quote, urlsplit

from django.core.exceptions import ValidationError
from django.db import models
from simple_history.models import HistoricalRecords

from tenants import vault

SCHEMES = ("http", "https", "socks5", "socks5h")
_DEFAULT_PORTS = {"http": 8080, "https": 443, "socks5": 1080, "socks5h": 1080}


class Proxy(models.Model):
    """An egress proxy. Its address is plain; its whole URL is sealed, because it may hold a password."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    address = models.CharField(
        max_length=255, unique=True, editable=False, help_text="The URL without its password, as it is shown."
    )
    sealed_url = models.TextField(editable=False)
    is_active = models.BooleanField("active", default=True)
    private = models.BooleanField(default=False, help_text="It lives on a private address of your own network.")
    max_accounts = models.PositiveIntegerField(default=0, help_text="0 means no limit.")
    priority = models.IntegerField(default=0, help_text="Higher is preferred.")
    created_at = models.DateTimeField(auto_now_add=True)
    history = HistoricalRecords(excluded_fields=["sealed_url"])

    class Meta:
        ordering = ["-priority", "address"]
        verbose_name_plural = "proxies"

    def __str__(self) -> str:
        return self.address

    def set_url(self, url: str) -> None:
        """Take a URL such as `socks5://user:password@host:1080`; raises ValidationError with the cure."""
        full, self.address = normalise(url)
        self.sealed_url = vault.seal(full, **self._cell)

    def open_url(self) -> str:
        """The whole URL; for the snapshot only."""
        return vault.unseal(self.sealed_url, **self._cell)

    @property
    def _cell(self) -> dict[str, str]:
        return {"table": "proxies_proxy", "column": "url", "row": str(self.pk)}


def normalise(url: str) -> tuple[str, str]:
    """(the whole URL with user and password percent-encoded, the same without the password)."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise ValidationError(f"This proxy address cannot be read: {error}.") from None
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise ValidationError("Use an address such as socks5://user:password@host:1080; http and https work too.")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValidationError("A proxy address ends after the port; percent-encode # and / in a password.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    place = f"{host}:{port or _DEFAULT_PORTS[parts.scheme]}"
    if not parts.username:
        return f"{parts.scheme}://{place}", f"{parts.scheme}://{place}"
    user, password = _encoded(parts.username), _encoded(parts.password or "")
    return f"{parts.scheme}://{user}:{password}@{place}", f"{parts.scheme}://{user}@{place}"


def _encoded(text: str) -> str:
    return quote(text, safe="%-._~")
