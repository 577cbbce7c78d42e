"""The addresses of the console's pages, found from the registry, so that a new admin is tested at once."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.urls import reverse


def address(model: type[Model], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def all_pages() -> dict[str, str]:
    """name → path of every list, form, history and page of our own, for rows that exist."""
    found = {
        "overview": reverse("admin:index"),
        "errors": reverse("admin:errors"),
        "presets": reverse("admin:providers_provider_presets"),
    }
    for model in admin.site._registry:
        name = model._meta.label_lower
        found[f"{name} list"] = address(model, "changelist")
        if name != "logs.requestlog":
            found[f"{name} add"] = address(model, "add")
        row = model._default_manager.order_by("pk").first()
        if row is None:
            continue
        found[f"{name} page"] = address(model, "change", row.pk)
        if hasattr(model, "history"):
            found[f"{name} history"] = address(model, "history", row.pk)
            version = row.history.first()
            if version:
                found[f"{name} old version"] = address(model, "simple_history", row.pk, version.pk)
    return found
