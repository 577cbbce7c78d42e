"""Everything one process's data plane holds; built once, in gateway/asgi.py."""

import asyncio
from dataclasses import dataclass, field

from gateway.dataplane.auth import KeyRing
from gateway.dataplane.call import Call
from gateway.dataplane.pulse import Pulse
from gateway.dataplane.record import Recorder
from gateway.dataplane.snapshot import Holder
from gateway.dataplane.state.base import State
from gateway.dataplane.upstream import Upstreams


@dataclass(slots=True)
class Plane:
    """`max_body`: bytes of a request body that are read at most; `inflight`: calls not yet answered."""

    holder: Holder
    keys: KeyRing
    state: State
    recorder: Recorder
    max_body: int
    upstreams: Upstreams = field(default_factory=Upstreams)
    pulse: Pulse = field(default_factory=Pulse)
    inflight: set[Call] = field(default_factory=set)
    _beating: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.holder.on_swap(lambda snapshot: self.upstreams.retire(snapshot.proxies))
        self.holder.on_swap(lambda _: self.keys.forget())
        self._beating = asyncio.get_running_loop().create_task(self.pulse.run())

    async def stop(self) -> None:
        """Close what is open towards others; the record sink belongs to whoever built it."""
        if self._beating is not None:
            self._beating.cancel()
        await self.upstreams.close()
        await self.state.close()
