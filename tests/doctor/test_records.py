"""The check of records, with rows of every age and a disk that is full."""

import shutil
import time
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from doctor.finding import Level
from doctor.services import examine
from gateway.dataplane.ids import first_id_at
from logs.models import RequestLog, Status

pytestmark = pytest.mark.django_db

HOUR, DAY = 3600.0, 86_400.0


def log(age_s: float, status: str) -> RequestLog:
    began = time.time() - age_s
    return RequestLog.objects.create(
        id=first_id_at(int(began * 1000)), started_at=datetime.fromtimestamp(began, UTC), status=status
    )


def titles() -> list[str]:
    return [finding.title for finding in examine(["records"])]


def test_nothing_is_wrong() -> None:
    log(60, Status.STARTED)
    log(2 * HOUR, Status.OK)
    assert titles() == []


def test_requests_that_never_ended() -> None:
    oldest = log(3 * HOUR, Status.STARTED)
    log(2 * HOUR, Status.STARTED)
    (finding,) = examine(["records"])
    assert finding.title == "2 requests began more than an hour ago and never ended"
    assert str(oldest) in finding.evidence and "3.0 hours" in finding.evidence


def test_logs_past_their_retention(settings) -> None:
    settings.RETENTION_DAYS = 7
    log(7.5 * DAY, Status.OK)
    assert titles() == [], "the job may be some hours late"
    log(9 * DAY, Status.OK)
    assert titles() == ["request logs are kept longer than RETENTION_DAYS says"]


@pytest.mark.parametrize(
    ("free_mb", "level"), [(100, Level.ERROR), (500, Level.WARNING), (5000, None)], ids=["empty", "low", "enough"]
)
def test_a_disk_that_fills_up(monkeypatch: pytest.MonkeyPatch, free_mb: int, level: Level | None) -> None:
    # The one thing that cannot be made for real here: filling the disk of the machine.
    usage = SimpleNamespace(total=100 * 1024**3, free=free_mb * 1024**2)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    assert [finding.level for finding in examine(["records"])] == ([level] if level else [])
