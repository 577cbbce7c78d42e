"""The page of one request: in order, with links and cures, whatever the row holds."""

import re

import pytest
from django.test import Client
from django.utils.html import escape

from accounts.models import Account
from console.cures import CURES, cure_of
from console.story import tell
from logs.models import RequestLog, Status
from tests.console.conftest import HOSTILE
from tests.console.pages import address

ORDER = ["arrived", "authenticated", "limited", "routed", "attempted", "answered", "recorded"]


def page(client: Client, record: RequestLog) -> str:
    answer = client.get(address(RequestLog, "change", record.pk))
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_story_is_in_order_and_links_to_its_objects(operator: Client, answered: RequestLog) -> None:
    assert [step.name for step in tell(answered).steps] == ORDER
    html = page(operator, answered)
    titles = re.findall(r"<h2>([^<]+)</h2>", html)
    assert titles[:4] == ["Arrived", "Authenticated", "Within its limits", "Routed"]
    for path in (
        f"/admin/tenants/tenant/{answered.tenant_id}/change/",
        f"/admin/tenants/apikey/{answered.key_id}/change/",
        f"/admin/accounts/account/{answered.account_id}/change/",
        "/admin/providers/provider/",
    ):
        assert path in html, path
    assert str(answered) in html


def test_objects_that_are_gone_leave_plain_names(operator: Client, answered: RequestLog) -> None:
    Account.objects.all().delete()
    html = page(operator, answered)
    assert answered.account in html
    assert f"/admin/accounts/account/{answered.account_id}/change/" not in html


def test_the_decision_names_candidates_and_every_exclusion(operator: Client, answered: RequestLog) -> None:
    answered.decision = {
        "model": "smart",
        "targets": [
            {"target": "openai:gpt-4o", "candidates": ["Account 7"], "excluded": [["Account 8", "inactive"]]},
            {
                "target": "groq:llama",
                "candidates": [],
                "excluded": [["Account 9", "its proxy is switched off"]],
            },
        ],
    }
    answered.save()
    html = page(operator, answered)
    for text in (
        "Account 7",
        "Account 8",
        "inactive",
        "its proxy is switched off",
        "No account could serve it",
    ):
        assert text in html


@pytest.mark.parametrize("code", sorted(CURES))
def test_the_cure_stands_beside_the_error(operator: Client, answered: RequestLog, code: str) -> None:
    answered.status, answered.code, answered.message = Status.FAILED, code, "It did not work."
    answered.save()
    html = page(operator, answered)
    assert "It did not work." in html and f"/admin/errors/#{code}" in html
    assert escape(cure_of(code).title) in html and escape(cure_of(code).cure) in html


@pytest.mark.parametrize(
    ("status", "said"),
    [("started", "In flight"), ("interrupted", "The gateway stopped"), ("cancelled", "The client left")],
)
def test_endings_without_a_code(operator: Client, answered: RequestLog, status: str, said: str) -> None:
    RequestLog.objects.filter(pk=answered.pk).update(
        status=status,
        code="",
        http_status=None,
        finished_at=None,
        total_ms=None,
        overhead_ms=None,
        ttft_ms=None,
    )
    answered.refresh_from_db()
    assert said in page(operator, answered)


@pytest.mark.parametrize(
    ("attempts", "decision"),
    [
        ([], {}),
        (None, None),
        ("nonsense", "nonsense"),
        ([1, "x", {}], {"targets": [1, {}, {"excluded": ["x", [], ["a"], ["a", "b", "c"]]}]}),
        ([{"provider": None, "account_id": 7, "ms": "slow", "status": "odd"}], {"targets": None, "model": 1}),
        ({"a": 1}, [1, 2]),
    ],
)
def test_odd_rows_are_shown_as_far_as_they_go(
    operator: Client, answered: RequestLog, attempts: object, decision: object
) -> None:
    answered.attempts, answered.decision = (
        attempts if attempts is not None else [],
        decision if decision is not None else {},
    )
    answered.save()
    assert str(answered) in page(operator, answered)


def test_nothing_an_attacker_wrote_becomes_markup(operator: Client, answered: RequestLog) -> None:
    answered.status, answered.code = Status.FAILED, "upstream_error"
    for field in (
        "message",
        "tenant",
        "key",
        "client_ip",
        "endpoint",
        "requested_model",
        "model",
        "account",
        "proxy",
    ):
        limit = RequestLog._meta.get_field(field).max_length
        setattr(answered, field, HOSTILE[:limit])
    answered.provider = answered.dialect = answered.usage_source = HOSTILE[:12]
    answered.attempts = [
        {"provider": HOSTILE, "account": HOSTILE, "message": HOSTILE, "outcome": HOSTILE, "status": HOSTILE}
    ]
    answered.decision = {
        "model": HOSTILE,
        "targets": [{"target": HOSTILE, "candidates": [HOSTILE], "excluded": [[HOSTILE, HOSTILE]]}],
    }
    answered.save()
    for path in (address(RequestLog, "change", answered.pk), address(RequestLog, "changelist"), "/admin/"):
        html = operator.get(path).content.decode()
        assert "<script>alert" not in html and "<img src=x" not in html, path
    assert "&lt;script&gt;alert(1)" in page(operator, answered)


def test_the_time_bar_adds_up(answered: RequestLog) -> None:
    answered.total_ms, answered.overhead_ms, answered.auth_ms, answered.limit_ms = 1000.0, 10.0, 1.0, 2.0
    answered.stream, answered.ttft_ms = True, 310.0
    bar = {piece.name: piece.ms for piece in tell(answered).bar}
    assert bar == {"auth": 1.0, "limit": 2.0, "gateway": 7.0, "wait": 300.0, "stream": 690.0}
    assert abs(sum(piece.percent for piece in tell(answered).bar) - 100) < 0.01


def test_a_request_that_is_not_there(operator: Client, traffic: None) -> None:
    for pk in ("00000000-0000-7000-8000-000000000000", "nonsense"):
        answer = operator.get(f"/admin/logs/requestlog/{pk}/change/")
        assert answer.status_code == 302
