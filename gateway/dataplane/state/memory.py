"""State in this process: bounded, expiring, exact. The embedded default."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

from gateway.dataplane.state.base import ENTRIES, Claim, Lease, Standing, Verdict, Window

MAX_KEYS = 200_000


class _Admissions:
    """[first moment, last moment, cost] of what a window admitted, oldest first, with the running total."""

    __slots__ = ("entries", "total")

    def __init__(self) -> None:
        self.entries: deque[list[float]] = deque()
        self.total = 0

    def forget_until(self, moment: float) -> None:
        while self.entries and self.entries[0][1] <= moment:
            self.total -= int(self.entries.popleft()[2])

    def add(self, now: float, cost: int, finest: float) -> None:
        """Remember an admission; past the bound it joins the newest group, which expires with its last."""
        self.total += cost
        if len(self.entries) >= ENTRIES and now - self.entries[-1][0] < finest:
            newest = self.entries[-1]
            newest[1] = now
            newest[2] += cost
        else:
            self.entries.append([now, now, cost])


class MemoryState:
    """`clock` returns seconds that never go back; tests bring their own."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: OrderedDict[str, _Admissions] = OrderedDict()
        self._leases: OrderedDict[str, OrderedDict[str, float]] = OrderedDict()
        self._turns: OrderedDict[str, int] = OrderedDict()

    async def claim(self, claims: Sequence[Claim]) -> Verdict:
        now = self._clock()
        standings: list[Standing] = []
        for index, claim in enumerate(claims):
            room, reset = self._room(claim, now)
            cost = claim.cost if isinstance(claim, Window) else 1
            if room < cost:
                wait = self._wait(claim, room, reset, now)
                return Verdict((*standings, Standing(max(room, 0), reset)), denied=index, retry_after_s=wait)
            standings.append(Standing(room - cost, reset))
        for claim in claims:
            self._take(claim, now)
        return Verdict(tuple(standings))

    async def settle(self, window: Window, difference: int) -> None:
        admitted = self._windows.get(window.key)
        if admitted is None or not admitted.entries:
            return
        newest = admitted.entries[-1]
        difference = max(difference, -int(newest[2]))
        newest[2] += difference
        admitted.total += difference

    async def release(self, lease: Lease) -> None:
        holders = self._leases.get(lease.key)
        if holders is None:
            return
        holders.pop(lease.owner, None)
        if not holders:
            del self._leases[lease.key]

    async def turn(self, key: str) -> int:
        number = self._turns.get(key, -1) + 1
        self._turns[key] = number
        _bound(self._turns)
        return number

    async def ping(self) -> None:
        return None

    async def close(self) -> None:
        return None

    def _room(self, claim: Claim, now: float) -> tuple[int, float]:
        """(places left, seconds until all is free again; for leases, until the first of them expires)."""
        if isinstance(claim, Lease):
            return self._places(claim, now)
        admitted = self._windows.get(claim.key)
        if admitted is None:
            return claim.limit, 0.0
        admitted.forget_until(now - claim.seconds)
        reset = admitted.entries[-1][1] + claim.seconds - now if admitted.entries else 0.0
        return claim.limit - admitted.total, reset

    def _places(self, claim: Lease, now: float) -> tuple[int, float]:
        """(places left, seconds until the oldest lease ends). A key's leases share one ttl: the oldest ends first."""
        holders = self._leases.get(claim.key)
        while holders:
            owner, until = next(iter(holders.items()))
            if until > now:
                return claim.limit - len(holders), until - now
            del holders[owner]
        return claim.limit, 0.0

    def _wait(self, claim: Claim, room: int, reset: float, now: float) -> float:
        """Seconds until a denied claim would fit; the whole window if it never does."""
        if isinstance(claim, Lease):
            return reset
        admitted = self._windows.get(claim.key)
        for _, moment, cost in admitted.entries if admitted else ():
            room += int(cost)
            if room >= claim.cost:
                return moment + claim.seconds - now
        return claim.seconds

    def _take(self, claim: Claim, now: float) -> None:
        if isinstance(claim, Lease):
            holders = self._leases.get(claim.key)
            if holders is None:
                holders = self._leases[claim.key] = OrderedDict()
                _bound(self._leases)
            holders[claim.owner] = now + claim.ttl
            return
        admitted = self._windows.get(claim.key)
        if admitted is None:
            admitted = self._windows[claim.key] = _Admissions()
            _bound(self._windows)
        admitted.add(now, claim.cost, claim.seconds / ENTRIES)


def _bound(table: OrderedDict) -> None:  # type: ignore[type-arg]
    """Forget the oldest entry of a table that has grown past its bound."""
    if len(table) > MAX_KEYS:
        table.popitem(last=False)
