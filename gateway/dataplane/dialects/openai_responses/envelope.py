"""A client's request, read only as far as routing and limits need it, and handed on as it is.

The gateway keeps no conversations: what would need one kept is refused, with the cure. `store` is answered
honestly: providers are always told false, and whoever asked for true is told that it was dropped.
"""

from typing import Annotated

import msgspec
import orjson

from gateway.dataplane.errors import UnsupportedParameter
from gateway.dataplane.messages import Envelope, Target
from gateway.dataplane.reading import Object, join, read_object


class _Item(msgspec.Struct):
    type: str | None = None
    id: str | None = None
    role: str | None = None


class _Text(msgspec.Struct):
    format: Object | None = None
    verbosity: str | None = None


class _Reasoning(msgspec.Struct):
    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None


class _Body(msgspec.Struct):
    """Types of the known fields; an unknown field is the provider's business."""

    model: Annotated[str, msgspec.Meta(min_length=1, max_length=160)]
    input: str | Annotated[list[_Item], msgspec.Meta(min_length=1)]
    instructions: str | None = None
    stream: bool | None = None
    stream_options: Object | None = None
    store: bool | None = None
    background: bool | None = None
    previous_response_id: str | None = None
    conversation: str | Object | None = None
    prompt: Object | None = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_logprobs: int | None = None
    tools: list[Object] | None = None
    tool_choice: str | Object | None = None
    parallel_tool_calls: bool | None = None
    text: _Text | None = None
    reasoning: _Reasoning | None = None
    include: list[str] | None = None
    truncation: str | None = None
    metadata: Object | None = None
    user: str | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None


_BODY = msgspec.json.Decoder(_Body)
_CURE = "Send the whole conversation in `input`."


def read(body: bytes, model: str = "", action: str = "") -> Envelope:
    """Check a client's request; raises BadRequest, UnknownParameter or UnsupportedParameter naming the field."""
    fields, known = read_object(body, _BODY)
    _refuse_what_needs_state(known)
    return Envelope(
        model=known.model,
        stream=bool(known.stream),
        wants_usage=True,
        max_tokens=known.max_output_tokens,
        choices=1,
        prompt_bytes=len(body),
        fields=fields,
        raw=body,
        dropped=["store"] if known.store else [],
    )


def encode(envelope: Envelope, target: Target) -> bytes:
    """The provider's body: every value as the client wrote it, but for the model's name and `store`."""
    changed = {"model": orjson.dumps(target.model)}
    if not envelope.counts:
        changed["store"] = b"false"
    return join(envelope.fields, changed)


def _refuse_what_needs_state(known: _Body) -> None:
    if known.previous_response_id is not None:
        raise _needs_state("previous_response_id", f"the gateway keeps no answers. {_CURE}")
    if known.conversation is not None:
        raise _needs_state("conversation", f"the gateway keeps no conversations. {_CURE}")
    if known.background:
        raise _needs_state("background", "the gateway keeps no answers to be fetched later. Stream instead.")
    if known.prompt is not None:
        raise _needs_state("prompt", f"a template is stored with one provider's account. {_CURE}")
    for number, item in enumerate(known.input if isinstance(known.input, list) else ()):
        if item.type == "item_reference" or (item.type is None and item.role is None and item.id is not None):
            raise _needs_state(f"input[{number}]", f"the gateway keeps no items to refer to. {_CURE}")


def _needs_state(field: str, why: str) -> UnsupportedParameter:
    return UnsupportedParameter(f"{field} is not supported: {why}", param=field)
