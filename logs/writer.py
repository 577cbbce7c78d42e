"""Records to SQL, many rows a statement."""

import datetime
import sqlite3
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from gateway.dataplane.record import FINISHED, STARTED
from logs.models import RequestLog

MAX_ROWS = 128  # rows a statement; always a power of two, so that few statements are ever prepared

# What a `finished` record may change of its `started` one. The others are left alone, and their indexes too.
_CHANGED = ("status", *FINISHED[len(STARTED) :])
_COLUMNS = {"started": STARTED, "finished": FINISHED}
# What a call in flight does not know yet, where the column must hold something.
_EMPTY = {
    "attempts": "'[]'",
    **dict.fromkeys(
        ("message", "code", "model", "provider", "account_id", "account", "proxy", "usage_source", "dropped_params"),
        "''",
    ),
}
_ID, _STARTED_AT = STARTED.index("id"), STARTED.index("started_at")
_FINISHED_AT = FINISHED.index("finished_at")

Row = tuple[Any, ...]
Records = Sequence[tuple[str, Row]]


def write(records: Records) -> None:
    """One transaction on Django's connection of this thread, waiting for other writers.

    Writing the same record twice changes nothing, and a `finished` may come before its `started`.
    """
    with transaction.atomic():
        for kind in _COLUMNS:
            rows = [row for of_kind, row in records if of_kind == kind]
            for batch in _batches(rows):
                if connection.vendor == "sqlite":
                    # Straight to the driver: Django would rewrite thousands of placeholders with each group.
                    connection.connection.execute(_statement(kind, len(batch), "?"), _for_sqlite(kind, batch))
                else:
                    with connection.cursor() as cursor:
                        cursor.execute(_statement(kind, len(batch), "%s"), _for_postgres(kind, batch))


class DirectWriter:
    """A connection to the embedded database that never waits, for the thread of the event loop itself.

    A commit takes tens of microseconds; handing it to another thread and back takes longer than that.
    Checkpoints, which wait for the disk, are left to others.
    """

    def __init__(self, path: str) -> None:
        self._database = sqlite3.connect(
            path, timeout=0, isolation_level=None, uri=path.startswith("file:"), check_same_thread=False
        )
        self._database.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=0; PRAGMA foreign_keys=ON"
        )

    def write(self, records: Records) -> bool:
        """One transaction; False, with nothing written, where another writer is at work or a record is refused."""
        try:
            self._database.execute("BEGIN IMMEDIATE")
            for kind in _COLUMNS:
                rows = [row for of_kind, row in records if of_kind == kind]
                for batch in _batches(rows):
                    self._database.execute(_statement(kind, len(batch), "?"), _for_sqlite(kind, batch))
            self._database.execute("COMMIT")
        except Exception:  # noqa: BLE001 - whatever it was, the patient writer tries again and says what is wrong
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            return False
        return True

    def close(self) -> None:
        self._database.close()


def _batches(rows: list[Row]) -> list[list[Row]]:
    """The rows in powers of two."""
    batches, start = [], 0
    while start < len(rows):
        size = min(MAX_ROWS, 1 << ((len(rows) - start).bit_length() - 1))
        batches.append(rows[start : start + size])
        start += size
    return batches


@cache
def _statement(kind: str, rows: int, mark: str) -> str:
    values = dict.fromkeys(_COLUMNS[kind], mark)
    if kind == "started":
        values |= _EMPTY
        conflict = "NOTHING"
    else:
        conflict = "UPDATE SET " + ",".join(f"{name}=excluded.{name}" for name in _CHANGED)
    one = "(" + ",".join(values.values()) + ")"
    table, names, places = RequestLog._meta.db_table, ",".join(values), ",".join([one] * rows)
    # Names of our own columns, placeholders and empty literals only; every value is bound.
    return f"INSERT INTO {table} ({names}) VALUES {places} ON CONFLICT (id) DO {conflict}"  # noqa: S608


def _for_sqlite(kind: str, batch: list[Row]) -> list[Any]:
    """SQLite has no times: Django keeps them as text, and UUIDs as the digits that they come as."""
    values: list[Any] = []
    for row in batch:
        offset = len(values)
        values += row
        values[offset + _STARTED_AT] = _text(row[_STARTED_AT])
        if kind == "finished":
            values[offset + _FINISHED_AT] = _text(row[_FINISHED_AT])
    return values


def _for_postgres(kind: str, batch: list[Row]) -> list[Any]:
    values: list[Any] = []
    for row in batch:
        offset = len(values)
        values += row
        values[offset + _ID] = UUID(row[_ID])
        values[offset + _STARTED_AT] = moment(row[_STARTED_AT])
        if kind == "finished":
            values[offset + _FINISHED_AT] = moment(row[_FINISHED_AT])
    return values


def _text(unix_s: float) -> str:
    second, micros = divmod(int(unix_s * 1e6), 1_000_000)
    return f"{_second(second)}.{micros:06d}"


@lru_cache(maxsize=64)
def _second(unix_s: int) -> str:
    return moment(unix_s).strftime("%Y-%m-%d %H:%M:%S")


def moment(unix_s: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(unix_s, datetime.UTC)
