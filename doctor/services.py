"""Running the checks: once for whoever asks, and regularly for the log."""

import logging
from collections.abc import Iterable

from django.db import DatabaseError

from doctor.finding import Finding, Level
from doctor.registry import Check, pick

log = logging.getLogger("doctor")

ORDER = (Level.ERROR, Level.WARNING, Level.INFO)
LOG_LEVELS = {Level.ERROR: logging.ERROR, Level.WARNING: logging.WARNING, Level.INFO: logging.INFO}

UNMIGRATED = "See that DATABASE_URL is right and the database is up, then run: python manage.py migrate"
BROKEN = "The fault is in the check itself: report it with this line."

# What this process has logged already, so that a fault is one line and not one every ten minutes.
_told: set[Finding] = set()


def examine(ids: Iterable[str] = ()) -> list[Finding]:
    """Run the named checks, or all, and return what they found, worst first.

    A check that fails itself is a finding. Raises LookupError for an unknown id.
    """
    findings = [finding for check in pick(ids) for finding in _run(check)]
    return sorted(findings, key=lambda finding: ORDER.index(finding.level))


def watch() -> list[Finding]:
    """Run every check and log one line for each finding that the last run did not have."""
    findings = examine()
    new = [finding for finding in findings if finding not in _told]
    for finding in new:
        log.log(
            LOG_LEVELS[finding.level],
            "[%s] %s (%s). Cure: %s",
            finding.check,
            finding.title,
            finding.evidence,
            finding.cure,
        )
    _told.clear()
    _told.update(findings)
    return new


def _run(check: Check) -> list[Finding]:
    try:
        return list(check.run())
    except Exception as error:  # noqa: BLE001 - one broken check must not hide what the others find
        return [
            Finding(
                check.id,
                Level.ERROR,
                f"the check “{check.title}” could not be run",
                f"{type(error).__name__}: {error}",
                UNMIGRATED if isinstance(error, DatabaseError) else BROKEN,
            )
        ]
