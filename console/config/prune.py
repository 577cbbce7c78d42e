"""`--prune`: the steps that remove what a file does not name.

Only sections that the file has are pruned, and inside a provider or tenant only where the file lists its
models or keys. The built-in demo provider stays. What something else still needs is refused, never cut.
"""

from collections.abc import Iterable

from django.db import models

from console.config.document import Problem
from console.config.plan import REMOVED, Plan, remover
from console.config.schema import File
from tenants.models import ApiKey


def add_removals(plan: Plan, file: File) -> None:
    """Append the removals to the plan, dependants before what they depend on."""
    if "routes" in file.sections:
        _remove(plan, "route", plan.routes.items())
    if "accounts" in file.sections:
        kept = {name: account for name, account in plan.accounts.items() if not account.provider.is_demo}
        _remove(plan, "account", kept.items())
    if "proxies" in file.sections:
        _remove(plan, "proxy", plan.proxies.items())
    if "providers" in file.sections:
        _remove_models(plan)
        kept_providers = {slug: row for slug, row in plan.providers.items() if not row.is_demo}
        _remove(plan, "provider", kept_providers.items())
    if "tenants" in file.sections:
        listed = ApiKey.objects.filter(tenant__slug__in=plan.named.get("keys of", ())).select_related(
            "tenant"
        )
        _remove(plan, "key", ((str(key), key) for key in listed))
        _remove(plan, "tenant", plan.tenants.items())
    _refuse_cuts(plan)


def _remove(plan: Plan, kind: str, rows: Iterable[tuple[str, models.Model]]) -> None:
    for name, row in rows:
        if not plan.is_named(kind, name):
            plan.add(REMOVED, kind, name, remover(row), [])


def _remove_models(plan: Plan) -> None:
    """Models that a provider's list in the file leaves out; those of a removed provider go with it."""
    listed = {slug: plan.providers[slug] for slug in plan.named.get("models of", ())}
    rows = ((f"{slug}:{name}", row) for (slug, name), row in plan.models.items() if slug in listed)
    _remove(plan, "model", rows)


def _refuse_cuts(plan: Plan) -> None:
    """A removal must not take along, or break, what the file does not speak about."""
    gone = {(step.kind, step.name) for step in plan.steps if step.action == REMOVED}
    for name, account in plan.accounts.items():
        if ("account", name) in gone:
            continue
        if ("provider", account.provider.slug) in gone:
            _refuse(plan, f"provider {account.provider.slug}", f"account {name}")
        if account.proxy and ("proxy", account.proxy.address) in gone:
            _refuse(plan, f"proxy {account.proxy.address}", f"account {name}")
    for alias, route in plan.routes.items():
        if ("route", alias) in gone or plan.is_named("route", alias):
            continue
        for target in route.targets.all():
            if ("model", str(target.model)) in gone or ("provider", target.model.provider.slug) in gone:
                _refuse(plan, str(target.model), f"route {alias}")


def _refuse(plan: Plan, what: str, needed_by: str) -> None:
    text = f"--prune would remove {what}, which {needed_by} still needs; name it in the file or remove that first"
    plan.problems.append(Problem("", text))
