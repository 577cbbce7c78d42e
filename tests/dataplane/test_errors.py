"""Every way to get it wrong, and what is said then: bad keys, bad input, empty funnels, failing upstreams."""

import asyncio
import json
import math
import time
from typing import Any

import httpx2
import pytest

from gateway.dataplane import auth, keys
from gateway.dataplane.app import DataPlane
from gateway.dataplane.errors import Unauthorized
from gateway.dataplane.plane import Plane
from gateway.dataplane.record import Recorder
from gateway.dataplane.snapshot import Holder, Key, Snapshot, Tenant
from gateway.dataplane.state.memory import MemoryState
from tests import chat, world
from tests.process import GatewayProcess, free_port
from tests.upstreams import behaviours
from tests.upstreams.server import Behaviour, Upstream
from tests.wire import Wire, head

MALFORMED = [
    "x",
    "sk-",
    "sk-short",
    "sk-with space-0123456789012345",
    "sk-" + "a" * 300,
    "sk-gw-" + "a" * 52,  # right shape, wrong checksum
    "pk-0123456789abcdef0123456789",
    "sk-tést-0123456789abcdef0123",
    "' OR 1=1 --",
    '{"key": "sk-0123456789abcdef0123"}',
    '"sk-0123456789abcdef0123"',
    "sk-0123456789\tabcdef0123",
]


def post(gateway: GatewayProcess, content: Any, **headers: str) -> httpx2.Response:
    """A request of tenant acme with any body; header names take `_` for `-`."""
    own = {"authorization": f"Bearer {world.CI_KEY}", "content-type": "application/json"}
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.post(gateway.url + chat.PATH, content=content, headers={**own, **given}, trust_env=False, timeout=20)


def refused(gateway: GatewayProcess, request: dict[str, Any] | bytes, code: str = "invalid_request_error") -> Any:
    content = request if isinstance(request, bytes) else json.dumps(request).encode()
    return chat.error_of(post(gateway, content), 400, code)


# 401


@pytest.mark.parametrize("stated", [{}, {"authorization": ""}, {"authorization": "Bearer "}, {"x-api-key": ""}])
def test_no_key(gateway: GatewayProcess, stated: dict[str, str]) -> None:
    with Wire(gateway.port) as wire:
        wire.post(chat.PATH, json.dumps(chat.body("plain")).encode(), stated)
        answer = wire.read()
    assert (answer.status, answer.error["code"]) == (401, "missing_api_key")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("text", MALFORMED)
def test_a_malformed_key_is_called_malformed(gateway: GatewayProcess, text: str) -> None:
    with Wire(gateway.port) as wire:
        wire.post(chat.PATH, b"{}", {"authorization": f"Bearer {text.encode().decode('latin-1')}"})
        answer = wire.read()
    assert answer.status == 401
    assert answer.error["code"] == "invalid_api_key"
    assert "malformed" in answer.error["message"]
    assert len(text) < 4 or text not in answer.body.decode()


@pytest.mark.parametrize("text", [text.strip() for text in MALFORMED])
async def test_a_malformed_key_asks_the_database_nothing(text: str) -> None:
    asked: list[str] = []

    async def lookup(digest: str) -> None:
        asked.append(digest)

    ring = auth.KeyRing(lookup, "a pepper")
    with pytest.raises(Unauthorized):
        await auth.identify(ring, Snapshot(), {"authorization": f"Bearer {text}"})
    assert asked == []


async def test_a_well_formed_unknown_key_is_looked_up_once() -> None:
    asked: list[str] = []

    async def lookup(digest: str) -> None:
        asked.append(digest)

    ring = auth.KeyRing(lookup, "a pepper")
    key = keys.make_key()
    for _ in range(3):
        with pytest.raises(Unauthorized):
            await auth.identify(ring, Snapshot(), {"x-api-key": key})
    assert asked == [keys.digest(key, "a pepper")]


class Unwritten:
    """A sink that keeps nothing."""

    async def write(self, kind: str, row: tuple[Any, ...]) -> None: ...

    def post(self, kind: str, row: tuple[Any, ...]) -> None: ...


