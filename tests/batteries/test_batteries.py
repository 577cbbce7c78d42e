"""The batteries in their short form; BATTERY_SECONDS makes them longer."""

import os

import pytest

from tests.batteries import changes, churn, kill
from tests.batteries.ground import Verdict

SECONDS = float(os.environ.get("BATTERY_SECONDS") or 8)

pytestmark = pytest.mark.battery


def judge(verdict: Verdict) -> None:
    line = verdict.say()
    print(line)
    assert not verdict.violations, line


def test_cancellation_churn() -> None:
    judge(churn.run(SECONDS, thorough=False))


def test_kill_under_load() -> None:
    judge(kill.run(max(2, int(SECONDS // 8))))


def test_changes_under_load() -> None:
    judge(changes.run(max(1, int(SECONDS // 20))))
