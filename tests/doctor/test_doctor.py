"""The doctor itself: command, page, log, registry."""

import json
import logging
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.test import RequestFactory

from accounts.models import Account
from doctor import registry, services, views
from doctor.finding import Finding, Level
from doctor.registry import Check
from providers.models import Provider

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def broken_account(db) -> Account:
    """An active account without a credential: one error, and no other finding."""
    provider = Provider.objects.create(slug="up", base_url="https://api.example.com/v1")
    return Account.objects.create(provider=provider, label="<b>one</b>")


def run(*arguments: str) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of `manage.py doctor`."""
    out, err = StringIO(), StringIO()
    try:
        call_command("doctor", *arguments, stdout=out, stderr=err)
    except SystemExit as stop:
        return int(stop.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


class TestCommand:
    def test_a_healthy_gateway(self, db) -> None:
        assert run() == (0, "", "The doctor found nothing.\n")

    def test_an_error_is_told_and_fails(self, broken_account: Account) -> None:
        code, out, err = run()
        assert code == 1
        assert out.startswith("error    credentials: up: no credential is stored\n")
        assert "cure  Enter the credential" in out
        assert "\x1b" not in out, "colour in a pipe"
        assert err == "The doctor found 1 error.\n"

    def test_json_is_all_there_is_on_stdout(self, broken_account: Account) -> None:
        code, out, _err = run("--json")
        (finding,) = json.loads(out)
        assert code == 1
        assert finding["check"] == "credentials" and finding["level"] == "error"
        assert set(finding) == {"check", "level", "title", "evidence", "cure", "link"}

    def test_one_check_alone(self, broken_account: Account) -> None:
        assert run("--check", "records")[0] == 0
        assert run("--check", "records", "--check", "credentials")[0] == 1

    def test_an_unknown_check(self, db) -> None:
        with pytest.raises(CommandError, match="there is no check 'sleep'; there is credentials"):
            run("--check", "sleep")


class TestRegistry:
    def test_a_check_is_its_file(self) -> None:
        files = sorted(path.stem for path in (ROOT / "doctor" / "checks").glob("[!_]*.py"))
        assert [check.id for check in registry.checks()] == files

    def test_a_check_that_fails_is_a_finding(self) -> None:
        def run() -> list[Finding]:
            raise ZeroDivisionError("by zero")

        (finding,) = services._run(Check("odd", "Odd", run))
        assert (finding.level, finding.evidence) == (Level.ERROR, "ZeroDivisionError: by zero")

    def test_every_check_is_documented(self) -> None:
        manual = (ROOT / "docs" / "operate.md").read_text()
        missing = [check.id for check in registry.checks() if f"| `{check.id}` |" not in manual]
        assert not missing, f"docs/operate.md has no row for {missing}"


class TestWatch:
    @pytest.fixture(autouse=True)
    def _forget(self) -> None:
        services._told.clear()

    def test_a_finding_is_logged_once(self, broken_account: Account, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.INFO, logger="doctor"):
            assert len(services.watch()) == 1
            assert services.watch() == []
        (record,) = caplog.records
        assert record.levelno == logging.ERROR
        assert "[credentials] up: no credential is stored" in record.getMessage()
        assert "\n" not in record.getMessage()

    def test_a_finding_that_returns_is_new(self, broken_account: Account) -> None:
        services.watch()
        Account.objects.update(is_active=False)
        assert services.watch() == []
        Account.objects.update(is_active=True)
        assert len(services.watch()) == 1


class TestPage:
    def get(self, user: User) -> str:
        request = RequestFactory().get("/admin/doctor/")
        request.user = user
        request.session = {}
        return views.page(request).render().content.decode()

    def test_findings_with_cure_and_link(self, broken_account: Account) -> None:
        html = self.get(User.objects.create_superuser("root", password="x"))
        assert "no credential is stored" in html
        assert "Enter the credential" in html
        assert "&lt;b&gt;one&lt;/b&gt;" in html and "<b>one</b>" not in html

    def test_nothing_found(self, db) -> None:
        assert "The doctor found nothing." in self.get(User.objects.create_superuser("root", password="x"))

    def test_not_for_everybody(self, db) -> None:
        with pytest.raises(PermissionDenied):
            self.get(User.objects.create_user("clerk", is_staff=True))