@pytest.mark.parametrize("seconds", [0.0, 0.15, 0.5])
async def test_a_key_that_takes_long_to_look_up_costs_nothing_of_the_body(seconds: float) -> None:
    text = keys.make_key()

    async def lookup(name: str) -> Key:
        await asyncio.sleep(seconds)
        return Key(id=1, public_id="x", tenant_id=1, name="ci", digest=name)

    snapshot = Snapshot(version=1, tenants={1: Tenant(id=1, slug="acme")})
    ring, recorder = auth.KeyRing(lookup, "a pepper"), Recorder(Unwritten(), strict=True)
    plane = Plane(holder=Holder(snapshot), keys=ring, state=MemoryState(), recorder=recorder, max_body=1000)
    await plane.start()
    body = json.dumps(chat.body("no-such-model")).encode()
    incoming, sent = [{"type": "http.request", "body": body, "more_body": False}], []

    async def receive() -> Any:
        if not incoming:
            await asyncio.sleep(60)
        return incoming.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"authorization", f"Bearer {text}".encode())]
    scope = {"type": "http", "method": "POST", "path": chat.PATH, "headers": headers, "query_string": b""}
    try:
        async with asyncio.timeout(3):
            await DataPlane(plane, version="0", probes={})(scope, receive, send)
    finally:
        await plane.stop()
    assert [message.get("status") for message in sent] == [404, None]


def test_an_unknown_key(gateway: GatewayProcess) -> None:
    response = post(gateway, b"{}", authorization=f"Bearer {keys.make_key()}")
    error = chat.error_of(response, 401, "invalid_api_key")
    assert "unknown" in error["message"]


def test_all_unknown_keys_get_the_same_answer(gateway: GatewayProcess) -> None:
    bodies = set()
    for _ in range(20):
        error = post(gateway, b"{}", authorization=f"Bearer {keys.make_key()}").json()["error"]
        bodies.add(json.dumps({name: value for name, value in error.items() if name != "request_id"}))
    assert len(bodies) == 1


def test_another_scheme_than_bearer(gateway: GatewayProcess) -> None:
    chat.error_of(post(gateway, b"{}", authorization="Basic c2s6eA=="), 401, "invalid_api_key")


def test_two_different_keys_are_refused(gateway: GatewayProcess) -> None:
    response = post(gateway, json.dumps(chat.body("plain")).encode(), x_api_key=world.OTHER_KEY)
    chat.error_of(response, 400, "invalid_request_error")


def test_the_same_key_twice_is_fine(gateway: GatewayProcess) -> None:
    assert post(gateway, json.dumps(chat.body("plain")).encode(), x_api_key=world.CI_KEY).status_code == 200


def test_revoked_and_expired_keys_are_told_apart(gateway: GatewayProcess) -> None:
    revoked, expired = keys.make_key(), keys.make_key()
    gateway.orm(
        "from tenants.models import Tenant; from tenants import services\n"
        "from django.utils import timezone; from datetime import timedelta\n"
        "acme = Tenant.objects.get(slug='acme')\n"
        f"key, _ = services.create_key(tenant=acme, name='revoked', plain={revoked!r})\n"
        "services.revoke_key(key=key)\n"
        f"services.create_key(tenant=acme, name='expired', plain={expired!r},"
        " expires_at=timezone.now() - timedelta(seconds=5))\n"
    )
    time.sleep(1.5)
    request = json.dumps(chat.body("plain")).encode()
    chat.error_of(post(gateway, request, authorization=f"Bearer {revoked}"), 401, "revoked_api_key")
    chat.error_of(post(gateway, request, authorization=f"Bearer {expired}"), 401, "expired_api_key")


def test_a_key_expires_while_it_is_in_use(gateway: GatewayProcess) -> None:
    plain = keys.make_key()
    gateway.orm(
        "from tenants.models import Tenant; from tenants import services\n"
        "from django.utils import timezone; from datetime import timedelta\n"
        "acme = Tenant.objects.get(slug='acme')\n"
        f"services.create_key(tenant=acme, name='soon', plain={plain!r},"
        " expires_at=timezone.now() + timedelta(seconds=3))\n"
    )
    request = json.dumps(chat.body("plain")).encode()
    assert post(gateway, request, authorization=f"Bearer {plain}").status_code == 200
    time.sleep(3.2)
    chat.error_of(post(gateway, request, authorization=f"Bearer {plain}"), 401, "expired_api_key")


