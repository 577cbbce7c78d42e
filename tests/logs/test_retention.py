"""Old request logs go in batches, young ones stay."""

import time
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gateway.dataplane.ids import first_id_at, unix_ms_of
from logs import retention
from logs.models import RequestLog, Status

pytestmark = pytest.mark.django_db

DAY_S = 86_400


@pytest.fixture(autouse=True)
def _week(settings) -> None:
    settings.RETENTION_DAYS = 7


def logs(count: int, age_s: float) -> None:
    """`count` rows that began `age_s` ago, a millisecond apart."""
    first = time.time() - age_s
    RequestLog.objects.bulk_create(
        RequestLog(
            id=first_id_at(int(first * 1000) + number),
            started_at=datetime.fromtimestamp(first, UTC),
            status=Status.OK,
        )
        for number in range(count)
    )


def test_what_is_past_its_retention_goes() -> None:
    logs(3, 8 * DAY_S)
    logs(2, 7 * DAY_S + 60)
    logs(4, 7 * DAY_S - 60)
    logs(1, 0)
    assert retention.prune() == 5
    assert RequestLog.objects.count() == 5
    assert min(unix_ms_of(pk) for pk in RequestLog.objects.values_list("pk", flat=True)) >= retention.oldest_kept_ms()


def test_nothing_to_do_is_one_query() -> None:
    logs(3, 60)
    with CaptureQueriesContext(connection) as queries:
        assert retention.prune() == 0
    assert len(queries) == 1


def test_it_goes_in_batches() -> None:
    logs(25, 9 * DAY_S)
    with CaptureQueriesContext(connection) as queries:
        assert retention.prune(batch=10) == 25
    deletes = [query["sql"] for query in queries if query["sql"].startswith("DELETE")]
    assert len(deletes) == 3
    assert not any(" IN (" in sql for sql in deletes), "a batch is a range of the key, not a list of ids"


def test_one_run_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BUDGET_S", 0.0)
    logs(3, 9 * DAY_S)
    assert retention.prune() == 0
    assert RequestLog.objects.count() == 3
