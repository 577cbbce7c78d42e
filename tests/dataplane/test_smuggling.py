"""Line breaks, odd bytes, paths and framings that try to become something else on the way."""

import json

import httpx2
import pytest

from tests import chat, world
from tests.process import GatewayProcess
from tests.upstreams import behaviours, bodies
from tests.upstreams.server import Upstream
from tests.wire import Wire

# T51 and T35: headers and log lines


@pytest.mark.parametrize("field", ["model", "user", "metadata", "service_tier"])
def test_line_breaks_in_fields_never_become_headers(
    client: httpx2.Client, upstream: Upstream, model: str, field: str
) -> None:
    evil = "x\r\nX-Evil: 1\r\n\r\nGET /admin HTTP/1.1"
    fields = {field: {"k": evil} if field == "metadata" else evil}
    response = client.post(chat.PATH, json={**chat.body(model), **fields})
    assert response.status_code in {200, 400, 404}
    assert "x-evil" not in response.headers
    for served in upstream.served(model):
        assert "x-evil" not in {name.lower() for name, _ in served.headers}


def test_line_breaks_in_a_providers_headers_never_split_an_answer(
    client: httpx2.Client, upstream: Upstream, model: str
) -> None:
    data = json.dumps(bodies.completion(model)).encode()
    upstream.on(model, behaviours.body(data, x_request_id="a\x0b\x0c\x7fb", openai_version="\x00\x01"))
    response = chat.ask(client, model)
    assert response.status_code in {200, 502}


def test_control_characters_in_a_model_name_do_not_forge_log_lines(
    client: httpx2.Client, gateway: GatewayProcess
) -> None:
    name = 'forged\r\n{"level":"CRITICAL"}\x1b[2J\u2028\u202e'
    assert chat.ask(client, name).status_code in {400, 404}
    assert not [line for line in gateway.output().splitlines() if line.startswith('{"level":"CRITICAL"}')]
    assert "\x1b[2J" not in gateway.output()


def test_header_bytes_that_are_no_text_do_not_break_the_upstream_call(
    gateway: GatewayProcess, upstream: Upstream, model: str
) -> None:
    data = json.dumps(chat.body(model)).encode()
    with Wire(gateway.port) as wire:
        odd = {"x-odd": "caf\xe9 \xff", "user-agent": "agent \xa0\xad"}
        wire.post(chat.PATH, data, {"authorization": f"Bearer {world.CI_KEY}", **odd})
        assert wire.read().status == 200


# T47: who the client is


@pytest.mark.parametrize("header", ["x-forwarded-for", "X_Forwarded_For", "x-real-ip", "forwarded", "true-client-ip"])
def test_a_client_cannot_choose_its_own_address(
    client: httpx2.Client, gateway: GatewayProcess, model: str, header: str
) -> None:
    response = client.post(chat.PATH, json=chat.body(model), headers={header: "1.2.3.4"})
    assert gateway.row(response.headers["x-request-id"])["client_ip"] == "127.0.0.1"


# T13, T50: paths and framing


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions/",
        "//v1/chat/completions",
        "/v1//chat/completions",
        "/v1/./chat/completions",
        "/v1/../v1/models",
        "/V1/chat/completions",
        "/v1/chat/completions;x",
        "/v1/chat/completions%00",
        "/health/../v1/models",
        "/v1/%2e%2e/admin/",
    ],
)
def test_no_spelling_of_a_path_gets_around_the_key(gateway: GatewayProcess, path: str) -> None:
    for method in ("GET", "POST"):
        with Wire(gateway.port) as wire:
            wire.send(f"{method} {path} HTTP/1.1\r\nhost: x/health\r\ncontent-length: 2\r\n\r\n{{}}".encode())
            assert wire.read().status in {301, 400, 401, 403, 404, 405}


@pytest.mark.parametrize(
    "framing",
    [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "content-length: 2\r\ncontent-length: 3\r\n\r\n{}x",
        "transfer-encoding: chunked, identity\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "transfer-encoding: xchunked\r\ncontent-length: 2\r\n\r\n{}",
        "content-length: +2\r\n\r\n{}",
        "content-length: -1\r\n\r\n{}",
        "content-length: 0x2\r\n\r\n{}",
    ],
)
def test_ambiguous_framing_is_one_request_or_none(
    gateway: GatewayProcess, upstream: Upstream, model: str, framing: str
) -> None:
    with Wire(gateway.port, timeout=5) as wire:
        start = f"POST {chat.PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {world.CI_KEY}\r\n"
        smuggled = f"GET /v1/models HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {world.CI_KEY}\r\n\r\n"
        wire.send((start + framing + smuggled).encode())
        try:
            assert wire.read().status in {400, 405, 408, 411, 413, 415, 501}
        except (EOFError, TimeoutError):
            pass
