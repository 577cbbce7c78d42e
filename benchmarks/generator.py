"""The load generator where wrk is missing: a closed loop of raw sockets, one request in flight on each.

`python -m benchmarks.generator '{"port": 80, "connections": 64, "seconds": 4, …}'` prints what wrk.lua prints.
Slower than wrk, so its figures compare only with its own; a report names the generator.
"""

import asyncio
import json
import re
import sys
import time

import uvloop

from benchmarks.stream_client import request_bytes

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Caller(asyncio.Protocol):
    """One connection that asks again as soon as it is answered."""

    def __init__(self, request: bytes, latencies: list[float]) -> None:
        self.request = request
        self.latencies = latencies
        self.refused = 0
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        self.received = b""
        self.begin = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.received += data
        if complete(self.received):
            self.latencies.append(time.perf_counter() - self.begin)
            self.refused += self.received[9:12] != b"200"
            self.ask()


def complete(answer: bytes) -> bool:
    """Whether the whole answer is there, by its length or by the last of its chunks."""
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return False
    length = LENGTH.search(head)
    return len(body) >= int(length[1]) if length else body.endswith(b"0\r\n\r\n")


def percentile(ordered: list[float], percent: int) -> float:
    """By the nearest rank; 0 where nothing was measured."""
    return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)] if ordered else 0.0


async def main(job: dict) -> dict[str, float]:
    loop, latencies, callers = asyncio.get_running_loop(), [], []
    begin = time.perf_counter()
    for _ in range(job["connections"]):
        _, caller = await loop.create_connection(
            lambda: Caller(request_bytes(job), latencies), "127.0.0.1", job["port"]
        )
        callers.append(caller)
    await asyncio.sleep(job["seconds"])
    seconds, measured = time.perf_counter() - begin, sorted(latencies)
    broken = sum(caller.transport.is_closing() for caller in callers)
    for caller in callers:
        caller.transport.close()
    return {
        "answers": len(measured),
        "refused": sum(caller.refused for caller in callers),
        "broken": broken,
        "seconds": seconds,
        "p50_ms": percentile(measured, 50) * 1000,
        "p99_ms": percentile(measured, 99) * 1000,
    }


if __name__ == "__main__":
    print(json.dumps(uvloop.run(main(json.loads(sys.argv[1])))))
