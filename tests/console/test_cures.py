"""Every error has a cure, and the cure stands beside it."""

from collections.abc import Iterator

from django.test import Client

from console.cures import CURES, UNKNOWN, cure_of
from gateway.dataplane import errors


def classes(base: type[errors.GatewayError]) -> Iterator[type[errors.GatewayError]]:
    yield base
    for child in base.__subclasses__():
        yield from classes(child)


def codes() -> set[str]:
    """Of every class, and those that a class gives itself when it is made."""
    last = errors.UpstreamError("x", outcome="x", blame="provider")
    chosen = {kind("x", last=last, attempts=[]).code for kind in classes(errors.NoTargetLeft)}  # type: ignore[call-arg]
    return {kind.code for kind in classes(errors.GatewayError)} | chosen


def test_every_code_has_a_cure() -> None:
    assert codes() == set(CURES)


def test_a_cure_is_whole_sentences() -> None:
    for code, cure in CURES.items():
        assert cure.title and not cure.title.endswith("."), code
        assert cure.cause.endswith("."), code
        assert cure.cure.endswith("."), code


def test_an_unknown_code_still_gets_advice() -> None:
    assert cure_of("never_heard_of", "failed") is UNKNOWN
    assert cure_of("", "interrupted").title == "The gateway stopped"


def test_the_page_of_errors_has_an_anchor_for_each(operator: Client) -> None:
    html = operator.get("/admin/errors/").content.decode()
    for code in CURES:
        assert f'id="{code}"' in html
