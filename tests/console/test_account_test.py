"""“Test this account”: a real call to a real server, told stage by stage."""

from django.test import Client
from django.utils import timezone

from accounts.models import Account
from providers.models import Provider
from tests.accounts.servers import vendor
from tests.console.conftest import CREDENTIAL
from tests.console.pages import address


def account_at(port: int) -> Account:
    provider = Provider.objects.create(slug="local", base_url=f"http://127.0.0.1:{port}/v1", private=True)
    account = Account(provider=provider, label="Account 1")
    account.set_credential(CREDENTIAL)
    account.save()
    return account


def test_a_good_account_passes_every_stage(operator: Client) -> None:
    with vendor() as server:
        account = account_at(server.port)
        Account.objects.filter(pk=account.pk).update(last_error="401", last_error_at=timezone.now())
        answer = operator.post(address(Account, "test", account.pk))
    html = answer.content.decode()
    assert server.seen and server.seen[0][0] == "/v1/models"
    assert "Works" in html and CREDENTIAL not in html
    for stage in ("Credential", "Address", "Connect", "Request", "Answer"):
        assert f"<h2>{stage}</h2>" in html
    account.refresh_from_db()
    assert account.last_error == "" and account.last_used_at


def test_a_rejected_credential_is_named_with_its_cure(operator: Client) -> None:
    with vendor() as server:
        server.status, server.body = 401, b'{"error": {"message": "Incorrect API key"}}'
        account = account_at(server.port)
        html = operator.post(address(Account, "test", account.pk)).content.decode()
    assert "Does not work" in html and "gw-remedy" in html and CREDENTIAL not in html
    account.refresh_from_db()
    assert account.last_error.startswith("Test failed at ") and account.last_error_at
    assert CREDENTIAL not in account.last_error


def test_several_are_tested_from_the_list(operator: Client) -> None:
    with vendor() as server:
        account = account_at(server.port)
        second = Account(provider=account.provider, label="Account 2")
        second.set_credential(CREDENTIAL)
        second.save()
        form = {"action": "test_selected", "_selected_action": [account.pk, second.pk]}
        html = operator.post(address(Account, "changelist"), form).content.decode()
    assert html.count("Works") == 2 and len(server.seen) == 2


def test_a_test_is_a_post(operator: Client) -> None:
    account = account_at(9)
    assert operator.get(address(Account, "test", account.pk)).status_code == 405


def test_the_page_says_how_the_account_does(operator: Client, traffic: None) -> None:
    account = Account.objects.exclude(last_error="").get()
    page = operator.get(address(Account, "change", account.pk))
    html = page.content.decode()
    assert account.last_error in html and "Test this account" in html
    health = page.context["health"]
    assert health.numbers.requests > 0
    for link in (health.requests_url, health.errors_url):
        assert link.replace("&", "&amp;") in html
        rows = operator.get(link).context["cl"].result_list
        assert all(row.account_id == str(account.pk) for row in rows)
