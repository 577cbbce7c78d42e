"""The checks, found by file name: `checks/routing.py` is the check `routing`. No list to edit."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

from doctor.finding import Finding

FOLDER = Path(__file__).parent / "checks"


@dataclass(frozen=True)
class Check:
    """`run` looks at the system and yields what is wrong; it changes nothing."""

    id: str
    title: str
    run: Callable[[], Iterable[Finding]]


@cache
def checks() -> tuple[Check, ...]:
    """Every check, by id; a file that begins with `_` is not one."""
    modules = (import_module(f"doctor.checks.{file.stem}") for file in sorted(FOLDER.glob("[!_]*.py")))
    return tuple(Check(module.ID, module.TITLE, module.run) for module in modules)


def pick(ids: Iterable[str]) -> tuple[Check, ...]:
    """The checks with these ids, all of them for none. Raises LookupError naming those that exist."""
    known = {check.id: check for check in checks()}
    wanted = list(ids) or list(known)
    if unknown := [check_id for check_id in wanted if check_id not in known]:
        raise LookupError(f"there is no check {unknown[0]!r}; there is {', '.join(known)}")
    return tuple(known[check_id] for check_id in wanted)