def test_a_refused_key_leaves_no_trace_of_itself(gateway: GatewayProcess) -> None:
    key = keys.make_key()
    post(gateway, b"{}", authorization=f"Bearer {key}")
    post(gateway, b"{}", authorization=f"Bearer {key}x")
    assert key not in gateway.output()
    for row in gateway.query("select * from logs_requestlog"):
        assert key not in json.dumps(row, default=str)


# 400


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"not json",
        b'{"model": "plain",}',
        b"{'model': 'plain'}",
        b'\xff\xfe{"a": 1}',
        b'{"model": "pl\xffain", "messages": []}',
        b'{"model": "plain", "messages": [{"role": "user", "content": "x"}], "temperature": NaN}',
        b'{"model": "plain", "messages": [{"role": "user", "content": "x"}], "extra": Infinity}',
        b'{"model": "plain", "messages": [{"role": "user", "content": "\\ud800"}]}',
        b'{"model": "plain", "messages": [{"role": "user", "content": "x"}]} {"again": 1}',
        b"\x00" * 100,
    ],
)
def test_what_is_not_json(gateway: GatewayProcess, data: bytes) -> None:
    assert "JSON" in refused(gateway, data)["message"]


@pytest.mark.parametrize("data", [b"[]", b"null", b'"text"', b"12", b"true"])
def test_what_is_json_but_no_object(gateway: GatewayProcess, data: bytes) -> None:
    assert "object" in refused(gateway, data)["message"]


FIELDS: list[tuple[str, Any]] = [
    ("model", ...),
    ("model", None),
    ("model", 12),
    ("model", ["plain"]),
    ("model", ""),
    ("messages", ...),
    ("messages", None),
    ("messages", []),
    ("messages", "Hello"),
    ("messages", {"role": "user"}),
    ("messages", ["Hello"]),
    ("messages", [{"content": "no role"}]),
    ("messages", [{"role": 1, "content": "x"}]),
    ("messages", [{"role": "user", "content": 5}]),
    ("stream", "true"),
    ("stream", 1),
    ("stream_options", "include_usage"),
    ("stream_options", {"include_usage": "yes"}),
    ("max_tokens", "many"),
    ("max_tokens", 1.5),
    ("max_completion_tokens", [1]),
    ("temperature", "hot"),
    ("top_p", {}),
    ("n", "two"),
    ("seed", 0.5),
    ("stop", 3),
    ("stop", [1]),
    ("presence_penalty", "x"),
    ("frequency_penalty", []),
    ("logit_bias", [1]),
    ("logprobs", "yes"),
    ("top_logprobs", "3"),
    ("user", 7),
    ("tools", {}),
    ("tools", ["get_weather"]),
    ("tool_choice", 1),
    ("parallel_tool_calls", "no"),
    ("response_format", "json"),
]


@pytest.mark.parametrize(("field", "value"), FIELDS, ids=[f"{name}={value!r:.30}" for name, value in FIELDS])
def test_a_bad_field_is_named(
    gateway: GatewayProcess, upstream: Upstream, model: str, field: str, value: Any
) -> None:
    error = refused(gateway, chat.body(model, **{field: value}) if field != "model" else chat.body(value))
    assert error["param"].split(".")[0].split("[")[0] == field
    assert field in error["message"]
    assert upstream.served(model) == []


@pytest.mark.parametrize("field", ["temperature", "max_tokens", "stop", "stream", "stream_options", "tools", "user"])
def test_null_means_not_given(gateway: GatewayProcess, model: str, field: str) -> None:
    assert post(gateway, json.dumps(chat.body(model, **{field: None})).encode()).status_code == 200


def test_a_refusal_of_input_has_a_row_that_names_the_field(gateway: GatewayProcess, model: str) -> None:
    response = post(gateway, json.dumps(chat.body(model, temperature="hot")).encode())
    row = gateway.row(response.headers["x-request-id"])
    assert (row["status"], row["code"], row["http_status"]) == ("refused", "invalid_request_error", 400)
    assert "temperature" in row["message"]
    assert row["tenant"] == "acme"


