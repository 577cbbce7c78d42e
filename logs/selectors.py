"""Reads of the request log, each bounded: no page may cost more because the table has grown.

Ids are UUIDv7, so a time window is a range of the primary key. A question about columns without an index
is asked of the newest rows of the window, and the answer says how many that were.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from gateway.dataplane.ids import first_id_at, unix_ms_of
from logs.models import RequestLog, Status

SAMPLE_ROWS = 20_000
SCAN_ROWS = 20_000
ERRORS = frozenset(("failed", "refused", "partial", "interrupted"))


class Row(NamedTuple):
    """What the overview needs of one request; its fields are columns of the log. Times in milliseconds."""

    id: UUID
    status: str
    code: str
    tenant: str
    requested_model: str
    provider: str
    account: str
    account_id: str
    total_ms: float | None
    ttft_ms: float | None
    overhead_ms: float | None
    tokens_in: int | None
    tokens_out: int | None

    @property
    def unix_ms(self) -> int:
        return unix_ms_of(self.id)

    @property
    def is_error(self) -> bool:
        return self.status in ERRORS


class Sample(NamedTuple):
    """The newest rows of a window, newest first; `capped` when the window holds more than these."""

    rows: list[Row]
    capped: bool


class Summary(NamedTuple):
    """The numbers of a sample; None where nothing was measured."""

    requests: int
    errors: int
    refused: int
    tokens_in: int
    tokens_out: int
    total_p50: float | None
    total_p95: float | None
    ttft_p50: float | None
    overhead_p50: float | None

    @property
    def error_rate(self) -> float:
        return self.errors / self.requests if self.requests else 0.0


class Failure(NamedTuple):
    """One kind of failure in a sample: how often, and its newest request."""

    code: str
    count: int
    latest: RequestLog


def within(since: datetime | None, until: datetime | None = None) -> QuerySet[RequestLog]:
    """The requests that arrived in [since, until), by the primary key."""
    rows = RequestLog.objects.all()
    if since is not None:
        rows = rows.filter(id__gte=first_id_at(_unix_ms(since)))
    if until is not None:
        rows = rows.filter(id__lt=first_id_at(_unix_ms(until)))
    return rows


def id_at_depth(rows: QuerySet[RequestLog], depth: int) -> UUID | None:
    """The id of the row after `depth` rows of an ordered queryset, read from an index alone."""
    return rows.values_list("id", flat=True)[depth : depth + 1].first()


def sample(since: datetime | None, *, account_id: str = "") -> Sample:
    """The newest rows since then, of one account where it is named; at most SAMPLE_ROWS are looked at."""
    rows = within(since).order_by("-id")
    if not account_id:
        found = [Row(*values) for values in rows.values_list(*Row._fields)[: SAMPLE_ROWS + 1]]
        return Sample(found[:SAMPLE_ROWS], len(found) > SAMPLE_ROWS)
    floor = id_at_depth(rows, SAMPLE_ROWS)
    if floor is not None:
        rows = rows.filter(id__gt=floor)
    mine = rows.filter(account_id=account_id).values_list(*Row._fields)
    return Sample([Row(*values) for values in mine], floor is not None)


def summarise(rows: Iterable[Row]) -> Summary:
    """Counts, sums and percentiles of some rows."""
    rows = list(rows)
    return Summary(
        requests=len(rows),
        errors=sum(row.is_error for row in rows),
        refused=sum(row.status == Status.REFUSED for row in rows),
        tokens_in=sum(row.tokens_in or 0 for row in rows),
        tokens_out=sum(row.tokens_out or 0 for row in rows),
        total_p50=percentile((row.total_ms for row in rows), 50),
        total_p95=percentile((row.total_ms for row in rows), 95),
        ttft_p50=percentile((row.ttft_ms for row in rows), 50),
        overhead_p50=percentile((row.overhead_ms for row in rows), 50),
    )


def percentile(values: Iterable[float | None], percent: int) -> float | None:
    """The nearest-rank percentile of what was measured; None when nothing was."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    return known[max(0, -(-len(known) * percent // 100) - 1)]


def failures(rows: Iterable[Row], limit: int = 6) -> list[Failure]:
    """The kinds of failure among some rows (newest first), most recent kind first."""
    counts: Counter[str] = Counter()
    newest: dict[str, UUID] = {}
    for row in rows:
        if row.is_error:
            counts[row.code] += 1
            newest.setdefault(row.code, row.id)
    wanted = list(newest.items())[:limit]
    stories = RequestLog.objects.defer("decision", "attempts").in_bulk([pk for _, pk in wanted])
    return [Failure(code, counts[code], stories[pk]) for code, pk in wanted if pk in stories]


def top(rows: Iterable[Row], key: Callable[[Row], Any], limit: int = 5) -> list[tuple[Any, Summary]]:
    """The groups with most requests, each with its numbers; rows without a key are left out."""
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        if name := key(row):
            groups[name].append(row)
    largest = sorted(groups.items(), key=lambda item: -len(item[1]))[:limit]
    return [(name, summarise(members)) for name, members in largest]


def any_request() -> bool:
    """Whether a request was ever recorded."""
    return RequestLog.objects.order_by().values_list("id")[:1].exists()


def arrived_at(request_id: UUID) -> datetime:
    """When the request of this id arrived."""
    return datetime.fromtimestamp(unix_ms_of(request_id) / 1000, UTC)


def _unix_ms(moment: datetime) -> int:
    return max(0, int(moment.timestamp() * 1000))
