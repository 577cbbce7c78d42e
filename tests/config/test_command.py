"""`manage.py config` as an operator runs it: output, exit codes, no traceback for anything."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.process import ROOT

GOOD = "tenants: [{id: acme, keys: [{name: ci, key: sk-acme-12345678901234567890}]}]"


@pytest.fixture
def config(tmp_path: Path):
    """Runs the command on a database of its own; text is given on standard input."""

    def run(*arguments: str, text: str = "", migrated: bool = True) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "DATA_DIR": str(tmp_path / "data"), "DATABASE_URL": "", "STATE_URL": ""}
        if migrated and not (tmp_path / "data" / "gateway.sqlite3").exists():
            manage(environment, "migrate", "-v", "0")
        return manage(environment, "config", *arguments, text=text)

    return run


def manage(environment: dict[str, str], *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_validate_apply_twice_and_export(config) -> None:
    validated = config("validate", "-", text=GOOD)
    assert (validated.returncode, "2 created" in validated.stdout) == (0, True), validated.stderr
    dry = config("apply", "-", "--dry-run", text=GOOD)
    assert "+ tenant acme created" in dry.stdout
    assert "nothing was written" in dry.stdout
    applied = config("apply", "-", text=GOOD)
    assert (applied.returncode, "2 changes" in applied.stdout) == (0, True)
    again = config("apply", "-", text=GOOD)
    assert again.stdout.endswith("0 changes, 2 unchanged\n")
    exported = config("export")
    assert (exported.returncode, "env:ACME_CI_KEY" in exported.stdout) == (0, True)


def test_json_is_one_object(config) -> None:
    applied = json.loads(config("apply", "-", "--json", text="tenants: [{id: a, keys: [{name: k}]}]").stdout)
    assert (applied["changes"], applied["errors"], len(applied["new_keys"])) == (2, [], 1)
    refused = config("apply", "-", "--json", text="tenant: []")
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["errors"][0]["at"] == "tenant"


def test_export_writes_a_file_or_says_why_not(config, tmp_path: Path) -> None:
    target = tmp_path / "out.yaml"
    assert config("export", str(target)).returncode == 0
    assert target.read_text().startswith("# The configuration")
    refused = config("export", str(tmp_path / "missing" / "out.yaml"))
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)


@pytest.mark.parametrize("text", ["", "[]", "\0", "[" * 5000, "a: &a [*a]", "providers: [{preset: x}]"])
def test_bad_input_is_exit_code_1_without_a_traceback(config, text: str) -> None:
    for verb in ("validate", "apply"):
        done = config(verb, "-", text=text)
        assert done.returncode == 1
        assert done.stderr.startswith("error: -: ")
        assert "Traceback" not in done.stderr


def test_a_missing_file_and_a_folder_are_one_line(config, tmp_path: Path) -> None:
    for name in (str(tmp_path / "missing.yaml"), str(tmp_path)):
        done = config("apply", name)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)


def test_an_unmigrated_database_is_one_line_with_the_cure(config) -> None:
    done = config("apply", "-", text=GOOD, migrated=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "manage.py migrate" in done.stderr
