"""The sidebar: what an operator looks for, in the order in which they look for it."""

from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

# group → (title, icon, model the user must be allowed to view)
GROUPS: dict[str, list[tuple[str, str, str]]] = {
    "Traffic": [("Requests", "swap_vert", "logs.requestlog")],
    "Upstream": [
        ("Providers", "dns", "providers.provider"),
        ("Models", "neurology", "providers.model"),
        ("Routes", "alt_route", "providers.route"),
        ("Accounts", "key_vertical", "accounts.account"),
        ("Proxies", "vpn_lock", "proxies.proxy"),
    ],
    "Tenants": [("Tenants", "groups", "tenants.tenant"), ("API keys", "vpn_key", "tenants.apikey")],
    "System": [("Users", "person", "auth.user"), ("Groups", "shield_person", "auth.group")],
}


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Unfold's navigation; an entry is shown to those who may view what is behind it."""
    groups = [{"items": [_link("Overview", "space_dashboard", reverse("admin:index"))]}]
    groups[0]["items"][0]["active"] = request.path == reverse("admin:index")
    for title, entries in GROUPS.items():
        items = [_model_link(request, *entry) for entry in entries]
        groups.append({"title": title, "separator": False, "items": items})
    groups[-1]["items"] += _system_links()
    return groups


def _model_link(request: HttpRequest, title: str, icon: str, label: str) -> dict[str, Any]:
    app, model = label.split(".")
    link = _link(title, icon, reverse(f"admin:{app}_{model}_changelist"))
    link["permission"] = lambda request: request.user.has_perm(f"{app}.view_{model}")
    link["active"] = request.path.startswith(reverse(f"admin:{app}_{model}_changelist"))
    return link


def _system_links() -> list[dict[str, Any]]:
    links = []
    for title, icon, name in (("Doctor", "stethoscope", "doctor"), ("Errors and cures", "healing", "errors")):
        try:
            links.append(_link(title, icon, reverse(f"admin:{name}")))
        except NoReverseMatch:
            continue
    return links


def _link(title: str, icon: str, link: Any) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": link}
