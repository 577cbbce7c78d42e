"""Streams that break: a second account before the first content, an honest end after it, and clients that leave."""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from tests import chat, world
from tests.process import GatewayProcess, until
from tests.upstreams import behaviours, bodies
from tests.upstreams.server import Behaviour, Exchange, Upstream
from tests.wire import Wire

# Before the first content another account is tried

EARLY_FAULTS: dict[str, Behaviour] = {
    "500": behaviours.refuse(500),
    "429": behaviours.refuse(429),
    "reset": behaviours.raw(b"", reset=True),
    "html": behaviours.body(b"<html>Sign in</html>", content_type="text/html"),
    "nothing": behaviours.events([]),
    "comments only": behaviours.events([b": hello\n\n", b": hello\n\n"]),
    "role, then cut": behaviours.events(list(bodies.content_events("bad", 0)), end=False),
    "role, then the end": behaviours.events(list(bodies.content_events("bad", 0))),
    "error event": behaviours.events([bodies.sse({"error": {"message": "overloaded", "code": 503}})]),
    "role, then error": behaviours.events(
        [*bodies.content_events("bad", 0), bodies.sse({"error": {"message": "overloaded"}})]
    ),
    "not json": behaviours.events([b"data: {half\n\n"]),
    "not an object": behaviours.events([b"data: [1]\n\n"]),
}


@pytest.mark.parametrize("fault", EARLY_FAULTS)
def test_a_stream_that_fails_early_is_answered_by_another_account(
    client: httpx2.Client, upstream: Upstream, gateway: GatewayProcess, trio_model: str, fault: str
) -> None:
    good = bodies.whole_stream(trio_model)
    table = {world.TRIO_KEYS[0]: EARLY_FAULTS[fault]}
    upstream.on(trio_model, behaviours.by_key(table, behaviours.events([good])))
    answers = [chat.ask_stream(client, trio_model) for _ in range(3)]
    assert [raw for _, raw in answers] == [good] * 3
    rows = [gateway.row(response.headers["x-request-id"]) for response, _ in answers]
    assert sorted(len(row["attempts"]) for row in rows) == [1, 1, 2]
    assert {row["status"] for row in rows} == {"ok"}


def test_a_hang_before_the_first_event_is_answered_by_another_account(
    client: httpx2.Client, upstream: Upstream, hasty_model: str
) -> None:
    hanging = behaviours.events([b": hello\n\n", b""], interval=30)
    upstream.on(hasty_model, behaviours.by_key({world.HASTY_KEYS[0]: hanging}, behaviours.stream(2)))
    for _ in range(2):
        assert bodies.data_of(chat.ask_stream(client, hasty_model)[1])[-1] == "[DONE]"


def test_no_account_that_streams_is_a_plain_502(
    client: httpx2.Client, upstream: Upstream, gateway: GatewayProcess, trio_model: str
) -> None:
    upstream.on(trio_model, EARLY_FAULTS["role, then cut"])
    response, raw = chat.ask_stream(client, trio_model)
    assert response.status_code == 502
    assert response.headers["content-type"].startswith("application/json")
    assert len(json.loads(raw)["error"]["attempts"]) == 3
    assert gateway.row(response.headers["x-request-id"])["status"] == "failed"


# After it there is no second try

OVERLOADED = bodies.sse({"error": {"message": "overloaded"}})
LATE_FAULTS: dict[str, Callable[[bytes], Behaviour]] = {
    "cut": lambda sent: behaviours.events([sent], end=False),
    "the end": lambda sent: behaviours.events([sent]),
    "reset": lambda sent: _sent_then_reset(sent),
    "error event": lambda sent: behaviours.events([sent, OVERLOADED], interval=0.1),
    "error string": lambda sent: behaviours.events([sent, bodies.sse({"error": "overloaded"})], interval=0.1),
    "half an event": lambda sent: behaviours.events([sent, b'data: {"id": "x", "choi'], interval=0.1),
    "[DONE] cut short": lambda sent: behaviours.events([sent, b"data: [DON"], interval=0.1),
}


def _sent_then_reset(sent: bytes) -> Behaviour:
    async def act(exchange: Exchange) -> None:
        await exchange.send(behaviours.head(200, behaviours.STREAM_HEAD) + behaviours.chunk(sent))
        await exchange.pause(0.2)  # a reset overtakes what was not read yet
        exchange.reset()

    return act


