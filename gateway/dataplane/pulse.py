"""One timer for every exchange: late bodies, clients that left or stopped reading, streams that fell silent.

A timer of its own for each request would cost more than the rest of its bookkeeping.
"""

import asyncio
from collections.abc import Coroutine
from time import monotonic
from typing import Any

from gateway.dataplane.exchange import Exchange

BEAT_SECONDS = 0.1
BODY_SECONDS = 30.0  # to receive a whole body; a client that needs longer holds a place on purpose
HOLD_SECONDS = 8.0  # so long the status line waits for the upstream, so that a fast failure keeps its status
SILENCE_SECONDS = 10.0  # balancers cut connections that are silent for 60 s
STALL_SECONDS = 30.0  # a client that takes nothing for so long is not coming back


class Pulse:
    def __init__(self) -> None:
        self._exchanges: dict[Exchange, float] = {}
        self._sending: set[asyncio.Task[None]] = set()

    def over(self, exchange: Exchange) -> "_Care":
        """Look after one exchange while the block runs."""
        return _Care(self._exchanges, exchange)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            now = monotonic()
            for exchange, began in list(self._exchanges.items()):
                self._beat(exchange, now, now - began)

    def _beat(self, exchange: Exchange, now: float, age: float) -> None:
        if exchange.reading:
            if age > BODY_SECONDS:
                exchange.give_up_reading()
            return
        if not exchange.received:
            return  # whoever listens for a disconnect now would swallow the body
        if age > BEAT_SECONDS:  # most answers are out by then, and need no task that listens
            exchange.watch()
        if exchange.writing_since:
            if now - exchange.writing_since > STALL_SECONDS:
                exchange.drop()
        elif exchange.keep_alive:
            self._keep_alive(exchange, now, age)

    def _keep_alive(self, exchange: Exchange, now: float, age: float) -> None:
        if not exchange.opened:
            if age >= HOLD_SECONDS:
                self._start(_open(exchange))
        elif not exchange.closed and now - exchange.last_sent >= SILENCE_SECONDS:
            self._start(exchange.write(exchange.keep_alive))

    def _start(self, sending: Coroutine[Any, Any, None]) -> None:
        # A task of its own: one client that does not read must not hold up the others' heartbeat.
        task = asyncio.get_running_loop().create_task(sending)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)


class _Care:
    __slots__ = ("_exchange", "_exchanges")

    def __init__(self, exchanges: dict[Exchange, float], exchange: Exchange) -> None:
        self._exchanges = exchanges
        self._exchange = exchange

    def __enter__(self) -> None:
        self._exchanges[self._exchange] = monotonic()

    def __exit__(self, *_: object) -> None:
        del self._exchanges[self._exchange]
        self._exchange.unwatch()


async def _open(exchange: Exchange) -> None:
    await exchange.open(200, exchange.waiting_headers)
    await exchange.write(exchange.keep_alive)
