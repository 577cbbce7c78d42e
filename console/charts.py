"""Pictures as plain data: the templates draw them as SVG, without a script."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

WIDTH, HEIGHT, BARS = 960, 168, 48


class Bar(NamedTuple):
    """One stretch of time; lengths in the units of the drawing, y from the top."""

    x: float
    width: float
    ok_y: float
    ok_height: float
    bad_y: float
    bad_height: float
    answered: int
    failed: int
    label: str
    since: str
    until: str


class Chart(NamedTuple):
    """Stacked bars of answered and failed requests; `top` is the highest bar's count."""

    bars: list[Bar]
    top: int
    half: float
    ticks: list[tuple[float, str]]
    width: int = WIDTH
    height: int = HEIGHT


class Segment(NamedTuple):
    """A piece of a proportional time bar; `percent` of the whole."""

    name: str
    title: str
    ms: float
    percent: float


def stacked(moments: Sequence[tuple[int, bool]], since_ms: int, until_ms: int) -> Chart:
    """`moments` are (Unix milliseconds, failed); both edges are Unix milliseconds."""
    step = max(1, (until_ms - since_ms) / BARS)
    counts = [[0, 0] for _ in range(BARS)]
    for unix_ms, failed in moments:
        index = min(BARS - 1, max(0, int((unix_ms - since_ms) / step)))
        counts[index][failed] += 1
    top = max((ok + bad for ok, bad in counts), default=0)
    bars = [_bar(index, ok, bad, top, since_ms, step) for index, (ok, bad) in enumerate(counts)]
    every = BARS // 6
    ticks = [(bars[i].x, _clock(since_ms + i * step, until_ms - since_ms)) for i in range(0, BARS, every)]
    return Chart(bars, top, top // 2 if top % 2 == 0 else top / 2, ticks)


def segments(parts: Sequence[tuple[str, str, float | None]]) -> list[Segment]:
    """A time bar of (name, title, milliseconds); what took no time is left out."""
    known = [(name, title, ms) for name, title, ms in parts if ms and ms > 0]
    whole = sum(ms for _, _, ms in known) or 1.0
    return [Segment(name, title, ms, round(100 * ms / whole, 3)) for name, title, ms in known]


def _bar(index: int, ok: int, bad: int, top: int, since_ms: int, step: float) -> Bar:
    slot = WIDTH / BARS
    scale = (HEIGHT - 8) / top if top else 0.0
    ok_height = _visible(ok * scale)
    bad_height = _visible(bad * scale)
    start, end = since_ms + index * step, since_ms + (index + 1) * step
    return Bar(
        x=round(index * slot + 1.5, 2),
        width=round(slot - 3, 2),
        ok_y=round(HEIGHT - ok_height, 2),
        ok_height=round(ok_height, 2),
        bad_y=round(HEIGHT - ok_height - bad_height, 2),
        bad_height=round(bad_height, 2),
        answered=ok,
        failed=bad,
        label=f"{_moment(start):%b %d, %H:%M} – {_moment(end):%H:%M}",
        since=_moment(start).isoformat(timespec="seconds").replace("+00:00", "Z"),
        until=_moment(end).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )


def _visible(length: float) -> float:
    """One failed request among a thousand must still be seen."""
    return max(length, 2.0) if length else 0.0


def _clock(unix_ms: float, span_ms: float) -> str:
    pattern = "%H:%M" if span_ms < 36 * 3600 * 1000 else "%b %d"
    return format(_moment(unix_ms), pattern)


def _moment(unix_ms: Any) -> datetime:
    return datetime.fromtimestamp(unix_ms / 1000, UTC)
