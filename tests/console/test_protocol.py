"""HTTP as the server speaks it: real connections to uvicorn with our protocol, byte by byte."""

import asyncio
import re
import time
from collections.abc import AsyncIterator

import pytest
import uvicorn

from console.launch.protocol import JOINED_BYTES, Http
from gateway.dataplane.exchange import LINES, Exchange
from gateway.dataplane.headers import line

LARGE = b"x" * (3 * JOINED_BYTES)
EVIL = {
    "/value-line": [(b"x-a", b"1\r\nx-b: 2")],
    "/value-cr": [(b"x-a", b"1\r2")],
    "/value-lf": [(b"x-a", b"1\n2")],
    "/value-nul": [(b"x-a", b"1\x002")],
    "/value-control": [(b"x-a", b"1\x7f2")],
    "/name-line": [(b"x-a: 1\r\nx-b", b"2")],
}
EVIL_LINES = {"/lines-cr": b"x-a: 1\r2\r\n", "/lines-lf": b"x-a: 1\n2\r\n", "/lines-nul": b"x-a: 1\x002\r\n"}
WHOLE = {"/": b"hello", "/large": LARGE, "/empty": b""}
left: list[str] = []


async def app(scope, receive, send) -> None:
    path = scope["path"]

    async def answer(status: int, headers: list, *pieces: bytes, **more) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers, **more})
        for number, piece in enumerate(pieces, 1):
            await send({"type": "http.response.body", "body": piece, "more_body": number < len(pieces)})

    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    if path in WHOLE:
        await answer(200, [(b"Content-Length", b"%d" % len(WHOLE[path]))], WHOLE[path])
    elif path == "/echo":
        told = f"{scope['method']} {scope['query_string'].decode()} ".encode() + body
        await answer(200, [(b"content-length", b"%d" % len(told))], told)
    elif path == "/a b":
        await answer(200, [(b"content-length", b"2")], b"ok")
    elif path == "/bodiless":
        await answer(int(scope["query_string"]), [], b"")
    elif path == "/stream":
        await answer(200, [(b"content-type", b"text/plain")], b"one", b"", b"two", b"")
    elif path == "/late":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await asyncio.sleep(0.3)
        await send({"type": "http.response.body", "body": b"late"})
    elif path == "/close":
        await answer(200, [(b"content-length", b"2"), (b"connection", b"close")], b"ok")
    elif path == "/busy":
        await asyncio.sleep(1.5)
        await answer(200, [(b"content-length", b"2")], b"ok")
    elif path == "/too-long":
        await answer(200, [(b"content-length", b"2")], b"more")
    elif path == "/too-short":
        await answer(200, [(b"content-length", b"9")], b"less")
    elif path == "/fails":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError("after the head, before the body")
    elif path == "/twice":
        await answer(200, [(b"content-length", b"2")], b"ok")
        await send({"type": "http.response.body", "body": b"again"})
    elif path == "/wait":
        left.append((await receive())["type"])
    elif path in EVIL:
        await answer(200, [*EVIL[path], (b"content-length", b"2")], b"ok")
    elif path in EVIL_LINES:
        await answer(200, [(b"content-length", b"2")], b"ok", **{LINES: EVIL_LINES[path]})
    elif path == "/exchange":
        exchange = Exchange(scope, receive, send, request_id="req_1", max_body=100)
        exchange.received = True
        await exchange.answer(200, line("x-a", "1") + line("x-b", "2"), b"ok")


async def _serving(protocol: type | str) -> AsyncIterator[int]:
    config = uvicorn.Config(
        app, port=0, http=protocol, loop="uvloop", lifespan="off", log_config=None, server_header=False,
        timeout_keep_alive=1, access_log=False,
    )  # fmt: skip
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await running


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async for number in _serving(Http):
        yield number


@pytest.fixture
async def plain_port() -> AsyncIterator[int]:
    async for number in _serving("httptools"):
        yield number


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, port: int) -> "Client":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def ask(self, path: str, *lines: str, method: str = "GET", version: str = "1.1", body: bytes = b"") -> None:
        head = "\r\n".join([f"{method} {path} HTTP/{version}", "host: x", *lines, "", ""])
        self.writer.write(head.encode() + body)

    async def head(self) -> str:
        async with asyncio.timeout(5):
            return (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")

    async def answer(self) -> tuple[str, bytes]:
        """Head and body of an answer that tells its length."""
        head = await self.head()
        found = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
        assert found, head
        async with asyncio.timeout(5):
            return head, await self.reader.readexactly(int(found.group(1)))

    async def closed(self) -> bytes:
        """What is left until the server closes the connection."""
        async with asyncio.timeout(5):
            return await self.reader.read()


@pytest.mark.parametrize("path", WHOLE)
async def test_answers_arrive_whole_one_after_the_other(port: int, path: str) -> None:
    client = await Client.to(port)
    for _ in range(3):
        client.ask(path)
        head, body = await client.answer()
        assert head.startswith("HTTP/1.1 200 OK\r\ndate: ")
        assert "\r\nserver:" not in head
        assert "\r\nconnection:" not in head
        assert body == WHOLE[path]


async def test_head_and_body_leave_in_one_packet(port: int) -> None:
    client = await Client.to(port)
    for _ in range(50):
        client.ask("/")
        assert (await client.reader.read(65536)).endswith(b"\r\n\r\nhello")


async def test_a_head_leaves_with_the_first_piece(port: int) -> None:
    client = await Client.to(port)
    client.ask("/late")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.reader.read(1), 0.1)
    assert (await client.answer())[1] == b"late"


