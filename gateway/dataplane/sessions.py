"""One way out: a pool of connections that are direct, through an HTTP proxy, or through a SOCKS proxy."""

import asyncio
import socket
from time import monotonic
from typing import Any, cast

import aiohttp
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.resolver import ThreadedResolver
from aiohttp_socks import ProxyConnector

from gateway.dataplane.egress import check_address
from gateway.dataplane.link import Link
from gateway.dataplane.snapshot import Proxy
from gateway.dataplane.wire import Destination, Wire

CONNECT_SECONDS = 5.0
KEEP_ALIVE_SECONDS = 20.0  # shorter than any server's, so that we close idle connections first
MAX_CONNECTIONS = 4096
_SOCKS = ("socks5", "socks5h")


class Session:
    """All connections of one way out. `users` counts the requests on them."""

    def __init__(self, proxy: Proxy | None, *, private_ok: bool) -> None:
        self.proxy_url = proxy.url.reveal() if proxy else ""
        self.users = 0
        self.closing: asyncio.Task[None] | None = None
        self._http_proxy = yarl.URL(self.proxy_url) if self.proxy_url.startswith("http") else None
        self._connector = _connector(self.proxy_url, private_ok=private_ok)
        self._destinations: dict[yarl.URL, Destination] = {}
        self._patience: dict[float, aiohttp.ClientTimeout] = {}
        self._answered: dict[str, float] = {}

    async def post(self, url: yarl.URL, headers: dict[str, str], body: bytes, silence_s: float) -> Wire:
        """Send, and return once the answer's head is there. `silence_s`: how long to wait for it and for any piece."""
        destination = self._destinations.get(url)
        if destination is None:
            destination = self._destinations[url] = Destination(url, self._http_proxy)
        try:
            wire = await self._send(destination, headers, body, silence_s)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            if not self._may_be_stale(destination.authority, error):
                raise
            wire = await self._send(destination, headers, body, silence_s)
        self._answered[destination.authority] = monotonic()
        return wire

    async def _send(
        self, destination: Destination, headers: dict[str, str], body: bytes, silence_s: float
    ) -> Wire:
        wire = Wire(await self._connect(destination, silence_s))
        try:
            await wire.ask(destination.head(headers, len(body)), body, silence_s)
        except BaseException:
            wire.end()
            raise
        return wire

    async def _connect(self, destination: Destination, silence_s: float) -> Connection:
        patience = self._patience.get(silence_s)
        if patience is None:
            patience = self._patience[silence_s] = aiohttp.ClientTimeout(
                connect=silence_s, sock_connect=CONNECT_SECONDS
            )
        try:
            return await self._connector.connect(destination.asked, [], patience)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError from error

    def _may_be_stale(self, authority: str, error: BaseException) -> bool:
        """Whether an idle connection, closed by the server just as it was used again, explains the failure.

        Then the request was not read, and sending it once more is safe (RFC 9112 §9.3.1). A refused new
        connection is no such case, nor is a server that has not answered while a connection could be idle.
        """
        if isinstance(error, aiohttp.ClientConnectorError):
            return False
        last = self._answered.get(authority)
        return last is not None and monotonic() - last < KEEP_ALIVE_SECONDS

    async def close(self) -> None:
        await self._connector.close()


class _Linking(aiohttp.TCPConnector):
    """A connector whose connections are links, however they came about."""

    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: list[Any], timeout: aiohttp.ClientTimeout  # noqa: ASYNC109 - aiohttp's
    ) -> ResponseHandler:
        return cast(ResponseHandler, Link(await super()._create_connection(req, traces, timeout)))


class _LinkingThroughSocks(_Linking, ProxyConnector):
    pass


class _CheckedResolver(AbstractResolver):
    """Resolves in a thread and lets no forbidden address through; what is checked is what is dialled."""

    def __init__(self, *, private_ok: bool) -> None:
        self._inner = ThreadedResolver()
        self._private_ok = private_ok

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        for address in found:
            check_address(address["host"], private_ok=self._private_ok)
        return found

    async def close(self) -> None:
        await self._inner.close()


def _connector(proxy_url: str, *, private_ok: bool) -> aiohttp.BaseConnector:
    if proxy_url.startswith(_SOCKS):
        # The proxy resolves the provider's name; the address that we dial is the proxy's.
        return _LinkingThroughSocks.from_url(
            proxy_url.replace("socks5h://", "socks5://", 1),
            rdns=True,
            limit=MAX_CONNECTIONS,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
        )
    return _Linking(
        resolver=_CheckedResolver(private_ok=private_ok),
        ttl_dns_cache=60,
        limit=MAX_CONNECTIONS,
        keepalive_timeout=KEEP_ALIVE_SECONDS,
    )
