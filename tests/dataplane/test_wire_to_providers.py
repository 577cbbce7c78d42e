"""The request as it goes out and the answer as it comes in, byte for byte, and what becomes of the connection."""

import asyncio
from pathlib import Path

import pytest
import yarl
from aiohttp import connector

from gateway.dataplane.errors import UpstreamError
from gateway.dataplane.snapshot import Proxy, Secret
from gateway.dataplane.wire import Destination
from tests.accounts import servers
from tests.dataplane.scripted import OK, ask, chunks_of, talk

BIG = b"x" * (20 * 1024 * 1024)


def proxy_at(url):
    return Proxy("one", "proxy", Secret(url), private_ok=True)


# The request


async def test_the_head_says_where_what_and_how_much(upstreams, script):
    headers = {"authorization": "Bearer sk-1", "x-é": "é"}
    await talk(upstreams, script.url, path="/a%2Fb:x?api-version=1", headers=headers)
    first, *lines = script.heads[0].split("\r\n")
    assert first == "POST /v1/a%2Fb:x?api-version=1 HTTP/1.1"
    expected = [
        f"Host: 127.0.0.1:{script.port}",
        "authorization: Bearer sk-1",
        "x-é: é",
        "content-length: 2",
        "",
        "",
    ]
    assert lines == expected


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://api.example.com/v1", "api.example.com"),
        ("https://api.example.com:443/v1", "api.example.com"),
        ("https://api.example.com:8443/v1", "api.example.com:8443"),
        ("http://[2001:db8::1]/v1", "[2001:db8::1]"),
        ("http://[2001:db8::1]:8080/v1", "[2001:db8::1]:8080"),
    ],
)
async def test_the_host_names_a_port_only_where_it_is_not_the_usual_one(url, host):
    head = Destination(yarl.URL(url, encoded=True), None).head({}, 0)
    assert f"\r\nHost: {host}\r\n" in head.decode()


@pytest.mark.parametrize("value", ["a\r\nx-injected: 1", "a\nb", "a\rb", "a\0b"])
@pytest.mark.parametrize("where", ["name", "value"])
async def test_a_line_break_in_a_header_is_never_sent(upstreams, script, value, where):
    headers = {value: "x"} if where == "name" else {"x": value}
    with pytest.raises(ValueError, match="line break"):
        await ask(upstreams, script.url, headers=headers)
    await asyncio.sleep(0.05)
    assert script.heads == []


async def test_a_large_body_arrives_whole_at_a_slow_reader(upstreams, script):
    received = []

    async def read_slowly(reader, writer):
        left = len(BIG)
        while left:
            piece = await reader.read(1024 * 1024)
            received.append(piece)
            left -= len(piece)
            await asyncio.sleep(0.005)
        writer.write(OK)

    script.answers = [read_slowly, OK]
    assert await talk(upstreams, script.url, body=BIG) == (200, b"{}")
    assert b"".join(received) == BIG
    assert await talk(upstreams, script.url) == (200, b"{}")
    assert script.connections == 1


async def test_an_answer_that_comes_before_the_body_was_read_ends_the_connection(upstreams, script):
    async def refuse(reader, writer):
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\n{}")
        await asyncio.sleep(0.5)
        raise ConnectionError

    script.answers = [refuse, OK]
    assert await talk(upstreams, script.url, body=BIG) == (413, b"{}")
    assert await talk(upstreams, script.url) == (200, b"{}")
    assert script.connections == 2


# The answer


async def test_what_precedes_an_answer_is_skipped(upstreams, script):
    script.answers = [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + OK, OK]
    assert await talk(upstreams, script.url) == (200, b"{}")
    assert await talk(upstreams, script.url) == (200, b"{}")
    assert script.connections == 1


