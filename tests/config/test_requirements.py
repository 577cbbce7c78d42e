"""The pins: every package with its hashes, the same version everywhere, and no address of an index."""

import re

import pytest

from tests.process import ROOT


def text(name: str) -> str:
    return (ROOT / name).read_text()


def pins(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9.-]+)==([^ ;\\]+)", text(name), re.M))


def asked(name: str) -> dict[str, str]:
    """What an .in file asks for, names as in the pins."""
    found = re.findall(r"^([A-Za-z0-9.-]+)(?:\[[^]]*\])?==(\S+)", text(name), re.M)
    return {name.lower(): version for name, version in found}


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_the_pins_hold_what_was_asked_for(name: str) -> None:
    assert asked(f"{name}.in").items() <= pins(f"{name}.txt").items()


def test_tests_run_on_the_versions_that_serve() -> None:
    assert pins("requirements.txt").items() <= pins("requirements-dev.txt").items()


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_pin_has_hashes_and_no_index_is_named(name: str) -> None:
    lines = [line for line in text(name).splitlines() if not line.startswith("#")]
    blocks = re.split(r"\n(?=\S)", "\n".join(lines))
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text(name)
    assert not re.search(r"^\s*--(?!hash)", text(name), re.M)
