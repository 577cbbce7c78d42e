"""Checkers of single values: each takes a value and its place, and returns it clean or refuses it."""

import difflib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

from console.config.document import Document, Problem, child
from gateway.dataplane.snapshot import Secret

_VARIABLE = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")
_KINDS = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", type(None): "empty"}


class Bad:
    """What a checker returns for a value that it has refused."""


BAD = Bad()


@dataclass(frozen=True, slots=True)
class Place:
    """A path in the document, and where its problems are collected."""

    at: str
    document: Document
    problems: list[Problem]

    def inside(self, key: str | int) -> "Place":
        return Place(child(self.at, key), self.document, self.problems)

    def refuse(self, text: str) -> Bad:
        self.problems.append(Problem(self.at, text, self.document.line_of(self.at)))
        return BAD


Checker = Callable[[Any, Place], Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """A mapping of the file. `given` holds its clean values; `named` also the keys whose value was refused."""

    place: Place
    given: dict[str, Any] = field(default_factory=dict)
    named: frozenset[str] = frozenset()

    @property
    def at(self) -> str:
        return self.place.at

    def get(self, key: str, default: Any = None) -> Any:
        return self.given.get(key, default)

    def pick(self, names: Mapping[str, str]) -> dict[str, Any]:
        """The given values of some keys, under the names that `names` has for them."""
        return {names[key]: value for key, value in self.given.items() if key in names}


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean x or y?`, or nothing where nothing is near."""
    near = difflib.get_close_matches(word[:200], list(known), n=2, cutoff=0.5)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def text(longest: int) -> Checker:
    """Text of one line, at most `longest` characters."""

    def check(value: Any, place: Place) -> Any:
        if value is None or value == "":
            return place.refuse("is empty; give a value or remove the line")
        if isinstance(value, date | bool | int | float):
            return place.refuse(f"must be text; put it in quotes: {str(value)[:40]!r}")
        if not isinstance(value, str):
            return place.refuse(f"must be text, not {kind_of(value)}")
        if len(value) > longest:
            return place.refuse(f"is {len(value)} characters long; {longest} is the most")
        if not value.isprintable():
            return place.refuse("holds a line break or another character that cannot be printed; remove it")
        if value != value.strip():
            return place.refuse("begins or ends with a blank; remove it")
        return value

    return check


def matching(base: Checker, validator: Callable[[str], None]) -> Checker:
    """`base`, and one of Django's validators after it."""

    def check(value: Any, place: Place) -> Any:
        clean = base(value, place)
        if clean is BAD:
            return BAD
        try:
            validator(clean)
        except ValidationError as error:
            return place.refuse(" ".join(error.messages))
        return clean

    return check


def one_of(known: Callable[[], Iterable[str]], noun: str) -> Checker:
    """One of some names; `known` is asked at each check, since plug-ins and presets are data."""

    def check(value: Any, place: Place) -> Any:
        names = list(known())
        if not isinstance(value, str):
            return place.refuse(f"must be one of {', '.join(names)}")
        if value not in names:
            hint = did_you_mean(value, names) or f"; use one of {', '.join(names)}"
            return place.refuse(f"unknown {noun} {value[:60]!r}{hint}")
        return value

    return check


def flag(value: Any, place: Place) -> Any:
    """true or false."""
    return value if isinstance(value, bool) else place.refuse(f"must be true or false, not {kind_of(value)}")


def whole(low: int, high: int) -> Checker:
    """A whole number between `low` and `high`, both allowed."""

    def check(value: Any, place: Place) -> Any:
        if isinstance(value, bool) or not isinstance(value, int):
            return place.refuse(f"must be a whole number, not {kind_of(value)}")
        if not low <= value <= high:
            return place.refuse(f"must be between {low} and {high}")
        return value

    return check


def amount(value: Any, place: Place) -> Any:
    """A sum of money above zero."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        return place.refuse("must be an amount above 0, such as 100 or 49.50")
    return value


def or_null(base: Checker) -> Checker:
    """`base`, or null to take the value away."""
    return lambda value, place: None if value is None else base(value, place)


def moment(value: Any, place: Place) -> Any:
    """A date (its first second, UTC) or a date and time in ISO 8601."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return place.refuse("is not a date; write 2027-01-31 or 2027-01-31T12:00:00Z")
    if isinstance(value, datetime):
        return _in_utc(value, place)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    return place.refuse("is not a date; write 2027-01-31 or 2027-01-31T12:00:00Z")


def _in_utc(value: datetime, place: Place) -> Any:
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        return place.refuse("is out of range; write a year between 2000 and 9998")


def secret(problem_of: Callable[[str], str]) -> Checker:
    """A secret, or `env:NAME` for one in the environment; `problem_of` says in words what is wrong with it."""

    def check(value: Any, place: Place) -> Any:
        if not isinstance(value, str):
            return place.refuse("must be text: the secret itself or env:NAME")
        source = ""
        if value.startswith("env:"):
            match = _VARIABLE.fullmatch(value)
            if not match:
                return place.refuse("after env: comes the name of a variable, such as env:OPENAI_KEY")
            name = match[1]
            if name not in os.environ:
                return place.refuse(f"the environment variable {name} is not set; set it: export {name}=…")
            value, source = os.environ[name], f"{name}: "
        problem = problem_of(value)
        return place.refuse(source + problem) if problem else Secret(value)

    return check


def list_of(item: Checker) -> Checker:
    """A list whose items pass `item`; refused ones are left out."""

    def check(value: Any, place: Place) -> Any:
        if not isinstance(value, list):
            hint = "; remove the line or use []" if value is None else ""
            return place.refuse(f"must be a list, not {kind_of(value)}{hint}")
        clean = [item(element, place.inside(index)) for index, element in enumerate(value)]
        return [element for element in clean if element is not BAD]

    return check


def mapping(fields: Mapping[str, Checker], *, required: Iterable[str] = ()) -> Checker:
    """An Entry of known keys. Every unknown key is refused with the nearest known one."""

    def check(value: Any, place: Place) -> Any:
        if not isinstance(value, dict):
            return place.refuse(f"must be a mapping of {', '.join(fields)}, not {kind_of(value)}")
        for key in value:
            if key not in fields:
                hint = did_you_mean(key, fields) or f"; the keys here are {', '.join(fields)}"
                place.inside(key).refuse(f"unknown key{hint}")
        for key in required:
            if key not in value:
                place.refuse(f"{key} is missing")
        clean = {key: fields[key](value[key], place.inside(key)) for key in value if key in fields}
        given = {key: result for key, result in clean.items() if result is not BAD}
        return Entry(place, given, frozenset(clean))

    return check


def or_text(short: Checker, key: str, long: Checker) -> Checker:
    """A mapping, or plain text that stands for its key `key`."""

    def check(value: Any, place: Place) -> Any:
        if isinstance(value, dict):
            return long(value, place)
        clean = short(value, place)
        return BAD if clean is BAD else Entry(place, {key: clean}, frozenset({key}))

    return check


def port_problem(url: str) -> str:
    """Why the port of an address cannot be one; empty if it can."""
    try:
        port = urlsplit(url).port
    except ValueError:
        port = 0
    return "" if port is None or 0 < port < 65536 else "the port must be between 1 and 65535"


def kind_of(value: Any) -> str:
    """What a value of the wrong type is, in words that hold no secret."""
    return _KINDS.get(type(value), "a number" if isinstance(value, int | float) else "a date")
