"""Keeps a process's snapshot current: polls the version, rebuilds in a thread, swaps one reference."""

import asyncio
import logging
import threading
from collections.abc import Callable

from django.db import close_old_connections, connections

from gateway.dataplane.snapshot import Holder, Snapshot
from snapshots.build import build
from snapshots.publish import current_version

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2


class Watcher:
    """A daemon thread with its own database connection; a failed build keeps the last good snapshot."""

    def __init__(self, holder: Holder, loop: asyncio.AbstractEventLoop) -> None:
        self._holder = holder
        self._loop = loop
        self._stop = threading.Event()
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="snapshot-watcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        seen = self._holder.current.version
        while not self._stop.wait(POLL_SECONDS):
            try:
                close_old_connections()
                version = current_version()
                if version != seen:
                    self._swap(build())
                    seen = version
                self._recovered()
            except Exception as error:  # noqa: BLE001 - the last good snapshot serves until this mends itself
                self._failed(error)
        connections.close_all()

    def _swap(self, snapshot: Snapshot) -> None:
        swap: Callable[[Snapshot], None] = self._holder.swap
        self._loop.call_soon_threadsafe(swap, snapshot)
        log.info("configuration %s is in force", snapshot.version)

    def _failed(self, error: Exception) -> None:
        if not self._failing:
            self._failing = True
            log.warning("the configuration cannot be read (%s); the last one stays in force", type(error).__name__)

    def _recovered(self) -> None:
        if self._failing:
            self._failing = False
            log.info("the configuration can be read again")
