"""What a check finds: one fault, its evidence and its cure."""

from dataclasses import asdict, dataclass
from enum import StrEnum

from django.db.models import Model
from django.urls import NoReverseMatch, reverse


class Level(StrEnum):
    """`error`: requests fail, or soon will. `warning`: look at it today. `info`: good to know."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Finding:
    """One fault. No field ever holds a secret.

    check:    id of the check that found it.
    title:    what is wrong and with what, in one line.
    evidence: the facts that show it.
    cure:     what to do about it.
    link:     path of the admin page where it is done; empty if there is none.
    """

    check: str
    level: Level
    title: str
    evidence: str
    cure: str
    link: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def link_to(row: Model) -> str:
    """The admin page of one row; empty where the admin does not show its model."""
    return _admin_path(f"{row._meta.app_label}_{row._meta.model_name}_change", row.pk)


def link_to_list(model: type[Model], query: str = "") -> str:
    """The admin list of a model, filtered by `query` such as `status=started&window=all`."""
    path = _admin_path(f"{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{path}?{query}" if path and query else path


def _admin_path(name: str, *args: object) -> str:
    try:
        return reverse(f"admin:{name}", args=args)
    except NoReverseMatch:
        return ""
