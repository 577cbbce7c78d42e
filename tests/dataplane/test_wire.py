"""The wire as a client sees it: endpoints, headers, bytes that pass unchanged, model names, order of accounts."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests import chat, world
from tests.process import GatewayProcess, until
from tests.upstreams import behaviours, bodies
from tests.upstreams.server import Behaviour, Upstream
from tests.wire import Wire

HEALTH = ("/health", "/v1/health", "/health/liveliness", "/health/readiness")


# Endpoints


@pytest.mark.parametrize("path", HEALTH)
def test_health_needs_no_key_and_answers_head_too(gateway: GatewayProcess, path: str) -> None:
    whole = httpx2.get(gateway.url + path, trust_env=False)
    head = httpx2.head(gateway.url + path, trust_env=False)
    assert whole.status_code == head.status_code == 200
    assert whole.headers["cache-control"] == "no-store, private"
    assert head.content == b""


@pytest.mark.parametrize("path", ["/health", "/v1/health"])
def test_health_says_healthy_and_which_version(gateway: GatewayProcess, path: str) -> None:
    _status, found = gateway.get_json(path)
    assert found["status"] == "healthy"
    assert found["version"]


def test_readiness_names_each_dependency_and_counts_what_is_open(gateway: GatewayProcess) -> None:
    status, found = gateway.get_json("/health/readiness")
    assert status == 200
    assert "database" in json.dumps(found)
    assert isinstance(found["inflight"], int)
    assert isinstance(found["upstream_connections"], int)


def test_a_stream_in_flight_is_counted_until_it_is_over(
    gateway: GatewayProcess, upstream: Upstream, client: httpx2.Client, model: str
) -> None:
    upstream.on(model, behaviours.stream(3, interval=0.2))
    before = gateway.readiness()["inflight"]
    with client.stream("POST", chat.PATH, json=chat.body(model, stream=True)) as response:
        raw = response.iter_raw()  # kept: a client library hangs up when this is collected
        next(raw)
        assert gateway.readiness()["inflight"] == before + 1
        assert bodies.data_of(b"".join(raw))[-1] == "[DONE]"
    until(lambda: gateway.readiness()["inflight"] == before, seconds=2, what="nothing is in flight any more")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v2/chat/completions"])
def test_both_versions_of_the_path_answer(client: httpx2.Client, model: str, path: str) -> None:
    response = client.post(path, json=chat.body(model))
    assert response.status_code == 200
    assert response.json()["choices"][0]["message"]["content"] == "Hello there."


@pytest.mark.parametrize("path", ["/v1/models", "/v2/models"])
def test_models_are_listed_in_openais_shape(client: httpx2.Client, path: str) -> None:
    response = client.get(path)
    listed = response.json()
    assert listed["object"] == "list"
    ids = [entry["id"] for entry in listed["data"]]
    assert {"plain", "renamed", "org/model-x", "ns/deep/model:free", "smart"} <= set(ids)
    assert len(ids) == len(set(ids))
    for entry in listed["data"]:
        assert entry["object"] == "model"
        assert isinstance(entry["created"], int)
        assert entry["owned_by"]
    chat.check_headers(response)


@pytest.mark.parametrize("name", ["plain", "renamed", "org/model-x", "ns/deep/model:free", "smart"])
def test_one_model_is_found_whatever_its_name_holds(client: httpx2.Client, name: str) -> None:
    response = client.get(f"/v1/models/{name}")
    assert response.status_code == 200, response.text
    assert response.json()["id"] == name


def test_an_unknown_model_is_a_404_that_names_the_nearest(client: httpx2.Client) -> None:
    error = chat.error_of(client.get("/v1/models/plian"), 404, "model_not_found")
    assert "plain" in error["message"]


def test_models_need_a_key(gateway: GatewayProcess) -> None:
    chat.error_of(httpx2.get(f"{gateway.url}/v1/models", trust_env=False), 401, "missing_api_key")


def test_a_viewer_lists_models_but_sends_nothing(client: httpx2.Client, model: str) -> None:
    client.headers["authorization"] = f"Bearer {world.VIEWER_KEY}"
    assert client.get("/v1/models").status_code == 200
    chat.error_of(chat.ask(client, model), 403, "permission_denied")


def test_a_narrow_key_sees_and_uses_only_its_models(client: httpx2.Client, model: str) -> None:
    client.headers["authorization"] = f"Bearer {world.NARROW_KEY}"
    listed = {entry["id"] for entry in client.get("/v1/models").json()["data"]}
    assert "plain" in listed
    assert model not in listed
    error = chat.error_of(chat.ask(client, model), 403, "model_not_allowed")
    assert error["param"] == "model"
    for allowed in ("plain", "named:plain", "named/plain", "renamed"):
        assert chat.ask(client, allowed).status_code == 200, allowed


@pytest.mark.parametrize("header", ["authorization", "x-api-key", "api-key"])
def test_the_key_may_come_in_any_of_three_headers(gateway: GatewayProcess, model: str, header: str) -> None:
    value = f"Bearer {world.CI_KEY}" if header == "authorization" else world.CI_KEY
    response = httpx2.post(
        gateway.url + chat.PATH, json=chat.body(model), headers={header: value}, trust_env=False, timeout=10
    )
    assert response.status_code == 200


def test_the_demo_model_answers_offline_and_says_that_it_is_a_demo(gateway: GatewayProcess) -> None:
    from tests.process import DEMO_KEY

    with httpx2.Client(base_url=gateway.url, headers={"x-api-key": DEMO_KEY}, trust_env=False) as session:
        first, second = chat.ask(session, "demo"), chat.ask(session, "demo")
        streamed, raw = chat.ask_stream(session, "demo")
    text = first.json()["choices"][0]["message"]["content"]
    assert "demo" in text.lower()
    assert second.json()["choices"][0]["message"]["content"] == text
    assert streamed.status_code == 200
    assert raw.endswith(bodies.DONE)
    assert bodies.text_of(raw) == text


# Headers of every answer


def test_every_answer_carries_the_same_headers(client: httpx2.Client, upstream: Upstream, model: str) -> None:
    answers = [chat.ask(client, model), chat.ask(client, "no-such-model"), client.get("/v1/models")]
    upstream.on(model, behaviours.refuse(500))
    answers.append(chat.ask(client, model))
    assert [answer.status_code for answer in answers] == [200, 404, 200, 502]
    for answer in answers:
        chat.check_headers(answer)
    assert len({answer.headers["x-request-id"] for answer in answers}) == 4


def test_the_request_id_leads_to_the_row(client: httpx2.Client, gateway: GatewayProcess, model: str) -> None:
    response = chat.ask(client, model)
    row = gateway.row(response.headers["x-request-id"])
    expected = {
        "status": "ok",
        "code": "",
        "http_status": 200,
        "tenant": "acme",
        "requested_model": model,
        "model": model,
        "provider": "up",
        "account": "only",
        "dialect": "openai-chat",
        "client_ip": "127.0.0.1",
        "tokens_in": 11,
        "tokens_out": 7,
        "tokens_cached": 3,
        "tokens_reasoning": 2,
        "usage_source": "provider",
    }
    assert {name: row[name] for name in expected} == expected
    assert not row["stream"]
    assert 0 < row["overhead_ms"] <= row["total_ms"]
    assert row["started_at"] <= row["finished_at"]
    assert row["limit_ms"] is not None
    assert row["auth_ms"] is not None
    assert row["decision"]
    [attempt] = row["attempts"]
    assert attempt["account"] == "only"
    assert attempt["status"] == 200


def test_a_client_chosen_request_id_does_not_become_ours(client: httpx2.Client, model: str) -> None:
    response = client.post(chat.PATH, json=chat.body(model), headers={"x-request-id": "req_" + "a" * 32})
    assert response.headers["x-request-id"] != "req_" + "a" * 32


# What passes through, byte for byte


def test_an_answer_passes_unmodified(client: httpx2.Client, upstream: Upstream, model: str) -> None:
    odd = b'{ "choices":[ {"index":0,"message":{"role":"assistant","content":"\\u00e9\\/\xc3\xa9 "}} ] ,'
    odd += b'\n "unknown_field": 1.0000000000000000001, "usage": null }\n'
    upstream.on(model, behaviours.body(odd, content_type="application/json; charset=utf-8"))
    response = chat.ask(client, model)
    assert response.content == odd
    assert response.headers["content-type"] == "application/json; charset=utf-8"


def test_a_body_passes_with_nothing_but_the_model_changed(
    client: httpx2.Client, upstream: Upstream, model: str
) -> None:
    sent = (
        '{"new_field": {"b": 1, "a": [1.10, 1e3, 12345678901234567890123]}, "model": "up:%s",'
        ' "temperature": 0.10, "messages": [{"role": "user", "content": "\\u00e9\\n<é>", "name": "x"}],'
        ' "user": "u-1"}' % model
    )
    response = client.post(chat.PATH, content=sent.encode(), headers={"content-type": "application/json"})
    assert response.status_code == 200
    received = upstream.last(model).body.decode()
    as_text = dict(parse_float=str, parse_int=str)
    expected = json.loads(sent, **as_text) | {"model": model}
    assert json.loads(received, **as_text) == expected
    assert list(json.loads(received)) == list(expected)


def test_a_non_stream_request_gets_no_stream_options(client: httpx2.Client, upstream: Upstream, model: str) -> None:
    chat.ask(client, model, stream=False)
    assert "stream_options" not in upstream.last(model).json


def test_headers_pass_except_those_that_must_not(client: httpx2.Client, upstream: Upstream, model: str) -> None:
    passing = {"openai-beta": "x=1", "x-custom": "yes", "user-agent": "my-app/1.0", "traceparent": "00-ab-cd-01"}
    stopped = {
        "x-api-key": world.CI_KEY,
        "api-key": world.CI_KEY,
        "cookie": "session=1",
        "x-forwarded-for": "10.9.8.7",
        "x-forwarded-host": "evil.example",
        "x-real-ip": "10.9.8.7",
        "forwarded": "for=10.9.8.7",
        "proxy-authorization": "Basic eDp5",
        "te": "trailers",
        "x-dropped": "by the connection header",
        "connection": "keep-alive, x-dropped",
    }
    response = client.post(chat.PATH, json=chat.body(model), headers={**passing, **stopped})
    assert response.status_code == 200, response.text
    served = upstream.last(model)
    received = {name.lower(): value for name, value in served.headers}
    assert {name: received.get(name) for name in passing} == passing
    assert set(received) & set(stopped) <= {"connection"}
    assert "x-dropped" not in received.get("connection", "")
    assert served.key == world.ONLY_KEY
    assert received["host"] == upstream.address.removeprefix("http://")
    assert [name.lower() for name, _ in served.headers].count("authorization") == 1


def test_a_connection_that_the_provider_closed_while_idle_costs_no_request(
    client: httpx2.Client, upstream: Upstream, model: str
) -> None:
    data = json.dumps(bodies.completion(model)).encode()
    head = behaviours.head(200, {"content-type": "application/json", "content-length": str(len(data))})
    upstream.on(model, behaviours.raw(head + data))  # it closes without having said so
    assert {chat.ask(client, model).status_code for _ in range(40)} == {200}


# Which model, which account


@pytest.mark.parametrize(
    ("sent", "upstream_name"),
    [
        ("plain", "plain"),
        ("named:plain", "plain"),
        ("named/plain", "plain"),
        ("renamed", "real-name"),
        ("named:renamed", "real-name"),
        ("named/renamed", "real-name"),
        ("org/model-x", "org/model-x"),
        ("named:org/model-x", "org/model-x"),
        ("named/org/model-x", "org/model-x"),
        ("ns/deep/model:free", "ns/deep/model:free"),
        ("named:ns/deep/model:free", "ns/deep/model:free"),
        ("named/ns/deep/model:free", "ns/deep/model:free"),
    ],
)
def test_every_form_of_a_model_name(
    client: httpx2.Client, upstream: Upstream, gateway: GatewayProcess, sent: str, upstream_name: str
) -> None:
    response = chat.ask(client, sent)
    assert response.status_code == 200, response.text
    assert upstream.last(upstream_name).model == upstream_name
    row = gateway.row(response.headers["x-request-id"])
    assert row["requested_model"] == sent
    assert row["model"] == upstream_name
    assert row["provider"] == "named"


def test_a_route_goes_on_to_its_next_target(client: httpx2.Client, gateway: GatewayProcess) -> None:
    response = chat.ask(client, "smart")
    assert response.status_code == 200
    assert response.headers["x-gateway-attempts"] == "2"
    row = gateway.row(response.headers["x-request-id"])
    assert [attempt["provider"] for attempt in row["attempts"]] == ["dead", "named"]
    assert row["requested_model"] == "smart"
    assert row["provider"] == "named"


def test_a_model_of_two_providers_is_served_by_the_other_when_one_fails(
    client: httpx2.Client, upstream: Upstream
) -> None:
    by_key = {"sk-upstream-twin-a": behaviours.refuse(500), "sk-upstream-twin-b": behaviours.answer("from b")}
    upstream.on("twin", behaviours.by_key(by_key, behaviours.refuse(500)))
    response = chat.ask(client, "twin")
    assert response.status_code == 200, response.text
    assert response.json()["choices"][0]["message"]["content"] == "from b"


def test_accounts_take_turns(client: httpx2.Client, upstream: Upstream, trio_model: str) -> None:
    for _ in range(9):
        assert chat.ask(client, trio_model).status_code == 200
    used = [served.key for served in upstream.served(trio_model)]
    assert Counter(used) == dict.fromkeys(world.TRIO_KEYS, 3)
    assert used[:3] == used[3:6] == used[6:9]


def test_accounts_take_turns_among_concurrent_requests(
    client: httpx2.Client, upstream: Upstream, trio_model: str
) -> None:
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: chat.ask(client, trio_model), range(60)))
    assert {answer.status_code for answer in answers} == {200}
    assert Counter(served.key for served in upstream.served(trio_model)) == dict.fromkeys(world.TRIO_KEYS, 20)


@pytest.mark.parametrize(
    "fault",
    [
        behaviours.refuse(500),
        behaviours.refuse(503),
        behaviours.refuse(429, retry_after="30"),
        behaviours.refuse(401),
        behaviours.refuse(403),
        behaviours.raw(b""),
        behaviours.raw(b"", reset=True),
        behaviours.raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
        behaviours.body(b"<html>Bad gateway</html>", status=502, content_type="text/html"),
        behaviours.body(b"<html>Sign in</html>", content_type="text/html"),
        behaviours.body(b""),
        behaviours.body(b'{"choices": [{"ind'),
        behaviours.body(b'{"error": {"message": "no capacity"}}'),
        behaviours.redirect("http://127.0.0.1:1/"),
    ],
    ids=[
        "500", "503", "429", "401", "403", "closed", "reset", "ssh", "html-502", "html-200", "empty", "half-json",
        "error-200", "redirect",
    ],
)  # fmt: skip
def test_another_account_answers_where_one_fails(
    client: httpx2.Client, upstream: Upstream, gateway: GatewayProcess, trio_model: str, fault: Behaviour
) -> None:
    bad, good = world.TRIO_KEYS[0], behaviours.answer("from another")
    upstream.on(trio_model, behaviours.by_key({bad: fault}, good))
    answers = [chat.ask(client, trio_model) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
    assert {answer.json()["choices"][0]["message"]["content"] for answer in answers} == {"from another"}
    assert sorted(answer.headers["x-gateway-attempts"] for answer in answers) == ["1", "1", "2"]
    [retried] = [answer for answer in answers if answer.headers["x-gateway-attempts"] == "2"]
    row = gateway.row(retried.headers["x-request-id"])
    assert row["status"] == "ok"
    assert [attempt["account"] for attempt in row["attempts"]][0] == "trio-a"
    assert row["account"] == row["attempts"][1]["account"] != "trio-a"


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_clients_own_mistake_is_not_tried_elsewhere(
    client: httpx2.Client, upstream: Upstream, trio_model: str, status: int
) -> None:
    upstream.on(trio_model, behaviours.refuse(status, "max_tokens is too large", code="bad_value"))
    response = chat.ask(client, trio_model)
    assert response.status_code == status
    assert "max_tokens is too large" in response.json()["error"]["message"]
    assert len(upstream.served(trio_model)) == 1


def test_each_account_is_tried_once_and_no_more(client: httpx2.Client, upstream: Upstream, trio_model: str) -> None:
    upstream.on(trio_model, behaviours.refuse(500))
    response = chat.ask(client, trio_model)
    assert response.status_code == 502
    assert sorted(served.key for served in upstream.served(trio_model)) == sorted(world.TRIO_KEYS)
    assert response.headers["x-gateway-attempts"] == "3"


def test_a_connection_is_reused_for_the_next_request(wire: Wire, model: str) -> None:
    data = json.dumps(chat.body(model)).encode()
    for _ in range(3):
        wire.post(chat.PATH, data, {"authorization": f"Bearer {world.CI_KEY}"})
        assert wire.read().status == 200
