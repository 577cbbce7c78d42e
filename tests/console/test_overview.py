"""The first page: numbers that lead to their rows, errors beside cures, first steps."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Account
from console import charts, windows
from logs import selectors
from logs.models import RequestLog, Status


def test_an_empty_gateway_shows_the_first_steps(operator: Client) -> None:
    html = operator.get("/admin/").content.decode()
    for title in (
        "Add a provider",
        "Add an account",
        "Test the account",
        "Make an API key",
        "Send the first",
    ):
        assert title in html
    assert "5 left" in html
    assert "curl http://testserver/v1/chat/completions" in html
    assert "No requests in the last hour" in html


def test_first_steps_leave_when_they_are_done(operator: Client, traffic: None) -> None:
    assert "First steps" not in operator.get("/admin/").content.decode()
    Account.objects.update(last_used_at=None)
    assert "1 left" in operator.get("/admin/").content.decode()


def test_numbers_agree_with_the_rows_behind_their_links(operator: Client, traffic: None) -> None:
    page = operator.get("/admin/?window=1h")
    numbers = page.context["numbers"]
    rows = RequestLog.objects.all()
    assert numbers.requests == rows.count() == 300
    assert numbers.errors == rows.filter(status__in=selectors.ERRORS).count() > 0
    assert numbers.tokens_out == sum(row.tokens_out or 0 for row in rows)
    chart = page.context["chart"]
    assert sum(bar.answered + bar.failed for bar in chart.bars) == 300
    assert sum(bar.failed for bar in chart.bars) == numbers.errors
    for link in set(re.findall(r'href="(/admin/logs/requestlog/\?[^"]+)"', page.content.decode())):
        if "account=" in link and "window=24h" in link:
            continue  # beside an account that needs attention, which may have been idle
        listing = operator.get(link.replace("&amp;", "&"))
        assert listing.status_code == 200 and listing.context["cl"].result_list, link


def test_errors_stand_beside_their_cure_and_newest_request(operator: Client, traffic: None) -> None:
    page = operator.get("/admin/")
    assert page.context["troubles"]
    html = page.content.decode()
    for trouble in page.context["troubles"]:
        assert trouble.latest_url in html
        newest = RequestLog.objects.filter(code=trouble.failure.code, status__in=selectors.ERRORS).order_by(
            "-id"
        )
        assert trouble.failure.latest == newest.first()
        assert trouble.failure.count == newest.count()


def test_accounts_that_need_attention(operator: Client, traffic: None) -> None:
    labels = {str(account) for account in operator.get("/admin/").context["attention"]}
    assert labels == {"openai/Team B", "groq/Spare"}


def test_a_large_window_is_capped_and_says_so(
    operator: Client, traffic: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selectors, "SAMPLE_ROWS", 100)
    page = operator.get("/admin/")
    assert page.context["capped"] and page.context["numbers"].requests == 100
    html = page.content.decode()
    assert "Of the newest" in html
    newest = RequestLog.objects.order_by("-id")[99]
    assert abs(page.context["sample_since"] - newest.started_at) < timedelta(milliseconds=2)


@pytest.mark.parametrize("window", ["", "1h", "24h", "7d", "30d", "<b>", "all"])
def test_any_window_in_the_address_opens(operator: Client, traffic: None, window: str) -> None:
    assert operator.get("/admin/", {"window": window}).status_code == 200


def test_percentiles_are_nearest_rank() -> None:
    assert selectors.percentile([], 50) is None
    assert selectors.percentile([None, 4.0], 95) == 4.0
    assert selectors.percentile([float(n) for n in range(1, 101)], 95) == 95.0
    assert selectors.percentile([1.0, 2.0], 50) == 1.0


def test_a_window_is_a_range_of_the_key(traffic: None) -> None:
    since = timezone.now() - timedelta(minutes=20)
    found = set(selectors.within(since).values_list("pk", flat=True))
    assert found == set(RequestLog.objects.filter(started_at__gte=since).values_list("pk", flat=True))
    assert found and len(found) < 300
    sql = str(selectors.within(since).query)
    assert "started_at" not in sql.partition("WHERE")[2]


def test_the_window_of_an_address() -> None:
    assert windows.parse({}).name == "1h"
    assert windows.parse({"window": "7d"}).name == "7d"
    assert windows.parse({"window": "nonsense"}).name == "1h"
    custom = windows.parse({"from": "2026-03-01T10:00", "window": "7d"})
    assert custom.name == "custom" and custom.until is None and "2026-03-01 10:00" in custom.label
    assert windows.parse({"from": "yesterday"}).name == "1h"


def test_one_failure_among_many_is_visible() -> None:
    chart = charts.stacked([(index, index == 500) for index in range(1000)], 0, 1)
    tall = next(bar for bar in chart.bars if bar.failed)
    assert tall.bad_height >= 2


def test_hostile_words_are_text(operator: Client, traffic: None) -> None:
    hostile = "<script>alert(1)</script>"
    row = RequestLog.objects.filter(status=Status.FAILED).order_by("-id").first()
    assert row is not None
    row.message = row.requested_model = row.tenant = row.account = hostile
    row.save()
    html = operator.get("/admin/").content.decode()
    assert hostile not in html and "&lt;script&gt;" in html
