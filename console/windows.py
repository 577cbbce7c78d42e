"""Time windows: every list and number of the console says which stretch of time it is about."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils import timezone

SPANS: dict[str, tuple[str, timedelta]] = {
    "15m": ("15 min", timedelta(minutes=15)),
    "1h": ("1 hour", timedelta(hours=1)),
    "24h": ("24 hours", timedelta(hours=24)),
    "7d": ("7 days", timedelta(days=7)),
    "30d": ("30 days", timedelta(days=30)),
}
PARAMETERS = ("window", "from", "to")


class Window(NamedTuple):
    """`since` and `until` are aware datetimes; None means open. `name` is its value in the query string."""

    name: str
    since: datetime | None
    until: datetime | None = None

    @property
    def label(self) -> str:
        """For a sentence: "in the last 24 hours"."""
        if self.name in SPANS:
            return f"in the last {SPANS[self.name][0].replace('1 hour', 'hour')}"
        if self.name == "all":
            return "of all time"
        edges = [
            f"{word} {edge:%Y-%m-%d %H:%M}"
            for word, edge in (("from", self.since), ("to", self.until))
            if edge
        ]
        return " ".join(edges)

    @property
    def wider(self) -> str | None:
        """The name of the next wider window; None when there is none."""
        names = [*SPANS, "all"]
        if self.name not in names:
            return "all"
        later = names[names.index(self.name) + 1 :]
        return later[0] if later else None


def named(name: str) -> Window:
    """The window that ends now and is called `name`; raises KeyError."""
    return Window(name, timezone.now() - SPANS[name][1])


def parse(parameters: Mapping[str, str], default: str = "1h") -> Window:
    """The window that a query string asks for; what cannot be read counts as not given."""
    since, until = _moment(parameters.get("from", "")), _moment(parameters.get("to", ""))
    if since or until:
        return Window("custom", since, until)
    name = parameters.get("window", "")
    if name == "all":
        return Window("all", None)
    return named(name if name in SPANS else default)


def title(name: str) -> str:
    """How a window is called on a button."""
    return "All" if name == "all" else SPANS[name][0]


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)
