"""One HTTP exchange with a client over ASGI: what comes in is bounded, what goes out is counted.

No policy lives here; every limit breach is raised as the GatewayError that names it. `pulse.py` looks
after time.

The head of an answer is made of lines, `name: value\\r\\n`, with names in lower case: most of them are the same for
every answer, and a server that knows our extension of ASGI takes them as they are. Whoever makes a line sees to it
that it stays one.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from time import monotonic
from typing import Any

from gateway.dataplane.errors import (
    ClientLeft,
    GatewayError,
    HeadersTooLarge,
    RequestTimeout,
    TooLarge,
    UnsupportedEncoding,
)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MAX_HEADERS = 100
MAX_HEADER_BYTES = 32 * 1024

_BODILESS = {"GET", "HEAD"}
_COMMON = b"cache-control: no-store, private\r\nvary: authorization\r\n"
LINES = "gateway.lines"  # the extension, and the field of `http.response.start` that it allows


class Exchange:
    """headers:        names in lower case, repeated ones joined by a comma.
    reading:          the body is being received; `received` once it is here.
    opened, closed:   the answer has begun; its last byte has been handed over.
    left:             the client is gone.
    writing_since:    monotonic time since when the client takes nothing; 0 while it does.
    keep_alive:       what to say in a silent stream; empty where the answer is not one.
    waiting_headers:  the lines that open a stream whose upstream is slow.
    error_event:      how the open stream says that it has failed, (error, request id) → bytes.
    """

    __slots__ = (
        "_late", "_receive", "_send", "_watcher", "closed", "error_event", "headers", "keep_alive", "last_sent", "left",
        "max_body", "opened", "raw_headers", "reading", "received", "request_id", "scope", "task", "waiting_headers",
        "writing_since",
    )  # fmt: skip

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, request_id: str, max_body: int) -> None:
        self.scope = scope
        self.raw_headers: list[tuple[bytes, bytes]] = scope["headers"]
        self.request_id = request_id
        self.max_body = max_body
        self.headers: dict[str, str] = {}
        self.reading = False
        self.received = False
        self.opened = False
        self.closed = False
        self.left = False
        self.last_sent = 0.0
        self.writing_since = 0.0
        self.keep_alive = b""
        self.waiting_headers = b""
        self.error_event: Callable[[GatewayError, str], bytes] | None = None
        self.task = asyncio.current_task()
        self._late = False
        self._receive = receive
        self._send = send
        self._watcher: asyncio.Task[None] | None = None

    def read_headers(self) -> None:
        """Index the headers; raises HeadersTooLarge before any of the body is read."""
        raw = self.raw_headers
        size = 0
        headers = self.headers
        for name, value in raw:
            size += len(name) + len(value)
            key, text = name.decode("latin-1"), value.decode("latin-1")
            headers[key] = f"{headers[key]},{text}" if key in headers else text
        if len(raw) > MAX_HEADERS or size > MAX_HEADER_BYTES:
            raise HeadersTooLarge(f"At most {MAX_HEADERS} headers of {MAX_HEADER_BYTES // 1024} kB together are read.")

    async def read_body(self) -> bytes:
        """The whole body; raises TooLarge, RequestTimeout, UnsupportedEncoding or ClientLeft."""
        if self.headers.get("content-encoding", "identity").lower() not in {"identity", ""}:
            raise UnsupportedEncoding("Send the body uncompressed: Content-Encoding is not read.")
        declared = self.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > self.max_body:
            raise self._too_large()
        self.reading = True
        try:
            body = await self._receive_all()
        except asyncio.CancelledError:
            if not self._late or self.task is None:
                raise
            self.task.uncancel()
            raise RequestTimeout("The body took too long to arrive. Send it at once.") from None
        finally:
            self.reading = False
        self.received = True
        return body

    def give_up_reading(self) -> None:
        """The body is late: `read_body` raises RequestTimeout."""
        self._late = True
        if self.task is not None:
            self.task.cancel()

    def watch(self) -> None:
        """From now on cancel the exchange's task when the client goes away; the body must have been read."""
        if self._watcher is None and not self.closed:
            self._watcher = asyncio.get_running_loop().create_task(self._wait_for_disconnect())

    def unwatch(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()

    def drop(self) -> None:
        """The client is gone, or as good as: stop working for it."""
        if not self.closed and not self.left and self.task is not None:
            self.left = True
            self.task.cancel()

    async def answer(self, status: int, lines: bytes, body: bytes) -> None:
        """Send a whole answer."""
        self.opened = self.closed = True
        lines += b"content-length: %d\r\n" % len(body)
        if not self.received and self.scope["method"] not in _BODILESS:
            lines += b"connection: close\r\n"  # or the server would swallow the rest of an upload
        await self._start(status, lines)
        content = b"" if self.scope["method"] == "HEAD" else body
        await self._send({"type": "http.response.body", "body": content})

    async def open(self, status: int, lines: bytes) -> None:
        """Begin an answer that is sent in pieces."""
        self.opened = True
        self.last_sent = monotonic()
        await self._start(status, lines)

    async def write(self, piece: bytes) -> None:
        """Send one piece; waits while the client's window is full, which `writing_since` shows."""
        self.last_sent = self.writing_since = monotonic()
        await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        self.writing_since = 0.0

    async def close(self, piece: bytes = b"") -> None:
        """Send the last piece."""
        self.closed = True
        await self._send({"type": "http.response.body", "body": piece})

    async def _start(self, status: int, lines: bytes) -> None:
        lines = b"%b%bx-request-id: %b\r\n" % (lines, _COMMON, self.request_id.encode())
        start: Message = {"type": "http.response.start", "status": status}
        if LINES in self.scope.get("extensions", ()):
            start[LINES] = lines
        else:
            start["headers"] = [tuple(line.split(b": ", 1)) for line in lines.splitlines()]
        await self._send(start)

    async def _receive_all(self) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            piece: bytes = message.get("body", b"")
            size += len(piece)
            if size > self.max_body:
                raise self._too_large()
            if not message.get("more_body"):
                return b"".join([*pieces, piece]) if pieces else piece
            pieces.append(piece)

    def _too_large(self) -> TooLarge:
        return TooLarge(
            f"The request body is larger than {self.max_body // (1024 * 1024)} MB, the most that is read here."
        )

    async def _wait_for_disconnect(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.drop()
                return
