"""The one base class of every admin: bounded pages, closed lookups, no secret in any query."""

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib.admin import ShowFacets, display
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.filters import ListFilter
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ORDER_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Model, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import ModelAdmin, TabularInline
from unfold.views import ChangeList

# What a filter on a declared field may append to the field's name.
FILTER_SUFFIXES = ("", "__exact", "__isnull", "__id__exact", "__pk__exact")


class ConsoleChangeList(ChangeList):
    """Counts what is shown once, and does not offer to "show all" of a list that is not filtered."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not self.has_active_filters and not self.query:
            self.full_result_count = self.result_count

    def get_ordering_field_columns(self) -> dict[int, str]:
        """The columns that somebody chose to sort by; the usual order needs no arrows."""
        return super().get_ordering_field_columns() if ORDER_VAR in self.params else {}


class ConsoleAdmin(ModelAdmin):
    """Every registered admin inherits this; tests/console/test_house_rules.py walks the registry.

    secret_fields: columns that no filter, search or lookup of the query string may ever touch.
    page_actions: buttons of the change page; `test` posts to …/<id>/test/ and calls `on_test(request, row)`.
    """

    list_per_page = 50
    list_max_show_all = 50
    list_fullwidth = True
    list_filter_sheet = True
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    compressed_fields = True
    warn_unsaved_form = True
    empty_value_display = "–"
    secret_fields: tuple[str, ...] = ()
    page_actions: tuple[str, ...] = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ConsoleChangeList

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Only what a declared filter sends; Django's default would let any column of the row be probed."""
        if any(part in self.secret_fields for part in lookup.split("__")):
            raise DisallowedModelAdminLookup(f"{lookup.split('__')[0]} is secret and cannot be filtered by")
        filters = self.get_list_filter(request) if request is not None else self.list_filter
        return lookup in declared_parameters(filters)

    @display(description="Since", ordering="created_at")
    def since(self, obj: Any) -> str:
        return f"{obj.created_at:%Y-%m-%d}"

    def get_urls(self) -> list[URLPattern]:
        app, model = self.opts.app_label, self.opts.model_name
        own = [
            path(
                f"<path:object_id>/{name}/",
                self.admin_site.admin_view(require_POST(self._page_action(name))),
                name=f"{app}_{model}_{name}",
            )
            for name in self.page_actions
        ]
        return own + super().get_urls()

    def _page_action(self, name: str) -> Callable[..., HttpResponse]:
        def view(request: HttpRequest, object_id: str) -> HttpResponse:
            row = self.get_object(request, unquote(object_id))
            if row is None:
                return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            if not self.has_change_permission(request, row):
                raise PermissionDenied
            return getattr(self, f"on_{name}")(request, row)

        return view


class HistoryAdmin(SimpleHistoryAdmin, ConsoleAdmin):
    """An admin whose rows remember who changed what."""


class SealedHistoryAdmin(HistoryAdmin):
    """History of rows that hold a secret: it can be read, not put back, for it never held the secret."""

    def revert_disabled(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def history_form_view(
        self,
        request: HttpRequest,
        object_id: str,
        version_id: str,
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        if request.method != "GET":
            raise DisallowedModelAdminLookup("An old version of a row with a secret cannot be restored")
        return super().history_form_view(request, object_id, version_id, extra_context)


class ConsoleInline(TabularInline):
    """Rows of a parent, edited on its page."""

    extra = 0
    tab = False
    show_change_link = False


def declared_parameters(filters: Iterable[Any]) -> set[str]:
    """The names in a query string that the declared filters read."""
    names: set[str] = set()
    for item in filters:
        if isinstance(item, type) and issubclass(item, ListFilter):
            names |= set(getattr(item, "parameters", None) or [item.parameter_name])  # type: ignore[attr-defined]
            continue
        field = item[0] if isinstance(item, list | tuple) else item
        names |= {field + suffix for suffix in FILTER_SUFFIXES}
    return names


def count_of(model: type[Model], field: str) -> Coalesce:
    """How many rows of `model` point here through `field`; counted for the shown rows alone."""
    rows = model._default_manager.filter(**{field: OuterRef("pk")}).order_by()
    return Coalesce(Subquery(rows.values(field).annotate(rows=Count("pk")).values("rows")), 0)


def link(text: Any, url: str) -> SafeString:
    """A cell that leads elsewhere."""
    return format_html('<a class="gw-link" href="{}">{}</a>', url, text)


def count_link(count: int, model: type[Model], **filters: Any) -> SafeString:
    """A number that leads to the rows it counts."""
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    query = "&".join(f"{name}={value}" for name, value in filters.items())
    return format_html('<a class="gw-num gw-link" href="{}?{}">{}</a>', url, query, count)
