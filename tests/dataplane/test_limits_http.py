"""Limits as a client meets them: exact counts, truthful headers, a Retry-After that holds."""

import json
import math
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests import chat
from tests.process import GatewayProcess, until
from tests.upstreams import behaviours, bodies
from tests.upstreams.server import Upstream


def limited(gateway: GatewayProcess, slug: str, **limits: int) -> httpx2.Client:
    """A client of a fresh tenant with these limits, so that no other test has used any of them."""
    key = f"sk-tenant-{slug}-0000000000"
    gateway.configure({"tenants": [{"id": slug, "limits": limits, "keys": [{"name": "ci", "key": key}]}]})
    return httpx2.Client(
        base_url=gateway.url, headers={"authorization": f"Bearer {key}"}, timeout=30, trust_env=False
    )


def refusal(response: httpx2.Response, limit: str) -> dict[str, object]:
    error = chat.error_of(response, 429, "rate_limit_exceeded")
    assert error["limit"] == limit
    assert error["type"] == "rate_limit_error"
    assert error["source"] == "gateway"
    assert int(response.headers["retry-after"]) >= 1
    return error


def test_requests_per_minute_are_counted_exactly(gateway: GatewayProcess, upstream: Upstream, model: str) -> None:
    with limited(gateway, "rpm-exact", requests_per_minute=5) as client:
        answers = [chat.ask(client, model) for _ in range(8)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
    assert [answer.headers["x-ratelimit-limit-requests"] for answer in answers] == ["5"] * 8
    remaining = [answer.headers["x-ratelimit-remaining-requests"] for answer in answers]
    assert remaining == ["4", "3", "2", "1", "0", "0", "0", "0"]
    assert len(upstream.served(model)) == 5
    for answer in answers[5:]:
        refusal(answer, "requests")
        assert 50 <= int(answer.headers["retry-after"]) <= 60


def test_the_older_headers_say_the_same(gateway: GatewayProcess, model: str) -> None:
    with limited(gateway, "rpm-headers", requests_per_minute=4) as client:
        response = chat.ask(client, model)
    assert response.headers["x-ratelimit-limit"] == "4"
    assert response.headers["x-ratelimit-remaining"] == "3"
    assert time.time() < int(response.headers["x-ratelimit-reset"]) <= time.time() + 61


def test_a_tenant_without_limits_has_no_such_headers(client: httpx2.Client, model: str) -> None:
    response = chat.ask(client, model)
    assert not [name for name in response.headers if name.startswith("x-ratelimit")]


def test_concurrent_requests_share_the_minute_exactly(
    gateway: GatewayProcess, upstream: Upstream, model: str
) -> None:
    with limited(gateway, "rpm-race", requests_per_minute=20) as client, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: chat.ask(client, model), range(50)))
    assert Counter(answer.status_code for answer in answers) == {200: 20, 429: 30}
    assert len(upstream.served(model)) == 20


def test_one_tenants_limit_is_not_anothers(gateway: GatewayProcess, client: httpx2.Client, model: str) -> None:
    with limited(gateway, "rpm-alone", requests_per_minute=1) as poor:
        assert [chat.ask(poor, model).status_code for _ in range(2)] == [200, 429]
    assert chat.ask(client, model).status_code == 200


def test_two_keys_of_a_tenant_share_its_limit(gateway: GatewayProcess, model: str) -> None:
    with limited(gateway, "rpm-keys", requests_per_minute=2) as first:
        second = "sk-tenant-rpm-keys-second-000"
        gateway.configure({"tenants": [{"id": "rpm-keys", "keys": [{"name": "two", "key": second}]}]})
        assert chat.ask(first, model).status_code == 200
        first.headers["authorization"] = f"Bearer {second}"
        assert chat.ask(first, model).status_code == 200
        refusal(chat.ask(first, model), "requests")


def test_bad_input_and_bad_models_do_not_use_up_the_minute(gateway: GatewayProcess, model: str) -> None:
    with limited(gateway, "rpm-refusals", requests_per_minute=2) as client:
        for _ in range(5):
            assert chat.ask(client, model, temperature="hot").status_code == 400
            assert chat.ask(client, "no-such-model").status_code == 404
        assert [chat.ask(client, model).status_code for _ in range(3)] == [200, 200, 429]


@pytest.mark.slow
def test_retry_after_is_true(gateway: GatewayProcess, model: str) -> None:
    with limited(gateway, "rpm-retry", requests_per_minute=1) as client:
        assert chat.ask(client, model).status_code == 200
        time.sleep(40)
        wait = int(chat.ask(client, model).headers["retry-after"])
        assert 15 <= wait <= 21
        time.sleep(wait - 2)
        assert chat.ask(client, model).status_code == 429
        time.sleep(2)
        assert chat.ask(client, model).status_code == 200


