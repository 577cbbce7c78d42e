"""The first page: how the gateway does, what went wrong with its cure, and what to set up first."""

from datetime import timedelta
from typing import Any, NamedTuple

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account
from console import charts, windows
from console.cures import CURES, Cure, cure_of
from console.links import page_of, requests_url
from logs import selectors
from logs.selectors import Failure, Row, Sample, Summary
from providers.models import DEMO_URL, Model, Provider, Route
from tenants.models import ApiKey, Tenant

OFFERED = ("1h", "24h", "7d")


class Entry(NamedTuple):
    """A line of a table of the busiest; `url` is the list of its requests, `page` its own page."""

    name: str
    numbers: Summary
    url: str
    page: str = ""
    demo: bool = False


class Trouble(NamedTuple):
    """A kind of failure beside its cure."""

    failure: Failure
    cure: Cure
    url: str
    latest_url: str


class FirstStep(NamedTuple):
    """One thing to do before real traffic can flow."""

    title: str
    text: str
    url: str
    action: str
    done: bool


def context(request: HttpRequest) -> dict[str, Any]:
    """What templates/admin/index.html shows to those who may see the request log."""
    if not request.user.has_perm("logs.view_requestlog"):
        return {"may_see_traffic": False}
    chosen = request.GET.get("window", "")
    window = windows.named(chosen if chosen in OFFERED else "1h")
    sample = selectors.sample(window.since)
    numbers = selectors.summarise(sample.rows)
    steps = first_steps() if request.user.has_perm("providers.view_provider") else []
    return {
        "may_see_traffic": True,
        "window": window,
        "window_links": [(name, windows.title(name), name == window.name) for name in OFFERED],
        "capped": sample.capped,
        "sample_since": selectors.arrived_at(sample.rows[-1].id) if sample.capped else window.since,
        "numbers": numbers,
        "chart": chart(sample, window),
        "busiest": busiest(sample.rows, window.name),
        "troubles": troubles(sample.rows, window.name),
        "attention": accounts_needing_attention(),
        "steps": steps,
        "steps_left": sum(not step.done for step in steps),
        "curl": curl_line(base_url(request), "$GATEWAY_KEY", some_model()),
    }


def chart(sample: Sample, window: windows.Window) -> charts.Chart:
    """Answered and failed over the window; over what was sampled where that is less."""
    now = int(timezone.now().timestamp() * 1000)
    since = int(window.since.timestamp() * 1000) if window.since else now
    if sample.capped:
        since = sample.rows[-1].unix_ms
    return charts.stacked([(row.unix_ms, row.is_error) for row in sample.rows], since, now)


def busiest(rows: list[Row], window: str) -> dict[str, list[Entry]]:
    """The busiest models, tenants and accounts."""
    pages = dict(Tenant.objects.values_list("slug", "pk")[:1000])
    demos = set(Provider.objects.filter(base_url=DEMO_URL).values_list("slug", flat=True))
    models = selectors.top(rows, lambda row: row.requested_model)
    tenants = selectors.top(rows, lambda row: row.tenant)
    accounts = selectors.top(rows, lambda row: row.account_id and (row.account_id, row.provider, row.account))
    return {
        "models": [Entry(name, n, requests_url(model=name, window=window)) for name, n in models],
        "tenants": [
            Entry(name, n, requests_url(tenant=name, window=window), _tenant_page(pages.get(name)))
            for name, n in tenants
        ],
        "accounts": [
            Entry(
                f"{provider} / {label}",
                n,
                requests_url(account=pk, window=window),
                _account_page(pk),
                demo=provider in demos,
            )
            for (pk, provider, label), n in accounts
        ],
    }


def troubles(rows: list[Row], window: str) -> list[Trouble]:
    """Each kind of failure, its cure, its requests and its newest one."""
    return [
        Trouble(
            failure,
            cure_of(failure.code, failure.latest.status),
            requests_url(**_where(failure), window=window),
            page_of(failure.latest),
        )
        for failure in selectors.failures(rows)
    ]


def _where(failure: Failure) -> dict[str, str]:
    """The filter that finds this kind of failure again; an interrupted request has no code."""
    return {"code": failure.code} if failure.code else {"status": failure.latest.status}


def accounts_needing_attention(limit: int = 6) -> list[Account]:
    """Accounts that are switched off, cannot be used, or failed within the last day."""
    yesterday = timezone.now() - timedelta(days=1)
    wanted = Q(is_active=False) | Q(last_error_at__gte=yesterday) & ~Q(last_error="")
    rows = Account.objects.filter(wanted).select_related("provider").order_by("-last_error_at", "label")
    return list(rows[:limit])


def first_steps() -> list[FirstStep]:
    """From an empty gateway to the first real request; the demo provider does not count."""
    providers = Provider.objects.exclude(base_url=DEMO_URL)
    sealed = Account.objects.filter(provider__in=providers).exclude(sealed_credential="")
    account = sealed.order_by("created_at").first()
    add_account = reverse("admin:accounts_account_add")
    return [
        FirstStep(
            "Add a provider", "Choose a known vendor, or give the base URL of your own server.",
            reverse("admin:providers_provider_presets"), "Choose a preset", providers.exists(),
        ),
        FirstStep(
            "Add an account", "A credential at that provider; it is sealed and never shown again.",
            add_account, "Add an account", account is not None,
        ),
        FirstStep(
            "Test the account", "A real, free call that shows stage by stage what happens.",
            page_of(account) if account else add_account, "Test it", bool(account and account.last_used_at),
        ),
        FirstStep(
            "Make an API key", "For an application; it is shown once.",
            reverse("admin:tenants_apikey_add"), "Make a key", ApiKey.objects.filter(revoked_at=None).exists(),
        ),
        FirstStep(
            "Send the first request", "With the line below, or any OpenAI SDK.",
            reverse("admin:logs_requestlog_changelist"), "See requests", selectors.any_request(),
        ),
    ]  # fmt: skip


def some_model() -> str:
    """A model name that a first request may use."""
    aliases = Route.objects.filter(is_active=True).values_list("alias", flat=True)
    names = Model.objects.filter(is_active=True, provider__is_active=True).values_list("name", flat=True)
    return aliases.first() or names.first() or "demo"


def curl_line(base: str, key: str, model: str) -> str:
    """A chat request as a shell command."""
    body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello"}}]}}'
    return (
        f"curl {base}/chat/completions \\\n"
        f'  -H "Authorization: Bearer {key}" \\\n'
        f'  -H "Content-Type: application/json" \\\n'
        f"  -d '{body}'"
    )


def base_url(request: HttpRequest) -> str:
    """What an application sets as its base URL, as seen from this browser."""
    return request.build_absolute_uri("/v1").rstrip("/")


def errors_page(request: HttpRequest, shared: dict[str, Any]) -> HttpResponse:
    """Every error code with its cause and cure."""
    context = {**shared, "title": "Errors and cures", "cures": CURES.items(), "is_fullwidth": "1"}
    return TemplateResponse(request, "console/errors.html", context)


def _tenant_page(pk: int | None) -> str:
    return reverse("admin:tenants_tenant_change", args=[pk]) if pk else ""


def _account_page(pk: str) -> str:
    return reverse("admin:accounts_account_change", args=[pk])
