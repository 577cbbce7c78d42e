"""The request list: pages by id, a window by default, filters that stay bounded."""

import re
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from console import keyset
from console.sample import fill
from gateway.dataplane.ids import first_id_at
from logs.models import RequestLog
from tenants.models import ApiKey

LIST = "/admin/logs/requestlog/"


@pytest.fixture
def operator(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("operator", password="a-long-password-1"))
    return client


@pytest.fixture
def traffic(db: None) -> None:
    fill(requests=330, span=timedelta(minutes=50))


def rows(client: Client, address: str) -> list[RequestLog]:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return list(answer.context["cl"].result_list)


def link(client: Client, address: str, rel: str) -> str | None:
    html = client.get(address).content.decode()
    found = re.search(rf'<a [^>]*href="([^"]+)" rel="{rel}"', html)
    return LIST + found[1].replace("&amp;", "&") if found else None


def walk(client: Client, address: str, rel: str) -> list[list[RequestLog]]:
    pages = [rows(client, address)]
    while following := link(client, address, rel):
        address = following
        pages.append(rows(client, address))
    return pages


def test_older_pages_show_every_row_once_newest_first(operator: Client, traffic: None) -> None:
    pages = walk(operator, LIST, "next")
    assert [len(page) for page in pages] == [50] * 6 + [30]
    seen = [row.pk for page in pages for row in page]
    assert seen == list(RequestLog.objects.order_by("-id").values_list("pk", flat=True))


def test_newer_pages_lead_back_the_same_way(operator: Client, traffic: None) -> None:
    pages = walk(operator, LIST, "next")
    address = LIST
    for _ in pages[1:]:
        address = link(operator, address, "next") or ""
    back = walk(operator, address, "prev")
    assert [[row.pk for row in page] for page in back] == [
        [row.pk for row in page] for page in reversed(pages)
    ]


def test_rows_that_arrive_meanwhile_shift_no_page(operator: Client, traffic: None) -> None:
    second = link(operator, LIST, "next") or ""
    before = [row.pk for row in rows(operator, second)]
    RequestLog.objects.create(started_at=timezone.now(), status="ok")
    assert [row.pk for row in rows(operator, second)] == before
    assert link(operator, second, "prev")


def test_no_page_counts_or_skips(operator: Client, traffic: None) -> None:
    address = link(operator, LIST + "?window=all", "next") or ""
    with CaptureQueriesContext(connection) as queries:
        operator.get(address)
    asked = [query["sql"] for query in queries if "logs_requestlog" in query["sql"]]
    assert len(asked) == 1
    assert not any("COUNT(" in sql.upper() or "OFFSET" in sql.upper() for sql in asked)
    assert "decision" not in asked[0] and "attempts" not in asked[0]


def test_the_last_hour_is_the_default_and_is_named(operator: Client, traffic: None) -> None:
    old = timezone.now() - timedelta(hours=3)
    fill_one(old)
    assert all(
        row.started_at > timezone.now() - timedelta(hours=1)
        for page in walk(operator, LIST, "next")
        for row in page
    )
    html = operator.get(LIST).content.decode()
    assert "in the last hour" in html
    found = [row for page in walk(operator, LIST + "?window=24h", "next") for row in page]
    assert any(row.started_at == old for row in found)


def fill_one(moment: datetime) -> RequestLog:
    first = first_id_at(int(moment.timestamp() * 1000))
    return RequestLog.objects.create(id=first, started_at=moment, status="ok", tenant="acme")


def test_from_and_to_bound_the_window(operator: Client, traffic: None) -> None:
    now = timezone.now()
    since, until = now - timedelta(minutes=30), now - timedelta(minutes=20)
    address = f"{LIST}?from={since:%Y-%m-%dT%H:%M:%S}&to={until:%Y-%m-%dT%H:%M:%S}"
    found = [row for page in walk(operator, address, "next") for row in page]
    assert found
    expected = RequestLog.objects.filter(
        started_at__gte=since.replace(microsecond=0), started_at__lt=until.replace(microsecond=0)
    )
    assert {row.pk for row in found} == set(expected.values_list("pk", flat=True))


def test_nothing_found_says_where_it_looked_and_how_to_look_wider(operator: Client, traffic: None) -> None:
    html = operator.get(LIST + "?window=15m&code=tenant_disabled").content.decode()
    assert "No request in the last 15 min matches" in html and "Look at 1 hour" in html
    assert "code=tenant_disabled" in html and "window=1h" in html
    RequestLog.objects.all().delete()
    html = operator.get(LIST).content.decode()
    assert "No request in the last hour" in html and "Look at 24 hours" in html
    assert "window=all" not in operator.get(LIST + "?window=all").content.decode().partition("gw-empty")[2]


