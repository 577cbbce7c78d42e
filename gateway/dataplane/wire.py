"""One request and its answer over a connection of aiohttp's pool.

aiohttp opens and keeps: names, TLS, proxies, pooling. The request itself is written here, for what ClientSession puts
around one (cookies, redirects, tracing, a task for its body) costs as much as the gateway's own work on a call. The
answer is read by `link.py`.
"""

import asyncio
from collections.abc import Mapping
from functools import cached_property
from typing import cast

import aiohttp
import yarl
from aiohttp.connector import Connection

from gateway.dataplane.link import Link

JOINED_BYTES = 64 * 1024  # up to here a copy of the body costs less than a packet of its own for the head
_OWN = ("Host", "Proxy-Authorization")


class Destination:
    """Where requests go, and how they begin. `asked` is what the connector reads; it is never sent itself."""

    def __init__(self, url: yarl.URL, http_proxy: yarl.URL | None) -> None:
        self.authority = url.raw_authority
        self.asked = aiohttp.ClientRequest("POST", url, proxy=http_proxy, loop=asyncio.get_running_loop())

    @cached_property
    def _start(self) -> str:
        """What all heads begin with; known once connected, for the connector adds the proxy's password."""
        asked = self.asked
        read_by_proxy = asked.proxy is not None and not asked.is_ssl()  # otherwise it is a tunnel
        lines = [f"POST {asked.url if read_by_proxy else asked.url.raw_path_qs} HTTP/1.1"]
        lines += [f"{name}: {asked.headers[name]}" for name in _OWN if name in asked.headers]
        return "\r\n".join(lines)

    def head(self, headers: Mapping[str, str], size: int) -> bytes:
        """The head of a request with a body of `size` bytes. Raises ValueError for a line break in a header."""
        lines = [self._start, *[f"{name}: {value}" for name, value in headers.items()]]
        head = "\r\n".join([*lines, f"content-length: {size}\r\n\r\n"])
        breaks = self._start.count("\n") + len(headers) + 3
        if head.count("\n") != breaks or head.count("\r") != breaks or "\0" in head:
            raise ValueError("a header holds a line break; the request is not sent")
        return head.encode()


class Wire:
    """A request and its answer, which has arrived for good when `end` was called, which is always due.

    status, headers:  of the answer, once `ask` has returned.
    Raises from `ask` and `piece`: aiohttp.ClientError, HttpProcessingError, OSError; TimeoutError when the provider
    was silent for too long.
    """

    __slots__ = ("_connection", "_link", "headers", "status")

    def __init__(self, connection: Connection) -> None:
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self._connection = connection
        self._link = cast(Link, connection.protocol)

    async def ask(self, head: bytes, body: bytes, silence_s: float) -> None:
        """Send the request and return once the answer's head is there."""
        link = self._link
        transport = link.begin(silence_s)
        if len(body) <= JOINED_BYTES:
            transport.write(head + body)
        else:
            transport.write(head)
            transport.write(body)  # the whole of it is in memory already: there is nothing to hold back
        await link.head()
        self.status, self.headers = link.status, link.headers

    async def piece(self) -> bytes:
        """The next piece of the body, nothing at its end."""
        assert self._connection.protocol is not None, "the connection is another request's by now"
        return await self._link.piece()

    @property
    def whole(self) -> bool:
        """Nothing of the body is left to take."""
        return self._link.taken

    def end(self) -> None:
        """Give the connection back if both request and answer went over it to their ends, else close it."""
        transport = self._link.transport
        if transport is not None and transport.get_write_buffer_size() == 0:
            self._connection.release()  # which looks whether the link should close
        else:
            self._connection.close()
