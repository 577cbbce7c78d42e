"""Answers as they come off a connection: cut anywhere, too large, more than was asked for; and whose the connection is."""

import asyncio
import gc
import ssl
import tracemalloc

import pytest
from aiohttp import connector

from gateway.dataplane import link
from gateway.dataplane.errors import UpstreamError
from tests.accounts import servers
from tests.dataplane.scripted import OK, ask, chunks_of, talk

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n"
EARLY = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
ANSWERS = {
    "length": (HEAD + b"x-empty:\r\ncontent-length: 5\r\n\r\nabcde", b"abcde"),
    "chunks": (CHUNKED + b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nx-sum: 9\r\nx-other: 1\r\n\r\n", b"abcde"),
    "padded chunks": (CHUNKED + b"3  \r\nabc\r\n0\r\n\r\n", b"abc"),
    "line feeds": (b"HTTP/1.1 200 OK\ncontent-length: 2\n\n{}", b"{}"),
    "nothing": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "empty": (HEAD + b"content-length: 0\r\n\r\n", b""),
    "after hints": (EARLY * 3 + OK, b"{}"),
}


def and_gone(answer):
    """What is written, and then the end of the connection."""

    async def write(reader, writer):
        await reader.readexactly(2)
        writer.write(answer)
        await writer.drain()
        raise ConnectionError

    return write


async def failure(upstreams, script, **more):
    with pytest.raises(UpstreamError) as caught:
        await talk(upstreams, script.url, **more)
    return caught.value.outcome


# How an answer may be cut


@pytest.mark.parametrize(("answer", "body"), ANSWERS.values(), ids=ANSWERS)
async def test_an_answer_may_be_cut_at_every_byte(upstreams, script, answer, body):
    async def in_two(reader, writer, at):
        await reader.readexactly(2)
        writer.write(answer[:at])
        await asyncio.sleep(0.002)
        writer.write(answer[at:])

    cuts = range(1, len(answer))
    script.answers = [lambda reader, writer, at=at: in_two(reader, writer, at) for at in cuts]
    for _ in cuts:
        reply = await ask(upstreams, script.url)
        assert await chunks_of(reply) == body
        assert not {"link", "x-sum"} & set(reply.headers), "hints and trailers are no headers of an answer"
    assert script.connections == 1, "whole answers leave their connection for the next request"


@pytest.mark.parametrize("answer", [answer for answer, _ in ANSWERS.values()], ids=ANSWERS)
async def test_an_answer_may_come_byte_by_byte(upstreams, script, answer):
    async def drip(reader, writer):
        await reader.readexactly(2)
        for byte in answer:
            writer.write(bytes([byte]))
            await asyncio.sleep(0)

    script.answers = [drip]
    expected = await talk(upstreams, script.url)
    assert await talk(upstreams, script.url) == expected
    assert script.connections == 1


@pytest.mark.parametrize("kind", ["length", "chunks"])
async def test_half_an_answer_is_none(upstreams, script, kind):
    answer, _ = ANSWERS[kind]
    head = answer.index(b"\r\n\r\n") + 4
    for at in range(len(answer)):
        script.answers = [and_gone(answer[:at])]
        assert await failure(upstreams, script) == ("closed" if at < head else "cut"), answer[:at]


async def test_what_came_before_the_cut_is_handed_on(upstreams, script):
    script.answers = [and_gone(CHUNKED + b"5\r\nhello\r\n5\r\nwo")]
    heard = b""
    with pytest.raises(UpstreamError):
        async for chunk in (await ask(upstreams, script.url)).chunks():
            heard += chunk
    assert heard == b"hellowo"


async def test_an_answer_that_ends_with_its_connection_is_large_and_whole(upstreams, script):
    large = b"y" * 3_000_000
    script.answers = [and_gone(HEAD + b"\r\n" + large)]
    assert await talk(upstreams, script.url) == (200, large)
    assert await chunks_of(await ask(upstreams, script.url)) == large
    assert script.connections == 2


async def test_a_request_of_which_an_answer_had_begun_is_not_sent_again(upstreams, script):
    script.answers = [OK, and_gone(HEAD + b"x-half"), OK]
    assert await talk(upstreams, script.url) == (200, b"{}")
    assert await failure(upstreams, script) == "closed"
    assert len(script.heads) == 2


# Headers


async def test_headers_are_read_in_lower_case_and_as_text(upstreams, script):
    said = b"Content-Type: a/b\r\nX-Twice: 1\r\nx-twice: 2\r\nX-Empty:\r\nX-Name: \xc3\xa9\xff\r\ncontent-length: 2\r\n\r\n{}"
    script.answers = [HEAD + said]
    reply = await ask(upstreams, script.url)
    await reply.read()
    assert reply.headers == {
        "content-type": "a/b",
        "x-twice": "2",
        "x-empty": "",
        "x-name": "é\udcff",
        "content-length": "2",
    }


async def test_no_header_stays_for_the_next_answer(upstreams, script):
    script.answers = [HEAD + b"x-first: 1\r\ncontent-length: 0\r\n\r\n", ANSWERS["chunks"][0], OK]
    for expected in ({"x-first", "content-length"}, {"transfer-encoding", "trailer"}, {"content-length"}):
        reply = await ask(upstreams, script.url)
        await reply.read()
        assert set(reply.headers) == expected
    assert script.connections == 1


@pytest.mark.parametrize(
    "head",
    [
        b"x: " + b"y" * (link.MAX_FIELD_BYTES + 1) + b"\r\n",
        b"x" * 300_000,
        b"".join(b"x-%d: y\r\n" % number for number in range(link.MAX_FIELDS + 1)),
        b"".join(b"x-%d: %b\r\n" % (number, b"y" * 8000) for number in range(5)),
        b"x-same: y\r\n" * 100_000,
        b"x: a\0b\r\n",
        b"x: a\rb\r\n",
        b"x: a\r\n b\r\n",
        b"x y: a\r\n",
        b": a\r\n",
        b"content-length: 2\r\n",  # twice
        b"content-length: -2\r\n",
        b"transfer-encoding: chunked\r\n",  # beside a length
    ],
)
async def test_a_head_beyond_bounds_or_sense_is_refused(upstreams, script, head):
    script.answers = [and_gone(HEAD + head + b"content-length: 2\r\n\r\n{}"), OK]
    assert await failure(upstreams, script) == "invalid"
    assert await talk(upstreams, script.url) == (200, b"{}")


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"gzip", b"chunked, identity"])
async def test_a_coding_that_was_not_asked_for_is_refused(upstreams, script, coding):
    script.answers = [and_gone(HEAD + b"transfer-encoding: %b\r\n\r\n0\r\n\r\n" % coding)]
    assert await failure(upstreams, script) == "invalid"