@pytest.mark.parametrize("depth", [65, 1000, 100_000])
@pytest.mark.parametrize("bracket", ["[]", "{}"])
def test_deep_nesting(gateway: GatewayProcess, model: str, depth: int, bracket: str) -> None:
    inner = "[" * depth + "]" * depth if bracket == "[]" else '{"a":' * depth + "1" + "}" * depth
    data = '{"model": "%s", "messages": [{"role": "user", "content": "x"}], "extra": %s}' % (model, inner)
    began = time.monotonic()
    assert "nested" in refused(gateway, data.encode())["message"]
    assert time.monotonic() - began < 1


def test_brackets_inside_text_are_not_nesting(gateway: GatewayProcess, model: str) -> None:
    text = "[{" * 500 + '\\" [[ ' + "\\"
    request = chat.body(model, messages=[{"role": "user", "content": text}])
    assert post(gateway, json.dumps(request).encode()).status_code == 200


def test_a_model_named_twice_is_the_one_that_was_checked(
    gateway: GatewayProcess, upstream: Upstream, model: str
) -> None:
    twice = '{"model": "nobody", "messages": [{"role": "user", "content": "x"}], "model": "%s"}' % model
    response = post(gateway, twice.encode())
    assert response.status_code in {200, 400}
    if response.status_code == 200:
        assert upstream.last(model).body.count(b'"model"') == 1


# 404 and 405


@pytest.mark.parametrize(
    ("sent", "near"),
    [("plian", "plain"), ("rename", "renamed"), ("named:plan", "plain"), ("named/plan", "plain"), ("smrt", "smart")],
)
def test_an_unknown_model_is_answered_with_the_nearest_names(client: httpx2.Client, sent: str, near: str) -> None:
    response = chat.ask(client, sent)
    error = chat.error_of(response, 404, "model_not_found")
    assert near in error["message"]
    assert error["param"] == "model"


def test_an_unknown_provider_is_named(client: httpx2.Client) -> None:
    error = chat.error_of(chat.ask(client, "namde:whatever-this-is"), 404, "provider_not_found")
    assert "named" in error["message"]


def test_a_model_name_of_any_kind_is_no_500(client: httpx2.Client) -> None:
    for name in ("../../etc/passwd", "a" * 160, "%2e%2e", "モデル", "x\r\ny", "\x00", ":", "/", "named:", "up/", "😀"):
        response = chat.ask(client, name)
        assert response.status_code in {400, 404}, (name, response.text)


@pytest.mark.parametrize("path", ["/v1/chat/completion", "/v1/completions", "/v1/", "/v2/embeddings"])
def test_an_unknown_path_is_a_404_in_json(client: httpx2.Client, path: str) -> None:
    response = client.post(path, json=chat.body("plain"))
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/chat/completions", "POST"),
        ("PUT", "/v1/chat/completions", "POST"),
        ("DELETE", "/v2/chat/completions", "POST"),
        ("POST", "/v1/models", "GET"),
        ("POST", "/v1/models/plain", "GET"),
        ("POST", "/health", "GET"),
    ],
)
def test_a_wrong_method_is_a_405_that_names_the_right_one(
    client: httpx2.Client, method: str, path: str, allowed: str
) -> None:
    response = client.request(method, path, json={})
    chat.error_of(response, 405, "method_not_allowed")
    assert allowed in response.headers["allow"]


# Sizes and times: 408, 413, 415, 431

MEGABYTE = 1024 * 1024
MAX_BODY = 20 * MEGABYTE


def test_a_declared_body_that_is_too_large_is_refused_unread(gateway: GatewayProcess) -> None:
    with Wire(gateway.port) as wire:
        length = str(MAX_BODY + 1)
        headers = {"authorization": f"Bearer {world.CI_KEY}", "content-length": length}
        wire.send(head("POST", chat.PATH, headers.items()))
        answer = wire.read()
    assert answer.status == 413
    assert answer.error["code"] == "request_too_large"
    assert "20 MB" in answer.error["message"]


def test_a_chunked_body_that_grows_too_large_is_refused(gateway: GatewayProcess) -> None:
    with Wire(gateway.port) as wire:
        headers = {"authorization": f"Bearer {world.CI_KEY}", "transfer-encoding": "chunked"}
        wire.send(head("POST", chat.PATH, headers.items()))
        sent = _push_chunks(wire, limit=MAX_BODY * 3)
        answer = wire.read()
    assert answer.status == 413
    assert answer.error["code"] == "request_too_large"
    assert MAX_BODY * 0.9 < sent < MAX_BODY * 2