def test_tokens_are_claimed_before_and_settled_after(gateway: GatewayProcess, upstream: Upstream, model: str) -> None:
    small = {"prompt_tokens": 60, "completion_tokens": 20, "total_tokens": 80}
    upstream.on(model, behaviours.answer(usage=small))
    with limited(gateway, "tpm-settled", tokens_per_minute=200) as client:
        first, second = chat.ask(client, model), chat.ask(client, model)
        assert (first.status_code, second.status_code) == (200, 200)
        third = chat.ask(client, model)  # 160 of 200 are used; the prompt is about 25, so it fits
        assert third.status_code == 200
        fourth = chat.ask(client, model)  # 240 are used
        refusal(fourth, "tokens")
    assert first.headers["x-ratelimit-limit-tokens"] == "200"
    left = [int(answer.headers["x-ratelimit-remaining-tokens"]) for answer in (first, second, third, fourth)]
    assert 150 < left[0] < 200
    assert 80 < left[1] < 120
    assert left[3] == 0
    assert len(upstream.served(model)) == 3


def test_a_request_that_can_never_fit_says_so(gateway: GatewayProcess, upstream: Upstream, model: str) -> None:
    with limited(gateway, "tpm-huge", tokens_per_minute=200) as client:
        error = refusal(chat.ask(client, model, max_tokens=1000), "tokens")
        assert "shorter" in str(error["message"])
        assert chat.ask(client, model).status_code == 200


def test_a_streams_tokens_count_too(gateway: GatewayProcess, upstream: Upstream, model: str) -> None:
    closing = bodies.sse({**bodies.piece(model, {}), "choices": [], "usage": {
        "prompt_tokens": 100, "completion_tokens": 95, "total_tokens": 195}})
    sent = [*bodies.content_events(model, 1), bodies.sse(bodies.piece(model, {}, "stop")), closing, bodies.DONE]
    upstream.on(model, behaviours.events(sent))
    with limited(gateway, "tpm-stream", tokens_per_minute=200) as client:
        assert bodies.data_of(chat.ask_stream(client, model)[1])[-1] == "[DONE]"
        response, _raw = chat.ask_stream(client, model)
        assert response.status_code == 429


def test_tokens_of_a_failed_request_are_given_back(gateway: GatewayProcess, upstream: Upstream, model: str) -> None:
    upstream.on(model, behaviours.refuse(500))
    with limited(gateway, "tpm-back", tokens_per_minute=200) as client:
        for _ in range(12):
            assert chat.ask(client, model, max_tokens=100).status_code == 502


def test_places_are_held_while_a_request_runs_and_free_afterwards(
    gateway: GatewayProcess, upstream: Upstream, model: str
) -> None:
    upstream.on(model, behaviours.wait(0.8, behaviours.answer()))
    with limited(gateway, "places", concurrent=3) as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: chat.ask(client, model), range(8)))
        assert Counter(answer.status_code for answer in answers) == {200: 3, 429: 5}
        for answer in answers:
            if answer.status_code == 429:
                refusal(answer, "concurrent")
        upstream.on(model, behaviours.answer())
        assert [chat.ask(client, model).status_code for _ in range(6)] == [200] * 6


@pytest.mark.parametrize("ending", ["error", "client leaves", "stream breaks", "no such account"])
def test_a_place_is_free_however_the_request_ends(
    gateway: GatewayProcess, upstream: Upstream, model: str, ending: str
) -> None:
    slug = "place-" + ending.replace(" ", "-")
    with limited(gateway, slug, concurrent=1) as client:
        if ending == "error":
            upstream.on(model, behaviours.refuse(500))
            chat.ask(client, model)
        elif ending == "no such account":
            assert chat.ask(client, "nobody").status_code == 503
        elif ending == "stream breaks":
            upstream.on(model, behaviours.stream(1, then="reset"))
            chat.ask_stream(client, model)
        else:
            upstream.on(model, behaviours.stream(1, then="hang"))
            with client.stream("POST", chat.PATH, json=chat.body(model, stream=True)) as response:
                raw = response.iter_raw()
                next(raw)
            until(lambda: upstream.last(model).outcome == "left", seconds=2, what="the call is cancelled")
        upstream.on(model, behaviours.answer())
        until(lambda: chat.ask(client, model).status_code == 200, seconds=2, what="the place is free")


def test_what_is_refused_by_a_limit_has_a_row(gateway: GatewayProcess, model: str) -> None:
    with limited(gateway, "rpm-row", requests_per_minute=1) as client:
        chat.ask(client, model)
        response = chat.ask(client, model)
    row = gateway.row(response.headers["x-request-id"])
    assert (row["status"], row["code"], row["http_status"]) == ("refused", "rate_limit_exceeded", 429)
    assert row["tenant"] == "rpm-row"
    assert row["attempts"] == []


def test_a_changed_limit_is_live_at_once(gateway: GatewayProcess, model: str) -> None:
    with limited(gateway, "rpm-raised", requests_per_minute=1) as client:
        assert [chat.ask(client, model).status_code for _ in range(2)] == [200, 429]
        gateway.configure({"tenants": [{"id": "rpm-raised", "limits": {"requests_per_minute": 3}}]})
        assert [chat.ask(client, model).status_code for _ in range(3)] == [200, 200, 429]


def test_retry_after_is_a_whole_number_of_seconds(gateway: GatewayProcess, model: str) -> None:
    with limited(gateway, "rpm-whole", requests_per_minute=1) as client:
        chat.ask(client, model)
        response = chat.ask(client, model)
    assert response.headers["retry-after"].isdigit()
    assert json.loads(response.content)["error"]["retry_after_s"] == math.ceil(int(response.headers["retry-after"]))
