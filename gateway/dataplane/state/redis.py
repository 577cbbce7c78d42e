"""State shared through Redis: one script call a loop tick, whatever the number of calls admitted in it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateway.dataplane.state.base import ENTRIES, Claim, Lease, Standing, Verdict, Window

SCRIPT = (Path(__file__).parent / "claim.lua").read_text()


class RedisState:
    """Raises OSError from every verb while Redis cannot be reached."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(url, socket_timeout=2.0, socket_connect_timeout=1.0)
        self._script = self._redis.register_script(SCRIPT)
        self._waiting: list[tuple[list[Any], asyncio.Future[Any]]] = []
        self._flushes: set[asyncio.Task[None]] = set()

    async def claim(self, claims: Sequence[Claim]) -> Verdict:
        denied, wait, standings = await self._ask(["claim", [_wire(claim) for claim in claims]])
        return Verdict(
            tuple(Standing(int(remaining), max(0.0, reset)) for remaining, reset in standings),
            denied=None if denied < 0 else denied,
            retry_after_s=wait,
        )

    async def settle(self, window: Window, difference: int) -> None:
        await self._ask(["settle", window.key, difference])

    async def release(self, lease: Lease) -> None:
        await self._ask(["release", lease.key, lease.owner])

    async def turn(self, key: str) -> int:
        return int(await self._ask(["turn", key]))

    async def ping(self) -> None:
        try:
            await self._redis.ping()
        except RedisError as error:
            raise OSError(f"Redis does not answer: {type(error).__name__}") from None

    async def close(self) -> None:
        if self._flushes:
            await asyncio.wait(self._flushes, timeout=2)
        await self._redis.aclose()

    async def _ask(self, batch: list[Any]) -> Any:
        """Queue one batch for the script call of this tick and wait for its answer."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((batch, answer))
        if len(self._waiting) == 1:
            loop.call_soon(self._flush)
        return await answer

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        # A task of its own: a caller that is cancelled must not take the others' answers with it.
        task = asyncio.get_running_loop().create_task(self._run(waiting))
        self._flushes.add(task)
        task.add_done_callback(self._flushes.discard)

    async def _run(self, waiting: list[tuple[list[Any], asyncio.Future[Any]]]) -> None:
        try:
            raw = await self._script(args=[orjson.dumps([batch for batch, _ in waiting]), ENTRIES])
            answers = orjson.loads(raw)
        except (RedisError, OSError, ValueError) as error:
            for _, future in waiting:
                if not future.done():
                    future.set_exception(OSError(f"Redis does not answer: {type(error).__name__}"))
            return
        for (_, future), answer in zip(waiting, answers, strict=True):
            if not future.done():
                future.set_result(answer)


def _wire(claim: Claim) -> list[Any]:
    if isinstance(claim, Lease):
        return ["l", claim.key, claim.limit, claim.owner, claim.ttl]
    return ["w", claim.key, claim.limit, claim.seconds, claim.cost]