async def test_a_large_head_within_bounds_is_read(upstreams, script):
    lines = b"".join(b"x-%d: %b\r\n" % (number, b"y" * 7000) for number in range(4))
    script.answers = [HEAD + lines + b"content-length: 2\r\n\r\n{}"]
    assert await talk(upstreams, script.url) == (200, b"{}")


@pytest.mark.parametrize("flood", [EARLY, b"x-more: yes\r\n", b"x"], ids=["hints", "headers", "header"])
@pytest.mark.parametrize("start", [b"", HEAD, CHUNKED + b"2\r\n{}\r\n0\r\n"], ids=["start", "head", "trailers"])
async def test_what_does_not_end_is_cut_off(upstreams, script, start, flood):
    async def go_on(reader, writer):
        await reader.readexactly(2)
        writer.write(start)
        while True:
            writer.write(flood * 1000)
            await writer.drain()
            await asyncio.sleep(0)

    script.answers = [go_on]
    assert await failure(upstreams, script) == "invalid"
    await script.until_gone()


# More than was asked for


@pytest.mark.parametrize("more", [OK, b"H", b"junk", b"HTTP/1.1 100 Continue\r\n\r\n"])
@pytest.mark.parametrize("pause", [0, 0.05])
async def test_what_follows_an_answer_reaches_no_other_request(upstreams, script, more, pause):
    async def say_more(reader, writer):
        await reader.readexactly(2)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst" + (b"" if pause else more))
        await asyncio.sleep(pause)
        writer.write(more if pause else b"")

    script.answers = [say_more, OK]
    assert await talk(upstreams, script.url) == (200, b"first")
    await asyncio.sleep(2 * pause)
    for _ in range(3):
        assert await talk(upstreams, script.url) == (200, b"{}")
    assert script.connections == 2
    assert script.gone == 1, "the connection is not kept to find out later"


async def test_who_talks_before_being_asked_is_not_asked(upstreams):
    async def greet(reader, writer):
        writer.write(OK)
        await asyncio.sleep(0.05)
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        for _ in range(5):
            try:
                await talk(upstreams, url)
            except UpstreamError as error:
                assert error.outcome == "closed"
    assert upstreams.open_replies == 0


@pytest.mark.parametrize("upgrade", [b"", b"connection: upgrade\r\nupgrade: websocket\r\n"])
async def test_a_provider_that_changes_the_protocol_is_left(upstreams, script, upgrade):
    script.answers = [b"HTTP/1.1 101 Switching Protocols\r\n%b\r\nhello" % upgrade, OK]
    assert await talk(upstreams, script.url) == (101, b"")
    assert await talk(upstreams, script.url) == (200, b"{}")
    assert script.connections == 2


