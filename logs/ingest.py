"""The embedded sink: records are written in groups, and acknowledged when their group is committed.

One thread owns the writes. What arrives while it commits one group gathers into the next, so that a busy
gateway pays one transaction for many requests and an idle one waits for nobody. `synchronous=NORMAL` with
a write-ahead log survives the death of the process at any instruction; only a power cut can lose the last
moments.
"""

import asyncio
import logging
import queue
import threading
from typing import Any, NamedTuple

from django.db import DatabaseError, connections
from django.utils import timezone

from logs.models import RequestLog, Status
from logs.writer import Writer

log = logging.getLogger(__name__)

MAX_GROUP = 512
GATHER_SECONDS = 0.003  # the longest that a record waits for company
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
        self._groups: queue.SimpleQueue[list[_Entry] | None] = queue.SimpleQueue()
        self._writer = Writer()
        self._thread = threading.Thread(target=self._run, name="record-sink", daemon=True)
        self._failing = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take records from `loop`, once what an earlier process left open is closed."""
        self._loop = loop
        self._thread.start()

    async def stop(self) -> None:
        """Write what waits and end."""
        group, self._waiting = self._waiting, []
        if group:
            self._groups.put(group)
        self._groups.put(None)
        await asyncio.to_thread(self._thread.join, STOP_SECONDS)

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
        """Begin a group: it closes with the first tick of the loop that brings nothing more."""
        assert self._loop is not None
        self._seen = len(self._waiting)
        self._gather_until = self._loop.time() + GATHER_SECONDS
        self._loop.call_soon(self._look)

    def _look(self) -> None:
        assert self._loop is not None
        if len(self._waiting) > self._seen and self._loop.time() < self._gather_until:
            self._seen = len(self._waiting)
            self._loop.call_soon(self._look)
            return
        group, self._waiting = self._waiting[:MAX_GROUP], self._waiting[MAX_GROUP:]
        self._groups.put(group)

    def _committed(self, group: list[_Entry], failures: dict[int, OSError]) -> None:
        """Back on the event loop: begin the next group, and wake those who wait."""
        if self._waiting:
            self._gather()
        else:
            self._busy = False
        for index, entry in enumerate(group):
            done = entry.done
            if done is None or done.done():
                continue  # nobody waits, or its caller was cancelled; it is written all the same
            if failure := failures.get(index):
                done.set_exception(failure)
            else:
                done.set_result(None)

    def _run(self) -> None:
        assert self._loop is not None
        self._close_interrupted()
        while (group := self._groups.get()) is not None:
            failures = self._write(group)
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._committed, group, failures)
        self._writer.flush_used()
        connections.close_all()

    def _close_interrupted(self) -> None:
        try:
            close_interrupted()
        except DatabaseError as error:
            self._report(error)  # the doctor finds what stays open

    def _write(self, group: list[_Entry]) -> dict[int, OSError]:
        """Commit a group; returns the failure of each entry that could not be written."""
        try:
            self._writer.write([(entry.kind, entry.row) for entry in group])
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
                self._writer.write([(entry.kind, entry.row)])
            except Exception as error:  # noqa: BLE001 - as above
                failures[index] = OSError(f"the record cannot be written: {type(error).__name__}")
        return failures

    def _report(self, error: Exception) -> None:
        if not self._failing:
            self._failing = True
            log.error("records cannot be written (%s: %s)", type(error).__name__, str(error)[:200])


def close_interrupted() -> int:
    """Mark every request that an earlier process left in flight; returns how many."""
    return RequestLog.objects.filter(status=Status.STARTED).update(
        status=Status.INTERRUPTED,
        code="interrupted",
        message="The gateway stopped while the request was in flight.",
        finished_at=timezone.now(),
    )
