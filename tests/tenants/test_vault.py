"""Secrets at rest: what opens, what does not, and why."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from tenants import vault
from tenants.vault import SealBroken

PLAIN = "sk-vault-canary-1f0c3a"
CELL = {"table": "accounts_account", "column": "credential", "row": "1"}
ONE, TWO = "first-master-key-of-enough-length-1", "second-master-key-of-enough-length-2"


@pytest.fixture(autouse=True)
def _master_keys(settings) -> None:
    settings.MASTER_KEYS = [ONE]


@pytest.mark.parametrize("plain", [PLAIN, "x", "ключ – 鍵", "a" * 100_000])
def test_it_opens_where_it_was_sealed(plain: str) -> None:
    sealed = vault.seal(plain, **CELL)
    assert vault.unseal(sealed, **CELL) == plain
    assert len(plain) < 3 or plain not in sealed


def test_nothing_stays_nothing() -> None:
    assert vault.seal("", **CELL) == vault.unseal("", **CELL) == ""


def test_the_same_secret_never_looks_the_same() -> None:
    assert len({vault.seal(PLAIN, **CELL) for _ in range(20)}) == 20


@pytest.mark.parametrize("other", [{"row": "2"}, {"column": "url"}, {"table": "proxies_proxy"}])
def test_a_copy_in_another_cell_does_not_open(other: dict[str, str]) -> None:
    sealed = vault.seal(PLAIN, **CELL)
    with pytest.raises(SealBroken, match="another row"):
        vault.unseal(sealed, **{**CELL, **other})


def test_a_changed_value_does_not_open() -> None:
    sealed = vault.seal(PLAIN, **CELL)
    version, key_id, wrapped, body = sealed.split(".")
    for broken in (
        ".".join((version, key_id, wrapped, body[:-6] + "AAAAA=")),
        ".".join((version, key_id, "A" * len(wrapped), body)),
        ".".join((version, key_id, body, wrapped)),
        ".".join((version, key_id, wrapped, "")),
    ):
        with pytest.raises(SealBroken):
            vault.unseal(broken, **CELL)


@pytest.mark.parametrize("sealed", ["plain text", "v1.a.b", "v2.a.b.c", "...", PLAIN])
def test_what_is_no_sealed_value(sealed: str) -> None:
    with pytest.raises(SealBroken) as broken:
        vault.unseal(sealed, **CELL)
    assert PLAIN not in str(broken.value)


class TestMasterKeys:
    def test_a_new_one_in_front_seals_and_the_old_one_still_opens(self, settings) -> None:
        old = vault.seal(PLAIN, **CELL)
        settings.MASTER_KEYS = [TWO, ONE]
        new = vault.seal(PLAIN, **CELL)
        assert vault.unseal(old, **CELL) == vault.unseal(new, **CELL) == PLAIN
        settings.MASTER_KEYS = [TWO]
        assert vault.unseal(new, **CELL) == PLAIN

    def test_a_lost_one_is_named_by_its_fingerprint(self, settings) -> None:
        sealed = vault.seal(PLAIN, **CELL)
        settings.MASTER_KEYS = [TWO]
        with pytest.raises(SealBroken, match=sealed.split(".")[1]) as broken:
            vault.unseal(sealed, **CELL)
        assert ONE not in str(broken.value)

    def test_the_fingerprint_is_not_the_key(self) -> None:
        assert vault.seal(PLAIN, **CELL).split(".")[1] not in ONE

    def test_none_at_all(self, settings) -> None:
        settings.MASTER_KEYS = []
        with pytest.raises(ImproperlyConfigured, match="MASTER_KEYS"):
            vault.seal(PLAIN, **CELL)

    def test_they_are_not_the_secret_key(self, settings) -> None:
        sealed = vault.seal(PLAIN, **CELL)
        settings.SECRET_KEY = "another-secret-key-of-the-sessions-alone"
        assert vault.unseal(sealed, **CELL) == PLAIN
