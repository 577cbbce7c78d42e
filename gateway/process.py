"""One process: builds the data plane once, gives it the wire endpoints, and Django everything else."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection

from gateway.dataplane.app import DataPlane, is_wire
from gateway.dataplane.auth import KeyRing
from gateway.dataplane.exchange import Message, Receive, Scope, Send
from gateway.dataplane.plane import Plane
from gateway.dataplane.record import Recorder
from gateway.dataplane.snapshot import Holder, Key
from gateway.dataplane.state.open import open_state
from gateway.scheduler import Scheduler
from gateway.version import VERSION
from logs.ingest import EmbeddedSink
from snapshots.build import build, key_with_digest
from snapshots.watch import Watcher

ASGI = Callable[[Scope, Receive, Send], Awaitable[None]]
ADMIN_BODY_BYTES = 5 * 1024 * 1024


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
        holder = Holder(await sync_to_async(build)())
        plane = Plane(
            holder=holder,
            keys=KeyRing(partial(_in_thread, key_with_digest), settings.KEY_PEPPER),
            state=open_state(settings.STATE_URL),
            recorder=Recorder(sink, strict=settings.RECORD_DURABILITY == "strict"),
            max_body=settings.MAX_BODY_BYTES,
        )
        await sync_to_async(sink.start)(asyncio.get_running_loop())
        await plane.start()
        watcher = Watcher(holder, asyncio.get_running_loop())
        watcher.start()
        scheduler = Scheduler()
        scheduler.start()
        self.data_plane = DataPlane(
            plane, version=VERSION, probes={"database": _database_answers, "state": plane.state.ping}
        )
        return plane, sink, watcher, scheduler

    async def _stop(self, plane: Plane, sink: EmbeddedSink, watcher: Watcher, scheduler: Scheduler) -> None:
        await plane.stop()
        for thread in (scheduler, watcher):
            await asyncio.to_thread(thread.stop)
        await sink.stop()


async def _in_thread(lookup: Callable[[str], Key | None], digest: str) -> Key | None:
    """A database look-up off the event loop; OSError where the database cannot be reached."""

    def ask() -> Key | None:
        close_old_connections()
        try:
            return lookup(digest)
        except DatabaseError as error:
            raise OSError(type(error).__name__) from None

    return await asyncio.to_thread(ask)


async def _database_answers() -> None:
    def ask() -> None:
        close_old_connections()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    await asyncio.to_thread(ask)


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

