"""A connection to a provider, and the answers that come back on it, one after another.

aiohttp's pool keeps links as it keeps connections of its own making; what it asks of them is named below. Answers are
read by llhttp, which calls for each header and each piece of a body: both go straight into a dict and a bytearray,
for a function of ours in between would cost more than the reading.
"""

import asyncio

import aiohttp
import httptools
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError

UNREAD_BYTES = 64 * 1024  # above this the provider has to wait for whoever reads the answer
PIECE_BYTES = 64 * 1024  # at most taken at once, and so held several times over for a client that stalls
MAX_HEAD_BYTES = 32 * 1024
MAX_FIELD_BYTES = 8190
MAX_FIELDS = 128
_SWITCHING_PROTOCOLS = 101


class Link(asyncio.Protocol):
    """Between `begin` and the answer's end a link belongs to one request; whatever comes outside of that closes it.

    status, headers:  of the answer once `head` has returned; names in lower case, of repeated ones the last.
    whole:            nothing of an answer is still to come; some of it may still be to be taken.
    transport, should_close, closed, is_connected, close, abort:  what the pool wants.
    """

    def __init__(self, opened: ResponseHandler) -> None:
        """Take over the connection that aiohttp has opened. Raises ClientOSError where that is useless already."""
        if opened.transport is None or opened.should_close:  # gone, or talks before it is asked
            opened.close()
            raise aiohttp.ClientOSError("the connection cannot be used")
        self.status = 0
        self.headers: dict[str, str] = {}
        self.whole = True
        self.transport: asyncio.Transport | None = opened.transport
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._opened = opened  # behind a SOCKS proxy it holds a stream that would close the connection with itself
        self._loop = asyncio.get_running_loop()
        self._fields: dict[bytes, bytes] = {}
        self._unread = bytearray()
        self._bodiless = 0  # bytes that have come since there was any of a body among them
        self._reusable = True
        self._until_closed = False
        self._paused = False
        self._failure: BaseException | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._silence_s = 0.0
        self._since = 0.0  # loop time since which the provider is awaited, 0 while it is not
        self._timer: asyncio.TimerHandle | None = None
        self.on_header = self._fields.__setitem__
        self.on_body = self._unread.__iadd__
        self._parser = httptools.HttpResponseParser(self)
        # Such answers are met, and cannot be mistaken for others.
        self._parser.set_dangerous_leniencies(
            lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self.transport.set_protocol(self)

    # One request

    def begin(self, silence_s: float) -> asyncio.Transport:
        """Where to write the request to. `silence_s`: how long to wait for the head and for any piece."""
        if self.transport is None or self.should_close:
            raise aiohttp.ClientOSError("the connection could not be used again")
        self.whole, self.status, self._bodiless = False, 0, 0
        self._fields.clear()
        if silence_s < self._silence_s:
            self._stop_timer()
        self._silence_s = silence_s
        return self.transport

    async def head(self) -> None:
        """Wait for the answer's head."""
        self._since = self._loop.time()
        while not self.status:
            await self._more()
        self._since = 0.0

    async def piece(self) -> bytes:
        """The next piece of the body, nothing at its end."""
        unread = self._unread
        if not unread and not self.whole:
            self._since = self._loop.time()
            while not unread and not self.whole:
                await self._more()
            self._since = 0.0  # from here on it is the client whom we wait for
        if len(unread) <= PIECE_BYTES:
            piece = bytes(unread)
            unread.clear()
        else:
            piece = bytes(unread[:PIECE_BYTES])
            del unread[:PIECE_BYTES]
        if self._paused and len(unread) <= UNREAD_BYTES:
            self._paused = False
            if self.transport is not None:
                self.transport.resume_reading()  # of no effect while it closes
        return piece

    @property
    def taken(self) -> bool:
        """Nothing of the answer is left to take."""
        return self.whole and not self._unread

    # The pool

    @property
    def should_close(self) -> bool:
        return not self.taken or not self._reusable or not self.is_connected()

    def is_connected(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    # The transport

    def data_received(self, data: bytes) -> None:
        if self.whole:
            self.close()  # nobody has asked for it: it must never be the answer to the next request
            return
        before = len(self._unread)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._nonsense(str(error))
        unread = len(self._unread)
        self._bodiless = 0 if unread > before else self._bodiless + len(data)
        if self._bodiless > MAX_HEAD_BYTES and not self.whole:
            self._nonsense("a head without an end")
        if unread > UNREAD_BYTES and not self._paused and not self.whole and self.transport is not None:
            self._paused = True
            self.transport.pause_reading()
        if self.status:
            self._wake()

    def connection_lost(self, error: BaseException | None) -> None:
        self._stop_timer()
        self.transport = None
        self._reusable = False
        if self.status and self._until_closed:
            self.whole = True  # even where it was reset: a proxy that refuses a request does not read it first
        if not self.whole:
            self._fail(self._loss(error))
        self._wake()
        del self._parser, self._opened  # they hold this link, and it them
        if not self.closed.done():
            self.closed.set_result(None)

    # llhttp

    def on_message_begin(self) -> None:
        if self.whole:
            raise ValueError("a second answer")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != _SWITCHING_PROTOCOLS:
            self._fields.clear()  # what comes before (100 Continue, 103 Early Hints) is no answer,
            self._since = self._loop.time()  # but a sign of life
            return
        self.headers = headers = _headers(self._fields)
        coding = headers.get("transfer-encoding", "")
        if coding.lower() not in {"", "chunked"}:
            raise ValueError("a coding that was not asked for")
        self._until_closed = not coding and "content-length" not in headers
        self._reusable = self._parser.should_keep_alive() and status != _SWITCHING_PROTOCOLS
        self.status = status

    def on_message_complete(self) -> None:
        if self.status:
            self.whole = True

    # Waiting

    async def _more(self) -> None:
        """Wait until something may have come. Raises what befell the connection."""
        if self._failure is not None:
            raise self._failure
        if self._timer is None:
            self._timer = self._loop.call_later(self._silence_s, self._look)
        self._waiter = self._loop.create_future()
        await self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _look(self) -> None:
        """One timer watches over all requests of a link and is set again only when it has run out."""
        self._timer = None
        if not self._since:
            return
        left = self._since + self._silence_s - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        else:
            self._fail(TimeoutError())

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Failures

    def _fail(self, failure: BaseException) -> None:
        self._failure = self._failure or failure
        self._wake()

    def _nonsense(self, reason: str) -> None:
        """What came is not HTTP. An answer that was whole before it stays good."""
        self.close()
        if not self.whole:
            self._fail(HttpProcessingError(message=reason))

    def _loss(self, error: BaseException | None) -> BaseException:
        """What the end of the connection means in the middle of a request: see Session._may_be_stale."""
        if self.status:
            return aiohttp.ClientPayloadError("the answer is not whole")
        if self._bodiless:
            return aiohttp.ClientConnectionError("the head is not whole")
        if isinstance(error, OSError):
            return aiohttp.ClientOSError(*error.args)
        return error or aiohttp.ServerDisconnectedError()


def _headers(fields: dict[bytes, bytes]) -> dict[str, str]:
    """The fields as text. Raises ValueError for a head that is larger than any in use."""
    names, values = b"\n".join(fields), b"\n".join(fields.values())  # llhttp lets no line break through
    size = len(names) + len(values)
    if len(fields) > MAX_FIELDS or (size > MAX_FIELD_BYTES and _beyond_bounds(fields, size)):
        raise ValueError("a head that is too large")
    if not fields:
        return {}
    told = values.decode("utf-8", "surrogateescape").split("\n")
    return dict(zip(names.decode("latin-1").lower().split("\n"), told, strict=True))


def _beyond_bounds(fields: dict[bytes, bytes], size: int) -> bool:
    return size > MAX_HEAD_BYTES or any(len(value) > MAX_FIELD_BYTES for value in fields.values())