async def test_requests_are_read_whole(port: int) -> None:
    client = await Client.to(port)
    client.ask("/echo?a=%20", "content-length: 5", method="POST", body=b"hello")
    assert (await client.answer())[1] == b"POST a=%20 hello"
    client.ask("/echo", "transfer-encoding: chunked", method="PUT", body=b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
    assert (await client.answer())[1] == b"PUT  abc"
    client.ask("/a%20b")
    assert (await client.answer())[1] == b"ok"


async def test_a_client_that_waits_is_told_to_go_on(port: int) -> None:
    client = await Client.to(port)
    client.ask("/echo", "content-length: 2", "expect: 100-continue", method="POST")
    assert await client.head() == "HTTP/1.1 100 Continue\r\n\r\n"
    client.writer.write(b"ab")
    assert (await client.answer())[1] == b"POST  ab"


async def test_head_has_no_body(port: int) -> None:
    client = await Client.to(port)
    client.ask("/", method="HEAD")
    assert "content-length: 5" in (await client.head()).lower()
    client.ask("/stream", method="HEAD")
    assert "transfer-encoding" not in await client.head()
    client.ask("/")
    assert (await client.answer())[1] == b"hello"


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_a_body_has_no_framing(port: int, status: int) -> None:
    client = await Client.to(port)
    client.ask(f"/bodiless?{status}")
    head = await client.head()
    assert head.startswith(f"HTTP/1.1 {status} ")
    assert "transfer-encoding" not in head
    client.ask("/")
    assert (await client.answer())[1] == b"hello"


async def test_what_has_no_length_is_chunked(port: int) -> None:
    client = await Client.to(port)
    client.ask("/stream", "connection: close")
    assert "\r\ntransfer-encoding: chunked\r\n" in await client.head()
    assert await client.closed() == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("path", "line", "version"), [("/", "connection: close", "1.1"), ("/", "a: b", "1.0"), ("/close", "a: b", "1.1")]
)
async def test_the_last_answer_says_so_and_closes(port: int, path: str, line: str, version: str) -> None:
    client = await Client.to(port)
    client.ask(path, line, version=version)
    head, _ = await client.answer()
    assert head.count("connection: close\r\n") == 1
    assert await client.closed() == b""


async def test_pipelined_requests_are_answered_in_order(port: int) -> None:
    client = await Client.to(port)
    for path in ("/late", "/", "/large", "/echo?last"):
        client.ask(path)
    assert [(await client.answer())[1] for _ in range(4)] == [b"late", b"hello", LARGE, b"GET last "]


async def test_the_application_learns_that_the_client_left(port: int) -> None:
    left.clear()
    client = await Client.to(port)
    client.ask("/wait")
    await asyncio.sleep(0.1)
    client.writer.close()
    async with asyncio.timeout(5):
        while not left:
            await asyncio.sleep(0.01)
    assert left == ["http.disconnect"]


@pytest.mark.parametrize("path", [*EVIL, *EVIL_LINES, "/too-long", "/fails"])
async def test_an_answer_that_would_break_the_line_becomes_a_500(port: int, path: str) -> None:
    client = await Client.to(port)
    client.ask(path)
    head, body = await client.answer()
    assert head.startswith("HTTP/1.1 500 ")
    assert body == b"Internal Server Error"
    assert "x-b" not in head
    assert await client.closed() == b""


@pytest.mark.parametrize(("path", "told"), [("/too-short", b"less"), ("/twice", b"ok")])
async def test_a_body_that_does_not_keep_its_word_ends_the_connection(port: int, path: str, told: bytes) -> None:
    client = await Client.to(port)
    client.ask(path)
    await client.head()
    assert await client.closed() == told


async def test_an_idle_connection_is_closed_and_only_an_idle_one(port: int) -> None:
    client = await Client.to(port)
    client.ask("/")
    await client.answer()
    await asyncio.sleep(0.6)
    client.ask("/busy")  # lasts longer than an idle connection would
    assert (await client.answer())[1] == b"ok"
    began = time.monotonic()
    assert await client.closed() == b""
    assert 0.9 < time.monotonic() - began < 2


async def test_each_answer_begins_the_idle_time_anew(port: int) -> None:
    client = await Client.to(port)
    for _ in range(4):
        client.ask("/")
        assert (await client.answer())[1] == b"hello"
        await asyncio.sleep(0.6)
    began = time.monotonic()
    assert await client.closed() == b""
    assert time.monotonic() - began < 1


async def test_any_server_sends_the_same_head(port: int, plain_port: int) -> None:
    heads = []
    for number in (port, plain_port):
        client = await Client.to(number)
        client.ask("/exchange")
        head, body = await client.answer()
        assert body == b"ok"
        heads.append(head)
    ours, plain = (re.sub("date: .*?\r\n", "", head) for head in heads)
    assert ours == plain
    assert "x-a: 1\r\nx-b: 2\r\n" in ours
    assert "x-request-id: req_1\r\n" in ours


def test_a_value_from_elsewhere_stays_one_line() -> None:
    assert line("x-a", "1\r\nx-b: 2\0\t\x7f3é☃") == b"x-a: 1  x-b: 2 \t 3\xe9?\r\n"
