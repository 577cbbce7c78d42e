"""A client's wish for pictures, read only as far as routing and limits need it."""

from typing import Annotated

import msgspec
import orjson

from gateway.dataplane.messages import Envelope, Target
from gateway.dataplane.reading import join, read_object


class _Body(msgspec.Struct):
    """Types of the known fields; an unknown field is the provider's business."""

    model: Annotated[str, msgspec.Meta(min_length=1, max_length=160)]
    prompt: Annotated[str, msgspec.Meta(min_length=1)]
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None
    size: str | None = None
    quality: str | None = None
    background: str | None = None
    style: str | None = None
    moderation: str | None = None
    response_format: str | None = None
    output_format: str | None = None
    output_compression: int | None = None
    partial_images: int | None = None
    stream: bool | None = None
    user: str | None = None


_BODY = msgspec.json.Decoder(_Body)


def read(body: bytes, model: str = "", action: str = "") -> Envelope:
    """Check a client's request; raises BadRequest or UnknownParameter naming the field."""
    fields, known = read_object(body, _BODY)
    return Envelope(
        model=known.model,
        stream=bool(known.stream),
        wants_usage=True,  # it stands in the last event, asked for or not
        max_tokens=None,
        choices=known.n or 1,
        prompt_bytes=len(body),
        fields=fields,
        raw=body,
    )


def encode(envelope: Envelope, target: Target) -> bytes:
    """The provider's body: every value as the client wrote it, but for the model's name."""
    return join(envelope.fields, {"model": orjson.dumps(target.model)})
