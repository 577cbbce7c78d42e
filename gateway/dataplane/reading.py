"""A client's JSON body, checked: what is wrong with it is told by the name of the field."""

import re
from typing import TypeVar

import msgspec

from gateway.dataplane.errors import BadRequest
from gateway.dataplane.steering import STEERING_FIELDS, refusal_of

MAX_DEPTH = 64

Object = dict[str, msgspec.Raw]
Known = TypeVar("Known")

_FIELDS = msgspec.json.Decoder(Object)
_ENCODER = msgspec.json.Encoder()
_AT = re.compile(r" - at `\$\.?(.*)`$")
_MISSING = re.compile(r"required field `(\w+)`")
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"')
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def read_object(body: bytes, schema: msgspec.json.Decoder[Known]) -> tuple[Object, Known]:
    """The top-level fields as they came, and those that `schema` knows; raises BadRequest naming the field,
    and UnknownParameter for a field by which a caller would steer the request.
    """
    _check_depth(body)
    try:
        fields = _FIELDS.decode(body)
        known = schema.decode(body)
    except msgspec.ValidationError as error:
        raise _bad_field(str(error)) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadRequest(f"The body is not JSON: {error}.") from None
    if refused := STEERING_FIELDS.intersection(fields):
        raise refusal_of(min(refused))
    return fields, known


def read_fields(value: msgspec.Raw) -> Object:
    """The fields of a nested object that has been checked to be one."""
    return _FIELDS.decode(value)


def join(fields: Object, changed: dict[str, bytes]) -> bytes:
    """One JSON object of the fields as they came, in their order, with the JSON of those that are changed or new."""
    return _ENCODER.encode({**fields, **{name: msgspec.Raw(value) for name, value in changed.items()}})


def _check_depth(body: bytes) -> None:
    """Raise BadRequest for nesting deeper than MAX_DEPTH; most bodies have too few brackets to be looked at."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _STRINGS.sub(b"", body).translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise BadRequest(f"The body is nested deeper than {MAX_DEPTH} levels.")


def _bad_field(text: str) -> BadRequest:
    """msgspec's complaint, as a sentence that begins with the field's name."""
    where = _AT.search(text)
    path = where.group(1) if where else ""
    reason = _AT.sub("", text).replace("`", "")
    if missing := _MISSING.search(text):
        path = f"{path}.{missing.group(1)}".lstrip(".")
        return BadRequest(f"{path} is missing.", param=path)
    if not path:
        return BadRequest(f"The body must be a JSON object: {reason}.")
    return BadRequest(f"{path}: {reason[0].lower()}{reason[1:]}.", param=path)
