"""OpenAI Chat Completions, as api.openai.com and its many imitators speak it.

Source: OpenAI's API reference for `POST /v1/chat/completions`, and recorded traffic where vendors differ.
"""

import re
from typing import Annotated, Any

import msgspec
import orjson

from gateway.dataplane.errors import (
    BadRequest,
    GatewayError,
    UpstreamError,
    UpstreamInvalid,
)
from gateway.dataplane.messages import Envelope, Usage
from gateway.dataplane.steering import STEERING_FIELDS, refusal_of

PATH = "/chat/completions"
MODELS_PATH = "/models"
JSON_TYPE = b"application/json"
STREAM_TYPE = b"text/event-stream; charset=utf-8"
KEEP_ALIVE = b": keep-alive\n\n"
MAX_DEPTH = 64
MAX_EVENT_BYTES = 8 * 1024 * 1024  # one event may carry a base64 image, never more than this

_Object = dict[str, msgspec.Raw]


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
    tools: list[_Object] | None = None
    tool_choice: str | _Object | None = None
    parallel_tool_calls: bool | None = None
    response_format: _Object | None = None
    metadata: _Object | None = None
    store: bool | None = None
    service_tier: str | None = None
    reasoning_effort: str | None = None
    modalities: list[str] | None = None
    audio: _Object | None = None
    prediction: _Object | None = None


_FIELDS = msgspec.json.Decoder(_Object)
_BODY = msgspec.json.Decoder(_Body)
_AT = re.compile(r" - at `\$\.?(.*)`$")
_MISSING = re.compile(r"required field `(\w+)`")


def read(body: bytes) -> Envelope:
    """Check a client's request; raises BadRequest or UnknownParameter naming the field."""
    _check_depth(body)
    try:
        fields = _FIELDS.decode(body)
        known = _BODY.decode(body)
    except msgspec.ValidationError as error:
        raise _bad_field(str(error)) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadRequest(f"The body is not JSON: {error}.") from None
    if refused := STEERING_FIELDS & fields.keys():
        raise refusal_of(min(refused))
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


def encode(envelope: Envelope, model: str) -> bytes:
    """The provider's body: every value as the client wrote it, but for the model's name and, in a stream,
    the wish for usage. Repeated names are gone, so what was checked is what is sent.
    """
    changed = {"model": orjson.dumps(model)}
    if envelope.stream and not envelope.wants_usage:
        changed["stream_options"] = _asking_for_usage(envelope.fields.get("stream_options"))
    return _join({**envelope.fields, **changed})


def read_answer(body: bytes) -> Usage | None:
    """The usage of a whole answer; raises UpstreamInvalid for anything that is not one."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise UpstreamInvalid(
            "the answer is not JSON" if body else "the answer is empty", outcome="invalid", blame="provider"
        ) from None
    if not isinstance(answer, dict):
        raise UpstreamInvalid("the answer is not a JSON object", outcome="invalid", blame="provider")
    if answer.get("error"):
        raise UpstreamInvalid(
            f"an error came with status 200: {error_text(answer)}", outcome="invalid", blame="provider"
        )
    if not isinstance(answer.get("choices"), list):
        raise UpstreamInvalid("the answer has no choices", outcome="invalid", blame="provider")
    return read_usage(answer.get("usage"))


def read_usage(usage: Any) -> Usage | None:
    """`prompt_tokens` includes cached ones, `completion_tokens` includes reasoning."""
    if not isinstance(usage, dict) or not isinstance(usage.get("prompt_tokens"), int):
        return None
    prompt_details = usage.get("prompt_tokens_details") or {}
    answer_details = usage.get("completion_tokens_details") or {}
    return Usage(
        tokens_in=usage["prompt_tokens"],
        tokens_out=_count(usage.get("completion_tokens")),
        cached=_count(prompt_details.get("cached_tokens")),
        reasoning=_count(answer_details.get("reasoning_tokens")),
    )


class Stream:
    """Reads one upstream stream as it passes. Feed it bytes; it gives back whole events, byte for byte.

    held back:   what precedes the first content, until that arrives; the closing `[DONE]`, until `finish`;
                 the usage chunk, for a client that did not ask for it.
    content:     the first content has arrived: from here on no other account can be tried.
    complete:    the upstream has ended the answer itself: `[DONE]`, or a finish reason for each choice.
    broken:      an error event came after content; what preceded it has been given back.
    """

    __slots__ = ("_closing", "_early", "_rest", "_unfinished", "_wants_usage", "broken", "complete", "content", "usage")

    def __init__(self, *, wants_usage: bool, choices: int = 1) -> None:
        self._wants_usage = wants_usage
        self._unfinished = set(range(choices))
        self.broken: UpstreamError | None = None
        self._rest = b""
        self._early: list[bytes] = []
        self._closing: list[bytes] = []
        self.content = False
        self.complete = False
        self.usage: Usage | None = None

    def feed(self, chunk: bytes) -> bytes:
        """What can be sent to the client now. Raises UpstreamError for an error event, UpstreamInvalid for
        an event without end.
        """
        data = self._rest + chunk if self._rest else chunk
        end = _last_boundary(data)
        self._rest = data[end:]
        if len(self._rest) > MAX_EVENT_BYTES:
            raise UpstreamInvalid("an event of the stream has no end", outcome="invalid", blame="provider")
        if not end:
            return b""
        events = data[:end] if self._rest else data
        if self.content and not self._closing and not _NOTABLE.search(events):
            return events
        return self._pass_all(_split(events))

    def finish(self) -> bytes:
        """What is left when the upstream has closed the stream, `[DONE]` included."""
        rest, self._rest = self._rest, b""
        if rest and _is_whole(rest):
            self._closing.append(self._pass(rest))
        closing, self._closing = self._closing, []
        return b"".join([*self._release_early(), *closing])

    def _pass_all(self, events: list[bytes]) -> bytes:
        passed = []
        for event in events:
            try:
                passed.append(self._pass(event))
            except UpstreamError as error:
                if not self.content:
                    raise
                self.broken = error  # once the client has what came before it
                break
        return b"".join(passed)

    def _pass(self, event: bytes) -> bytes:
        data = _data(event)
        if data is None:
            return self._hold_early(event)  # a comment or an event without data
        if data == b"[DONE]":
            self.complete = True
            self._closing.append(event)
            return b""
        try:
            chunk = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise UpstreamInvalid("an event of the stream is not JSON", outcome="invalid", blame="provider") from None
        if not isinstance(chunk, dict):
            raise UpstreamInvalid("an event of the stream is not an object", outcome="invalid", blame="provider")
        if chunk.get("error"):
            raise UpstreamError(error_text(chunk), outcome="error_event", blame="provider")
        choices = chunk.get("choices")
        if usage := read_usage(chunk.get("usage")):
            self.usage = usage
            if not choices and not self._wants_usage:
                return b""
        if not self.content and not _has_content(choices):
            return self._hold_early(event)
        self.content = True
        self._note_finished(choices)
        if self._closing:  # an event after [DONE] keeps its place
            self._closing.append(event)
            return b""
        return b"".join([*self._release_early(), event])

    def _note_finished(self, choices: Any) -> None:
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict) and choice.get("finish_reason"):
                self._unfinished.discard(choice.get("index", 0))
        if not self._unfinished:
            self.complete = True

    def _hold_early(self, event: bytes) -> bytes:
        if self._closing:
            self._closing.append(event)
            return b""
        if self.content:
            return event
        self._early.append(event)
        return b""

    def _release_early(self) -> list[bytes]:
        early, self._early = self._early, []
        return early


def error_body(error: GatewayError, request_id: str) -> bytes:
    """OpenAI's error object, with `source` saying whose error it is and the facts beside it."""
    return orjson.dumps(
        {
            "error": {
                "message": error.message,
                "type": _kind(error),
                "param": error.param,
                "code": error.code,
                "source": error.source,
                "request_id": request_id,
                **error.facts,
            }
        }
    )


