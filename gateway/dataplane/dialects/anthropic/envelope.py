"""A client's request, read only as far as routing and limits need it, and handed on as it is.

Source: Anthropic's API reference for `POST /v1/messages` and `POST /v1/messages/count_tokens`.
"""

from typing import Annotated

import msgspec
import orjson

from gateway.dataplane import opaque
from gateway.dataplane.dialects.anthropic.count import write_count
from gateway.dataplane.dialects.anthropic.request import parse
from gateway.dataplane.messages import Envelope, Target
from gateway.dataplane.reading import Object, join, read_object


class _Message(msgspec.Struct):
    role: str
    content: str | list[msgspec.Raw]


class _Counted(msgspec.Struct, kw_only=True):
    """Types of the known fields; an unknown field is the provider's business."""

    model: Annotated[str, msgspec.Meta(min_length=1, max_length=160)]
    messages: Annotated[list[_Message], msgspec.Meta(min_length=1)]
    system: str | list[msgspec.Raw] | None = None
    tools: list[Object] | None = None
    tool_choice: Object | None = None
    thinking: Object | None = None
    output_config: Object | None = None
    cache_control: Object | None = None
    context_management: Object | None = None
    mcp_servers: list[Object] | None = None


class _Body(_Counted, kw_only=True):
    max_tokens: int
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop_sequences: list[str] | None = None
    metadata: Object | None = None
    service_tier: str | None = None
    container: str | Object | None = None


_BODY = msgspec.json.Decoder(_Body)
_COUNTED = msgspec.json.Decoder(_Counted)


def read(body: bytes, model: str = "", action: str = "") -> Envelope:
    """Check a client's request; raises BadRequest or UnknownParameter naming the field."""
    fields, known = read_object(body, _BODY)
    return Envelope(
        model=known.model,
        stream=bool(known.stream),
        wants_usage=True,
        max_tokens=known.max_tokens,
        choices=1,
        prompt_bytes=len(body),
        fields=fields,
        raw=body,
    )


def read_count_request(body: bytes, model: str = "", action: str = "") -> Envelope:
    """The same for a request to count tokens, which needs no `max_tokens`."""
    fields, known = read_object(body, _COUNTED)
    return Envelope(
        model=known.model,
        stream=False,
        wants_usage=False,
        max_tokens=None,
        choices=1,
        prompt_bytes=len(body),
        fields=fields,
        raw=body,
        counts=True,
    )


def encode(envelope: Envelope, target: Target) -> bytes:
    """The provider's body: every value as the client wrote it, but for the model's name."""
    if envelope.counts and opaque.holds_wrapped(
        envelope.raw
    ):  # a wrapped proof would be refused, not counted
        return orjson.dumps(write_count(parse(envelope), target, []))
    return join(envelope.fields, {"model": orjson.dumps(target.model)})
