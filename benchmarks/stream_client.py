"""The client of the streams: opens them, reads them to the end, and counts what came.

It shares its core with the mock, so it splits bytes and parses nothing. The job comes as JSON on the command line, the
result goes out as JSON: `python -m benchmarks.stream_client '{"port": 80, "streams": 600, …}'`.
"""

import asyncio
import json
import sys
import time

import uvloop

LIMIT_S = 60  # for all streams together; what is not finished then has failed
END_OF_BODY = b"0\r\n\r\n"


class Reader(asyncio.Protocol):
    """One stream. Complete means: status 200, and `data: [DONE]` as the last of its events."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.begin = time.perf_counter()
        self.first = self.end = 0.0
        self.events = 0
        self.rest = b""
        self.status = b""
        self.done = False
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        if not self.first:
            self.first = time.perf_counter()
            self.status = data[9:12]
        *events, self.rest = (self.rest + data).split(b"\n\n")
        for event in events:
            # A comment that keeps the connection alive is no event.
            self.events += b"data: " in event
            self.done = event.endswith(b"data: [DONE]")
        if self.done and self.rest.endswith(END_OF_BODY):
            self.transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        self.end = time.perf_counter()
        if not self.closed.done():
            self.closed.set_result(None)

    def result(self) -> dict[str, float | bool]:
        """Times in seconds from the moment of the call, the connection included."""
        complete = self.status == b"200" and self.done and self.end > 0
        return {
            "complete": complete,
            "events": self.events,
            "first_s": self.first - self.begin,
            "total_s": self.end - self.begin,
        }


async def open_one(delay_s: float, job: dict, request: bytes) -> Reader | None:
    """None where nobody answered the connection."""
    await asyncio.sleep(delay_s)
    reader = Reader(request)
    try:
        await asyncio.get_running_loop().create_connection(lambda: reader, "127.0.0.1", job["port"])
    except OSError:
        return None
    await asyncio.wait([reader.closed], timeout=LIMIT_S)
    return reader


def request_bytes(job: dict) -> bytes:
    body = job["body"].encode()
    headers = {
        "host": "127.0.0.1",
        "content-type": "application/json",
        "content-length": str(len(body)),
    } | job["headers"]
    lines = [f"POST {job['path']} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def main(job: dict) -> list[dict]:
    request, streams = request_bytes(job), job["streams"]
    gap_s = job["ramp_s"] / streams
    readers = await asyncio.gather(*(open_one(number * gap_s, job, request) for number in range(streams)))
    return [reader.result() for reader in readers if reader]


if __name__ == "__main__":
    print(json.dumps(uvloop.run(main(json.loads(sys.argv[1])))))