def test_an_upload_without_a_key_is_refused_before_it_is_read(gateway: GatewayProcess) -> None:
    with Wire(gateway.port) as wire:
        headers = {"content-length": str(200 * MEGABYTE), "content-type": "application/json"}
        wire.send(head("POST", chat.PATH, headers.items()))
        answer = wire.read()  # not a byte of the body was sent
        assert answer.status == 401
        assert answer.error["code"] == "missing_api_key"
        assert wire.is_closed_within(5), "the gateway kept waiting for a body that it had refused"


@pytest.mark.parametrize("key", [None, "sk-nobody-knows-this-key-000"])
def test_a_chunked_upload_with_a_bad_key_is_not_swallowed(gateway: GatewayProcess, key: str | None) -> None:
    with Wire(gateway.port) as wire:
        headers = {"transfer-encoding": "chunked", **({"authorization": f"Bearer {key}"} if key else {})}
        wire.send(head("POST", chat.PATH, headers.items()))
        sent = _push_chunks(wire, limit=200 * MEGABYTE)
    # What the kernel's buffers take at both ends counts as sent though nobody read it.
    assert sent < 12 * MEGABYTE


def _push_chunks(wire: Wire, *, limit: int) -> int:
    """Send a chunked body until the other side stops it; the number of bytes sent."""
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    sent = 0
    wire.socket.settimeout(3)
    try:
        while sent < limit:
            wire.send(piece)
            sent += 65536
    except OSError:
        pass
    finally:
        wire.socket.settimeout(20)
    return sent


def test_a_body_shorter_than_declared_is_no_request(gateway: GatewayProcess, upstream: Upstream, model: str) -> None:
    data = json.dumps(chat.body(model)).encode()
    with Wire(gateway.port) as wire:
        headers = {"authorization": f"Bearer {world.CI_KEY}", "content-length": str(len(data) + 10)}
        wire.send(head("POST", chat.PATH, headers.items()) + data)
    time.sleep(0.3)
    assert upstream.served(model) == []


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate", "gzip, identity"])
def test_a_compressed_body_is_refused(gateway: GatewayProcess, encoding: str) -> None:
    chat.error_of(post(gateway, b"\x1f\x8b" * 50, content_encoding=encoding), 415, "unsupported_content_encoding")


def test_identity_is_no_encoding(gateway: GatewayProcess, model: str) -> None:
    assert post(gateway, json.dumps(chat.body(model)).encode(), content_encoding="identity").status_code == 200


@pytest.mark.parametrize("count", [101, 5_000])
def test_too_many_headers(gateway: GatewayProcess, count: int) -> None:
    with Wire(gateway.port) as wire:
        many = [("authorization", f"Bearer {world.CI_KEY}"), ("content-length", "2")]
        wire.send(head("POST", chat.PATH, [*many, *((f"x-{n}", "1") for n in range(count))]) + b"{}")
        assert wire.read().status in {400, 431}


def test_headers_that_are_too_long(gateway: GatewayProcess) -> None:
    with Wire(gateway.port) as wire:
        wire.post(chat.PATH, b"{}", {"authorization": f"Bearer {world.CI_KEY}", "x-long": "y" * 33_000})
        answer = wire.read()
    assert answer.status == 431
    assert answer.error["code"] == "headers_too_large"


@pytest.mark.slow
def test_a_body_that_never_comes_is_given_up(gateway: GatewayProcess) -> None:
    with Wire(gateway.port, timeout=60) as wire:
        headers = {"authorization": f"Bearer {world.CI_KEY}", "content-length": "100"}
        wire.send(head("POST", chat.PATH, headers.items()) + b'{"mod')
        began = time.monotonic()
        answer = wire.read()
    assert answer.status == 408
    assert answer.error["code"] == "request_timeout"
    assert 5 < time.monotonic() - began < 45


# 503: the funnel, stage by stage


def test_no_account_exists(client: httpx2.Client, gateway: GatewayProcess) -> None:
    response = chat.ask(client, "nobody")
    error = chat.error_of(response, 503, "no_available_account")
    assert "empty" in error["message"]
    assert error["stage"] == "exists"
    assert error["provider"] == "empty"
    row = gateway.row(response.headers["x-request-id"])
    assert (row["status"], row["code"]) == ("refused", "no_available_account")


