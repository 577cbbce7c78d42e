"""A client's request, read only as far as routing and limits need it, and handed on as it is.

Source: OpenAI's API reference for `POST /v1/chat/completions`.
"""

from typing import Annotated

import msgspec
import orjson

from gateway.dataplane.messages import Envelope, Target
from gateway.dataplane.reading import Object, join, read_fields, read_object


class _Message(msgspec.Struct):
    role: str
    content: str | list[msgspec.Raw] | None = None


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Body(msgspec.Struct):
    """Types of the known fields; an unknown field is the provider's business."""

    model: Annotated[str, msgspec.Meta(min_length=1, max_length=160)]
    messages: Annotated[list[_Message], msgspec.Meta(min_length=1)]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    n: int | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    user: str | None = None
    tools: list[Object] | None = None
    tool_choice: str | Object | None = None
    parallel_tool_calls: bool | None = None
    response_format: Object | None = None
    metadata: Object | None = None
    store: bool | None = None
    service_tier: str | None = None
    reasoning_effort: str | None = None
    modalities: list[str] | None = None
    audio: Object | None = None
    prediction: Object | None = None


_BODY = msgspec.json.Decoder(_Body)


def read(body: bytes, model: str = "", action: str = "") -> Envelope:
    """Check a client's request; raises BadRequest or UnknownParameter naming the field."""
    fields, known = read_object(body, _BODY)
    options = known.stream_options
    return Envelope(
        model=known.model,
        stream=bool(known.stream),
        wants_usage=bool(options and options.include_usage),
        max_tokens=known.max_completion_tokens or known.max_tokens,
        choices=known.n or 1,
        prompt_bytes=len(body),
        fields=fields,
        raw=body,
    )


def encode(envelope: Envelope, target: Target) -> bytes:
    """The provider's body: every value as the client wrote it, but for the model's name and, in a stream,
    the wish for usage. Repeated names are gone, so what was checked is what is sent.
    """
    changed = {"model": orjson.dumps(target.model)}
    if envelope.stream and not envelope.wants_usage:
        changed["stream_options"] = _asking_for_usage(envelope.fields.get("stream_options"))
    return join(envelope.fields, changed)


def _asking_for_usage(options: msgspec.Raw | None) -> bytes:
    """The client's stream options with usage asked for."""
    present = {} if options is None or bytes(options) == b"null" else read_fields(options)
    return join(present, {"include_usage": b"true"})
