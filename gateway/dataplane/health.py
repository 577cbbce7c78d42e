"""Is it alive, may it get traffic, and what does each thing it stands on say. No key, no cost, no secret."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from gateway.dataplane.plane import Plane

Probe = Callable[[], Awaitable[None]]
PROBE_SECONDS = 2.0


def alive(version: str) -> bytes:
    return orjson.dumps({"status": "healthy", "version": version})


async def readiness(plane: Plane, probes: Mapping[str, Probe], version: str) -> tuple[int, bytes]:
    """(200 or 503, the state of each dependency). A probe raises to say why its dependency is not well.

    The snapshot in memory serves known keys without the database, so only its absence makes us unready.
    """
    states = dict(zip(probes, await asyncio.gather(*map(_ask, probes.values())), strict=True))
    snapshot = plane.holder.current
    ready = snapshot.version > 0
    well = ready and all(state["status"] == "ok" for state in states.values())
    report: dict[str, Any] = {
        "status": "healthy" if well else "degraded" if ready else "unavailable",
        "version": version,
        "snapshot": {"version": snapshot.version, "age_s": round(time.monotonic() - plane.holder.swapped_at, 1)},
        "dependencies": states,
        "inflight": len(plane.inflight),
        "upstream_connections": plane.upstreams.open_replies,
    }
    return (200 if ready else 503), orjson.dumps(report)


async def _ask(probe: Probe) -> dict[str, Any]:
    began = time.perf_counter()
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            await probe()
    except TimeoutError:
        return {"status": "down", "reason": f"no answer within {PROBE_SECONDS:.0f} s"}
    except Exception as error:  # noqa: BLE001 - whatever a driver raises, the dependency is down
        return {"status": "down", "reason": type(error).__name__}
    return {"status": "ok", "ms": round((time.perf_counter() - began) * 1000, 2)}
