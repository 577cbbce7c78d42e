"""Pages of a table too large to count: older and newer by id, each page a bounded piece of work.

Ids are UUIDv7, so their order is the order of time. A page starts after a known id, never at an offset.
Filters on columns without an index look at SCAN_ROWS rows at most; a page that had to stop there says how
far it came and links onwards.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.filters import SimpleListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.views import ChangeList

from console import windows
from logs.selectors import SCAN_ROWS, arrived_at, id_at_depth, within

CURSORS = ("before", "after")


class Pages(NamedTuple):
    """What the list's templates ask of a paginator. `stopped_at`: how far back an unfinished search came."""

    newer: str | None
    older: str | None
    stopped_at: datetime | None
    template_name: str = "console/keyset_pages.html"

    def get_elided_page_range(self, number: int) -> list[int]:
        return []


class BarFilter(SimpleListFilter):
    """One column equals a value. `indexed`: the database finds the rows without looking at the others."""

    column = ""
    indexed = False
    without = "?"  # the list's address with this filter taken away

    def value(self) -> str | None:
        """What was asked for; a NUL, which PostgreSQL takes in no text, is asked by no honest link."""
        value = super().value()
        if value and "\0" in value:
            raise IncorrectLookupParameters("a NUL character")
        return value

    def has_output(self) -> bool:
        return True

    @property
    def offered(self) -> list[tuple[Any, str]]:
        """The choices, with the chosen value among them even where it is not one of them."""
        value = self.value()
        extra = [] if not value or value in dict(self.lookup_choices) else [(value, value)]
        return [*self.lookup_choices, *extra]

    def choices(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:
        return iter(())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(**{self.column or str(self.parameter_name): value}) if value else queryset


class WindowFilter(BarFilter):
    """The stretch of time looked at, as a range of the primary key; the last hour unless told otherwise."""

    title = "time"
    parameter_name = "window"
    parameters = windows.PARAMETERS
    indexed = True

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        for name in windows.PARAMETERS:
            params.pop(name, None)
        self.window = windows.parse(request.GET.dict())

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, windows.title(name)) for name in (*windows.SPANS, "all")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset & within(self.window.since, self.window.until)


class Link(NamedTuple):
    """A button of the bar."""

    url: str
    text: str
    active: bool = False


class KeysetChangeList(ChangeList):
    """A change list whose filters are BarFilters, one of them a WindowFilter."""

    filter_specs: list[BarFilter]
    scan_rows = SCAN_ROWS

    def get_ordering_field_columns(self) -> dict[int, str]:
        return {}

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        for name in CURSORS:  # a new filter starts at the newest page again
            self.filter_params.pop(name, None)
        return super().get_filters_params(params)

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        self.filter_specs, _, unread, _, self.has_active_filters = self.get_filters(request)
        if unread:
            raise DisallowedModelAdminLookup(f"Filtering by {', '.join(unread)} not allowed")
        self.has_filters = False  # the page draws its own bar
        self.clear_all_filters_qs = "?"
        self.window = next(spec.window for spec in self.filter_specs if isinstance(spec, WindowFilter))
        quick = [spec for spec in self.filter_specs if spec.indexed]
        slow = [spec for spec in self.filter_specs if not spec.indexed]
        rows = self.root_queryset
        for spec in quick:
            rows = spec.queryset(request, rows)
        self.indexed_rows = rows
        for spec in slow:
            rows = spec.queryset(request, rows)
        rows, _ = self.model_admin.get_search_results(request, rows, self.query)
        self.is_search = bool(self.query) or any(spec.value() for spec in slow)
        return rows

    @property
    def window_links(self) -> list[Link]:
        names = (*windows.SPANS, "all")
        return [Link(self._in_window(name), windows.title(name), name == self.window.name) for name in names]

    @property
    def wider(self) -> Link | None:
        """The next wider window, for a list that came out empty."""
        name = self.window.wider
        return (
            Link(self._in_window(name), "everything" if name == "all" else windows.title(name))
            if name
            else None
        )

    def _in_window(self, name: str) -> str:
        return self.get_query_string({"window": name}, remove=["from", "to"])

    def get_results(self, request: HttpRequest) -> None:
        """One page, and the ids that its neighbours start from."""
        before, after = (_cursor(request.GET.get(name, "")) for name in CURSORS)
        rows, more, stop = self._page(after or before, "id" if after else "-id")
        if after:
            rows.reverse()
            newer, older = (stop or (rows[0].pk if more else None)), after_or_last(rows, after)
        else:
            newer = (rows[0].pk if rows else before) if before else None
            older = rows[-1].pk if more else stop
        for spec in self.filter_specs:
            spec.without = self.get_query_string(remove=[str(spec.parameter_name)])
        self.newest_url = self.get_query_string()
        for row in rows:
            row.changelist = self  # its cells link to lists filtered by their value
        self.result_list = rows
        self.result_count = self.full_result_count = len(rows)
        self.can_show_all = self.multi_page = self.show_full_result_count = False
        self.show_admin_actions = False
        self.paginator = Pages(
            newer=newer and self.get_query_string({"after": newer.hex}),
            older=older and self.get_query_string({"before": older.hex}),
            stopped_at=arrived_at(stop) if stop else None,
        )

    def _page(self, cursor: UUID | None, order: str) -> tuple[list[Any], bool, UUID | None]:
        """(rows, whether there are more, the id at which the search stopped unfinished)."""
        beyond = "id__gt" if order == "id" else "id__lt"
        rows = self.queryset.order_by(order)
        known = self.indexed_rows.order_by(order)
        if cursor:
            rows, known = rows.filter(**{beyond: cursor}), known.filter(**{beyond: cursor})
        stop = id_at_depth(known, SCAN_ROWS) if self.is_search else None
        if stop:
            rows = rows.filter(**{"id__lte" if order == "id" else "id__gte": stop})
        found = list(rows[: self.list_per_page + 1])
        more = len(found) > self.list_per_page
        return found[: self.list_per_page], more, None if more else stop


def after_or_last(rows: list[Any], after: UUID) -> UUID:
    """Where the page of older rows begins."""
    return rows[-1].pk if rows else UUID(int=after.int + 1)


def _cursor(text: str) -> UUID | None:
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError as error:
        raise IncorrectLookupParameters(error) from None
