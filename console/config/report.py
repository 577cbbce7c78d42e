"""What the config commands print: lines for people, one object for programs. No secret is in either."""

from typing import Any

from console.config.document import Problem
from console.config.plan import CHANGED, CREATED, REMOVED, UNCHANGED, Plan

_MARKS = {CREATED: "+", CHANGED: "~", REMOVED: "-", UNCHANGED: "="}


def lines_of_plan(plan: Plan) -> list[str]:
    """One line for each object, such as `~ provider openai: timeout_s 300 → 60`."""
    return [
        f"{_MARKS[step.action]} {step.kind} {step.name} {step.action}"
        + (f": {'; '.join(step.changes)}" if step.changes else "")
        for step in plan.steps
    ]


def summary(plan: Plan) -> str:
    """`3 changes (2 created, 1 changed, 0 removed), 5 unchanged`."""
    changes = plan.count(CREATED, CHANGED, REMOVED)
    parts = ", ".join(f"{plan.count(action)} {action}" for action in (CREATED, CHANGED, REMOVED))
    return (
        f"{_counted(changes, 'change')}{f' ({parts})' if changes else ''}, {plan.count(UNCHANGED)} unchanged"
    )


def lines_of_keys(plan: Plan) -> list[str]:
    """The keys that were made, which are shown this once."""
    return [f"new API key {key.tenant}/{key.name}, shown only now: {key.text}" for key in plan.new_keys]


def object_of_plan(plan: Plan) -> dict[str, Any]:
    """The same for programs."""
    return {
        "changes": plan.count(CREATED, CHANGED, REMOVED),
        **{action: plan.count(action) for action in (CREATED, CHANGED, REMOVED, UNCHANGED)},
        "steps": [
            {"action": step.action, "kind": step.kind, "name": step.name, "changes": list(step.changes)}
            for step in plan.steps
        ],
        "new_keys": [{"tenant": key.tenant, "name": key.name, "key": key.text} for key in plan.new_keys],
        "warnings": plan.warnings,
        "errors": [],
    }


def object_of_problems(problems: list[Problem], warnings: list[str]) -> dict[str, Any]:
    errors = [{"at": problem.at, "line": problem.line, "message": problem.text} for problem in problems]
    return {"changes": 0, "errors": errors, "warnings": warnings}


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
