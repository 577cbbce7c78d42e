"""API keys: shown once, stored as a digest, revoked and restored."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.core.serializers import serialize
from django.utils import timezone

from gateway.dataplane import keys
from snapshots.build import key_with_digest
from tenants.models import ApiKey, Role, Tenant
from tenants.services import create_key, restore_key, revoke_key, text_digest

pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant() -> Tenant:
    return Tenant.objects.create(slug="acme")


def test_a_key_is_found_by_its_text_and_by_nothing_else(tenant: Tenant) -> None:
    row, plain = create_key(tenant=tenant, name="ci")
    assert keys.is_well_formed(plain)
    found = key_with_digest(text_digest(plain))
    assert found is not None
    assert (found.id, found.public_id, found.tenant_id, found.may_chat) == (row.pk, plain[6:16], tenant.pk, True)
    assert key_with_digest(text_digest(keys.make_key())) is None


def test_the_database_holds_no_key(tenant: Tenant) -> None:
    _row, plain = create_key(tenant=tenant, name="ci")
    stored = serialize("json", [*ApiKey.objects.all(), *ApiKey.history.all()])
    assert plain not in stored
    assert plain[16:-4] not in stored
    assert text_digest(plain) not in serialize("json", ApiKey.history.all())


def test_the_digest_needs_the_pepper(tenant: Tenant, settings) -> None:
    _row, plain = create_key(tenant=tenant, name="ci")
    settings.KEY_PEPPER = "another-pepper-that-a-thief-guesses"
    assert key_with_digest(text_digest(plain)) is None


def test_a_key_that_is_brought_along(tenant: Tenant) -> None:
    row, plain = create_key(tenant=tenant, name="old", plain="sk-from-the-old-gateway-1")
    assert plain == "sk-from-the-old-gateway-1"
    assert len(row.public_id) == keys.PUBLIC_ID_LENGTH, "it is named without showing any of it"
    assert key_with_digest(text_digest(plain)) is not None


@pytest.mark.parametrize("plain", ["short", "sk-short", "pk-" + "a" * 30, "sk-with blanks 0123456789"])
def test_what_is_no_key(tenant: Tenant, plain: str) -> None:
    with pytest.raises(ValidationError, match="begins with sk-"):
        create_key(tenant=tenant, name="bad", plain=plain)
    assert not ApiKey.objects.exists()


def test_a_name_is_taken_once_in_a_tenant(tenant: Tenant) -> None:
    create_key(tenant=tenant, name="ci")
    with pytest.raises(ValidationError, match="already exists"):
        create_key(tenant=tenant, name="ci")
    create_key(tenant=Tenant.objects.create(slug="other"), name="ci")


def test_the_same_text_is_never_two_keys(tenant: Tenant) -> None:
    create_key(tenant=tenant, name="one", plain="sk-the-same-text-00001")
    with pytest.raises(ValidationError):
        create_key(tenant=Tenant.objects.create(slug="other"), name="two", plain="sk-the-same-text-00001")


def test_an_unknown_role(tenant: Tenant) -> None:
    with pytest.raises(ValidationError):
        create_key(tenant=tenant, name="ci", role="emperor")


def test_role_models_and_expiry_reach_the_data_plane(tenant: Tenant) -> None:
    until = timezone.now() + timedelta(hours=1)
    _row, plain = create_key(
        tenant=tenant, name="ci", role=Role.VIEWER, allowed_models=["m-1", "m-2"], expires_at=until
    )
    found = key_with_digest(text_digest(plain))
    assert found is not None
    assert (found.may_chat, found.allowed_models) == (False, {"m-1", "m-2"})
    assert found.expires_at == pytest.approx(until.timestamp())


def test_revoked_and_restored(tenant: Tenant) -> None:
    row, plain = create_key(tenant=tenant, name="ci")
    revoke_key(key=row)
    found = key_with_digest(text_digest(plain))
    assert found is not None and found.revoked
    assert ApiKey.objects.get().state == "revoked"
    restore_key(key=row)
    found = key_with_digest(text_digest(plain))
    assert found is not None and not found.revoked


def test_states(tenant: Tenant) -> None:
    row, _plain = create_key(tenant=tenant, name="ci")
    assert row.state == "active"
    row.expires_at = timezone.now() - timedelta(seconds=1)
    assert row.state == "expired"
    row.revoked_at = timezone.now()
    assert row.state == "revoked", "the reason an operator can take back comes first"
