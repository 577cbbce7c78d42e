"""The three things that are done with a file: check it, show what it would change, change it."""

from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, transaction

from console.config import prune, schema, sections
from console.config.document import Document, Problem
from console.config.plan import Plan


class Refused(Exception):
    """The file cannot be applied; `problems` says everything that is wrong with it."""

    def __init__(self, problems: list[Problem], warnings: list[str] | None = None) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = sorted(problems, key=lambda problem: problem.line or 0)
        self.warnings = warnings or []


@dataclass(frozen=True, slots=True)
class Wish:
    """A document, and whether what it does not name shall go."""

    document: Document
    prune: bool = False


def preview(wish: Wish) -> Plan:
    """The plan, with nothing written. Raises Refused."""
    try:
        return _planned(wish)
    except DatabaseError as error:
        raise Refused([database_problem(error)]) from None


def perform(wish: Wish) -> Plan:
    """Carry the plan out in one transaction: all of it or nothing. Raises Refused."""
    try:
        with transaction.atomic():
            plan = _planned(wish)
            plan.run()
            return plan
    except ValidationError as error:
        raise Refused([Problem("", " ".join(error.messages))]) from None
    except DatabaseError as error:
        raise Refused([database_problem(error)]) from None


def _planned(wish: Wish) -> Plan:
    file, problems = schema.check(wish.document)
    plan = sections.plan_file(file)
    if wish.prune and not problems:
        prune.add_removals(plan, file)
    if problems or plan.problems:
        raise Refused([*problems, *plan.problems], plan.warnings)
    return plan


def database_problem(error: DatabaseError) -> Problem:
    """One line for what the database said, with the cure."""
    if isinstance(error, IntegrityError):
        return Problem("", "the configuration was changed by somebody else meanwhile; run the command again")
    words = str(error).strip().splitlines() or [type(error).__name__]
    cure = (
        "run: python manage.py migrate" if "no such" in words[0] or "not exist" in words[0] else "try again"
    )
    return Problem("", f"the database cannot be used ({words[0]}); {cure}")
