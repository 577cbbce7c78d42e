"""Plausible traffic for screenshots, tests and trials at scale: made through the ORM, the same for a seed.

Fills an empty database. Nothing here reaches an upstream; the credentials are invented.
"""

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from django.utils import timezone

from accounts.models import Account
from gateway.dataplane.ids import first_id_at
from logs.models import RequestLog, Status
from providers.models import Model, Provider, Route, RouteTarget
from proxies.models import Proxy
from tenants.models import ApiKey, Tenant
from tenants.services import create_key

# provider → (name, base URL, models, accounts)
PROVIDERS: dict[str, tuple[str, str, list[str], list[str]]] = {
    "openai": (
        "OpenAI",
        "https://api.openai.com/v1",
        ["gpt-4o", "gpt-4o-mini", "gpt-5-mini"],
        ["Team A", "Team B", "Batch"],
    ),
    "mistral": (
        "Mistral",
        "https://api.mistral.ai/v1",
        ["mistral-large-latest", "mistral-small-latest"],
        ["Main"],
    ),
    "groq": ("Groq", "https://api.groq.com/openai/v1", ["llama-3.3-70b-versatile"], ["Main", "Spare"]),
    "vllm": ("Our vLLM", "http://vllm.example.internal:8000/v1", ["qwen3-32b"], ["Rack 4"]),
}
TENANTS = {
    "acme": ("Acme Support", 12),
    "northwind": ("Northwind Search", 7),
    "hooli": ("Hooli Mail", 4),
    "ci": ("Nightly tests", 1),
}
SPEED = {
    "openai": (420, 34),
    "mistral": (360, 21),
    "groq": (140, 4),
    "vllm": (95, 16),
}  # first token, ms a token
ROUTE = "smart"
BATCH = 2_000

# weight, status, HTTP status, code, message
ENDINGS: list[tuple[float, str, int | None, str, str]] = [
    (93.2, Status.OK, 200, "", ""),
    (
        2.1,
        Status.REFUSED,
        429,
        "rate_limit_exceeded",
        "600 requests a minute are allowed to acme; try again in 14 s.",
    ),
    (
        1.2,
        Status.FAILED,
        502,
        "upstream_error",
        "openai answered 503: The server is overloaded or not ready yet.",
    ),
    (0.7, Status.FAILED, 504, "upstream_timeout", "groq sent nothing for 300 s."),
    (0.5, Status.REFUSED, 404, "model_not_found", "There is no model gpt-4o-mimi. Did you mean gpt-4o-mini?"),
    (0.4, Status.REFUSED, 401, "expired_api_key", "This API key expired on 2026-01-31."),
    (
        0.4,
        Status.PARTIAL,
        200,
        "upstream_incomplete",
        "mistral closed the connection in the middle of its answer.",
    ),
    (1.2, Status.CANCELLED, 499, "", ""),
    (0.2, Status.INTERRUPTED, None, "", ""),
]
# The same while an incident lasts.
TROUBLE = [
    (weight if status == Status.OK else weight * 5, status, *rest) for weight, status, *rest in ENDINGS
]


def fill(*, requests: int, span: timedelta, seed: int = 7, now: datetime | None = None) -> None:
    """Make tenants, providers and accounts, and `requests` log rows over the last `span`."""
    dice = random.Random(seed)
    now = now or timezone.now()
    accounts = configure(dice, now)
    rows = stories(dice, accounts, requests, now - span, now)
    while batch := list(islice(rows, BATCH)):
        RequestLog.objects.bulk_create(batch)


