"""Streams back: the first content decides the account, whole events pass, no false ending is ever sent."""

import time
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from gateway.dataplane.attempts import first_that_answers, scrub, send
from gateway.dataplane.call import Attempt, Call
from gateway.dataplane.crossing import Reader
from gateway.dataplane.demo import Reply
from gateway.dataplane.discover import load
from gateway.dataplane.errors import UpstreamError, UpstreamIncomplete
from gateway.dataplane.exchange import Exchange
from gateway.dataplane.headers import own, to_client
from gateway.dataplane.messages import Envelope
from gateway.dataplane.plane import Plane
from gateway.dataplane.routing import Candidate, Plan


class _Opened(NamedTuple):
    """A stream whose first content has arrived, with the bytes to send first."""

    reply: Reply
    chunks: AsyncIterator[bytes]
    reader: Reader
    first: bytes
    attempt: Attempt
    credential: str


async def relay(plane: Plane, exchange: Exchange, call: Call, envelope: Envelope, plan: Plan) -> None:
    """Answer with a stream. Raises NoTargetLeft before the first content, UpstreamIncomplete after it."""
    dialect = load("dialects", call.dialect)
    stream_type: bytes = dialect.STREAM_TYPE if envelope.framing == "sse" else dialect.JSON_TYPE
    exchange.waiting_headers = b"content-type: %b\r\n%b" % (stream_type, own(call))
    exchange.keep_alive = dialect.KEEP_ALIVE if envelope.framing == "sse" else b""
    opened = await first_that_answers(call, plan, _opener(plane, exchange, call, envelope, stream_type))
    exchange.error_event = opened.reader.error_event
    try:
        await _pass_on(plane, exchange, call, opened)
    finally:
        opened.reply.close()


def _opener(plane: Plane, exchange: Exchange, call: Call, envelope: Envelope, stream_type: bytes) -> Any:
    async def open_stream(candidate: Candidate, attempt: Attempt) -> _Opened:
        reply, crossing = await send(plane, exchange.headers, call, envelope, candidate)
        reader, chunks = crossing.reader(), reply.chunks()
        try:
            first = await _first_content(chunks, reader, candidate.provider.slug)
        except BaseException:
            reply.close()
            raise
        call.ttft_ms = call.elapsed_ms()
        call.content_type = b"" if crossing.untouched else stream_type
        return _Opened(reply, chunks, reader, first, attempt, candidate.account.credential.reveal())

    return open_stream


async def _first_content(chunks: AsyncIterator[bytes], reader: Reader, provider: str) -> bytes:
    """Read up to the first content; an upstream that ends before any has not answered."""
    async for chunk in chunks:
        ready: bytes = reader.feed(chunk)
        if reader.content:
            return ready
    if not reader.complete:
        raise UpstreamError(f"{provider} ended its stream before any content", outcome="empty", blame="provider")
    return b""


async def _pass_on(plane: Plane, exchange: Exchange, call: Call, opened: _Opened) -> None:
    """Everything from the first content to the end; the closing bytes wait for the record."""
    reader, attempt = opened.reader, opened.attempt
    began = time.perf_counter()
    try:
        if not exchange.opened:
            await exchange.open(200, to_client(opened.reply.headers, call))
        if opened.first:
            await exchange.write(opened.first)
        if reader.broken:
            raise reader.broken
        async for chunk in opened.chunks:
            if ready := reader.feed(chunk):
                await exchange.write(ready)
            if reader.broken:
                raise reader.broken
        last = reader.finish()
        if not reader.complete:
            raise UpstreamIncomplete(
                "the stream ended without its end mark", outcome="cut", blame="provider", try_next=False
            )
    except UpstreamError as error:
        error.message = scrub(error.message, opened.credential)
        attempt.end(error.outcome, opened.reply.status, error.message)
        raise _incomplete(error) from None
    except BaseException:
        attempt.end("cancelled", opened.reply.status)
        raise
    finally:
        call.usage, call.usage_source = reader.usage, "partial"
        call.upstream_ms += (time.perf_counter() - began) * 1000
    attempt.end("answered", opened.reply.status)
    call.usage_source = "provider" if call.usage else "none"
    call.end("ok", http_status=200)
    await plane.recorder.finished(call)
    await exchange.close(last)


def _incomplete(error: UpstreamError) -> UpstreamIncomplete:
    """After content there is no second try: the client is told that the answer is not whole."""
    return UpstreamIncomplete(
        f"The answer is incomplete: {error.message}. Send the request again.",
        outcome=error.outcome,
        blame=error.blame,
        try_next=False,
    )
