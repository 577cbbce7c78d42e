"""Bodies in the openai-chat wire format, as a provider would send them, and readers for them."""

import json
from collections.abc import Iterator
from typing import Any

USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "prompt_tokens_details": {"cached_tokens": 3},
    "completion_tokens_details": {"reasoning_tokens": 2},
}
DONE = b"data: [DONE]\n\n"


def completion(model: str, text: str = "Hello there.", **facts: Any) -> dict[str, Any]:
    """A whole answer; `facts` replace or add top-level fields."""
    message = {"role": "assistant", "content": text, "refusal": None}
    return {
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": USAGE,
        **facts,
    }


def sse(data: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"


def piece(model: str, delta: dict[str, Any], finish_reason: str | None = None, **facts: Any) -> dict[str, Any]:
    """One chunk of a streamed answer."""
    return {
        "id": "chatcmpl-scripted",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": model,
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}],
        **facts,
    }


def content_events(model: str, count: int) -> Iterator[bytes]:
    """The role, then `count` pieces of text; one is not ASCII."""
    yield sse(piece(model, {"role": "assistant", "content": ""}))
    for number in range(count):
        yield sse(piece(model, {"content": f"wörd{number} "}))


def usage_event(model: str) -> bytes:
    """The extra chunk of `stream_options.include_usage`."""
    return sse({**piece(model, {}), "choices": [], "usage": USAGE})


def closing_events(model: str, *, with_usage: bool) -> Iterator[bytes]:
    yield sse(piece(model, {}, "stop"))
    if with_usage:
        yield usage_event(model)
    yield DONE


def whole_stream(model: str, *, count: int = 3, with_usage: bool = False) -> bytes:
    """The bytes of a whole streamed answer."""
    closing = closing_events(model, with_usage=with_usage)
    return b"".join([*content_events(model, count), *closing])


def data_of(raw: bytes) -> list[str]:
    """The data of every complete event in a stream, in order; comments are left out."""
    found = []
    for block in raw.replace(b"\r\n", b"\n").split(b"\n\n")[:-1]:
        lines = [line for line in block.split(b"\n") if line.startswith(b"data:")]
        if lines:
            found.append(b"\n".join(line[5:].removeprefix(b" ") for line in lines).decode())
    return found


def objects_of(raw: bytes) -> list[dict[str, Any]]:
    """The JSON events of a stream, without `[DONE]`."""
    return [json.loads(data) for data in data_of(raw) if data != "[DONE]"]


def text_of(raw: bytes) -> str:
    """The text a client would have put together from a stream."""
    choices = (choice for event in objects_of(raw) for choice in event.get("choices", []))
    return "".join((choice.get("delta") or {}).get("content") or "" for choice in choices)
