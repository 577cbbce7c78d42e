"""Writes to tenants and their keys."""

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone

from gateway.dataplane import keys
from tenants.models import ApiKey, Role, Tenant


def create_key(
    *,
    tenant: Tenant,
    name: str,
    role: str = Role.DEVELOPER,
    allowed_models: Iterable[str] = (),
    expires_at: datetime | None = None,
    plain: str | None = None,
) -> tuple[ApiKey, str]:
    """Make a key and return it with its plain text, which exists nowhere else afterwards.

    `plain` brings an existing key along: any `sk-…` of 20 characters or more. Raises ValidationError.
    """
    key = ApiKey(
        tenant=tenant,
        name=name,
        role=role,
        allowed_models=list(allowed_models),
        expires_at=expires_at,
    )
    plain = plain or keys.make_key()
    take_text(key=key, plain=plain)
    key.full_clean()
    key.save()
    return key, plain


def take_text(*, key: ApiKey, plain: str) -> None:
    """Make `plain` the text of a key, not saved: its digest, hint and public id. Raises ValidationError."""
    if not keys.is_well_formed(plain):
        raise ValidationError("An API key begins with sk- and has 20 to 200 characters without spaces.")
    key.digest = text_digest(plain)
    key.hint = f"{plain[:6]}…{plain[-4:]}"
    if public_id := keys.public_id_of(plain):
        key.public_id = public_id


def text_digest(plain: str) -> str:
    """What the database holds of a key's text."""
    return keys.digest(plain, settings.KEY_PEPPER)


def revoke_key(*, key: ApiKey) -> None:
    """Refuse the key from now on; workers know within two seconds."""
    key.revoked_at = timezone.now()
    key.save(update_fields=["revoked_at"])


def restore_key(*, key: ApiKey) -> None:
    """Take a revocation back."""
    key.revoked_at = None
    key.save(update_fields=["revoked_at"])
