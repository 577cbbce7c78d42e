"""What an attacker on either side tries: to steer requests, to read credentials, to smuggle, to exhaust."""

import base64
import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest

from tests import chat, world
from tests.process import GatewayProcess, until
from tests.upstreams import behaviours, bodies
from tests.upstreams.server import Exchange, Upstream
from tests.wire import Wire

# Whoever may set one of these decides where the gateway goes, with which credential, or whether at all.
ROUTING_NAMES = """
api_base base_url api_key api_type api_version custom_host custom_llm_provider extra_headers extra_query extra_body
proxy proxies proxy_url http_proxy https_proxy organization user_config mock_response mock_testing_fallbacks timeout
request_timeout aws_access_key_id aws_secret_access_key aws_session_token aws_region_name azure_endpoint
azure_ad_token azure_deployment vertex_project vertex_location vertex_credentials model_list fallbacks num_retries
litellm_params router_settings target_url endpoint host hostname upstream upstream_url webhook_url callback_url
authorization headers credentials access_token deployment_id
""".split()


@pytest.fixture
def canary() -> Iterator[Upstream]:
    """A listener that must never be connected to."""
    with Upstream(behaviours.answer("you reached the canary")) as server:
        yield server
        assert server.accepted == 0, [served.headers for served in server.ledger]


def carriers_of(key: str) -> set[str]:
    """The forms in which a credential is still a credential, or enough of one to recognise it by."""
    raw = key.encode()
    return {key, quote(key), base64.b64encode(raw).decode(), raw.hex(), key[-12:], key[3:20]}


def assert_clean(text: str, key: str = world.ONLY_KEY) -> None:
    found = [form for form in carriers_of(key) if form in text]
    assert not found, f"{found} in {text[:2000]}"


# T1: the caller chooses the upstream


@pytest.mark.parametrize("name", ROUTING_NAMES)
def test_a_routing_field_in_the_body_is_refused(
    client: httpx2.Client, upstream: Upstream, canary: Upstream, model: str, name: str
) -> None:
    error = chat.error_of(chat.ask(client, model, **{name: canary.base_url}), 400, "unknown_parameter")
    assert error["param"] == name
    assert name in error["message"]
    assert upstream.served(model) == []


@pytest.mark.parametrize("name", ["api_base", "base_url", "api_key", "custom_host", "proxy", "target_url"])
def test_a_routing_field_in_the_query_is_refused(
    client: httpx2.Client, upstream: Upstream, canary: Upstream, model: str, name: str
) -> None:
    response = client.post(chat.PATH, params={name: canary.base_url}, json=chat.body(model))
    chat.error_of(response, 400, "unknown_parameter")
    assert upstream.served(model) == []


@pytest.mark.parametrize(
    "name",
    [
        "api-base",
        "x-api-base",
        "base-url",
        "x-base-url",
        "x-portkey-custom-host",
        "x-litellm-api-base",
        "x-upstream-url",
        "x-target-url",
        "custom-host",
    ],
)
def test_a_routing_header_is_refused(
    client: httpx2.Client, upstream: Upstream, canary: Upstream, model: str, name: str
) -> None:
    response = client.post(chat.PATH, json=chat.body(model), headers={name: canary.base_url})
    chat.error_of(response, 400, "unknown_parameter")
    assert upstream.served(model) == []


def test_nothing_else_in_a_request_leads_to_another_address(
    client: httpx2.Client, upstream: Upstream, canary: Upstream, model: str
) -> None:
    place = canary.address.removeprefix("http://")
    headers = {"host": place, "x-forwarded-host": place, "x-original-url": canary.base_url, "origin": canary.address}
    nested = {"metadata": {"api_base": canary.base_url}, "user": canary.base_url}
    image = {"type": "image_url", "image_url": {"url": f"{canary.address}/image.png"}}
    messages = [{"role": "user", "content": [image, {"type": "file", "file": {"file_url": canary.address}}]}]
    response = client.post(chat.PATH, json=chat.body(model, messages=messages, **nested), headers=headers)
    assert response.status_code in {200, 400}
    for name in (canary.base_url, f"{canary.address}/x", f"up:{canary.base_url}", f"//{place}/v1", f"up:{model}@{place}"):
        assert chat.ask(client, name).status_code in {400, 404}


def test_a_request_line_with_another_address_stays_here(
    gateway: GatewayProcess, upstream: Upstream, canary: Upstream, model: str
) -> None:
    with Wire(gateway.port) as wire:
        body = json.dumps(chat.body(model)).encode()
        wire.post(f"{canary.base_url}/chat/completions", body, {"authorization": f"Bearer {world.CI_KEY}"})
        assert wire.read().status in {200, 400, 404}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("stream", [True, False])
