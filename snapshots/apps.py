"""The only user of signals: whatever the data plane can see bumps the version when it is saved or deleted."""

from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import post_delete, post_save

WATCHED = (
    "tenants.Tenant",
    "tenants.ApiKey",
    "providers.Provider",
    "providers.Model",
    "providers.Route",
    "providers.RouteTarget",
    "proxies.Proxy",
    "accounts.Account",
)


class SnapshotsConfig(AppConfig):
    name = "snapshots"

    def ready(self) -> None:
        for label in WATCHED:
            model = apps.get_model(label)
            post_save.connect(_changed, sender=model, dispatch_uid=f"snapshot-save-{label}")
            post_delete.connect(_changed, sender=model, dispatch_uid=f"snapshot-delete-{label}")


def _changed(**_: Any) -> None:
    from snapshots.publish import bump

    bump()