@pytest.mark.parametrize(
    ("parameter", "field"),
    [
        ("status", "status"),
        ("tenant", "tenant"),
        ("provider", "provider"),
        ("model", "requested_model"),
        ("http", "http_status"),
    ],
)
def test_each_filter_finds_exactly_its_rows(
    operator: Client, traffic: None, parameter: str, field: str
) -> None:
    for value in set(RequestLog.objects.values_list(field, flat=True)):
        if value in ("", None):
            continue
        found = [row.pk for page in walk(operator, f"{LIST}?{parameter}={value}", "next") for row in page]
        assert set(found) == set(RequestLog.objects.filter(**{field: value}).values_list("pk", flat=True)), (
            value
        )


def test_any_error_is_one_choice(operator: Client, traffic: None) -> None:
    found = {row.pk for page in walk(operator, LIST + "?status=error", "next") for row in page}
    wrong = RequestLog.objects.filter(status__in=("failed", "refused", "partial", "interrupted"))
    assert found == set(wrong.values_list("pk", flat=True)) and found


def test_cells_narrow_the_list_and_keep_what_was_chosen(operator: Client, traffic: None) -> None:
    html = operator.get(LIST + "?window=24h&status=ok").content.decode()
    narrower = re.search(r'href="(\?model=gpt-4o-mini&amp;[^"]+)"', html)
    assert narrower and "status=ok" in narrower[1] and "window=24h" in narrower[1]


def test_a_rare_row_is_searched_in_bounded_steps(
    operator: Client, traffic: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyset, "SCAN_ROWS", 100)
    oldest = RequestLog.objects.order_by("id").first()
    assert oldest is not None
    RequestLog.objects.filter(pk=oldest.pk).update(code="tenant_disabled", status="refused")
    address, steps = LIST + "?code=tenant_disabled", 0
    assert "Look further back" in operator.get(address).content.decode()
    while not (found := rows(operator, address)):
        address = LIST + operator.get(address).context["cl"].paginator.older
        steps += 1
    assert [row.pk for row in found] == [oldest.pk] and steps == 3


def test_bounded_steps_lose_no_row(operator: Client, traffic: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyset, "SCAN_ROWS", 40)
    wanted = list(RequestLog.objects.filter(provider="groq").order_by("-id").values_list("pk", flat=True))
    seen: list[object] = []
    address: str | None = LIST + "?provider=groq"
    while address:
        page = operator.get(address).context["cl"]
        seen += [row.pk for row in page.result_list]
        address = LIST + page.paginator.older if page.paginator.older else None
    assert seen == wanted


def test_a_tenant_alone_is_found_by_its_index_without_steps(
    operator: Client, traffic: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyset, "SCAN_ROWS", 10)
    found = rows(operator, LIST + "?tenant=ci")
    assert found and {row.tenant for row in found} == {"ci"}
    assert len(found) == min(50, RequestLog.objects.filter(tenant="ci").count())


def test_a_request_id_leads_straight_to_its_story(operator: Client, traffic: None) -> None:
    record = RequestLog.objects.order_by("id").first()
    assert record is not None
    for text in (str(record), record.pk.hex, str(record.pk)):
        answer = operator.get(LIST, {"q": text, "window": "15m"})
        assert answer.status_code == 302 and str(record.pk) in answer.headers["Location"]
    missing = operator.get(LIST, {"q": "req_" + "0" * 32})
    assert missing.status_code == 200 and b"is looked for as a request id" in missing.content


def test_a_keys_public_id_finds_its_requests(operator: Client, traffic: None) -> None:
    key = ApiKey.objects.get(name="production", tenant__slug="acme")
    found = rows(operator, f"{LIST}?q={key.public_id}")
    assert found and {row.key for row in found} == {key.public_id}


@pytest.mark.parametrize(
    "query",
    [
        "before=nonsense",
        "after=1",
        "before=",
        "http=abc",
        "stream=maybe",
        "tenant=gone",
        "q=%00",
        "model=%00",
        "tenant=a%00",
    ],
)
def test_bad_values_do_no_harm(operator: Client, traffic: None, query: str) -> None:
    assert operator.get(f"{LIST}?{query}", follow=True).status_code == 200


def test_nobody_can_change_a_record(operator: Client, traffic: None) -> None:
    record = RequestLog.objects.first()
    assert record is not None
    for path in ("add/", f"{record.pk}/delete/"):
        assert operator.get(LIST + path).status_code == 403
    operator.post(f"{LIST}{record.pk}/change/", {"status": "failed", "message": "x"})
    operator.post(LIST, {"action": "delete_selected", "_selected_action": [record.pk], "post": "yes"})
    assert RequestLog.objects.filter(pk=record.pk, message=record.message).exists()


def test_ids_of_the_sample_are_in_the_order_of_time(traffic: None) -> None:
    moments = list(RequestLog.objects.order_by("id").values_list("started_at", flat=True))
    assert all(earlier <= later for earlier, later in pairwise(moments))
