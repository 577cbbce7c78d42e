"""The check of credentials: make the fault, find it, and never see the secret."""

import pytest

from accounts.models import Account
from doctor.finding import Finding, Level
from doctor.services import examine
from providers.models import DEMO_URL, Provider

pytestmark = pytest.mark.django_db

GOOD = "sk-proj-canary-5d0f6c1a77e24b"


def provider(slug: str = "openai", preset: str = "openai", **fields: object) -> Provider:
    fields.setdefault("base_url", "https://api.example.com/v1")
    return Provider.objects.create(slug=slug, preset=preset, **fields)


def account(at: Provider, credential: str, label: str = "one", **fields: object) -> Account:
    made = Account(provider=at, label=label, **fields)
    made.set_credential(credential)
    made.save()
    return made


def found() -> list[Finding]:
    findings = examine(["credentials"])
    assert not any("canary" in text for finding in findings for text in finding.as_dict().values())
    return findings


def test_nothing_is_wrong() -> None:
    account(provider(), GOOD)
    account(provider("ollama", "ollama", signer="none"), "")
    account(provider("demo", "", base_url=DEMO_URL), "")
    assert found() == []


def test_an_account_without_a_credential() -> None:
    account(provider(), "")
    (finding,) = found()
    assert finding.level is Level.ERROR
    assert finding.title == "openai: no credential is stored"
    assert finding.evidence == "account one"


def test_an_inactive_account_is_left_alone() -> None:
    account(provider(), "", is_active=False)
    assert found() == []


def test_a_lost_master_key(settings) -> None:
    at = provider()
    for label in ("one", "two"):
        account(at, GOOD, label)
    settings.MASTER_KEYS = ["another-master-key-of-enough-length"]
    (finding,) = found()
    assert finding.level is Level.ERROR
    assert "does not open" in finding.title and "MASTER_KEYS" in finding.cure
    assert finding.evidence == "accounts one, two"


def test_a_credential_copied_from_another_row() -> None:
    at = provider()
    one, two = account(at, GOOD, "one"), account(at, GOOD, "two")
    Account.objects.filter(pk=two.pk).update(sealed_credential=one.sealed_credential)
    (finding,) = found()
    assert finding.evidence == "account two"
    assert "belongs to another row" in finding.title


@pytest.mark.parametrize(
    "credential", [f" {GOOD}", f"{GOOD} ", f"'{GOOD}'", f"{GOOD}\n", "sk-canary\u200b-zero-width", "sk-canary two"]
)
def test_a_credential_that_was_pasted_wrongly(credential: str) -> None:
    account(provider(), credential)
    (finding,) = found()
    assert finding.level is Level.ERROR
    assert "again" in finding.cure


@pytest.mark.parametrize(
    ("preset", "credential", "says"),
    [
        ("openai", "sk-ant-canary-0011223344", "looks like one of Anthropic"),
        ("openai", "sk-or-canary-00112233445", "looks like one of OpenRouter"),
        ("anthropic", GOOD, "looks like one of OpenAI"),
        ("groq", "AIzacanary00112233", "looks like one of Google Gemini"),
        ("groq", "canary-00112233", "does not begin with gsk_"),
    ],
)
def test_a_key_of_another_provider(preset: str, credential: str, says: str) -> None:
    account(provider(preset, preset), credential)
    (finding,) = found()
    assert finding.level is Level.WARNING
    assert says in finding.title


def test_a_provider_of_ones_own_may_have_any_key() -> None:
    account(provider("mine", ""), "sk-ant-canary-0011223344")
    assert found() == []


def test_a_hundred_accounts_are_one_finding() -> None:
    at = provider()
    for number in range(100):
        account(at, "", f"a{number:03}")
    (finding,) = found()
    assert finding.evidence == "accounts a000, a001, a002, a003, a004 and 95 more"
