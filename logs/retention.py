"""How long request logs are kept: RETENTION_DAYS, then they go in small batches."""

import logging
import time

from django.conf import settings

from gateway.dataplane.ids import first_id_at
from logs.models import RequestLog

log = logging.getLogger("logs.retention")

BATCH = 5_000
PAUSE_S = 0.05  # between two batches, so that the writers of new records get their turn
BUDGET_S = 50.0  # for one run; what is left goes with the next one
DAY_MS = 86_400_000


def oldest_kept_ms() -> int:
    """Unix milliseconds before which a request log is past its retention."""
    return time.time_ns() // 1_000_000 - settings.RETENTION_DAYS * DAY_MS


def prune(batch: int = BATCH) -> int:
    """Delete request logs older than RETENTION_DAYS; returns how many went.

    The key is the time, so each batch is one range of the primary key and one short transaction.
    """
    old = RequestLog.objects.filter(pk__lt=first_id_at(oldest_kept_ms())).order_by("pk")
    deleted, deadline = 0, time.monotonic() + BUDGET_S
    while time.monotonic() < deadline and (ids := list(old.values_list("pk", flat=True)[:batch])):
        deleted += RequestLog.objects.filter(pk__gte=ids[0], pk__lte=ids[-1]).delete()[0]
        time.sleep(PAUSE_S)
    if deleted:
        log.info("deleted %d request logs older than %d days", deleted, settings.RETENTION_DAYS)
    return deleted
