"""HTTP as uvicorn speaks it, at a lower price for each request.

uvicorn checks every header with two patterns, writes the head and the body of an answer one after the other (two
system calls, two packets, and a client that is woken for a head without a body), and starts a timer after each
answer. Here a head is checked as a whole and leaves with the first piece of the body, which is when ASGI wants it
to leave, and a connection has one timer. What is not needed is left out: websockets, the access log, a limit of
connections, a root path.
"""

import asyncio
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from gateway.dataplane.exchange import LINES

JOINED_BYTES = 64 * 1024  # up to here a copy of the body costs less than a packet of its own for the head
_EXTENSIONS: dict[str, dict[object, object]] = {LINES: {}}
_BODILESS = (204, 304)
_TEXT = bytes({0x09, *range(0x20, 0x7F), *range(0x80, 0x100)})  # what the value of a header may hold


class Http(HttpToolsProtocol):
    """What `http=` of uvicorn's configuration takes."""

    _idle_since: float | None = None  # loop time, None while a request is under way
    _idle_timer: asyncio.TimerHandle | None = None

    def on_headers_complete(self) -> None:
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        http_version = self.parser.get_http_version()
        self.scope["http_version"] = http_version
        self.scope["method"] = self.parser.get_method().decode("ascii")
        self.scope["path"] = unquote(path) if "%" in path else path
        self.scope["raw_path"] = url.path
        self.scope["query_string"] = url.query or b""
        self.scope["extensions"] = _EXTENSIONS  # type: ignore[typeddict-item]
        before = self.cycle
        self.cycle = _Cycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=http_version != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:  # pipelined: its turn comes when the answer before it is complete
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since = self.loop.time()
        if self._idle_timer is None:
            self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    def _unset_keepalive_if_required(self) -> None:
        """Called for whatever arrives."""
        self._idle_since = None

    def _look(self) -> None:
        """Close a connection that has been idle for long enough. The timer goes on only where it is idle."""
        self._idle_timer = None
        if self._idle_since is None:
            return
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left <= 0:
            self.timeout_keep_alive_handler()
        else:
            self._idle_timer = self.loop.call_later(left, self._look)


class _Cycle(RequestResponseCycle):
    """One request and its answer. A head that is held back and then fails to leave gives way to uvicorn's own 500."""

    _start: Any = None  # the message that holds the head

    async def send(self, message: ASGISendEvent) -> None:
        """Raises RuntimeError for an answer that is not HTTP, or not as long as it says."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if self.response_complete or (self.response_started and message["type"] != "http.response.body"):
            raise RuntimeError(f"{message['type']!r} is not due")
        if message["type"] == "http.response.start":
            self._start = message
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        head = b"" if self.response_started else self._head()
        self._write(head, self._framed(body, more))
        if not more:
            self._complete()

    def _head(self) -> bytes:
        """The answer up to its body, whose framing is noted."""
        status = self._start["status"]
        headers = (*self.default_headers, *self._start.get("headers", ()))
        lines = self._start.get(LINES, b"")
        fields = b"".join([b"%b: %b\r\n" % header for header in headers]) + lines
        if fields.translate(None, _TEXT) != b"\r\n" * (len(headers) + lines.count(b"\n")):
            raise RuntimeError("a header holds a line break or another control character")
        said = b"\r\n" + fields.lower()
        self.chunked_encoding = _said(said, b"\r\ntransfer-encoding: ") == b"chunked"
        length = _said(said, b"\r\ncontent-length: ")
        self.expected_content_length = int(length) if length and not self.chunked_encoding else 0
        if b"close" in _said(said, b"\r\nconnection: "):
            self.keep_alive = False
        elif not self.keep_alive:
            fields += b"connection: close\r\n"
        has_body = self.scope["method"] != "HEAD" and status not in _BODILESS
        if has_body and not length and not self.chunked_encoding:
            self.chunked_encoding = True
            fields += b"transfer-encoding: chunked\r\n"
        return b"%b%b\r\n" % (STATUS_LINE[status], fields)

    def _framed(self, body: bytes, more: bool) -> bytes:
        """A piece of the body as it is sent."""
        if self.scope["method"] == "HEAD":
            self.expected_content_length = 0
            return b""
        if self.chunked_encoding:
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            return chunk if more else chunk + b"0\r\n\r\n"
        if len(body) > self.expected_content_length:
            raise RuntimeError("the answer is longer than its content-length")
        self.expected_content_length -= len(body)
        return body

    def _write(self, head: bytes, piece: bytes) -> None:
        self.response_started = True
        self.waiting_for_100_continue = False
        if len(piece) > JOINED_BYTES:
            self.transport.writelines((head, piece))
        else:
            self.transport.write(head + piece)

    def _complete(self) -> None:
        if self.expected_content_length:
            raise RuntimeError("the answer is shorter than its content-length")
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


def _said(fields: bytes, opening: bytes) -> bytes:
    """The value of the line that begins so, empty where there is none."""
    at = fields.find(opening)
    return fields[at + len(opening) : fields.index(b"\r\n", at + 2)] if at >= 0 else b""
