"""From bytes to plain data with line numbers. Whatever the bytes are, the answer is a value or one line.

The file is read as a stream of YAML events, not with PyYAML's composers: those recurse in C, so that deep
nesting ends the process, and they expand aliases without a limit.
"""

import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 5 * 1024 * 1024
MAX_DEPTH = 20
MAX_VALUES = 200_000

_STANDARD = "tag:yaml.org,2002:"
_SCALARS = {_STANDARD + name for name in ("str", "int", "float", "bool", "null", "timestamp")}
# JSON writes a character beyond U+FFFF as two escapes, which YAML does not join.
_PAIR = re.compile(r"(?<!\\)((?:\\\\)*)(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})")
_PLAIN_KEY = re.compile(r"[^\s.\[\]]+")


class Unreadable(Exception):
    """The file cannot be read as a configuration; the text is one line with the cure."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. `at` is a path such as `accounts[0].auth.api_key`, empty for the whole file."""

    at: str
    text: str
    line: int | None = None

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        return f"{place}{self.at}: {self.text}" if self.at else f"{place}{self.text}"


@dataclass(slots=True)
class Document:
    """The plain data of a file, and the line on which each path begins."""

    content: Any = None
    lines: dict[str, int] = field(default_factory=dict)

    def line_of(self, at: str) -> int | None:
        """The line of a path, or of the nearest one that holds it."""
        while at and at not in self.lines:
            at = at[: max(at.rfind("."), at.rfind("["), 0)]
        return self.lines.get(at)


def read(name: str) -> Document:
    """The document in a file, or on standard input for `-`. Raises Unreadable."""
    return parse(_bytes_of(name))


def parse(raw: bytes) -> Document:
    """The document in some bytes of YAML or JSON. Raises Unreadable."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"this is not a text file (byte {error.start} is not UTF-8)") from None
    try:
        return _Builder().build(_PAIR.sub(_joined, text))
    except yaml.YAMLError as error:
        raise Unreadable(_first_words(error)) from None


def _joined(match: re.Match[str]) -> str:
    return match[1] + json.loads(f'"{match[2]}"')


def child(at: str, key: str | int) -> str:
    """The path of what `at` holds under a key or an index."""
    if isinstance(key, int):
        return f"{at}[{key}]"
    name = key if _PLAIN_KEY.fullmatch(key) else ascii(key[:60])
    return f"{at}.{name}" if at else name


def _bytes_of(name: str) -> bytes:
    try:
        if name == "-":
            raw = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Unreadable(f"cannot be read ({reason})") from None
    if len(raw) > MAX_BYTES:
        raise Unreadable(f"is larger than {MAX_BYTES // 1024 // 1024} MB; split it into several files")
    return raw


def _first_words(error: yaml.YAMLError) -> str:
    """What YAML found wrong and where, in one line."""
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be parsed"
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{place}this is not valid YAML: {what}"


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not come; `key` is the mapping's key that waits for its value."""

    value: dict | list
    at: str
    anchor: str | None
    counted_before: int
    key: str | None = None
    merged: list[dict] = field(default_factory=list)

    @property
    def expects_key(self) -> bool:
        return isinstance(self.value, dict) and self.key is None


class _Builder:
    def __init__(self) -> None:
        self.document = Document()
        self.stack: list[_Open] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.counted = 0
        self.documents = 0
        self.line = 1
        self.scalars = yaml.SafeLoader("")

    def build(self, text: str) -> Document:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        for event in yaml.parse(text, Loader=loader):
            self.line = event.start_mark.line + 1
            self._take(event)
        return self.document

    def _take(self, event: yaml.Event) -> None:
        match event:
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.AliasEvent():
                self._alias(event.anchor)
            case yaml.MappingStartEvent():
                self._start({}, event)
            case yaml.SequenceStartEvent():
                self._start([], event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._end()
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    raise self._bad("a second document begins here (---); put everything into one")

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        self._count(1)
        tag = event.tag
        if tag is None or tag == "!":
            tag = self.scalars.resolve(yaml.ScalarNode, event.value, event.implicit)
        if self.stack and self.stack[-1].expects_key:
            self._key(event.value, tag)
            return
        value = self._value_of(tag, event.value)
        if event.anchor:
            self.anchors[event.anchor] = (value, 1)
        self._put(value)

    def _value_of(self, tag: str, text: str) -> Any:
        if tag not in _SCALARS:
            raise self._bad(f"the tag {tag.replace(_STANDARD, '!!')[:60]} is not used here")
        try:
            return self.scalars.construct_object(yaml.ScalarNode(tag, text))
        except (ValueError, OverflowError, LookupError, yaml.YAMLError):
            raise self._bad(
                f"{text[:40]!r} is no date or number that exists; quote it if it is text"
            ) from None

    def _key(self, text: str, tag: str) -> None:
        top = self.stack[-1]
        if tag != _STANDARD + "merge":
            if text in top.value:
                raise self._bad(f"{child(top.at, text)} is given twice; keep one")
            self.document.lines[child(top.at, text)] = self.line
        top.key = "<<" if tag == _STANDARD + "merge" else text

    def _start(self, value: dict | list, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        if len(self.stack) >= MAX_DEPTH:
            raise self._bad(f"it is nested deeper than {MAX_DEPTH} levels")
        if self.stack and self.stack[-1].expects_key:
            raise self._bad("a list or mapping cannot be a key")
        if event.tag and event.tag not in {_STANDARD + "map", _STANDARD + "seq", "!"}:
            raise self._bad(f"the tag {event.tag.replace(_STANDARD, '!!')[:60]} is not used here")
        self.anchors.pop(event.anchor or "", None)
        self._count(1)
        self.stack.append(_Open(value, self._place(), event.anchor, self.counted - 1))

    def _end(self) -> None:
        done = self.stack.pop()
        if isinstance(done.value, dict):
            for mapping in done.merged:
                for key, value in mapping.items():
                    done.value.setdefault(key, value)
        if done.anchor:
            self.anchors[done.anchor] = (done.value, self.counted - done.counted_before)
        self._put(done.value)

    def _alias(self, anchor: str) -> None:
        if anchor not in self.anchors:
            raise self._bad(f"*{anchor[:40]} refers to nothing before it")
        if self.stack and self.stack[-1].expects_key:
            raise self._bad("an alias cannot be a key")
        value, size = self.anchors[anchor]
        self._count(size)
        self._put(value)

    def _put(self, value: Any) -> None:
        if not self.stack:
            self.document.content = value
            return
        top = self.stack[-1]
        if isinstance(top.value, list):
            self.document.lines.setdefault(child(top.at, len(top.value)), self.line)
            top.value.append(value)
            return
        key, top.key = top.key or "", None
        if key == "<<":
            self._merge(top, value)
        else:
            top.value[key] = value

    def _merge(self, top: _Open, value: Any) -> None:
        mappings = value if isinstance(value, list) else [value]
        if not all(isinstance(mapping, dict) for mapping in mappings):
            raise self._bad("<< takes a mapping or a list of mappings")
        top.merged += mappings

    def _place(self) -> str:
        """The path of the value that comes next."""
        if not self.stack:
            return ""
        top = self.stack[-1]
        where = child(top.at, len(top.value) if isinstance(top.value, list) else top.key or "")
        self.document.lines.setdefault(where, self.line)
        return where

    def _count(self, more: int) -> None:
        self.counted += more
        if self.counted > MAX_VALUES:
            raise self._bad(f"it holds more than {MAX_VALUES:,} values, aliases counted in full")

    def _bad(self, text: str) -> Unreadable:
        return Unreadable(f"line {self.line}: {text}")