def test_a_redirect_is_never_followed(
    client: httpx2.Client, upstream: Upstream, canary: Upstream, model: str, status: int, stream: bool
) -> None:
    upstream.on(model, behaviours.body(b"", status=status, location=f"{canary.base_url}/chat/completions"))
    response, raw = chat.ask_stream(client, model) if stream else (chat.ask(client, model), b"")
    assert response.status_code == 502
    assert "location" not in response.headers
    assert canary.address not in (raw or response.content).decode()


# T6, T7, T10: credentials of accounts


@pytest.mark.parametrize("stream", [True, False])
def test_an_upstream_that_echoes_headers_gives_no_credential_away(
    client: httpx2.Client, upstream: Upstream, gateway: GatewayProcess, model: str, stream: bool
) -> None:
    upstream.on(model, behaviours.echo_headers())
    response = chat.ask(client, model, stream=stream)
    assert_clean(json.dumps(dict(response.headers)))
    assert not [name for name in response.headers if name.startswith("x-echo")]
    assert_clean(json.dumps(gateway.row(response.headers["x-request-id"]), default=str))
    assert_clean(gateway.output())


ERROR_TEXTS = [
    "Incorrect API key provided: {key}. You can find your API key at https://platform.example.com.",
    "Incorrect API key provided: {start}********{end}.",
    "token={key}",
    "Bearer {key} is not valid",
]


@pytest.mark.parametrize("text", ERROR_TEXTS)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
@pytest.mark.parametrize("stream", [True, False])
def test_an_upstreams_error_text_gives_no_credential_away(
    client: httpx2.Client, upstream: Upstream, gateway: GatewayProcess, model: str, text: str, status: int, stream: bool
) -> None:
    key = world.ONLY_KEY
    said = text.format(key=key, start=key[:8], end=key[-4:])
    upstream.on(model, behaviours.refuse(status, said))
    response = chat.ask(client, model, stream=stream)
    assert response.status_code >= 400
    for place in (response.text, json.dumps(dict(response.headers)), gateway.output()):
        assert_clean(place)
        assert f"{key[:8]}********{key[-4:]}" not in place
    assert_clean(json.dumps(gateway.row(response.headers["x-request-id"]), default=str))


def test_an_error_inside_a_stream_gives_no_credential_away(
    client: httpx2.Client, upstream: Upstream, gateway: GatewayProcess, model: str
) -> None:
    said = bodies.sse({"error": {"message": f"Incorrect API key provided: {world.ONLY_KEY}"}})
    upstream.on(model, behaviours.events([*bodies.content_events(model, 1), said], interval=0.1))
    response, raw = chat.ask_stream(client, model)
    assert b"error" in raw
    assert_clean(raw.decode())
    assert_clean(json.dumps(gateway.row(response.headers["x-request-id"]), default=str))


def test_an_error_that_comes_with_200_gives_no_credential_away(
    client: httpx2.Client, upstream: Upstream, gateway: GatewayProcess, model: str
) -> None:
    upstream.on(model, behaviours.body(json.dumps({"error": {"message": f"bad key {world.ONLY_KEY}"}}).encode()))
    response = chat.ask(client, model)
    assert_clean(response.text)
    assert_clean(json.dumps(gateway.row(response.headers["x-request-id"]), default=str))


def test_an_upstream_credential_that_fails_is_not_blamed_on_the_tenant(
    client: httpx2.Client, upstream: Upstream, model: str
) -> None:
    upstream.on(model, behaviours.refuse(401))
    error = chat.error_of(chat.ask(client, model), 502, "upstream_credentials_exhausted")
    assert "Your own API key is fine" in error["message"]


def test_neither_prompts_nor_answers_nor_keys_are_stored_or_printed(
    client: httpx2.Client, upstream: Upstream, gateway: GatewayProcess, model: str
) -> None:
    upstream.on(model, behaviours.answer("canary-answer-5521"))
    messages = [{"role": "user", "content": "canary-prompt-8842"}]
    response = chat.ask(client, model, messages=messages, user="canary-user-1177")
    gateway.row(response.headers["x-request-id"])
    chat.ask(client, model, messages=messages, temperature="hot")
    time.sleep(0.3)
    stored = b"".join(file.read_bytes() for file in Path(gateway.data).rglob("*") if file.is_file())
    for canary in ("canary-answer-5521", "canary-prompt-8842", "canary-user-1177", world.CI_KEY, world.ONLY_KEY):
        assert canary.encode() not in stored
        assert canary not in gateway.output()


