"""The embedded sink: records are written in groups, and acknowledged when their group is committed.

A group closes with the first tick of the event loop that brings nothing more, so that a busy gateway pays
one transaction for many requests and an idle one waits for nobody. It is committed at once, on the loop's
own thread; where another writer holds the database, a thread that can wait takes it over.
`synchronous=NORMAL` with a write-ahead log survives the death of the process at any instruction; only a
power cut can lose the last moments.
"""

import asyncio
import logging
import queue
import threading
import time
from typing import Any, NamedTuple
from uuid import UUID

from django.db import DatabaseError, connection, connections
from django.utils import timezone

from gateway.dataplane.ids import first_id_at
from logs.models import RequestLog, Status
from logs.notes import Notes
from logs.writer import DirectWriter, write

log = logging.getLogger(__name__)

MAX_GROUP = 512
GATHER_SECONDS = 0.006  # the longest that a record waits for company
HOUSEKEEPING_SECONDS = 1.0  # between two notes of the accounts' use, and two checkpoints
STOP_SECONDS = 30


class _Entry(NamedTuple):
    kind: str
    row: tuple[Any, ...]
    done: "asyncio.Future[None] | None"


class EmbeddedSink:
    """A `record.Sink` on Django's default database; used from one event loop."""

    def __init__(self) -> None:
        self._waiting: list[_Entry] = []
        self._busy = False
        self._seen = 0
        self._gather_until = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._direct: DirectWriter | None = None
        self._started = UUID(int=0)
        self._notes = Notes()
        self._work: queue.SimpleQueue[list[_Entry] | Notes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="record-sink", daemon=True)
        self._failing = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take records from `loop`; what an earlier process left open is closed meanwhile."""
        self._loop = loop
        self._started = first_id_at(time.time_ns() // 1_000_000)
        if connection.vendor == "sqlite":
            self._direct = DirectWriter(str(connection.settings_dict["NAME"]))
        self._thread.start()

    async def stop(self) -> None:
        """Write what waits and end."""
        group, self._waiting = self._waiting, []
        if group:
            self._work.put(group)
            for entry in group:
                self._note(entry)
        self._work.put(self._notes)
        self._work.put(None)
        await asyncio.to_thread(self._thread.join, STOP_SECONDS)
        if self._direct is not None:
            self._direct.close()

    async def write(self, kind: str, row: tuple[Any, ...]) -> None:
        assert self._loop is not None
        done: asyncio.Future[None] = self._loop.create_future()
        self._take(_Entry(kind, row, done))
        await done

    def post(self, kind: str, row: tuple[Any, ...]) -> None:
        self._take(_Entry(kind, row, None))

    def _take(self, entry: _Entry) -> None:
        self._waiting.append(entry)
        if not self._busy:
            self._busy = True
            self._gather()

    def _gather(self) -> None:
        """Begin a group."""
        assert self._loop is not None
        self._seen = len(self._waiting)
        self._gather_until = self._loop.time() + GATHER_SECONDS
        self._loop.call_soon(self._look)

    def _look(self) -> None:
        """Close the group, unless this tick has brought more."""
        assert self._loop is not None
        if len(self._waiting) > self._seen and self._loop.time() < self._gather_until:
            self._seen = len(self._waiting)
            self._loop.call_soon(self._look)
            return
        group, self._waiting = self._waiting[:MAX_GROUP], self._waiting[MAX_GROUP:]
        if self._direct is not None and self._direct.write([(entry.kind, entry.row) for entry in group]):
            self._committed(group, {})
        else:
            self._work.put(group)

    def _committed(self, group: list[_Entry], failures: dict[int, OSError]) -> None:
        """On the event loop: wake those who wait, and begin the next group."""
        for index, entry in enumerate(group):
            self._note(entry)
            done = entry.done
            if done is None or done.done():
                continue  # nobody waits, or its caller was cancelled; it is written all the same
            if failure := failures.get(index):
                done.set_exception(failure)
            else:
                done.set_result(None)
        if self._waiting:
            self._gather()
        else:
            self._busy = False

    def _note(self, entry: _Entry) -> None:
        if entry.kind != "finished":
            return
        if not self._notes:
            assert self._loop is not None
            self._loop.call_later(HOUSEKEEPING_SECONDS, self._keep_house)
        self._notes.take(entry.row)

    def _keep_house(self) -> None:
        notes, self._notes = self._notes, Notes()
        self._work.put(notes)

    def _run(self) -> None:
        """The thread that may wait: for the database, for the disk."""
        assert self._loop is not None
        self._close_interrupted()
        while (work := self._work.get()) is not None:
            if isinstance(work, Notes):
                work.write()
                _checkpoint()
                continue
            failures = self._write(work)
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._committed, work, failures)
        connections.close_all()

    def _close_interrupted(self) -> None:
        try:
            close_interrupted(self._started)
        except DatabaseError as error:
            self._report(error)  # the doctor finds what stays open

    def _write(self, group: list[_Entry]) -> dict[int, OSError]:
        """Commit a group; returns the failure of each entry that could not be written."""
        try:
            write([(entry.kind, entry.row) for entry in group])
        except Exception as error:  # noqa: BLE001 - drivers raise many types, and this thread must go on
            self._report(error)
            return self._write_one_by_one(group)
        self._failing = False
        return {}

    def _write_one_by_one(self, group: list[_Entry]) -> dict[int, OSError]:
        """One record that the database refuses must not take its group with it."""
        failures = {}
        for index, entry in enumerate(group):
            try:
                write([(entry.kind, entry.row)])
            except Exception as error:  # noqa: BLE001 - as above
                failures[index] = OSError(f"the record cannot be written: {type(error).__name__}")
        return failures

    def _report(self, error: Exception) -> None:
        if not self._failing:
            self._failing = True
            log.error("records cannot be written (%s: %s)", type(error).__name__, str(error)[:200])


def close_interrupted(before: UUID) -> int:
    """Mark every request in flight whose id is older than `before`; returns how many."""
    return RequestLog.objects.filter(status=Status.STARTED, id__lt=before).update(
        status=Status.INTERRUPTED,
        code="interrupted",
        message="The gateway stopped while the request was in flight.",
        finished_at=timezone.now(),
    )


def _checkpoint() -> None:
    """Move the write-ahead log into the database, which waits for the disk but for no reader or writer."""
    if connection.vendor != "sqlite":
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(PASSIVE)")
    except DatabaseError as error:
        log.warning("the write-ahead log cannot be moved into the database (%s)", type(error).__name__)
