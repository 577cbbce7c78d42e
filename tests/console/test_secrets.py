"""Secrets go in and never come out: credentials, proxy passwords, keys."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Account
from gateway.dataplane import keys
from providers.models import Provider
from proxies.models import Proxy
from tenants.models import ApiKey, Tenant
from tenants.services import create_key
from tests.console.conftest import CREDENTIAL, PROXY_PASSWORD
from tests.console.pages import address, all_pages


@pytest.fixture
def sealed(traffic: None) -> Account:
    """An account and a proxy whose secrets are canaries."""
    proxy = Proxy(priority=1)
    proxy.set_url(f"socks5://user:{PROXY_PASSWORD}@egress.example.net:1080")
    proxy.save()
    account = Account(provider=Provider.objects.get(slug="openai"), label="Canary", proxy=proxy)
    account.set_credential(CREDENTIAL)
    account.save()
    return account


def form_of(account: Account, **changes: str) -> dict[str, str]:
    fields = {
        "provider": str(account.provider_id),
        "label": account.label,
        "proxy": str(account.proxy_id or ""),
    }
    return {**fields, "is_active": "on", "credential": "", **changes}


def test_no_page_shows_a_secret(operator: Client, sealed: Account) -> None:
    pages = all_pages()
    for model, row in ((Account, sealed), (Proxy, sealed.proxy)):
        assert row is not None
        pages[f"{model} canary"] = address(model, "change", row.pk)
        pages[f"{model} canary history"] = address(model, "history", row.pk)
        version = row.history.first()
        pages[f"{model} canary version"] = address(model, "simple_history", row.pk, version.pk)
    key = ApiKey.objects.first()
    assert key is not None
    for name, path in pages.items():
        html = operator.get(path).content.decode()
        for secret in (CREDENTIAL, PROXY_PASSWORD, sealed.sealed_credential, key.digest):
            assert secret not in html, f"{name} shows a secret"
        assert "v1." not in html or "sealed" not in html, name


def test_an_empty_credential_keeps_the_stored_one(operator: Client, sealed: Account) -> None:
    path = address(Account, "change", sealed.pk)
    page = operator.get(path).content.decode()
    assert sealed.credential_hint in page and "Leave empty to keep it" in page
    field = re.search(r'<input[^>]*name="credential"[^>]*>', page)
    assert field and 'type="password"' in field[0] and "value=" not in field[0]
    assert operator.post(path, form_of(sealed, label="Renamed")).status_code == 302
    sealed.refresh_from_db()
    assert sealed.label == "Renamed" and sealed.open_credential() == CREDENTIAL


def test_a_new_credential_replaces_the_old_one_and_its_error(operator: Client, sealed: Account) -> None:
    Account.objects.filter(pk=sealed.pk).update(last_error="401", last_error_at=timezone.now())
    operator.post(
        address(Account, "change", sealed.pk), form_of(sealed, credential="sk-proj-another-0123456789")
    )
    sealed.refresh_from_db()
    assert sealed.open_credential() == "sk-proj-another-0123456789" and not sealed.last_error


def test_a_refused_form_does_not_echo_the_credential(operator: Client, sealed: Account) -> None:
    answer = operator.post(
        address(Account, "change", sealed.pk), form_of(sealed, label="", credential=CREDENTIAL)
    )
    assert answer.status_code == 200 and CREDENTIAL not in answer.content.decode()
    quoted = operator.post(
        address(Account, "change", sealed.pk), form_of(sealed, credential=f'"{CREDENTIAL}"')
    )
    assert "quotation mark" in quoted.content.decode() and CREDENTIAL not in quoted.content.decode()


def test_a_proxy_url_goes_in_and_only_its_address_comes_out(operator: Client, db: None) -> None:
    form = {"url": f"socks5://user:{PROXY_PASSWORD}@egress.example.net:1080", "is_active": "on"}
    numbers = {"max_accounts": "0", "priority": "0"}
    assert operator.post(address(Proxy, "add"), {**form, **numbers}).status_code == 302
    proxy = Proxy.objects.get()
    assert proxy.address == "socks5://user@egress.example.net:1080" and PROXY_PASSWORD in proxy.open_url()
    kept = operator.post(address(Proxy, "change", proxy.pk), {"url": "", "is_active": "on", **numbers})
    assert kept.status_code == 302
    proxy.refresh_from_db()
    assert PROXY_PASSWORD in proxy.open_url()
    wrong = operator.post(address(Proxy, "add"), {"url": f"ftp://u:{PROXY_PASSWORD}@h:1", **numbers})
    assert "Use an address such as" in wrong.content.decode() and PROXY_PASSWORD not in wrong.content.decode()
    twice = operator.post(address(Proxy, "add"), {**form, **numbers})
    assert "already" in twice.content.decode() and PROXY_PASSWORD not in twice.content.decode()


def test_an_old_version_of_a_sealed_row_cannot_be_restored(operator: Client, sealed: Account) -> None:
    version = sealed.history.first()
    path = address(Account, "simple_history", sealed.pk, version.pk)
    assert b"_save" not in operator.get(path).content
    assert operator.post(path, form_of(sealed, label="Old")).status_code == 400
    sealed.refresh_from_db()
    assert sealed.label == "Canary" and sealed.open_credential() == CREDENTIAL


def test_a_key_is_shown_once(operator: Client, db: None) -> None:
    tenant = Tenant.objects.create(slug="acme")
    later = timezone.now() + timedelta(days=7)
    form = {
        "tenant": tenant.pk,
        "name": "ci",
        "role": "developer",
        "allowed_models": "gpt-4o-mini, smart\nsmart",
        "expires_at_0": f"{later:%Y-%m-%d}",
        "expires_at_1": f"{later:%H:%M:%S}",
    }
    answer = operator.post(address(ApiKey, "add"), form)
    assert answer.status_code == 200
    html = answer.content.decode()
    found = re.search(r'<pre id="new-key">(sk-gw-\w+)</pre>', html)
    assert found and keys.is_well_formed(found[1])
    plain = found[1]
    assert "curl http://testserver/v1/chat/completions" in html and "client = OpenAI(" in html
    key = ApiKey.objects.get()
    assert key.allowed_models == ["gpt-4o-mini", "smart"] and key.hint in f"{plain[:6]}…{plain[-4:]}"
    assert key.expires_at and abs(key.expires_at - later) < timedelta(seconds=2)
    for path in (address(ApiKey, "changelist"), *(address(ApiKey, p, key.pk) for p in ("change", "history"))):
        assert plain not in operator.get(path).content.decode()
    assert plain not in str(operator.session.items())


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"name": ""}, "required"), ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00:00"}, "has passed")],
)
def test_a_bad_key_form_is_told_why(operator: Client, db: None, changes: dict[str, str], said: str) -> None:
    tenant = Tenant.objects.create(slug="acme")
    answer = operator.post(
        address(ApiKey, "add"), {"tenant": tenant.pk, "name": "ci", "role": "viewer", **changes}
    )
    assert said in answer.content.decode() and not ApiKey.objects.exists()


def test_a_taken_key_name_is_refused_in_the_form(operator: Client, db: None) -> None:
    tenant = Tenant.objects.create(slug="acme")
    create_key(tenant=tenant, name="ci")
    answer = operator.post(address(ApiKey, "add"), {"tenant": tenant.pk, "name": "ci", "role": "viewer"})
    assert answer.status_code == 200 and ApiKey.objects.count() == 1


def test_revoke_and_restore_are_posts(operator: Client, db: None) -> None:
    key, _ = create_key(tenant=Tenant.objects.create(slug="acme"), name="ci")
    assert operator.get(address(ApiKey, "revoke", key.pk)).status_code == 405
    page = operator.post(address(ApiKey, "revoke", key.pk), follow=True).content.decode()
    key.refresh_from_db()
    assert key.state == "revoked" and "Revoked" in page and "Restore" in page
    operator.post(address(ApiKey, "restore", key.pk))
    key.refresh_from_db()
    assert key.state == "active"
    operator.post(address(ApiKey, "changelist"), {"action": "revoke_selected", "_selected_action": [key.pk]})
    key.refresh_from_db()
    assert key.state == "revoked"


def test_page_actions_need_a_token(db: None) -> None:
    from django.contrib.auth.models import User

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.create_superuser("operator", password="a-long-password-1"))
    key, _ = create_key(tenant=Tenant.objects.create(slug="acme"), name="ci")
    assert strict.post(address(ApiKey, "revoke", key.pk)).status_code == 403