def error_event(error: GatewayError, request_id: str) -> bytes:
    """The same inside a stream; no `[DONE]` follows it. JSON escapes every line break."""
    return b"data: " + error_body(error, request_id) + b"\n\n"


def error_text(answer: Any) -> str:
    """The words of a provider's error in any of the shapes that are met; at most 300 characters."""
    if not isinstance(answer, dict):
        return ""
    error = answer.get("error") or answer.get("detail") or answer.get("message") or ""
    if isinstance(error, dict):
        error = error.get("message") or error.get("code") or error.get("type") or ""
    return str(error)[:300]


def model_list(entries: list[dict[str, Any]]) -> bytes:
    return orjson.dumps({"object": "list", "data": entries})


def model_entry(name: str, owner: str, created: int) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": owner}


_KINDS = {429: "rate_limit_error", 401: "authentication_error", 403: "permission_error", 400: "invalid_request_error"}
# What makes an event worth reading once content flows: the rest passes unread. A quote inside a JSON
# string is escaped, so text that talks about these names does not match.
_NOTABLE = re.compile(rb'\[DONE\]|"error"|"usage":\s*\{|"finish_reason":\s*"')
_BOUNDARY = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n")
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"')
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def _kind(error: GatewayError) -> str:
    return _KINDS.get(error.status, error.kind)


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


def _asking_for_usage(options: msgspec.Raw | None) -> bytes:
    """The client's stream options with usage asked for."""
    present = {} if options is None or bytes(options) == b"null" else _FIELDS.decode(options)
    return _join({**present, "include_usage": b"true"})


def _join(fields: dict[str, Any]) -> bytes:
    return b"{" + b",".join(orjson.dumps(name) + b":" + bytes(value) for name, value in fields.items()) + b"}"


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _has_content(choices: Any) -> bool:
    """Whether a chunk holds anything of an answer, beyond the announcement of a role."""
    for choice in choices if isinstance(choices, list) else ():
        if not isinstance(choice, dict):
            continue
        if choice.get("finish_reason") or choice.get("text"):
            return True
        delta = choice.get("delta")
        if isinstance(delta, dict) and any(value for name, value in delta.items() if name != "role"):
            return True
    return False


def _last_boundary(data: bytes) -> int:
    """Just after the last blank line, 0 if there is none."""
    end = data.rfind(b"\n\n") + 2
    if b"\r" in data:
        for mark in (b"\r\n\r\n", b"\r\r", b"\n\r\n"):
            end = max(end, data.rfind(mark) + len(mark) if mark in data else 0)
    return end if end > 1 else 0


def _split(events: bytes) -> list[bytes]:
    """Each event with its blank line."""
    found, start = [], 0
    for boundary in _BOUNDARY.finditer(events):
        found.append(events[start : boundary.end()])
        start = boundary.end()
    return found


def _data(event: bytes) -> bytes | None:
    """The event's data, its lines joined (WHATWG HTML §9.2); None if it has none."""
    lines = [line for line in event.splitlines() if line.startswith(b"data:")]
    if not lines:
        return None
    return b"\n".join(line[5:].removeprefix(b" ") for line in lines).strip()


def _is_whole(rest: bytes) -> bool:
    """Whether a last event that lacks its blank line is complete all the same."""
    data = _data(rest)
    if data is None or data == b"[DONE]":
        return data is not None
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return True