PROXY = "http://127.0.0.1:9"
STAGES: dict[str, dict[str, Any]] = {
    "active": {"account": {"active": False}},
    "credential valid": {},
    "proxy usable": {"account": {"proxy": PROXY}, "proxies": [{"url": PROXY, "active": False}]},
}
BREAK_SEAL = "Account.objects.filter(provider__slug='{slug}').update(sealed_credential='v1.x.y.z'); bump()"


@pytest.mark.parametrize("stage", STAGES)
def test_the_first_empty_stage_is_named(
    client: httpx2.Client, gateway: GatewayProcess, upstream: Upstream, stage: str
) -> None:
    slug = "stage-" + stage.split()[0]
    provider = {"id": slug, "dialect": "openai-chat", "base_url": upstream.base_url, "models": [{"id": f"{slug}-m"}]}
    account = {"provider": slug, "label": "a", "auth": {"api_key": "sk-upstream-stage-1"}}
    account |= STAGES[stage].get("account", {})
    proxies = STAGES[stage].get("proxies", [])
    gateway.configure({"providers": [provider], "proxies": proxies, "accounts": [account]})
    if stage == "credential valid":
        assert chat.ask(client, f"{slug}-m").status_code == 200
        imports = "from accounts.models import Account; from snapshots.publish import bump\n"
        gateway.orm(imports + BREAK_SEAL.format(slug=slug))
        time.sleep(1)
        upstream.ledger.clear()
    error = chat.error_of(chat.ask(client, f"{slug}-m"), 503, "no_available_account")
    assert error["stage"] == stage
    assert slug in error["message"]
    assert upstream.served(f"{slug}-m") == []


def test_an_account_whose_proxy_is_down_never_goes_out_directly(
    client: httpx2.Client, gateway: GatewayProcess, upstream: Upstream
) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    provider = {"id": "behind", "dialect": "openai-chat", "base_url": upstream.base_url, "models": [{"id": "behind-m"}]}
    account = {"provider": "behind", "label": "a", "auth": {"api_key": "sk-upstream-behind"}, "proxy": dead}
    gateway.configure({"providers": [provider], "proxies": [{"url": dead}], "accounts": [account]})
    error = chat.error_of(chat.ask(client, "behind-m"), 502, "upstream_error")
    assert "proxy" in error["message"]
    assert upstream.served("behind-m") == []


def test_an_inactive_tenant_is_refused(gateway: GatewayProcess) -> None:
    key = "sk-tenant-dormant-0000000008"
    gateway.configure({"tenants": [{"id": "dormant", "keys": [{"name": "ci", "key": key}]}]})
    request = json.dumps(chat.body("plain")).encode()
    assert post(gateway, request, authorization=f"Bearer {key}").status_code == 200
    gateway.configure({"tenants": [{"id": "dormant", "active": False}]})
    chat.error_of(post(gateway, request, authorization=f"Bearer {key}"), 403, "tenant_disabled")


# 502 and 504: the upstream fails