def configure(dice: random.Random, now: datetime) -> dict[str, list[Account]]:
    """Tenants with keys, providers with models and accounts, proxies and a route."""
    proxies = [_proxy(place, dice) for place in ("fra", "ams")]
    accounts: dict[str, list[Account]] = {}
    for slug, (name, base_url, models, labels) in PROVIDERS.items():
        provider = Provider.objects.create(
            slug=slug, name=name, base_url=base_url, preset=slug, private=slug == "vllm"
        )
        Model.objects.bulk_create(Model(provider=provider, name=model) for model in models)
        accounts[slug] = [_account(provider, label, dice, now) for label in labels]
    for account, proxy in zip(accounts["openai"], proxies, strict=False):
        account.proxy = proxy
        account.save()
    troubled = accounts["openai"][1]
    troubled.last_error = "401 from openai: Incorrect API key provided: sk-p…41ce."
    troubled.last_error_at = now - timedelta(minutes=6)
    troubled.save()
    idle = accounts["groq"][1]
    idle.is_active = False
    idle.save()
    _route(ROUTE, [("openai", "gpt-4o"), ("mistral", "mistral-large-latest")])
    for slug, (name, _) in TENANTS.items():
        tenant = Tenant.objects.create(slug=slug, name=name, requests_per_minute=600, concurrent=50)
        create_key(tenant=tenant, name="production")
        create_key(tenant=tenant, name="staging", expires_at=now + timedelta(days=30))
    return accounts


def stories(
    dice: random.Random, accounts: dict[str, list[Account]], count: int, since: datetime, until: datetime
) -> Iterator[RequestLog]:
    """Log rows in the order of time, busier by day than by night."""
    keys = {key.tenant.slug: key for key in ApiKey.objects.select_related("tenant").filter(name="production")}
    span = until - since
    for number in range(count):
        share = (number + dice.random() * 0.9) / max(1, count)
        # A wave over the stretch, monotonous so that the rows stay in order of their ids.
        wave = 0.08 * math.sin(2 * math.pi * share) - 0.012 * math.sin(6 * math.pi * share)
        moment = since + span * (share + wave)
        incident = 0.55 < share < 0.57 or share > 0.995
        yield _story(dice, accounts, keys, moment, TROUBLE if incident else ENDINGS)


def _story(
    dice: random.Random,
    accounts: dict[str, list[Account]],
    keys: dict[str, ApiKey],
    moment: datetime,
    endings: list[tuple[float, str, int | None, str, str]],
) -> RequestLog:
    slug = dice.choices(list(PROVIDERS), (10, 3, 4, 2))[0]
    tenant = dice.choices(list(TENANTS), [weight for _, weight in TENANTS.values()])[0]
    _, status, http_status, code, message = dice.choices(endings, [ending[0] for ending in endings])[0]
    slug = next((name for name in PROVIDERS if message.startswith(name)), slug)
    model = dice.choice(PROVIDERS[slug][2])
    alias = ROUTE if model == "gpt-4o" and dice.random() < 0.6 else model
    key = keys[tenant]
    record = RequestLog(
        id=_id_at(moment, dice),
        started_at=moment,
        status=status,
        code=code,
        http_status=http_status,
        message=message,
        tenant_id=key.tenant_id,
        tenant=tenant,
        key_id=key.pk,
        key=key.public_id,
        client_ip=f"203.0.113.{dice.randrange(2, 60)}",
        endpoint="/v1/chat/completions",
        dialect="openai-chat",
        requested_model="gpt-4o-mimi" if code == "model_not_found" else alias,
        stream=dice.random() < 0.7,
        auth_ms=round(dice.uniform(0.02, 0.09), 3),
    )
    if status != Status.REFUSED:
        record.limit_ms = round(dice.uniform(0.03, 0.2), 3)
        _send(record, dice, accounts[slug], slug, model)
    elif code == "rate_limit_exceeded":
        record.limit_ms = round(dice.uniform(0.03, 0.2), 3)
    _finish(record, dice, slug)
    return record


