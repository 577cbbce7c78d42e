"""`manage.py config validate|apply|export FILE`: the configuration as a file. docs/configure.md has the format."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError

from console.config import apply, document, export, report
from console.config.document import Problem
from console.config.plan import Plan


class Command(BaseCommand):
    help = "Check a configuration file, apply it, or write the configuration to one."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="validate|apply|export")
        validate = verbs.add_parser("validate", help="check a file; nothing is changed")
        applying = verbs.add_parser(
            "apply", help="create and change what a file names; twice changes nothing"
        )
        exporting = verbs.add_parser("export", help="write the configuration; secrets become env:NAME")
        for verb in (validate, applying):
            verb.add_argument("file", metavar="FILE", help="YAML or JSON; - is standard input")
            verb.add_argument("--json", action="store_true", help="print one JSON object")
        applying.add_argument("--dry-run", action="store_true", help="print the plan and change nothing")
        for verb in (validate, applying):
            verb.add_argument(
                "--prune", action="store_true", help="remove what the file's sections do not name"
            )
        exporting.add_argument(
            "file", metavar="FILE", nargs="?", default="-", help="default: standard output"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verb"] == "export":
            self._export(options["file"])
            return
        try:
            wish = apply.Wish(document.read(options["file"]), options["prune"])
            plan = self._plan(wish, options)
        except document.Unreadable as error:
            self._fail(options, [Problem("", str(error))], [])
        except apply.Refused as refused:
            self._fail(options, refused.problems, refused.warnings)
        else:
            self._print(plan, options)

    def _plan(self, wish: apply.Wish, options: dict[str, Any]) -> Plan:
        if options["verb"] == "apply" and not options["dry_run"]:
            return apply.perform(wish)
        return apply.preview(wish)

    def _print(self, plan: Plan, options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(report.object_of_plan(plan), ensure_ascii=False, indent=1))
            return
        for warning in plan.warnings:
            self.stderr.write(f"warning: {warning}")
        if options["verb"] == "validate":
            self.stdout.write(f"{options['file']}: valid; applying it makes {report.summary(plan)}")
            return
        for line in [*report.lines_of_plan(plan), *report.lines_of_keys(plan)]:
            self.stdout.write(line)
        note = " (dry run: nothing was written)" if options["dry_run"] else ""
        self.stdout.write(report.summary(plan) + note)

    def _fail(self, options: dict[str, Any], problems: list[Problem], warnings: list[str]) -> None:
        if options["json"]:
            found = report.object_of_problems(problems, warnings)
            self.stdout.write(json.dumps(found, ensure_ascii=False, indent=1))
        else:
            for problem in problems:
                self.stderr.write(f"error: {options['file']}: {problem}")
        sys.exit(1)

    def _export(self, name: str) -> None:
        try:
            text = export.export()
            if name == "-":
                self.stdout.write(text)
            else:
                Path(name).write_text(text, encoding="utf-8")
        except OSError as error:
            sys.exit(f"error: {name} cannot be written ({error.strerror})")
        except DatabaseError as error:
            sys.exit(f"error: {apply.database_problem(error)}")
