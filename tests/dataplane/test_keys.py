"""The grammar of API keys: wrong ones are refused without asking anybody."""

import re

import pytest

from gateway.dataplane import keys

PEPPER = "a-pepper-of-the-test"


def test_a_new_key_is_well_formed_and_names_itself() -> None:
    key = keys.make_key()
    assert re.fullmatch(r"sk-gw-[0-9A-Za-z]{52}", key)
    assert keys.is_well_formed(key)
    public = keys.public_id_of(key)
    assert public == key[6:16]


def test_keys_do_not_repeat() -> None:
    assert len({keys.make_key() for _ in range(1000)}) == 1000


def test_any_one_mistyped_character_breaks_the_checksum() -> None:
    key = keys.make_key()
    for place in range(len("sk-gw-"), len(key)):
        wrong = "A" if key[place] != "A" else "B"
        assert not keys.is_well_formed(key[:place] + wrong + key[place + 1 :]), place


def test_two_swapped_characters_break_the_checksum() -> None:
    key = next(key for key in iter(keys.make_key, None) if key[20] != key[21])
    assert not keys.is_well_formed(key[:20] + key[21] + key[20] + key[22:])


@pytest.mark.parametrize(
    "key", ["sk-" + "a" * 17, "sk-ant-0123456789abcdef", "sk-" + "x" * 197, "sk-a!~{}|01234567890"]
)
def test_a_key_brought_along(key: str) -> None:
    assert keys.is_well_formed(key)
    assert keys.public_id_of(key) is None


@pytest.mark.parametrize(
    "key",
    ["", "sk-", "sk-" + "a" * 16, "sk-" + "a" * 198, "pk-" + "a" * 40, "sk-with blank 0123456789", "Sk-" + "a" * 30]
    + ["sk-" + "a" * 20 + "\n", "sk-" + "ä" * 20, "sk-" + "a" * 20 + "\x00", " sk-" + "a" * 20],
)
def test_what_cannot_be_a_key(key: str) -> None:
    assert not keys.is_well_formed(key)


def test_a_cut_key_of_ours_does_not_pass_as_one_brought_along() -> None:
    """It is well-formed as a foreign key, but has no public id and another digest: the look-up refuses it."""
    key = keys.make_key()
    assert keys.public_id_of(key[:-1]) is None
    assert keys.digest(key[:-1], PEPPER) != keys.digest(key, PEPPER)


def test_a_digest_depends_on_key_and_pepper_and_shows_neither() -> None:
    key = keys.make_key()
    digest = keys.digest(key, PEPPER)
    assert re.fullmatch(r"[0-9a-f]{64}", digest)
    assert digest == keys.digest(key, PEPPER)
    assert digest != keys.digest(key, PEPPER + "x")
    assert digest != keys.digest(keys.make_key(), PEPPER)


def test_an_empty_pepper_is_refused() -> None:
    with pytest.raises(ValueError, match="pepper"):
        keys.digest(keys.make_key(), "")