# T29: caches in between


def test_no_answer_may_be_cached(client: httpx2.Client, upstream: Upstream, model: str) -> None:
    answers = [
        chat.ask(client, model),
        chat.ask(client, model, temperature="hot"),
        chat.ask(client, "no-such-model"),
        chat.ask(client, "nobody"),
        client.get("/v1/models"),
        client.get("/v1/models/plain"),
        client.get("/v1/models/nope"),
        client.get("/v1/nothing"),
        client.put(chat.PATH),
        client.post(chat.PATH, headers={"authorization": "Bearer sk-wrong"}),
        chat.ask_stream(client, model)[0],
    ]
    upstream.on(model, behaviours.refuse(400))
    answers.append(chat.ask(client, model))
    upstream.on(model, behaviours.refuse(500))
    answers.append(chat.ask(client, model))
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store, private", answer.request.url
        assert "authorization" in answer.headers["vary"].lower()


def test_an_upstreams_cache_headers_and_cookies_stay_behind(
    client: httpx2.Client, upstream: Upstream, model: str
) -> None:
    data = json.dumps(bodies.completion(model)).encode()
    headers = {"cache_control": "public, max-age=600", "set_cookie": "sid=1", "etag": '"x"', "server": "evil/1"}
    upstream.on(model, behaviours.body(data, **headers))
    response = chat.ask(client, model)
    assert response.headers.get_list("cache-control") == ["no-store, private"]
    assert "set-cookie" not in response.headers
    assert "etag" not in response.headers
    assert "evil" not in response.headers.get("server", "")


# T42: the gateway as its own provider


def test_a_gateway_that_points_at_itself_does_not_loop(
    client: httpx2.Client, gateway: GatewayProcess, upstream: Upstream
) -> None:
    """The provider `self` is this gateway; its model is again the provider's own, for ever."""
    began = time.monotonic()
    response = chat.ask(client, "looped")
    assert response.status_code >= 400
    assert time.monotonic() - began < 10
    assert len(gateway.rows_of("looped")) <= 3
    assert gateway.readiness()["inflight"] == 0


# T43 and T44: bombs


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "br"])
def test_a_compressed_bomb_is_not_unpacked(gateway: GatewayProcess, encoding: str) -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    before = _resident_kb(gateway.pid)
    headers = {"authorization": f"Bearer {world.CI_KEY}", "content-encoding": encoding}
    response = httpx2.post(gateway.url + chat.PATH, content=bomb, headers=headers, trust_env=False)
    chat.error_of(response, 415, "unsupported_content_encoding")
    assert _resident_kb(gateway.pid) - before < 5_000


def test_a_compressed_answer_that_nobody_asked_for_is_not_unpacked(
    client: httpx2.Client, upstream: Upstream, gateway: GatewayProcess, model: str
) -> None:
    upstream.on(model, behaviours.body(gzip.compress(b" " * 200_000_000), content_encoding="gzip"))
    before = _resident_kb(gateway.pid)
    chat.error_of(chat.ask(client, model), 502, "upstream_invalid")
    assert upstream.last(model).header("accept-encoding") == "identity"
    assert _resident_kb(gateway.pid) - before < 50_000


def test_an_answer_without_end_is_given_up(
    client: httpx2.Client, upstream: Upstream, gateway: GatewayProcess, model: str
) -> None:
    head = behaviours.head(200, {"content-type": "application/json", "connection": "close"})

    async def pour(exchange: Exchange) -> None:
        await exchange.send(head)
        for _ in range(400):
            await exchange.send(b" " * 1_000_000)

    upstream.on(model, pour)
    chat.error_of(chat.ask(client, model), 502, "upstream_invalid")
    until(lambda: upstream.last(model).outcome == "left", seconds=5, what="the upstream is cut off")


def _resident_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


# T62: the environment's proxies


def test_proxies_of_the_environment_are_not_used(tmp_path: Path, upstream: Upstream, canary: Upstream) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login canary password netrc-canary\n")
    environment = {"HOME": str(tmp_path), "NETRC": str(tmp_path / ".netrc")}
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        environment |= {name: canary.address, name.upper(): canary.address}
    with GatewayProcess(tmp_path, **environment) as process:
        process.configure(world.configuration(upstream.base_url, process.url))
        with httpx2.Client(base_url=process.url, headers={"x-api-key": world.CI_KEY}, trust_env=False) as session:
            assert chat.ask(session, "plain").status_code == 200
    assert upstream.last("plain").key == "sk-upstream-named-1"
    assert "netrc-canary" not in json.dumps(upstream.last("plain").headers)
