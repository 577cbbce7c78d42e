"""What a query string may ask: declared filters, and nothing else."""

import pytest
from django.test import Client

REFUSED = [
    "/admin/tenants/apikey/?digest__startswith=a",
    "/admin/tenants/apikey/?digest=a",
    "/admin/tenants/apikey/?tenant__keys__digest__startswith=a",
    "/admin/tenants/apikey/?hint__contains=a",
    "/admin/tenants/tenant/?keys__digest__startswith=a",
    "/admin/tenants/tenant/?slug__startswith=a",
    "/admin/accounts/account/?sealed_credential__contains=v1",
    "/admin/accounts/account/?provider__accounts__sealed_credential__contains=v1",
    "/admin/accounts/account/?proxy__sealed_url__contains=v1",
    "/admin/accounts/account/?last_error__contains=a",
    "/admin/proxies/proxy/?sealed_url__regex=.",
    "/admin/providers/provider/?accounts__sealed_credential__gt=v1",
    "/admin/auth/user/?password__startswith=pbkdf2",
    "/admin/auth/user/?email__contains=@",
    "/admin/logs/requestlog/?message__contains=a",
    "/admin/logs/requestlog/?status__exact=ok",
    "/admin/logs/requestlog/?tenant_id=1",
    "/admin/logs/requestlog/?nonsense=1",
]
ALLOWED = [
    "/admin/tenants/apikey/?tenant__id__exact=1",
    "/admin/tenants/apikey/?role__exact=viewer&state=revoked",
    "/admin/tenants/apikey/?state=expired",
    "/admin/tenants/apikey/?state=active&q=acme",
    "/admin/accounts/account/?provider__id__exact=1&is_active__exact=1",
    "/admin/accounts/account/?proxy__isnull=True",
    "/admin/providers/provider/?is_active__exact=0&o=1",
    "/admin/logs/requestlog/?status=error&tenant=acme&stream=1&http=200&key=abc&proxy=x&window=7d",
    "/admin/logs/requestlog/?from=2026-01-01T00:00:00&to=2026-01-02T00:00:00Z",
    "/admin/logs/requestlog/?p=3&o=2&all=",
]


@pytest.mark.parametrize("path", REFUSED)
def test_undeclared_lookups_are_refused(operator: Client, traffic: None, path: str) -> None:
    assert operator.get(path).status_code == 400


@pytest.mark.parametrize("path", ALLOWED)
def test_declared_filters_work(operator: Client, traffic: None, path: str) -> None:
    assert operator.get(path).status_code == 200


def test_autocomplete_offers_no_secret_field(operator: Client, traffic: None) -> None:
    ask = "/admin/autocomplete/?app_label=accounts&model_name=account&field_name=provider&term="
    assert operator.get(ask + "openai").json()["results"][-1]["text"] == "OpenAI"
    assert operator.get(ask.replace("=provider", "=sealed_credential")).status_code in (403, 404)
