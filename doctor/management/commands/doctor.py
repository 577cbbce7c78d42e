"""`manage.py doctor`: what is wrong, why, and what to do about it."""

import json
import sys

from django.core.management.base import BaseCommand, CommandError

from doctor.finding import Finding, Level
from doctor.services import examine


class Command(BaseCommand):
    help = "Look for known faults and name the cure of each. Exit code 1 if one of them is an error."

    def add_arguments(self, parser):
        parser.add_argument("--json", action="store_true", help="print the findings as a JSON list")
        parser.add_argument(
            "--check", action="append", default=[], metavar="ID", help="run this check alone; may be repeated"
        )

    def handle(self, *args, **options):
        try:
            findings = examine(options["check"])
        except LookupError as error:
            raise CommandError(str(error)) from None
        if options["json"]:
            self.stdout.write(json.dumps([finding.as_dict() for finding in findings], indent=2))
        else:
            for finding in findings:
                self._tell(finding)
        self.stderr.write(_summary(findings), style_func=str)
        if any(finding.level is Level.ERROR for finding in findings):
            sys.exit(1)

    def _tell(self, finding: Finding) -> None:
        paint = {Level.ERROR: self.style.ERROR, Level.WARNING: self.style.WARNING}.get(finding.level, str)
        self.stdout.write(f"{paint(f'{finding.level:<8}')} {finding.check}: {finding.title}")
        for name in ("evidence", "cure", "link"):
            if text := getattr(finding, name):
                self.stdout.write(f"{name:>14}  {text}")


def _summary(findings: list[Finding]) -> str:
    if not findings:
        return "The doctor found nothing."
    counts = [(sum(finding.level is level for finding in findings), level) for level in Level]
    return "The doctor found " + ", ".join(f"{n} {level}{'s' * (n > 1)}" for n, level in counts if n) + "."
