"""Exporting: no secret is in it, it is valid, and applying it changes nothing."""

import pytest

from console.config.export import export
from providers.services import create_from_preset, load_presets
from tests.config.files import perform, refusals, steps, variables
from tests.config.test_apply import KEY, WHOLE

pytestmark = pytest.mark.django_db

SECRETS = {
    "OPENAI_ACCOUNT_1_KEY": "sk-one-1234567890",
    "OPENAI_ACCOUNT_2_KEY": "sk-two-1234567890",
    "PROXY_PROXY_EXAMPLE_COM_1080_URL": "socks5://user:pa%20ss@proxy.example.com:1080",
    "ACME_CI_KEY": KEY,
}


@pytest.fixture
def exported() -> str:
    create_from_preset(preset=load_presets()["demo"])
    perform(WHOLE)
    return export()


def test_no_secret_is_exported(exported: str) -> None:
    assert not any(secret in exported for secret in [*SECRETS.values(), "pa%20ss", "pa ss"])


def test_the_head_lists_the_variables(exported: str) -> None:
    assert variables(exported) == set(SECRETS)
    head = exported.split("\nproviders:")[0]
    assert all(f"#   {name}  " in head for name in SECRETS)


def test_the_demo_is_left_out(exported: str) -> None:
    assert "demo://" not in exported


def test_missing_variables_are_named(exported: str) -> None:
    found = " ".join(refusals(exported))
    assert all(name in found for name in SECRETS)


def test_the_round_trip_changes_nothing(exported: str, monkeypatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    assert refusals(exported) == []
    plan = perform(exported, prune=True)
    assert {found.split()[0] for found in steps(plan)} == {"unchanged"}
    assert export() == exported


def test_a_revoked_key_stays_revoked(monkeypatch) -> None:
    perform(f"tenants: [{{id: a, keys: [{{name: k, key: {KEY}, active: false}}]}}]")
    text = export()
    monkeypatch.setenv("A_K_KEY", KEY)
    assert "active: false" in text
    assert {found.split()[0] for found in steps(perform(text))} == {"unchanged"}


def test_names_of_variables_are_usable() -> None:
    """No two are the same, none is one that the gateway reads itself, each can be set in a shell."""
    labels = ["ÄÖ", "a b", "a-b", "1"]
    rows = [f"{{provider: openai, label: '{label}', auth: {{api_key: sk-x}}}}" for label in labels]
    perform(f"accounts: [{', '.join(rows)}]\ntenants: [{{id: gateway, keys: [{{name: x, key: {KEY}}}]}}]")
    names = variables(export())
    assert len(names) == 5
    assert not any(name.startswith("GATEWAY_") or name[0].isdigit() for name in names)
