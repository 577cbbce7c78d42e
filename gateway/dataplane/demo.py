"""The built-in offline provider: answers without a network, the same answer to the same request.

It makes the first request work before any credential exists, and says in every answer that it is a demo.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson

FINGERPRINT = "demo-offline"
PIECE_SECONDS = 0.02
_CREATED = 1_767_225_600  # 2026-01-01: an answer does not depend on the clock


class DemoReply:
    """A chat completion that repeats what it was asked; `body` is an openai-chat request."""

    status = 200

    def __init__(self, body: bytes) -> None:
        request = orjson.loads(body)
        self._stream = bool(request.get("stream"))
        self._model = str(request.get("model", "demo"))
        self._text = _answer(request)
        self._id = "chatcmpl-demo-" + hashlib.sha256(body).hexdigest()[:24]
        self._usage = _usage(request, self._text)
        self.headers: Mapping[str, str] = {
            "content-type": "text/event-stream; charset=utf-8" if self._stream else "application/json"
        }

    async def read(self) -> bytes:
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": self._text, "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
        return orjson.dumps({**self._envelope("chat.completion"), "choices": [choice], "usage": self._usage})

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self._event({"role": "assistant", "content": ""})
        for piece in re.findall(r"\s*\S+", self._text):
            await asyncio.sleep(PIECE_SECONDS)
            yield self._event({"content": piece})
        yield self._event({}, "stop")
        yield _sse({**self._envelope("chat.completion.chunk"), "choices": [], "usage": self._usage})
        yield b"data: [DONE]\n\n"

    def close(self) -> None:
        return None

    def _event(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _sse({**self._envelope("chat.completion.chunk"), "choices": [choice]})

    def _envelope(self, kind: str) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": kind,
            "created": _CREATED,
            "model": self._model,
            "system_fingerprint": FINGERPRINT,
        }


def _answer(request: dict[str, Any]) -> str:
    asked = _last_user_text(request.get("messages") or [])[:200]
    return (
        f"[demo] This is the gateway's offline demo model; no provider was called. You said: {asked!r}. "
        "Add an account in the admin to talk to a real model."
    )


def _last_user_text(messages: list[Any]) -> str:
    for message in reversed(messages):
        if isinstance(message, dict) and message.get("role") == "user":
            content = message.get("content")
            if isinstance(content, str):
                return content
            parts = content if isinstance(content, list) else []
            return " ".join(str(part.get("text", "")) for part in parts if isinstance(part, dict)).strip()
    return ""


def _usage(request: dict[str, Any], text: str) -> dict[str, int]:
    """Words stand in for tokens: a demo has no tokenizer."""
    asked = sum(len(str(message).split()) for message in request.get("messages") or [])
    answered = len(text.split())
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}


def _sse(chunk: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(chunk) + b"\n\n"