def _send(record: RequestLog, dice: random.Random, accounts: list[Account], slug: str, model: str) -> None:
    """The decision and the attempts: now and then the first account fails and the next one answers."""
    usable = [account for account in accounts if account.is_active]
    start = dice.randrange(len(usable))
    order = usable[start:] + usable[:start]
    record.decision = {
        "model": record.requested_model,
        "targets": [
            {
                "target": f"{slug}:{model}",
                "candidates": [account.label for account in order],
                "excluded": [[account.label, "inactive"] for account in accounts if not account.is_active],
            }
        ],
    }
    failed = record.status == Status.FAILED
    stumbles = order if failed else order[:1] if len(order) > 1 and dice.random() < 0.03 else []
    tries = [_attempt(account, slug, dice, record) for account in stumbles]
    last = order[-1] if failed else order[len(stumbles) % len(order)]
    if not failed:
        tries.append(_answer(last, slug))
    record.attempts = tries
    record.provider, record.model = slug, model
    record.account_id, record.account = str(last.pk), last.label
    record.proxy = last.proxy.address if last.proxy else ""


def _attempt(account: Account, slug: str, dice: random.Random, record: RequestLog) -> dict[str, Any]:
    late = record.code == "upstream_timeout"
    status = dice.choice((503, 429, 500))
    return {
        **_answer(account, slug),
        "outcome": "timeout" if late else "rate_limited" if status == 429 else f"http_{status}",
        "status": None if late else status,
        "ms": 300_000.0 if late else round(dice.uniform(60, 900), 1),
        "message": record.message or f"{slug} answered {status}.",
    }


def _answer(account: Account, slug: str) -> dict[str, Any]:
    return {
        "provider": slug,
        "account": account.label,
        "account_id": str(account.pk),
        "proxy": account.proxy.address if account.proxy else "",
        "outcome": "answered",
        "status": 200,
        "message": "",
        "ms": 0.0,
    }


def _finish(record: RequestLog, dice: random.Random, slug: str) -> None:
    """Times and tokens that fit together."""
    if record.status == Status.INTERRUPTED:
        return
    record.overhead_ms = round((record.auth_ms or 0) + (record.limit_ms or 0) + dice.uniform(0.25, 1.1), 3)
    record.total_ms = record.overhead_ms
    if record.status in (Status.OK, Status.PARTIAL, Status.CANCELLED):
        first, each = SPEED[slug]
        record.tokens_in = int(dice.lognormvariate(5.6, 0.9))
        record.tokens_out = int(dice.lognormvariate(4.8, 0.7))
        record.tokens_cached = record.tokens_in // 2 if dice.random() < 0.2 else 0
        record.usage_source = "provider" if record.status == Status.OK else "partial"
        upstream = first * dice.lognormvariate(0, 0.35)
        record.ttft_ms = round(record.overhead_ms + upstream, 3) if record.stream else None
        earlier = sum(attempt["ms"] for attempt in record.attempts)
        record.attempts[-1]["ms"] = round(upstream + record.tokens_out * each, 1)
        record.total_ms = round(record.overhead_ms + earlier + record.attempts[-1]["ms"], 3)
    elif record.attempts:
        record.total_ms = round(record.overhead_ms + sum(attempt["ms"] for attempt in record.attempts), 3)
    record.finished_at = record.started_at + timedelta(milliseconds=record.total_ms)


def _id_at(moment: datetime, dice: random.Random) -> UUID:
    first = first_id_at(int(moment.astimezone(UTC).timestamp() * 1000))
    return UUID(int=first.int | dice.getrandbits(62))


def _proxy(place: str, dice: random.Random) -> Proxy:
    proxy = Proxy(max_accounts=5)
    proxy.set_url(f"socks5://gateway:{dice.getrandbits(64):x}@egress-{place}.example.net:1080")
    proxy.save()
    return proxy


def _account(provider: Provider, label: str, dice: random.Random, now: datetime) -> Account:
    account = Account(
        provider=provider, label=label, last_used_at=now - timedelta(seconds=dice.randrange(2, 90))
    )
    account.set_credential(f"sk-proj-{dice.getrandbits(192):048x}")
    account.save()
    return account


def _route(alias: str, targets: list[tuple[str, str]]) -> None:
    route = Route.objects.create(alias=alias)
    for position, (provider, name) in enumerate(targets):
        model = Model.objects.get(provider__slug=provider, name=name)
        RouteTarget.objects.create(route=route, position=position, model=model)
