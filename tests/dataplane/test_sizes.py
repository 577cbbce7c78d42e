"""Sizes and times of a request: too large, too slow, too many, compressed."""

import json
import time

import pytest

from tests import chat, world
from tests.process import GatewayProcess
from tests.upstreams.server import Upstream
from tests.wire import Wire, head

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
    chat.error_of(chat.post(gateway, b"\x1f\x8b" * 50, content_encoding=encoding), 415, "unsupported_content_encoding")


def test_identity_is_no_encoding(gateway: GatewayProcess, model: str) -> None:
    assert chat.post(gateway, json.dumps(chat.body(model)).encode(), content_encoding="identity").status_code == 200


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
