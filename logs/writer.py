"""Records to SQL, many rows a statement; and what they say of accounts, now and then."""

import datetime
import logging
import time
from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

import orjson
from django.db import DatabaseError, connection, transaction

from accounts.models import Account
from gateway.dataplane.record import FINISHED, STARTED
from logs.models import RequestLog

log = logging.getLogger(__name__)

USED_EVERY_S = 2.0  # seconds between two writes of the accounts' last use
MAX_ROWS = 128  # rows a statement; always a power of two, so that few statements are ever prepared

# What a `finished` record may change of its `started` one. The others are left alone, and their indexes too.
_CHANGED = tuple(
    name
    for name in FINISHED
    if name not in {"id", "started_at", "tenant_id", "tenant", "key_id", "key", "client_ip", "endpoint", "dialect"}
)
_COLUMNS = {"started": STARTED, "finished": FINISHED}
_ID, _STARTED_AT = STARTED.index("id"), STARTED.index("started_at")
_FINISHED_AT = FINISHED.index("finished_at")
_ACCOUNT, _ATTEMPTS, _STATUS = (FINISHED.index(name) for name in ("account_id", "attempts", "status"))
_NOT_THE_ACCOUNTS = {"answered", "cancelled", "rejected"}

Row = tuple[Any, ...]


class Writer:
    """Used by one thread, the sink's."""

    def __init__(self) -> None:
        self._used: dict[str, float] = {}
        self._errors: dict[str, tuple[float, str]] = {}
        self._flushed = time.monotonic()

    def write(self, records: Sequence[tuple[str, Row]]) -> None:
        """One transaction; a `finished` completes its `started`, whichever group that came with."""
        with transaction.atomic():
            for kind in ("started", "finished"):
                _upsert(kind, [row for of_kind, row in records if of_kind == kind])
        for kind, row in records:
            if kind == "finished" and row[_ACCOUNT]:
                self._note_use(row)
        self.flush_used_if_due()

    def flush_used_if_due(self) -> None:
        if time.monotonic() - self._flushed >= USED_EVERY_S:
            self.flush_used()

    def flush_used(self) -> None:
        """Write the accounts' last use and last error; by update, so that no new snapshot is built."""
        self._flushed = time.monotonic()
        used, self._used = self._used, {}
        errors, self._errors = self._errors, {}
        try:
            for account_id, moment in used.items():
                Account.objects.filter(pk=account_id).update(last_used_at=_moment(moment))
            for account_id, (moment, message) in errors.items():
                Account.objects.filter(pk=account_id).update(last_error=message, last_error_at=_moment(moment))
        except DatabaseError as error:
            log.warning("the accounts' last use cannot be written (%s)", type(error).__name__)

    def _note_use(self, row: Row) -> None:
        finished_at: float = row[_FINISHED_AT]
        self._used[row[_ACCOUNT]] = finished_at
        if row[_STATUS] == "ok" and row[_ATTEMPTS].count('"outcome"') == 1:
            return
        for attempt in orjson.loads(row[_ATTEMPTS]):
            self._used[attempt["account_id"]] = finished_at
            if attempt["outcome"] not in _NOT_THE_ACCOUNTS:
                self._errors[attempt["account_id"]] = (finished_at, attempt["message"][:300])


def _upsert(kind: str, rows: list[Row]) -> None:
    sqlite = connection.vendor == "sqlite"
    adapt = _for_sqlite if sqlite else _for_postgres
    while rows:
        size = min(MAX_ROWS, 1 << (len(rows).bit_length() - 1))
        batch, rows = rows[:size], rows[size:]
        values = [value for row in batch for value in adapt(kind, row)]
        if sqlite:
            # Straight to the driver: Django would rewrite thousands of placeholders with each group.
            connection.connection.execute(_statement(kind, size, "?"), values)
        else:
            with connection.cursor() as cursor:
                cursor.execute(_statement(kind, size, "%s"), values)


@cache
def _statement(kind: str, rows: int, mark: str) -> str:
    columns = _COLUMNS[kind]
    one = "(" + ",".join([mark] * len(columns)) + ")"
    conflict = "NOTHING" if kind == "started" else "UPDATE SET " + ",".join(f"{c}=excluded.{c}" for c in _CHANGED)
    table, names, places = RequestLog._meta.db_table, ",".join(columns), ",".join([one] * rows)
    # Names of our own columns and placeholders only; every value is bound.
    return f"INSERT INTO {table} ({names}) VALUES {places} ON CONFLICT (id) DO {conflict}"  # noqa: S608


def _for_sqlite(kind: str, row: Row) -> list[Any]:
    """SQLite has neither UUIDs nor times: Django keeps them as text."""
    values = list(row)
    identity: UUID = values[_ID]
    values[_ID] = identity.hex
    values[_STARTED_AT] = str(_moment(values[_STARTED_AT]).replace(tzinfo=None))
    if kind == "finished":
        values[_FINISHED_AT] = str(_moment(values[_FINISHED_AT]).replace(tzinfo=None))
    return values


def _for_postgres(kind: str, row: Row) -> list[Any]:
    values = list(row)
    values[_STARTED_AT] = _moment(values[_STARTED_AT])
    if kind == "finished":
        values[_FINISHED_AT] = _moment(values[_FINISHED_AT])
    return values


def _moment(unix_s: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(unix_s, datetime.UTC)
