"""How numbers, times and states are written, the same on every page. Nothing here marks text as safe."""

from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from console.links import requests_url
from logs.models import Status

register = template.Library()

DASH = "–"
# Shorter than the model's labels, for a column.
ENDINGS = {
    Status.STARTED: "In flight",
    Status.OK: "Answered",
    Status.REFUSED: "Refused",
    Status.FAILED: "Failed",
    Status.PARTIAL: "Cut short",
    Status.CANCELLED: "Client left",
    Status.INTERRUPTED: "Stopped",
}
UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


@register.filter
def ms(value: float | None) -> str:
    """Milliseconds for people: 0.42 ms, 18 ms, 1.84 s, 2 m 5 s."""
    if value is None or value == "":
        return DASH
    if value < 10:
        return f"{value:.2f} ms"
    if value < 1_000:
        return f"{value:.0f} ms"
    if value < 60_000:
        return f"{value / 1_000:.2f} s"
    return f"{int(value // 60_000)} m {int(value % 60_000 // 1_000)} s"


@register.filter
def number(value: float | None) -> str:
    """A count with separators; large ones shortened: 12,345 and 1.23 M."""
    if value is None or value == "":
        return DASH
    if value >= 1_000_000:
        return f"{value / 1_000_000:.2f} M"
    return f"{value:,}"


@register.filter
def percent(value: float) -> str:
    return "0 %" if not value else f"{100 * value:.1f} %" if value < 0.1 else f"{100 * value:.0f} %"


@register.filter
def ago(moment: datetime | None) -> str:
    """How long ago: 12 s, 4 m, 3 h, 2 d."""
    if moment is None:
        return DASH
    seconds = max(0, int((timezone.now() - moment).total_seconds()))
    for unit, size in UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return "now"


@register.filter
def exact(moment: datetime | None) -> str:
    """A moment to the millisecond, in the gateway's time zone."""
    return (
        f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}" if moment else DASH
    )


@register.filter
def share(value: float, whole: float) -> float:
    """A percentage of `whole`, for the width of a bar."""
    return round(100 * value / whole, 1) if whole else 0


@register.simple_tag
def status_badge(status: str) -> SafeString:
    """The coloured word for how a request ended."""
    return badge(ENDINGS.get(status, status), status)  # type: ignore[call-overload]


@register.simple_tag
def badge(label: Any, kind: str) -> SafeString:
    """A small coloured label; `kind` is one of those in static/console.css."""
    return format_html('<span class="gw-badge gw-badge-{}">{}</span>', kind, label)


@register.simple_tag
def requests_link(**filters: Any) -> str:
    """The address of the request list with these filters."""
    return requests_url(**filters)
