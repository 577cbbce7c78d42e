"""Records: requests that never ended, a disk that fills up, logs that outlive their retention."""

import shutil
import time
from collections.abc import Iterable

from django.conf import settings
from django.utils import timezone

from doctor.finding import Finding, Level, link_to_list
from gateway.dataplane.ids import first_id_at, unix_ms_of
from logs.models import RequestLog, Status
from logs.retention import DAY_MS, oldest_kept_ms

ID = "records"
TITLE = "Request log and disk"

HOUR_MS = 3_600_000
LOW_BYTES, EMPTY_BYTES = 1024**3, 200 * 1024**2
LOW_SHARE = 0.05


def run() -> Iterable[Finding]:
    yield from stuck()
    yield from disk()
    yield from overdue()


def stuck() -> Iterable[Finding]:
    """Requests of the last day that began more than an hour ago and have not ended."""
    now_ms = time.time_ns() // 1_000_000
    rows = RequestLog.objects.filter(
        status=Status.STARTED,
        # The key is the time: without a lower bound this would read the whole table.
        pk__gte=first_id_at(now_ms - DAY_MS),
        pk__lt=first_id_at(now_ms - HOUR_MS),
    )
    oldest = rows.order_by("pk").first()
    if oldest is None:
        return
    age = timezone.now() - oldest.started_at
    yield Finding(
        ID,
        Level.WARNING,
        f"{rows.count()} requests began more than an hour ago and never ended",
        f"the oldest is {oldest}, begun {age.total_seconds() / 3600:.1f} hours ago",
        "Restart the gateway: at its start it closes what an earlier process left in flight. "
        "If new ones appear while it runs, report it.",
        link_to_list(RequestLog, f"status={Status.STARTED}&window=all"),
    )


def disk() -> Iterable[Finding]:
    """Little room left where the database and the spool live."""
    usage = shutil.disk_usage(settings.DATA_DIR)
    if usage.free >= LOW_BYTES or usage.free >= LOW_SHARE * usage.total:
        return
    empty = usage.free < EMPTY_BYTES
    yield Finding(
        ID,
        Level.ERROR if empty else Level.WARNING,
        f"{usage.free / 1024**2:,.0f} MB are left for the data folder",
        f"{settings.DATA_DIR} lies on a file system of {usage.total / 1024**3:,.1f} GB; "
        "when it is full no request can be recorded, and none is answered",
        "Free space there, move DATA_DIR to a larger disk, or lower RETENTION_DAYS.",
    )


def overdue() -> Iterable[Finding]:
    """Log rows that the hourly job should have deleted at least a day ago."""
    bound_ms = oldest_kept_ms() - DAY_MS
    oldest = RequestLog.objects.filter(pk__lt=first_id_at(bound_ms)).order_by("pk").first()
    if oldest is None:
        return
    days = (time.time_ns() // 1_000_000 - unix_ms_of(oldest.pk)) / DAY_MS
    yield Finding(
        ID,
        Level.WARNING,
        "request logs are kept longer than RETENTION_DAYS says",
        f"the oldest is {days:.0f} days old, RETENTION_DAYS is {settings.RETENTION_DAYS}",
        "See that the scheduler runs: the log of the embedded mode, or worker and beat in the full mode.",
    )