async def test_an_answer_without_a_length_ends_with_its_connection(upstreams, script):
    async def answer(reader, writer):
        await reader.readexactly(2)
        writer.write(b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n")
        await asyncio.sleep(0.05)
        writer.write(b'{"whole": true}')
        raise ConnectionError

    script.answers = [answer]
    assert await talk(upstreams, script.url) == (200, b'{"whole": true}')
    assert await chunks_of(await ask(upstreams, script.url)) == b'{"whole": true}'
    assert script.connections == 2


@pytest.mark.parametrize("said", [b"HTTP/1.1 200 OK\r\nconnection: close\r\n", b"HTTP/1.0 200 OK\r\n"])
async def test_a_connection_that_is_to_close_is_not_used_again(upstreams, script, said):
    script.answers = [said + b"content-length: 2\r\n\r\n{}"]
    for _ in range(2):
        assert await talk(upstreams, script.url) == (200, b"{}")
    assert script.connections == 2
    await script.until_gone(2)


async def test_chunks_may_have_extensions_and_trailers(upstreams, script):
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n"
    script.answers = [head + b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nx-sum: 9\r\n\r\n"]
    assert await talk(upstreams, script.url) == (200, b"abcde")
    assert await chunks_of(await ask(upstreams, script.url)) == b"abcde"
    assert script.connections == 1


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{}", "cut"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab", "cut"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n", "closed"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "invalid"),
        (b"", "closed"),
    ],
)
async def test_a_broken_answer_is_called_what_it_is(upstreams, script, answer, outcome):
    async def break_off(reader, writer):
        await reader.readexactly(2)
        writer.write(answer)
        await writer.drain()
        raise ConnectionError

    script.answers = [break_off]
    for take in (lambda reply: reply.read(), chunks_of):
        with pytest.raises(UpstreamError) as caught:
            await take(await ask(upstreams, script.url))
        assert caught.value.outcome == outcome


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"])
async def test_a_silent_provider_is_given_up(upstreams, script, begun):
    async def fall_silent(reader, writer):
        await reader.readexactly(2)
        writer.write(begun)
        await reader.readexactly(1)

    script.answers = [fall_silent]
    for take in (lambda reply: reply.read(), chunks_of):
        with pytest.raises(UpstreamError) as caught:
            await take(await ask(upstreams, script.url, timeout_s=0.2))
        assert caught.value.outcome == "timeout"
    await script.until_gone(2)


async def test_a_slow_provider_is_not_a_silent_one(upstreams, script):
    async def trickle(reader, writer):
        await reader.readexactly(2)
        for byte in (
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n",
            b"a",
            b"bcd",
        ):
            await asyncio.sleep(0.25)
            writer.write(byte)

    script.answers = [trickle]
    assert await talk(upstreams, script.url, timeout_s=0.4) == (200, b"abcd")


# What becomes of the connection


async def test_an_idle_connection_that_closes_when_it_is_used_costs_no_request(upstreams, script):
    async def hang_up(reader, writer):
        await reader.readexactly(2)
        raise ConnectionError

    script.answers = [OK, hang_up, OK]
    for _ in range(2):
        assert await talk(upstreams, script.url) == (200, b"{}")
    assert (script.connections, len(script.heads)) == (2, 3)


async def test_an_answer_nobody_asked_for_is_nobodys_answer(upstreams, script):
    async def answer_twice(reader, writer):
        await reader.readexactly(2)
        writer.write(OK)
        await asyncio.sleep(0.1)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nsecrets")

    script.answers = [answer_twice, OK]
    assert await talk(upstreams, script.url) == (200, b"{}")
    await asyncio.sleep(0.2)
    assert await talk(upstreams, script.url) == (200, b"{}")
    assert script.connections == 2


async def test_a_stream_that_is_left_early_takes_its_connection_along(upstreams, script):
    async def go_on(reader, writer):
        await reader.readexactly(2)
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"5\r\nhello\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    script.answers = [go_on, OK]
    reply = await ask(upstreams, script.url)
    async for chunk in reply.chunks():
        assert chunk.startswith(b"hello")
        break
    reply.close()
    await script.until_gone()
    assert await talk(upstreams, script.url) == (200, b"{}")