FAULTS: dict[str, tuple[Behaviour, str]] = {
    "500": (behaviours.refuse(500), "upstream_error"),
    "503": (behaviours.refuse(503), "upstream_error"),
    "529": (behaviours.refuse(529), "upstream_error"),
    "closed": (behaviours.raw(b""), "upstream_error"),
    "reset": (behaviours.raw(b"", reset=True), "upstream_error"),
    "half a head": (behaviours.raw(b"HTTP/1.1 200 OK\r\ncontent-ty"), "upstream_error"),
    "not http": (behaviours.raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "upstream_invalid"),
    "html": (behaviours.body(b"<html>Sign in</html>", content_type="text/html"), "upstream_invalid"),
    "empty": (behaviours.body(b""), "upstream_invalid"),
    "not json": (behaviours.body(b"hello"), "upstream_invalid"),
    "half json": (behaviours.body(b'{"id": "x", "choices": [{"ind'), "upstream_invalid"),
    "a list": (behaviours.body(b"[]"), "upstream_invalid"),
    "no choices": (behaviours.body(b"{}"), "upstream_invalid"),
    "error in 200": (behaviours.body(b'{"error": {"message": "out of capacity"}}'), "upstream_invalid"),
    "redirect": (behaviours.redirect("http://127.0.0.1:1/"), "upstream_invalid"),
    "shorter than declared": (
        behaviours.raw(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 90\r\n\r\n{"choices": [1]}'),
        "upstream_error",
    ),
    "chunks break off": (
        behaviours.raw(
            b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n10\r\n{"choices": [1]}\r\n'
        ),
        "upstream_error",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failing_upstream_is_a_502_with_the_attempts_made(
    client: httpx2.Client, upstream: Upstream, gateway: GatewayProcess, trio_model: str, fault: str
) -> None:
    behaviour, code = FAULTS[fault]
    upstream.on(trio_model, behaviour)
    response = chat.ask(client, trio_model)
    assert response.status_code == 502, response.text
    error = response.json()["error"]
    assert error["code"] in {code, "upstream_error", "upstream_invalid"}
    assert error["code"] == code
    assert error["source"] == "provider"
    assert len(error["attempts"]) == 3
    assert {attempt["provider"] for attempt in error["attempts"]} == {"trio"}
    assert "trio-a" not in response.text, "a tenant must not see account labels"
    assert response.headers["x-gateway-attempts"] == "3"
    row = gateway.row(response.headers["x-request-id"])
    assert (row["status"], row["code"], row["http_status"]) == ("failed", code, 502)
    assert {attempt["account"] for attempt in row["attempts"]} == {"trio-a", "trio-b", "trio-c"}


def test_nobody_listens(client: httpx2.Client, gateway: GatewayProcess) -> None:
    response = chat.ask(client, "dead-end")
    error = chat.error_of(response, 502, "upstream_error")
    assert len(error["attempts"]) == 1
    assert gateway.row(response.headers["x-request-id"])["status"] == "failed"


def test_credentials_refused_everywhere(client: httpx2.Client, upstream: Upstream, trio_model: str) -> None:
    upstream.on(trio_model, behaviours.refuse(401, "Incorrect API key provided"))
    error = chat.error_of(chat.ask(client, trio_model), 502, "upstream_credentials_exhausted")
    assert len(error["attempts"]) == 3


def test_too_many_requests_everywhere_keeps_the_retry_after(
    client: httpx2.Client, upstream: Upstream, trio_model: str
) -> None:
    upstream.on(trio_model, behaviours.refuse(429, "Slow down", retry_after="17"))
    response = chat.ask(client, trio_model)
    assert response.status_code in {429, 502, 503}
    assert math.ceil(float(response.headers["retry-after"])) == 17
    assert response.json()["error"]["source"] == "provider"
    assert len(upstream.served(trio_model)) == 3


def test_a_silent_upstream_is_a_504(
    client: httpx2.Client, upstream: Upstream, gateway: GatewayProcess, hasty_model: str
) -> None:
    upstream.on(hasty_model, behaviours.hang())
    began = time.monotonic()
    response = chat.ask(client, hasty_model)
    taken = time.monotonic() - began
    error = chat.error_of(response, 504, "upstream_timeout")
    assert len(error["attempts"]) == 2
    assert 1.8 < taken < 4
    assert gateway.row(response.headers["x-request-id"])["http_status"] == 504
    assert {served.outcome for served in upstream.served(hasty_model)} <= {"left", "open"}


def test_a_hang_in_one_account_is_answered_by_the_other(
    client: httpx2.Client, upstream: Upstream, hasty_model: str
) -> None:
    upstream.on(hasty_model, behaviours.by_key({world.HASTY_KEYS[0]: behaviours.hang()}, behaviours.answer("second")))
    texts = [chat.ask(client, hasty_model).json()["choices"][0]["message"]["content"] for _ in range(2)]
    assert texts == ["second", "second"]


def test_a_providers_400_reaches_the_client_as_it_was_sent(
    client: httpx2.Client, upstream: Upstream, gateway: GatewayProcess, model: str
) -> None:
    sent = b'{ "error": {"message": "max_tokens is too large: 99.", "type": "invalid_request_error", "code": null} }'
    upstream.on(model, behaviours.body(sent, status=400))
    response = chat.ask(client, model)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["message"] == "max_tokens is too large: 99."
    assert response.headers["x-gateway-attempts"] == "1"
    row = gateway.row(response.headers["x-request-id"])
    assert (row["status"], row["http_status"]) == ("failed", 400)
