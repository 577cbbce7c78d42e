"""Addresses inside the console; every number and every name leads to the rows behind it."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Model
from django.urls import reverse

from accounts.models import Account
from logs.models import RequestLog
from providers.models import Provider
from proxies.models import Proxy
from tenants.models import ApiKey, Tenant


def requests_url(**filters: Any) -> str:
    """The request list with these filters set; empty ones are left out."""
    query = urlencode({name: value for name, value in filters.items() if value not in ("", None)})
    return reverse("admin:logs_requestlog_changelist") + (f"?{query}" if query else "")


def page_of(row: Model) -> str:
    """The admin page of a row."""
    return _page(type(row), row.pk)


def _page(model: type[Model], pk: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[pk])


class Names:
    """Turns the plain names in records into links, for those whose objects still exist."""

    def __init__(self, records: Iterable[RequestLog]) -> None:
        records = list(records)
        attempts = [attempt for record in records for attempt in dicts(record.attempts)]
        slugs = {record.provider for record in records} | {str(a.get("provider")) for a in attempts}
        accounts = {record.account_id for record in records} | {str(a.get("account_id")) for a in attempts}
        addresses = {record.proxy for record in records} | {str(a.get("proxy")) for a in attempts}
        self._providers = {row.slug: row for row in Provider.objects.filter(slug__in=slugs - {""})}
        self._accounts = set(Account.objects.filter(pk__in=_uuids(accounts)).values_list("pk", flat=True))
        self._proxies = dict(Proxy.objects.filter(address__in=addresses - {""}).values_list("address", "pk"))
        self._tenants = _existing(Tenant, (record.tenant_id for record in records))
        self._keys = _existing(ApiKey, (record.key_id for record in records))

    def provider(self, slug: str) -> str:
        found = self._providers.get(slug)
        return page_of(found) if found else ""

    def is_demo(self, slug: str) -> bool:
        """True for the built-in provider that answers offline."""
        found = self._providers.get(slug)
        return bool(found and found.is_demo)

    def account(self, account_id: str) -> str:
        known = [pk for pk in _uuids([account_id]) if pk in self._accounts]
        return _page(Account, known[0]) if known else ""

    def proxy(self, address: str) -> str:
        return _page(Proxy, self._proxies[address]) if address in self._proxies else ""

    def tenant(self, pk: int | None) -> str:
        return _page(Tenant, pk) if pk in self._tenants else ""

    def key(self, pk: int | None) -> str:
        return _page(ApiKey, pk) if pk in self._keys else ""


def dicts(value: Any) -> list[dict[str, Any]]:
    """The dictionaries of a JSON list; records of other versions may hold anything."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _existing(model: type[Model], pks: Iterable[int | None]) -> set[int]:
    wanted = {pk for pk in pks if pk is not None}
    return set(model._default_manager.filter(pk__in=wanted).values_list("pk", flat=True)) if wanted else set()


def _uuids(texts: Iterable[str]) -> list[UUID]:
    found = []
    for text in texts:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found
