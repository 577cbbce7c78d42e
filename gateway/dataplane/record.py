"""Records out: `started` before the upstream is called, `finished` before the answer is released.

The sink behind it belongs to the control plane; it acknowledges a record when it is durable. With strict
durability (the default) the client's last byte waits for that acknowledgement.
"""

from collections.abc import Awaitable
from typing import Any, Protocol

import orjson

from gateway.dataplane.call import Call
from gateway.dataplane.errors import Unavailable


class Sink(Protocol):
    """Where records go. Rows are tuples in the order of STARTED and FINISHED."""

    def write(self, kind: str, row: tuple[Any, ...]) -> Awaitable[None]:
        """Done when the row is durable; raises OSError if it cannot be made so."""

    def post(self, kind: str, row: tuple[Any, ...]) -> None:
        """Queue the row without waiting; it is written in order with the others."""


STARTED = (
    "id", "started_at", "status", "tenant_id", "tenant", "key_id", "key", "client_ip", "endpoint", "dialect",
    "requested_model", "stream", "decision",
)  # fmt: skip
FINISHED = (
    *STARTED, "attempts", "message", "code", "model", "provider", "account_id", "account", "proxy", "usage_source",
    "dropped_params", "finished_at", "http_status", "auth_ms", "limit_ms", "ttft_ms", "total_ms", "overhead_ms",
    "tokens_in", "tokens_out", "tokens_cached", "tokens_cache_write", "tokens_reasoning",
)  # fmt: skip


class Recorder:
    """Writes a call's two records; `strict` waits for the sink, `relaxed` does not."""

    def __init__(self, sink: Sink, *, strict: bool) -> None:
        self.sink = sink
        self.strict = strict

    async def started(self, call: Call) -> None:
        """The call is about to leave for the upstream. Raises Unavailable if that cannot be recorded."""
        await self._put("started", _started_row(call))

    async def finished(self, call: Call) -> None:
        """The call is over and its last bytes wait. Raises Unavailable if that cannot be recorded."""
        call.recorded = True
        await self._put("finished", _finished_row(call))

    def post_finished(self, call: Call) -> None:
        """The call is over and nobody waits: refused, cut or cancelled. Safe while being cancelled."""
        if not call.recorded:
            call.recorded = True
            self.sink.post("finished", _finished_row(call))

    async def _put(self, kind: str, row: tuple[Any, ...]) -> None:
        if not self.strict:
            self.sink.post(kind, row)
            return
        try:
            await self.sink.write(kind, row)
        except OSError:
            raise Unavailable(
                "The gateway cannot write its request log, so it does not answer. "
                "Try again; an operator finds the cause in the doctor."
            ) from None


def _started_row(call: Call) -> tuple[Any, ...]:
    tenant, key = call.tenant, call.key
    return (
        call.id,
        call.started_at,
        call.status,
        tenant.id if tenant else None,
        tenant.slug if tenant else "",
        key.id if key else None,
        key.public_id if key else "",
        call.client_ip,
        call.endpoint,
        call.dialect,
        call.requested_model[:160],
        call.stream,
        call.decision,
    )


def _finished_row(call: Call) -> tuple[Any, ...]:
    model, account, usage = call.model, call.account, call.usage
    total_ms = call.elapsed_ms()
    return (
        *_started_row(call),
        orjson.dumps([attempt.as_row() for attempt in call.attempts]).decode() if call.attempts else "[]",
        call.message,
        call.code,
        model.upstream_name if model else "",
        model.provider if model else "",
        account.id if account else "",
        account.label if account else "",
        call.proxy,
        call.usage_source,
        ",".join(call.dropped)[:300] if call.dropped else "",
        call.started_at + total_ms / 1000,
        call.http_status,
        call.auth_ms,
        call.limit_ms,
        call.ttft_ms,
        total_ms,
        max(0.0, total_ms - call.upstream_ms),
        usage.tokens_in if usage else None,
        usage.tokens_out if usage else None,
        usage.cached if usage else None,
        usage.cache_write if usage else None,
        usage.reasoning if usage else None,
    )
