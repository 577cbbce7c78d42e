"""Recorded traffic of real providers, replayed byte for byte under any chunking, cut anywhere.

The recordings are no part of the repository: they lie in a folder beside it, or where RECORDINGS_DIR says.
"""

import json
import os
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.upstreams import behaviours
from tests.upstreams.server import Behaviour, Exchange

ROOT = Path(__file__).resolve().parents[2]
# Those who imitate OpenAI's wire format count too; their URL says that it was chat completions.
DIALECT_TAGS = {"openai-chat", "compat", "azure"}
HOP_BY_HOP = {"content-length", "transfer-encoding", "connection", "content-encoding", "keep-alive", "date"}


@dataclass(frozen=True)
class Recording:
    """One recorded exchange. `body` is what the provider sent, `request` what it was asked (or None)."""

    id: str
    tags: tuple[str, ...]
    status: int
    headers: dict[str, str]
    body: bytes
    request: dict[str, Any] | None

    @property
    def is_stream(self) -> bool:
        return self.headers.get("content-type", "").startswith("text/event-stream")

    @property
    def usage(self) -> dict[str, Any] | None:
        """The last usage the provider reported, read without any of the gateway's code."""
        if not self.is_stream:
            return _usage_of(self.body)
        lines = (line.strip() for line in self.body.decode().splitlines())
        data = (line.removeprefix("data:").strip() for line in lines if line.startswith("data:"))
        reported = [usage for text in data if text != "[DONE]" and (usage := _usage_of(text.encode()))]
        return reported[-1] if reported else None

    @property
    def asked(self) -> dict[str, Any]:
        """A request that fits the answer: the recorded one, or a plain one."""
        request = self.request or {"messages": [{"role": "user", "content": "Hello"}]}
        return {**request, "stream": True} if self.is_stream else request


def folder() -> Path:
    return Path(os.environ.get("RECORDINGS_DIR") or ROOT.parent / "shared" / "recordings")


@cache
def all_recordings() -> tuple[Recording, ...]:
    """Every recorded exchange of the openai-chat wire format; empty where the folder is absent."""
    files = sorted(folder().glob("*.json")) if folder().is_dir() else []
    return tuple(found for file in files if file.name != "MANIFEST.json" for found in _read(file))


def by_id(wanted: str) -> Recording:
    """One recording by the id that the tests print."""
    return next(recording for recording in all_recordings() if recording.id == wanted)


def _read(file: Path) -> Iterator[Recording]:
    stored = json.loads(file.read_text())
    if not DIALECT_TAGS & set(stored["tags"]):
        return
    for number, exchange in enumerate(stored["interactions"]):
        request, response = exchange["request"], exchange["response"]
        if request and "chat/completions" not in request["url"]:
            continue
        raw = response["body"]
        text = raw if isinstance(raw, str) else json.dumps(raw, ensure_ascii=False)
        if not request and '"chat.completion' not in text:
            continue
        headers = {name.lower(): str(value) for name, value in (response["headers"] or {}).items()}
        yield Recording(
            id=f"{stored['id']}#{number}",
            tags=tuple(stored["tags"]),
            status=response["status"],
            headers={name: value for name, value in headers.items() if name not in HOP_BY_HOP},
            body=text.encode(),
            request=request["body"] if request and isinstance(request["body"], dict) else None,
        )


def _usage_of(raw: bytes) -> dict[str, Any] | None:
    try:
        parsed = json.loads(raw)
    except ValueError:
        return None
    usage = parsed.get("usage") if isinstance(parsed, dict) else None
    return usage if isinstance(usage, dict) else None


def pieces(data: bytes, chunking: str) -> list[bytes]:
    """`data` in pieces: `whole`, `byte` (1 byte each), `event` (one event each) or `random` (1 to 700 bytes)."""
    if chunking == "whole":
        return [data]
    if chunking == "byte":
        return [data[n : n + 1] for n in range(len(data))]
    if chunking == "event":
        return re.findall(rb".+?\n\n|.+", data, re.DOTALL)
    dice = random.Random(len(data))  # noqa: S311 - the same pieces in every run
    found = []
    while data:
        size = dice.randint(1, 700)
        found.append(data[:size])
        data = data[size:]
    return found


def replay(
    recording: Recording, *, chunking: str = "whole", cut_at: int | None = None, interval: float = 0.0
) -> Behaviour:
    """The recorded answer, its status and headers included; `cut_at` bytes into the body the line goes dead.

    interval: seconds between two pieces; with 0 the network may join them again.
    """
    sent = recording.body if cut_at is None else recording.body[:cut_at]

    async def act(exchange: Exchange) -> None:
        headers = {"content-type": "application/json", **recording.headers}
        framing = {"transfer-encoding": "chunked"}
        await exchange.send(behaviours.head(recording.status, {**headers, **framing}))
        for part in pieces(sent, chunking):
            await exchange.send(behaviours.chunk(part))
            if chunking != "whole":
                await exchange.pause(interval)
        if cut_at is None:
            await exchange.send(behaviours.chunk(b""))
        else:
            exchange.cut()

    return act