@pytest.mark.parametrize("fault", LATE_FAULTS)
def test_a_stream_that_breaks_after_content_ends_with_an_error(
    client: httpx2.Client, upstream: Upstream, gateway: GatewayProcess, trio_model: str, fault: str
) -> None:
    begun = b"".join(bodies.content_events(trio_model, 2))
    upstream.on(trio_model, LATE_FAULTS[fault](begun))
    response, raw = chat.ask_stream(client, trio_model)
    assert response.status_code == 200
    assert raw.startswith(begun)
    error = chat.error_event_of(raw)
    assert error["source"] == "provider"
    assert len(upstream.served(trio_model)) == 1
    row = gateway.row(response.headers["x-request-id"])
    assert row["status"] == "partial"
    assert row["code"] == error["code"] != ""
    assert row["usage_source"] in {"partial", "none"}


def test_content_that_arrives_together_with_an_error_is_not_lost(
    client: httpx2.Client, upstream: Upstream, model: str
) -> None:
    first, *rest = bodies.content_events(model, 4)
    upstream.on(model, behaviours.events([first + rest[0], b"".join(rest[1:]) + OVERLOADED], interval=0.1))
    _response, raw = chat.ask_stream(client, model)
    assert raw.startswith(first + b"".join(rest))
    chat.error_event_of(raw)


def test_silence_after_content_ends_with_an_error(
    client: httpx2.Client, upstream: Upstream, gateway: GatewayProcess, hasty_model: str
) -> None:
    upstream.on(hasty_model, behaviours.stream(2, then="hang"))
    began = time.monotonic()
    response, raw = chat.ask_stream(client, hasty_model)
    assert time.monotonic() - began < 3
    chat.error_event_of(raw)
    assert gateway.row(response.headers["x-request-id"])["status"] == "partial"
    until(lambda: upstream.last(hasty_model).outcome == "left", seconds=2, what="the upstream call is dropped")