@pytest.mark.parametrize(
    "begun", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"]
)
@pytest.mark.parametrize("body", [b"{}", BIG], ids=["small", "big"])
async def test_a_cancelled_call_takes_its_connection_along(upstreams, script, begun, body):
    async def stop_there(reader, writer):
        await reader.readexactly(2)
        writer.write(begun)
        while await reader.read(1024 * 1024):
            pass
        raise ConnectionError

    script.answers = [stop_there]
    calling = asyncio.create_task(talk(upstreams, script.url, body=body))
    await asyncio.sleep(0.2)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    await script.until_gone()


async def test_a_call_that_is_cancelled_while_it_connects_leaves_nothing(upstreams, script):
    async def say_nothing(reader, writer):
        await reader.readexactly(1)

    script.answers = [say_nothing]
    proxy = proxy_at(f"http://127.0.0.1:{script.port}")
    calling = asyncio.create_task(talk(upstreams, "https://api.example.com/v1", proxy=proxy))
    await asyncio.sleep(0.1)
    assert script.heads[0].startswith("CONNECT api.example.com:443 ")
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    await script.until_gone()


async def test_a_connection_that_does_not_come_about_is_given_up(upstreams, script):
    async def say_nothing(reader, writer):
        await reader.readexactly(1)

    script.answers = [say_nothing]
    proxy = proxy_at(f"http://127.0.0.1:{script.port}")
    with pytest.raises(UpstreamError) as caught:
        await ask(upstreams, "https://api.example.com/v1", proxy=proxy, timeout_s=0.2)
    assert (caught.value.outcome, caught.value.blame) == ("connect_timeout", "proxy")


# Ways out


async def test_a_proxy_is_told_the_whole_address_and_its_password(upstreams, script):
    proxy = proxy_at(f"http://us%40er:pass@127.0.0.1:{script.port}")
    for _ in range(2):
        assert await talk(upstreams, "http://api.example.com:8080/v1", proxy=proxy, path="/a?b=1") == (
            200,
            b"{}",
        )
    for head in script.heads:
        lines = head.split("\r\n")
        assert lines[:2] == [
            "POST http://api.example.com:8080/v1/a?b=1 HTTP/1.1",
            "Host: api.example.com:8080",
        ]
        assert "Proxy-Authorization: Basic dXNAZXI6cGFzcw==" in lines
    assert script.connections == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    files = servers.make_certificate(tmp_path_factory.mktemp("tls"))
    connector._SSL_CONTEXT_VERIFIED.load_verify_locations(files[0])  # a certificate of `localhost` alone
    return files


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("way", ["direct", "http", "socks5", "socks5h"])
async def test_every_way_out_carries_calls(upstreams, tmp_path, certificate, scheme, way):
    login = {"user": "user", "password": "pass"}
    started = servers.microsocks(**login) if way.startswith("socks") else servers.tinyproxy(tmp_path, **login)
    tls = certificate if scheme == "https" else None
    with servers.vendor(tls) as vendor, started as port:
        proxy = None if way == "direct" else proxy_at(f"{way}://user:pass@127.0.0.1:{port}")
        for _ in range(3):
            status, body = await talk(upstreams, f"{scheme}://localhost:{vendor.port}/v1", proxy=proxy)
            assert (status, body) == (200, vendor.body)
        assert [path for path, _ in vendor.seen] == ["/v1/chat/completions"] * 3
        assert not any("proxy-authorization" in headers for _, headers in vendor.seen)
        await upstreams.close()


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("way", ["http", "socks5"])
async def test_a_proxy_that_refuses_us_is_to_blame(upstreams, tmp_path, scheme, way):
    login = {"user": "user", "password": "pass"}
    started = servers.microsocks(**login) if way == "socks5" else servers.tinyproxy(tmp_path, **login)
    with servers.vendor() as vendor, started as port:
        proxy = proxy_at(f"{way}://user:wrong@127.0.0.1:{port}")
        try:
            status, _ = await talk(upstreams, f"{scheme}://localhost:{vendor.port}/v1", proxy=proxy)
        except UpstreamError as error:
            assert (error.outcome, error.blame) == ("proxy_failed", "proxy")
        else:
            assert (scheme, way, status) == ("http", "http", 401)  # said in the provider's place
        assert vendor.seen == []
