"""Limits of a tenant: requests and tokens a minute, requests at one moment. Claimed before, settled after."""

import math
import time
from functools import lru_cache

from gateway.dataplane.call import Call
from gateway.dataplane.errors import Limited, Unavailable
from gateway.dataplane.messages import Envelope
from gateway.dataplane.snapshot import Tenant
from gateway.dataplane.state.base import Claim, Lease, State, Verdict, Window

MINUTE = 60.0
LEASE_TTL = 3600.0  # a place left by a killed process is free again after this many seconds
BYTES_PER_TOKEN = 4  # what English prose costs about; settled from the provider's own count

_NAMES = {
    "requests": "requests per minute",
    "tokens": "tokens per minute",
    "concurrent": "concurrent requests",
}
_OF_REQUESTS = (
    b"x-ratelimit-limit-requests: %d\r\nx-ratelimit-remaining-requests: %d\r\nx-ratelimit-reset-requests: %.3fs\r\n"
    b"x-ratelimit-limit: %d\r\nx-ratelimit-remaining: %d\r\nx-ratelimit-reset: %d\r\n"
)
_OF_TOKENS = (
    b"x-ratelimit-limit-tokens: %d\r\nx-ratelimit-remaining-tokens: %d\r\nx-ratelimit-reset-tokens: %.3fs\r\n"
)


class Admission:
    """Holds a tenant's places while its block runs, then gives back what was not used.

    Entering raises Limited naming the limit, and Unavailable while the state cannot be reached.
    """

    __slots__ = ("_call", "_claims", "_envelope", "_state")

    def __init__(self, state: State, call: Call, envelope: Envelope) -> None:
        self._state = state
        self._call = call
        self._envelope = envelope
        self._claims: dict[str, Claim] = {}

    async def __aenter__(self) -> None:
        began = time.perf_counter()
        call = self._call
        tenant = call.tenant
        assert tenant is not None
        claims = _claims(tenant, call, self._envelope)
        if claims:
            try:
                verdict = await self._state.claim(list(claims.values()))
            except OSError:
                raise Unavailable(
                    "The gateway cannot check its limits right now. Try again in a few seconds."
                ) from None
            call.standing = _lines(claims, verdict)
            if verdict.denied is not None:
                raise _refusal(tenant, claims, verdict)
            self._claims = claims
        call.limit_ms = (time.perf_counter() - began) * 1000

    async def __aexit__(self, *_: object) -> None:
        if self._claims:
            await _give_back(self._state, self._claims, self._call)


def _claims(tenant: Tenant, call: Call, envelope: Envelope) -> dict[str, Claim]:
    claims: dict[str, Claim] = {}
    requests, tokens, concurrent = _keys(tenant.id)
    if tenant.requests_per_minute:
        claims["requests"] = Window(requests, tenant.requests_per_minute, MINUTE)
    if tenant.tokens_per_minute:
        call.prompt_estimate = envelope.prompt_bytes // BYTES_PER_TOKEN + max(0, envelope.max_tokens or 0)
        claims["tokens"] = Window(tokens, tenant.tokens_per_minute, MINUTE, call.prompt_estimate)
    if tenant.concurrent:
        claims["concurrent"] = Lease(concurrent, tenant.concurrent, call.request_id, LEASE_TTL)
    return claims


@lru_cache(maxsize=10_000)
def _keys(tenant_id: int) -> tuple[str, str, str]:
    """The braces keep one tenant's keys on one Redis Cluster slot."""
    scope = f"limit:{{{tenant_id}}}"
    return f"{scope}:requests", f"{scope}:tokens", f"{scope}:concurrent"


async def _give_back(state: State, claims: dict[str, Claim], call: Call) -> None:
    """Settle tokens to what the provider counted and free the place; a lost state loses nothing here."""
    try:
        tokens = claims.get("tokens")
        if isinstance(tokens, Window):
            used = call.usage.total if call.usage else (tokens.cost if call.ttft_ms is not None else 0)
            if used != tokens.cost:
                await state.settle(tokens, used - tokens.cost)
        lease = claims.get("concurrent")
        if isinstance(lease, Lease):
            await state.release(lease)
    except OSError:
        return  # windows slide and leases expire by themselves


def _refusal(tenant: Tenant, claims: dict[str, Claim], verdict: Verdict) -> Limited:
    assert verdict.denied is not None
    name, claim = list(claims.items())[verdict.denied]
    retry_after = max(1, math.ceil(verdict.retry_after_s)) if name != "concurrent" else 1
    cost = claim.cost if isinstance(claim, Window) else 1
    if cost > claim.limit:
        advice = f"This request alone needs about {cost}; send a shorter one or ask for a higher limit."
    else:
        advice = f"Try again in {retry_after} s."
    return Limited(
        f"The limit of {claim.limit} {_NAMES[name]} of tenant {tenant.slug} is reached. {advice}",
        retry_after_s=retry_after,
        limit=name,
        limit_value=claim.limit,
    )


def _lines(claims: dict[str, Claim], verdict: Verdict) -> bytes:
    """OpenAI's `x-ratelimit-*`, and the older `x-ratelimit-limit/-remaining/-reset` for requests."""
    lines = b""
    for (name, claim), standing in zip(claims.items(), verdict.standings, strict=False):
        limit, remaining, reset_s = claim.limit, standing.remaining, standing.reset_s
        if name == "requests":
            lines += _OF_REQUESTS % (limit, remaining, reset_s, limit, remaining, math.ceil(time.time() + reset_s))
        elif name == "tokens":
            lines += _OF_TOKENS % (limit, remaining, reset_s)
    return lines
