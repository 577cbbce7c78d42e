"""Clients for the batteries: one coroutine a request, on a connection of its own, that may leave at any phase."""

import asyncio
import json
import random
import time
from dataclasses import dataclass, field
from typing import Any

from tests import chat

# Where a client may leave: before anything was sent, inside the head, inside the body, right after the request,
# after the answer's head, or after some bytes of its body.
PHASES = ("connected", "half head", "half body", "sent", "answered", "some bytes")


@dataclass
class Outcome:
    """What one client saw. Times are Unix seconds; `whole`: the answer ended as its framing promised."""

    model: str
    stream: bool
    left_at: str = ""
    began: float = field(default_factory=time.time)
    ended: float = 0.0
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    whole: bool = False
    failure: str = ""

    @property
    def request_id(self) -> str:
        return self.headers.get("x-request-id", "")

    @property
    def is_answer(self) -> bool:
        """A whole, correct answer to the question that was asked."""
        if self.status != 200 or not self.whole:
            return False
        if self.stream:
            return self.body.endswith(b"data: [DONE]\n\n")
        return b'"choices"' in self.body


async def ask(port: int, key: str, model: str, *, stream: bool, leave: str = "") -> Outcome:
    """Send one request and read its answer; leave at the phase named. Never raises for what the server does."""
    outcome = Outcome(model, stream, left_at=leave)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError as error:
        outcome.failure = type(error).__name__
        outcome.ended = time.time()
        return outcome
    try:
        async with asyncio.timeout(60):
            await _talk(reader, writer, outcome, key)
    except (OSError, EOFError, TimeoutError, ValueError) as error:
        outcome.failure = type(error).__name__
    finally:
        outcome.ended = time.time()
        if leave and random.random() < 0.5:
            writer.transport.abort()
        writer.close()
    return outcome


async def _talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, outcome: Outcome, key: str) -> None:
    head, body = _request(outcome, key)
    leave = outcome.left_at
    cuts = {"connected": 0, "half head": len(head) // 2, "half body": len(head) + len(body) // 2}
    writer.write((head + body)[: cuts.get(leave)])
    await writer.drain()
    if leave in cuts:
        await asyncio.sleep(random.random() * 0.02)
        return
    if leave == "sent":
        await asyncio.sleep(random.random() * 0.1)
        return
    await _read_head(reader, outcome)
    if leave == "answered":
        return
    if leave == "some bytes":
        outcome.body = await reader.read(random.randint(1, 2000))
        await asyncio.sleep(random.random() * 0.05)
        return
    await _read_body(reader, outcome)


def _request(outcome: Outcome, key: str) -> tuple[bytes, bytes]:
    fields: dict[str, Any] = {"stream": True} if outcome.stream else {}
    body = json.dumps(chat.body(outcome.model, **fields)).encode()
    head = (
        f"POST {chat.PATH} HTTP/1.1\r\nhost: battery\r\nauthorization: Bearer {key}\r\nconnection: close\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode(), body


async def _read_head(reader: asyncio.StreamReader, outcome: Outcome) -> None:
    text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = text.split("\r\n")
    outcome.status = int(first.split(" ")[1])
    pairs = (line.partition(":") for line in lines if line)
    outcome.headers = {name.lower(): value.strip() for name, _, value in pairs}


async def _read_body(reader: asyncio.StreamReader, outcome: Outcome) -> None:
    if outcome.headers.get("transfer-encoding") != "chunked":
        outcome.body = await reader.readexactly(int(outcome.headers["content-length"]))
    else:
        while size := int(await reader.readuntil(b"\r\n"), 16):
            outcome.body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
    outcome.whole = True
