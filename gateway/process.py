"""One process: builds the data plane once, gives it the wire endpoints, and Django everything else."""

import asyncio
import gc
import warnings
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from django.conf import settings
from django.db import DatabaseError, connection

from gateway.dataplane.app import DataPlane, is_wire
from gateway.dataplane.auth import KeyRing
from gateway.dataplane.exchange import Message, Receive, Scope, Send
from gateway.dataplane.plane import Plane
from gateway.dataplane.record import Recorder
from gateway.dataplane.snapshot import Holder
from gateway.dataplane.state.open import open_state
from gateway.scheduler import Scheduler
from gateway.version import VERSION
from logs.ingest import EmbeddedSink
from snapshots.build import build, key_with_digest
from snapshots.watch import Watcher

# WhiteNoise hands over a file's pieces synchronously; they are the admin's few small files.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

ASGI = Callable[[Scope, Receive, Send], Awaitable[None]]
Result = TypeVar("Result")
ADMIN_BODY_BYTES = 5 * 1024 * 1024
GC_THRESHOLDS = (50_000, 20, 20)  # objects made since the last look; Python's own is 700, several times a request


class Application:
    """ASGI: lifespan builds and tears down; a request goes by its path."""

    def __init__(self, control_plane: ASGI) -> None:
        self.control_plane = control_plane
        self.data_plane: DataPlane | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] != "http":
            return
        elif is_wire(scope["path"]):
            assert self.data_plane is not None, "the server was started without lifespan events"
            await self.data_plane(scope, receive, send)
        else:
            await self.control_plane(scope, _bounded(receive), send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            parts = await self._start()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": f"{type(error).__name__}: {error}"})
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._stop(*parts)
        await send({"type": "lifespan.shutdown.complete"})

    async def _start(self) -> tuple[Plane, EmbeddedSink, Watcher, Scheduler]:
        sink = EmbeddedSink()
        holder = Holder(await _with_database(build))
        plane = Plane(
            holder=holder,
            keys=KeyRing(partial(_with_database, key_with_digest), settings.KEY_PEPPER),
            state=open_state(settings.STATE_URL),
            recorder=Recorder(sink, strict=settings.RECORD_DURABILITY == "strict"),
            max_body=settings.MAX_BODY_BYTES,
        )
        sink.start(asyncio.get_running_loop())
        await plane.start()
        watcher = Watcher(holder, asyncio.get_running_loop())
        watcher.start()
        scheduler = Scheduler()
        scheduler.start()
        probes = {"database": partial(_with_database, _database_answers), "state": plane.state.ping}
        self.data_plane = DataPlane(plane, version=VERSION, probes=probes)
        _calm_the_collector()
        return plane, sink, watcher, scheduler

    async def _stop(self, plane: Plane, sink: EmbeddedSink, watcher: Watcher, scheduler: Scheduler) -> None:
        await plane.stop()
        for thread in (scheduler, watcher):
            await asyncio.to_thread(thread.stop)
        await sink.stop()


def _calm_the_collector() -> None:
    """Reference counts free a request's objects; looking for cycles among all that was loaded costs a tenth more."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


async def _with_database(work: Callable[..., Result], *arguments: Any) -> Result:
    """Run a piece of database work off the event loop; OSError where the database cannot be reached.

    Its connection is given back at once: each thread of the pool would otherwise keep one for ever.
    """

    def run() -> Result:
        try:
            return work(*arguments)
        except DatabaseError as error:
            raise OSError(type(error).__name__) from None
        finally:
            connection.close()

    return await asyncio.to_thread(run)


def _database_answers() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _bounded(receive: Receive) -> Receive:
    """Django spools a request's body before any view runs; count it first, so that nobody fills the disk."""
    seen = 0

    async def bounded() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > ADMIN_BODY_BYTES:
            return {"type": "http.disconnect"}
        return message

    return bounded

