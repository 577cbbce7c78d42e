"""The request log: read-only, by time, older and newer; a request's page tells its story."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from accounts.models import Account
from console.base import ConsoleAdmin
from console.cures import CURES, cure_of
from console.keyset import BarFilter, KeysetChangeList, WindowFilter
from console.story import tell
from console.templatetags.console import DASH, ago, badge, exact, ms, number, status_badge
from logs.models import RequestLog, Status
from logs.selectors import ERRORS
from providers.models import DEMO_URL, Model, Provider, Route
from tenants.models import Tenant

CHOICES = 200  # of a filter's select; others can still be reached by a click on a cell


class StatusFilter(BarFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request, model_admin):
        return [("error", "Any error"), *Status.choices]

    def queryset(self, request, queryset):
        if self.value() == "error":
            return queryset.filter(status__in=ERRORS)
        return super().queryset(request, queryset)


class CodeFilter(BarFilter):
    title = "code"
    parameter_name = "code"

    def lookups(self, request, model_admin):
        return [(code, code) for code in CURES]


class TenantFilter(BarFilter):
    """By the tenant's number, which is indexed; by its name, which is not, only where the tenant is gone."""

    title = "tenant"
    parameter_name = "tenant"

    def lookups(self, request, model_admin):
        slug = request.GET.get("tenant", "")
        numbers = dict(Tenant.objects.values_list("slug", "pk")[:CHOICES])
        self.number = numbers.get(slug) or (
            slug and Tenant.objects.filter(slug=slug).values_list("pk", flat=True).first()
        )
        self.indexed = bool(self.number)
        return [(slug, slug) for slug in numbers]

    def queryset(self, request, queryset):
        return queryset.filter(tenant_id=self.number) if self.indexed else super().queryset(request, queryset)


class ProviderFilter(BarFilter):
    title = "provider"
    parameter_name = "provider"

    def lookups(self, request, model_admin):
        return [(slug, slug) for slug in Provider.objects.values_list("slug", flat=True)[:CHOICES]]


class AccountFilter(BarFilter):
    title = "account"
    parameter_name = "account"
    column = "account_id"

    def lookups(self, request, model_admin):
        return [(str(row.pk), str(row)) for row in Account.objects.select_related("provider")[:CHOICES]]


class ModelFilter(BarFilter):
    title = "model"
    parameter_name = "model"
    column = "requested_model"

    def lookups(self, request, model_admin):
        aliases = Route.objects.values_list("alias", flat=True)[:CHOICES]
        names = Model.objects.order_by("name").values_list("name", flat=True).distinct()[:CHOICES]
        return [(name, name) for name in dict.fromkeys([*aliases, *names])]


class StreamFilter(BarFilter):
    title = "stream"
    parameter_name = "stream"

    def lookups(self, request, model_admin):
        return [("1", "Streamed"), ("0", "In one piece")]

    def queryset(self, request, queryset):
        return queryset.filter(stream=self.value() == "1") if self.value() in ("0", "1") else queryset


class KeyFilter(BarFilter):
    """By an API key's public id; reached from a cell, a key's page or the search box."""

    title = "key"
    parameter_name = "key"

    def lookups(self, request, model_admin):
        return []


class ProxyFilter(BarFilter):
    title = "proxy"
    parameter_name = "proxy"

    def lookups(self, request, model_admin):
        return []


class HttpStatusFilter(BarFilter):
    title = "HTTP"
    parameter_name = "http"

    def lookups(self, request, model_admin):
        return []

    def queryset(self, request, queryset):
        value = self.value() or ""
        return queryset.filter(http_status=int(value)) if value.isdecimal() and len(value) == 3 else queryset