def test_one_of_two_choices_that_finished_is_not_a_whole_answer(
    client: httpx2.Client, upstream: Upstream, gateway: GatewayProcess, model: str
) -> None:
    def of_choice(index: int, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": index, "delta": delta, "finish_reason": finish}
        return bodies.sse({**bodies.piece(model, {}), "choices": [choice]})

    begun = [of_choice(0, {"content": "a"}), of_choice(1, {"content": "b"}), of_choice(0, {}, "stop")]
    upstream.on(model, behaviours.events(begun))
    response, raw = chat.ask_stream(client, model, n=2)
    chat.error_event_of(raw)
    assert gateway.row(response.headers["x-request-id"])["status"] == "partial"


def test_an_event_without_end_is_given_up(client: httpx2.Client, upstream: Upstream, model: str) -> None:
    begun = b"".join(bodies.content_events(model, 1))
    upstream.on(model, behaviours.events([begun, b'data: {"x": "', *[b"y" * 1_000_000] * 12]))
    chat.error_event_of(chat.ask_stream(client, model)[1])


def test_an_upstreams_error_text_cannot_add_events(client: httpx2.Client, upstream: Upstream, model: str) -> None:
    forged = 'x\n\ndata: {"choices": [{"delta": {"content": "forged"}}]}\n\ndata: [DONE]\n\n'
    begun = b"".join(bodies.content_events(model, 1))
    upstream.on(model, behaviours.events([begun, bodies.sse({"error": {"message": forged}})], interval=0.1))
    _response, raw = chat.ask_stream(client, model)
    events = bodies.data_of(raw)
    assert len(events) == 3
    assert "error" in json.loads(events[-1])
    assert "forged" not in bodies.text_of(raw)


# Cut at every byte


def _cut_at(sent: bytes, *, end: bool) -> Behaviour:
    """Cut where the request's `user` says, so that one model serves every position."""

    def pick(exchange: Exchange) -> Behaviour:
        return behaviours.events([sent[: int(exchange.served.json["user"])]], end=end)

    return behaviours.choose(pick)


@pytest.mark.parametrize("end", [True, False], ids=["orderly end", "broken off"])
def test_a_stream_cut_at_any_byte_is_never_sold_as_whole(
    client: httpx2.Client, upstream: Upstream, gateway: GatewayProcess, model: str, end: bool
) -> None:
    sent = bodies.whole_stream(model, count=1, with_usage=True)
    finish = sent.index(b'"finish_reason": "stop"')
    finished_at = sent.index(b"\n\n", finish) + 2
    upstream.on(model, _cut_at(sent, end=end))
    for cut in range(len(sent)):
        response, raw = chat.ask_stream(client, model, user=str(cut))
        where = f"cut at {cut}: {raw!r}"
        if b"[DONE]" in raw:
            assert b"data: [DONE]" in sent[:cut], where
        if '"finish_reason": "stop"' in raw.decode():
            assert cut >= finished_at - 2, where
        if cut < finished_at - 2:
            row = gateway.row(response.headers["x-request-id"])
            assert row["status"] in {"partial", "failed"}, where
            assert response.status_code == 502 or "error" in bodies.objects_of(raw)[-1], where


FRAMINGS = ("declared", "chunked", "until close")


@pytest.mark.parametrize("framing", FRAMINGS)
def test_an_answer_cut_at_any_byte_is_a_502(
    client: httpx2.Client, upstream: Upstream, model: str, framing: str
) -> None:
    sent = json.dumps(bodies.completion(model, "wörd")).encode()

    def pick(exchange: Exchange) -> Behaviour:
        part = sent[: int(exchange.served.json["user"])]
        headers = {"content-type": "application/json"}
        if framing == "declared":
            return behaviours.raw(behaviours.head(200, {**headers, "content-length": str(len(sent))}) + part)
        if framing == "chunked":
            framed = behaviours.chunk(part) if part else b""
            return behaviours.raw(behaviours.head(200, {**headers, "transfer-encoding": "chunked"}) + framed)
        return behaviours.raw(behaviours.head(200, {**headers, "connection": "close"}) + part)

    upstream.on(model, behaviours.choose(pick))
    for cut in range(len(sent)):
        response = chat.ask(client, model, user=str(cut))
        assert response.status_code == 502, f"cut at {cut}: {response.text}"
        assert response.json()["error"]["source"] == "provider"


# The client goes away


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_ends_the_upstream_call(
    gateway: GatewayProcess, upstream: Upstream, model: str, stream: bool
) -> None:
    upstream.on(model, behaviours.stream(2, then="hang") if stream else behaviours.hang())
    before = gateway.readiness()["inflight"]
    with Wire(gateway.port) as wire:
        data = json.dumps(chat.body(model, stream=stream)).encode()
        wire.post(chat.PATH, data, {"authorization": f"Bearer {world.CI_KEY}"})
        if stream:
            wire.read_head()
            wire.read_chunk()
        served = upstream.last(model)
    until(lambda: served.outcome == "left", seconds=2, what="the upstream call is cancelled")
    until(lambda: gateway.readiness()["inflight"] == before, seconds=2, what="nothing is in flight any more")

    def row() -> Any:
        return [row for row in gateway.rows_of(model) if row["status"] != "started"]

    [found] = until(row, seconds=3, what="the request has its row")
    assert (found["status"], found["code"]) == ("cancelled", "client_left")
    assert len(found["attempts"]) == 1


def test_a_client_that_leaves_during_an_attempt_gets_no_second_one(
    gateway: GatewayProcess, upstream: Upstream, trio_model: str
) -> None:
    upstream.on(trio_model, behaviours.wait(0.6, behaviours.refuse(500)))
    with Wire(gateway.port) as wire:
        data = json.dumps(chat.body(trio_model)).encode()
        wire.post(chat.PATH, data, {"authorization": f"Bearer {world.CI_KEY}"})
        upstream.last(trio_model)
    time.sleep(1.5)
    assert len(upstream.served(trio_model)) == 1


def test_half_closing_after_the_request_is_not_leaving_early(
    gateway: GatewayProcess, upstream: Upstream, model: str
) -> None:
    """Some clients shut down their sending side; servers may answer or not, but must not lose the row."""
    import socket

    with Wire(gateway.port) as wire:
        wire.post(chat.PATH, json.dumps(chat.body(model)).encode(), {"authorization": f"Bearer {world.CI_KEY}"})
        wire.socket.shutdown(socket.SHUT_WR)
        wire.is_closed_within(3)
    until(lambda: gateway.rows_of(model), seconds=3, what="the request has its row")


@pytest.mark.slow
def test_clients_that_stop_reading_are_let_go(gateway: GatewayProcess, upstream: Upstream, model: str) -> None:
    upstream.on(model, behaviours.events([b"".join(bodies.content_events(model, 500))] * 2000))
    data = json.dumps(chat.body(model, stream=True)).encode()
    before = _resident_kb(gateway.pid)
    wires = [Wire(gateway.port) for _ in range(20)]
    try:
        for wire in wires:
            wire.post(chat.PATH, data, {"authorization": f"Bearer {world.CI_KEY}"})
            wire.read_head()
        time.sleep(5)
        assert _resident_kb(gateway.pid) - before < 20 * 2 * 1024, "kB held for 20 clients that do not read"
        until(
            lambda: all(served.outcome == "left" for served in upstream.served(model)),
            seconds=45,
            what="the upstream streams of clients that do not read are dropped",
        )
    finally:
        for wire in wires:
            wire.socket.close()


def _resident_kb(pid: int) -> int:
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
