"""Applying text in tests as the command does."""

import re

from console.config import apply, document
from console.config.plan import Plan


def wish(text: str, *, prune: bool = False) -> apply.Wish:
    return apply.Wish(document.parse(text.encode()), prune)


def perform(text: str, *, prune: bool = False) -> Plan:
    return apply.perform(wish(text, prune=prune))


def refusals(text: str, *, prune: bool = False) -> list[str]:
    """Every problem of a file as its line; empty for a good one."""
    try:
        apply.preview(wish(text, prune=prune))
    except apply.Refused as refused:
        return [str(problem) for problem in refused.problems]
    return []


def steps(plan: Plan) -> set[str]:
    """`created provider openai` for each step."""
    return {f"{step.action} {step.kind} {step.name}" for step in plan.steps}


def variables(exported: str) -> set[str]:
    return set(re.findall(r"env:([A-Za-z0-9_]+)", exported))
