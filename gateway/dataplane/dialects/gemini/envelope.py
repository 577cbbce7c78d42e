"""A client's request, read only as far as routing and limits need it, and handed on as it is.

The model and what to do with it stand in the URL: `/v1beta/models/{model}:{action}`. A streamed answer is a JSON
array unless the URL asks for `alt=sse`, which the action then ends with: `streamGenerateContent:sse`.
Source: Google's reference for `models.generateContent` and `models.countTokens`.
"""

from typing import Any

import msgspec
import orjson

from gateway.dataplane.dialects.gemini.spelling import snake
from gateway.dataplane.errors import BadRequest
from gateway.dataplane.messages import Envelope, Target
from gateway.dataplane.reading import Object, join, read_fields, read_object

STREAM = "streamGenerateContent"
SSE = ":sse"


def _struct(name: str, types: dict[str, Any]) -> type[msgspec.Struct]:
    """A struct of optional fields, each in both of its spellings."""
    spelled = {spelling: kind | None for field, kind in types.items() for spelling in (field, snake(field))}
    return msgspec.defstruct(name, [(spelling, kind, None) for spelling, kind in spelled.items()])


_Generation = _struct(
    "_Generation",
    {
        "maxOutputTokens": int,
        "candidateCount": int,
        "temperature": float,
        "topP": float,
        "topK": float,
        "stopSequences": list[str],
        "seed": int,
        "presencePenalty": float,
        "frequencyPenalty": float,
        "responseLogprobs": bool,
        "logprobs": int,
        "responseMimeType": str,
        "responseSchema": Object,
        "responseModalities": list[str],
        "thinkingConfig": Object,
    },
)
_FIELDS: dict[str, Any] = {
    "contents": list[Object] | Object,
    "systemInstruction": Object,
    "generationConfig": _Generation,
    "safetySettings": list[Object],
    "tools": list[Object] | Object,
    "toolConfig": Object,
    "cachedContent": str,
    "generateContentRequest": Object,
}
_BODY = msgspec.json.Decoder(_struct("_Body", _FIELDS))


def read(body: bytes, model: str = "", action: str = "") -> Envelope:
    """Check a client's request; raises BadRequest or UnknownParameter naming the field."""
    envelope = _read(body, model, action)
    if not _has_contents(envelope.fields):
        raise BadRequest("contents is missing: it holds the conversation.", param="contents")
    return envelope


def read_count_request(body: bytes, model: str = "", action: str = "") -> Envelope:
    """Check a request of countTokens: `contents`, or a whole `generateContentRequest`."""
    envelope = _read(body, model, action)
    request = inner_request(envelope.fields)
    if not _has_contents(envelope.fields) and (request is None or not _has_contents(read_fields(request))):
        raise BadRequest("contents is missing: it holds what is to be counted.", param="contents")
    envelope.counts = True
    return envelope


def inner_request(fields: Object) -> msgspec.Raw | None:
    """The whole request that a request of countTokens may hold."""
    found = fields.get("generateContentRequest") or fields.get("generate_content_request")
    return None if found is None or bytes(found) == b"null" else found


def encode(envelope: Envelope, target: Target) -> bytes:
    """The provider's body: every value as the client wrote it, but for the model's name where one stands in it.
    Repeated names are gone, so what was checked is what is sent.
    """
    name = orjson.dumps(f"models/{target.model}")
    changed: dict[str, bytes] = {"model": name} if "model" in envelope.fields else {}
    for field in ("generateContentRequest", "generate_content_request"):
        if field in envelope.fields and bytes(envelope.fields[field]) != b"null":
            changed[field] = join(read_fields(envelope.fields[field]), {"model": name})
    return join(envelope.fields, changed)


def _read(body: bytes, model: str, action: str) -> Envelope:
    fields, known = read_object(body, _BODY)
    if not model:
        raise BadRequest("The URL names no model: /v1beta/models/{model}:generateContent.", param="model")
    stream = action.removesuffix(SSE) == STREAM
    generation = _either(known, "generationConfig")
    return Envelope(
        model=model,
        stream=stream,
        wants_usage=True,
        max_tokens=_either(generation, "maxOutputTokens"),
        choices=_either(generation, "candidateCount") or 1,
        prompt_bytes=len(body),
        fields=fields,
        raw=body,
        framing="json-array" if stream and not action.endswith(SSE) else "sse",
    )


def _either(known: Any, field: str) -> Any:
    """A field's value under either spelling."""
    found = getattr(known, field, None)
    return getattr(known, snake(field), None) if found is None else found


def _has_contents(fields: Object) -> bool:
    return bytes(fields.get("contents", b"")).translate(None, b" \t\r\n") not in (b"", b"null", b"[]", b"{}")
