"""The upstream of the streams: 50 events a second each, for as many streams as one core carries.

A raw protocol and one loop for all streams instead of a task and a timer for each: the mock shares its core with the
client, and must not be what is measured. Events are due at absolute times, so a late one does not delay the rest.
Run as `python -m benchmarks.paced PORT`.
"""

import asyncio
import re
import sys
from itertools import count

import uvloop

from benchmarks.workload import EVENT_PERIOD_S, stream_events

SLOTS = 10  # the streams are spread over the period, as they would be in life
HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
)
READY = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def framed(events: list[bytes]) -> list[bytes]:
    """The events as chunks of HTTP/1.1, the end of the body with the last."""
    chunks = [b"%x\r\n%b\r\n" % (len(event), event) for event in events]
    return [*chunks[:-1], chunks[-1] + b"0\r\n\r\n"]


CHUNKS = framed(stream_events())


class Wheel:
    """Slots of streams; each turn serves one slot, so each stream gets one event a period."""

    def __init__(self) -> None:
        self.slots: list[list[Stream]] = [[] for _ in range(SLOTS)]
        self.position = 0

    def add(self, stream: "Stream") -> None:
        """Into the slot just served: the next event is then due in one full period."""
        self.slots[self.position].append(stream)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        for turn in count(1):
            await asyncio.sleep(max(0.0, begin + turn * EVENT_PERIOD_S / SLOTS - loop.time()))
            self.position = turn % SLOTS
            self.slots[self.position] = [stream for stream in self.slots[self.position] if stream.send_next()]


class Stream(asyncio.Protocol):
    """One connection; one paced answer to each POST, an empty one to anything else."""

    def __init__(self, wheel: Wheel) -> None:
        self.wheel = wheel
        self.received = b""
        self.sent = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not end or len(body) < (int(length[1]) if length else 0):
            return
        self.received = b""
        if not head.startswith(b"POST "):
            self.transport.write(READY)
            return
        self.transport.write(HEAD + CHUNKS[0])
        self.sent = 1
        self.wheel.add(self)

    def send_next(self) -> bool:
        """Send the next event; False where there is none left or nobody to send it to."""
        if self.transport.is_closing():
            return False
        self.transport.write(CHUNKS[self.sent])
        self.sent += 1
        return self.sent < len(CHUNKS)


async def serve(port: int) -> None:
    wheel = Wheel()
    await asyncio.get_running_loop().create_server(lambda: Stream(wheel), "127.0.0.1", port, backlog=4096)
    await wheel.run()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