async def test_a_reply_that_was_given_back_reads_no_more(upstreams, script):
    reply = await ask(upstreams, script.url)
    chunks = reply.chunks()
    assert await anext(chunks) == b"{}"
    reply.close()
    other = await ask(upstreams, script.url)
    with pytest.raises(AssertionError):
        await anext(chunks)
    assert await other.read() == b"{}"


# Whoever reads slowly


@pytest.mark.parametrize("framed", ["length", "chunked"])
async def test_a_provider_waits_for_a_slow_reader(upstreams, script, framed):
    size, written = 64 * 1024 * 1024, 0

    async def pour(reader, writer):
        nonlocal written
        await reader.readexactly(2)
        writer.write(CHUNKED if framed == "chunked" else HEAD + b"content-length: %d\r\n\r\n" % size)
        while written < size:
            piece = b"z" * 65536
            writer.write(b"10000\r\n%b\r\n" % piece if framed == "chunked" else piece)
            written += len(piece)
            await writer.drain()
        writer.write(b"0\r\n\r\n" if framed == "chunked" else b"")

    script.answers = [pour]
    tracemalloc.start()
    reply = await ask(upstreams, script.url)
    chunks, read = reply.chunks(), 0
    for _ in range(20):
        read += len(await anext(chunks))
        await asyncio.sleep(0.01)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert written < size / 2, "the provider has to wait"
    assert peak < 4 * 1024 * 1024
    async for chunk in chunks:
        assert len(chunk) <= link.PIECE_BYTES
        read += len(chunk)
    assert read == size
    script.answers = [OK]
    assert await talk(upstreams, script.url) == (200, b"{}")
    assert script.connections == 1


async def test_a_slow_reader_is_not_taken_for_a_silent_provider(upstreams, script):
    async def in_two(reader, writer):
        await reader.readexactly(2)
        writer.write(HEAD + b"content-length: 4\r\n\r\n")
        await asyncio.sleep(0.05)
        writer.write(b"ab")
        await asyncio.sleep(0.6)
        writer.write(b"cd")

    script.answers = [in_two]
    reply = await ask(upstreams, script.url, timeout_s=0.3)
    chunks = reply.chunks()
    assert await anext(chunks) == b"ab"
    await asyncio.sleep(0.5)
    assert await anext(chunks) == b"cd"
    await chunks.aclose()


async def test_a_shorter_patience_holds_on_a_connection_that_had_a_longer_one(upstreams, script):
    async def fall_silent(reader, writer):
        await reader.readexactly(3)

    script.answers = [OK, OK, fall_silent]
    assert await talk(upstreams, script.url, timeout_s=60) == (200, b"{}")
    assert await talk(upstreams, script.url, timeout_s=30) == (200, b"{}")
    async with asyncio.timeout(2):
        assert await failure(upstreams, script, timeout_s=0.2) == "timeout"
    assert script.connections == 1


# The connections


@pytest.mark.parametrize("kind", ["length", "chunks", "nothing"])
async def test_many_calls_share_a_connection(upstreams, script, kind):
    script.answers = [ANSWERS[kind][0]]
    for _ in range(50):
        await talk(upstreams, script.url)
    assert script.connections == 1
    await asyncio.gather(*[talk(upstreams, script.url) for _ in range(10)])
    await asyncio.gather(*[talk(upstreams, script.url) for _ in range(10)])
    assert script.connections == 10


async def test_sessions_close_their_idle_connections(upstreams, script):
    await asyncio.gather(*[talk(upstreams, script.url) for _ in range(5)])
    await upstreams.close()
    await script.until_gone(5)


async def test_a_connection_that_is_over_is_forgotten(upstreams, script):
    script.answers = [HEAD + b"connection: close\r\ncontent-length: 2\r\n\r\n{}"]
    for _ in range(3):
        await talk(upstreams, script.url, timeout_s=60)
    await script.until_gone(3)
    gc.collect()
    assert not [known for known in gc.get_objects() if isinstance(known, link.Link)]


async def test_answers_over_tls_are_cut_anywhere_too(upstreams, script, tmp_path):
    certificate, key = servers.make_certificate(tmp_path)
    connector._SSL_CONTEXT_VERIFIED.load_verify_locations(certificate)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    answer, body = ANSWERS["chunks"]

    async def drip(reader, writer):
        await reader.readexactly(2)
        for byte in answer:
            writer.write(bytes([byte]))
            await asyncio.sleep(0)

    script.answers = [answer, drip, and_gone(answer[:-3])]
    async with await asyncio.start_server(script.serve, "127.0.0.1", 0, ssl=context) as server:
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}/v1"
        for _ in range(2):
            assert await talk(upstreams, url) == (200, body)
        with pytest.raises(UpstreamError) as caught:
            await talk(upstreams, url)
        assert caught.value.outcome == "cut"
        await upstreams.close()
    assert script.connections == 1