@admin.register(RequestLog)
class RequestLogAdmin(ConsoleAdmin):
    """Nobody writes here: rows come from the data plane and leave by retention."""

    list_display = ("when", "ending", "who", "asked", "sent_to", "http", "tokens", "ttft", "total", "why")
    list_display_links = None
    sortable_by = ()
    actions = None
    list_filter = (
        WindowFilter, StatusFilter, CodeFilter, TenantFilter, ProviderFilter, AccountFilter, ModelFilter,
        StreamFilter, KeyFilter, ProxyFilter, HttpStatusFilter,
    )  # fmt: skip
    search_fields = ("id",)
    search_help_text = "Request id (req_…) or key id"
    change_list_template = "console/requests.html"

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def get_changelist(self, request, **kwargs):
        return KeysetChangeList

    def get_changelist_instance(self, request):
        changelist = super().get_changelist_instance(request)
        demos = Provider.objects.filter(base_url=DEMO_URL).values_list("slug", flat=True)
        changelist.demo_providers = set(demos)
        return changelist

    def get_queryset(self, request):
        return super().get_queryset(request).defer("decision", "attempts")

    def get_search_results(self, request, queryset, search_term):
        """A request id is found in any window; anything else is a key's public id."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if found := request_id(term):
            return RequestLog.objects.filter(pk=found), False
        return queryset.filter(key=term.removeprefix("sk-gw-")[:10]), False

    def changelist_view(self, request, extra_context=None):
        """A known request id in the search box leads straight to its story."""
        found = request_id(request.GET.get("q", "").strip())
        if found and self.has_view_permission(request) and RequestLog.objects.filter(pk=found).exists():
            return HttpResponseRedirect(reverse("admin:logs_requestlog_change", args=[found]))
        context = {"retention_days": settings.RETENTION_DAYS, **(extra_context or {})}
        return super().changelist_view(request, context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The story of one request in place of a form."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        pk = request_id(object_id)
        record = RequestLog.objects.filter(pk=pk).first() if pk else None
        if record is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        context = {
            **self.admin_site.each_context(request),
            "title": str(record),
            "opts": self.opts,
            "original": record,
            "story": tell(record),
            "is_fullwidth": "1",
            **(extra_context or {}),
        }
        return TemplateResponse(request, "console/request.html", context)

    @admin.display(description="Time")
    def when(self, obj):
        url = reverse("admin:logs_requestlog_change", args=[obj.pk])
        return format_html(
            '<a class="gw-when" href="{}" title="{}">{}</a>', url, exact(obj.started_at), ago(obj.started_at)
        )

    @admin.display(description="Status")
    def ending(self, obj):
        return _narrow(obj, "status", obj.status, status_badge(obj.status))

    @admin.display(description="Tenant")
    def who(self, obj):
        return _narrow(obj, "tenant", obj.tenant)

    @admin.display(description="Model")
    def asked(self, obj):
        shown = _narrow(obj, "model", obj.requested_model)
        return format_html('{} <span class="gw-tag">stream</span>', shown) if obj.stream else shown

    @admin.display(description="Provider / account")
    def sent_to(self, obj):
        parts = [_narrow(obj, "provider", obj.provider)] if obj.provider else []
        parts += [_narrow(obj, "account", obj.account_id, obj.account)] if obj.account else []
        if obj.provider in obj.changelist.demo_providers:
            parts = [badge("Demo, offline", "demo"), *parts[1:]]
        return format_html_join(" / ", "{}", ((part,) for part in parts)) if parts else DASH

    @admin.display(description="HTTP")
    def http(self, obj):
        return _narrow(obj, "http", obj.http_status)

    @admin.display(description="Tokens in → out")
    def tokens(self, obj):
        if obj.tokens_in is None and obj.tokens_out is None:
            return DASH
        return format_html(
            '<span class="gw-num">{} → {}</span>', number(obj.tokens_in), number(obj.tokens_out)
        )

    @admin.display(description="First token")
    def ttft(self, obj):
        return format_html('<span class="gw-num">{}</span>', ms(obj.ttft_ms))

    @admin.display(description="Total")
    def total(self, obj):
        return format_html('<span class="gw-num">{}</span>', ms(obj.total_ms))

    @admin.display(description="Code")
    def why(self, obj):
        if not obj.code:
            return DASH
        cure = cure_of(obj.code, obj.status)
        url = obj.changelist.get_query_string({"code": obj.code})
        return format_html(
            '<a class="gw-code" href="{}" title="{}: {}">{}</a>', url, cure.title, cure.cure, obj.code
        )


def request_id(text: str) -> UUID | None:
    """The id in `req_…`, in plain hexadecimal or with dashes; None for anything else."""
    try:
        return UUID(text.removeprefix("req_"))
    except ValueError:
        return None


def _narrow(obj: RequestLog, parameter: str, value: Any, shown: Any = "") -> str:
    """A cell that filters the list by its value."""
    if value in ("", None):
        return DASH
    url = obj.changelist.get_query_string({parameter: value})  # type: ignore[attr-defined]
    return format_html('<a class="gw-cell" href="{}" title="Only these">{}</a>', url, shown or value)
