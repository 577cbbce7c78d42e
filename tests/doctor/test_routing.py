"""The check of routing: each empty stage of the funnel is named, with its cure."""

import pytest

from accounts.models import Account
from doctor.finding import Finding, Level
from doctor.services import examine
from providers.models import Model, Provider, Route, RouteTarget
from proxies.models import Proxy

pytestmark = pytest.mark.django_db


def provider(slug: str = "up", **fields: object) -> Provider:
    return Provider.objects.create(slug=slug, base_url="https://api.example.com/v1", **fields)


def model(at: Provider, name: str = "m") -> Model:
    return Model.objects.create(provider=at, name=name)


def account(at: Provider, credential: str = "sk-working-0123456789", **fields: object) -> Account:
    made = Account(provider=at, label="one", **fields)
    made.set_credential(credential)
    made.save()
    return made


def route(alias: str, *targets: Model) -> Route:
    made = Route.objects.create(alias=alias)
    for position, target in enumerate(targets):
        RouteTarget.objects.create(route=made, model=target, position=position)
    return made


def found() -> list[Finding]:
    return examine(["routing"])


def test_nothing_is_wrong() -> None:
    at = provider()
    account(at)
    route("smart", model(at))
    assert found() == []


def _no_account(at: Provider) -> None:
    model(at, "n")


def _inactive(at: Provider) -> None:
    account(at, is_active=False)


def _no_credential(at: Provider) -> None:
    account(at, "")


def _inactive_proxy(at: Provider) -> None:
    proxy = Proxy(is_active=False)
    proxy.set_url("http://127.0.0.1:3128")
    proxy.save()
    account(at, proxy=proxy)


@pytest.mark.parametrize(
    ("break_it", "stage", "says"),
    [
        (_no_account, "exists", "there are none at all"),
        (_inactive, "active", "one: inactive"),
        (_no_credential, "credential valid", "one: no credential is stored"),
        (_inactive_proxy, "proxy usable", "http://127.0.0.1:3128 is inactive"),
    ],
)
def test_the_first_empty_stage(break_it, stage: str, says: str) -> None:
    at = provider()
    model(at)
    break_it(at)
    (finding,) = found()
    assert finding.level is Level.ERROR
    assert f"“{stage}”" in finding.evidence and says in finding.evidence
    assert finding.title.startswith("up: no account ")
    assert finding.cure


def test_a_provider_that_is_switched_off_is_left_alone() -> None:
    model(provider(is_active=False))
    assert found() == []


def test_a_dialect_that_nobody_speaks() -> None:
    at = provider(dialect="klingon")
    model(at)
    account(at)
    (finding,) = found()
    assert finding.title == "up speaks klingon, which this version does not"
    assert "openai-chat" in finding.evidence


def test_a_signer_that_does_not_exist() -> None:
    at = provider(signer="wax")
    account(at)
    (finding,) = found()
    assert finding.title == "up signs with wax, which this version does not"


def test_a_route_without_targets() -> None:
    route("smart")
    (finding,) = found()
    assert (finding.level, finding.title) == (Level.ERROR, "route smart leads nowhere")


def test_a_route_that_goes_on_without_one_target() -> None:
    alive, dead = provider("alive"), provider("dead", is_active=False)
    account(alive)
    route("smart", model(dead), model(alive))
    (finding,) = found()
    assert finding.level is Level.WARNING
    assert finding.evidence == "nothing answers dead:m"


def test_a_route_whose_targets_are_all_dead() -> None:
    route("smart", model(provider("dead", is_active=False)))
    (finding,) = found()
    assert (finding.level, finding.title) == (Level.ERROR, "route smart cannot be answered")


def test_the_verdict_is_that_of_a_request(settings) -> None:
    """The same function plans a request, so a lost master key empties the same stage."""
    at = provider()
    model(at)
    account(at)
    settings.MASTER_KEYS = ["another-master-key-of-enough-length"]
    (finding,) = found()
    assert "“credential valid”" in finding.evidence
