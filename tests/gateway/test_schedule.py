"""What runs by itself: the same jobs in both modes, and a thread that nothing stops."""

import importlib
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.utils.module_loading import import_string

from gateway.schedule import JOBS, Job
from gateway.scheduler import Scheduler, run

ROOT = Path(__file__).resolve().parents[2]
ran: list[str] = []
started, release = threading.Event(), threading.Event()


def note() -> None:
    ran.append("note")


def fail() -> None:
    ran.append("fail")
    raise RuntimeError("on purpose")


def hang() -> None:
    started.set()
    release.wait(10)


def job(name: str, seconds: float = 0.05) -> Job:
    return Job(name, seconds, f"{__name__}.{name}")


@pytest.fixture(autouse=True)
def _clean() -> None:
    ran.clear()
    started.clear()
    release.clear()


def until(condition, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.01)


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_every_job_is_a_service_with_a_task_of_its_name(job: Job) -> None:
    assert callable(import_string(job.service))
    app_name = job.service.partition(".")[0]
    tasks = importlib.import_module(f"{app_name}.tasks")
    assert job.service in {task.name for task in vars(tasks).values() if hasattr(task, "delay")}


class TestThread:
    def test_jobs_run_again_and_again(self) -> None:
        scheduler = Scheduler([job("note")], first_run_s=(0, 0))
        scheduler.start()
        until(lambda: ran.count("note") >= 3)
        scheduler.stop()
        count = len(ran)
        time.sleep(0.2)
        assert len(ran) == count, "it ran after its end"

    def test_nothing_runs_before_the_first_requests(self) -> None:
        scheduler = Scheduler([job("note")])
        scheduler.start()
        time.sleep(0.2)
        scheduler.stop()
        assert ran == []

    def test_a_failing_job_costs_a_line_and_stops_nobody(self, caplog: pytest.LogCaptureFixture) -> None:
        scheduler = Scheduler([job("fail"), job("note")], first_run_s=(0, 0))
        caplog.set_level("ERROR", logger="gateway.scheduler")
        scheduler.start()
        until(lambda: ran.count("fail") >= 2 and ran.count("note") >= 2)
        scheduler.stop()
        lines = [record.getMessage() for record in caplog.records if record.name == "gateway.scheduler"]
        assert lines[0] == "job 'fail' failed: RuntimeError: on purpose"

    def test_a_service_that_does_not_exist(self, caplog: pytest.LogCaptureFixture) -> None:
        run(Job("typo", 1, "logs.retention.no_such_thing"))
        assert "job 'typo' failed: ImportError" in caplog.text

    def test_the_end_does_not_wait_for_a_long_job(self) -> None:
        scheduler = Scheduler([job("hang")], first_run_s=(0, 0))
        scheduler.start()
        assert started.wait(5)
        began = time.monotonic()
        scheduler.stop(timeout_s=0.2)
        assert time.monotonic() - began < 1
        release.set()

    def test_it_is_a_daemon(self) -> None:
        """A process that is told to end must not wait an hour for the next prune."""
        code = (
            "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'gateway.settings'\n"
            "import django; django.setup()\n"
            "from gateway.scheduler import Scheduler\n"
            "Scheduler().start()\n"
        )
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=20, check=True)

    def test_no_connection_is_left_behind(self) -> None:
        """With a database in a file: Django keeps one in memory open on purpose."""
        code = (
            "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'gateway.settings'\n"
            "import django; django.setup()\n"
            "from django.db import connection\n"
            "from gateway.schedule import Job\n"
            "from gateway.scheduler import run\n"
            "def touch():\n"
            "    connection.ensure_connection(); print('open', connection.connection is not None)\n"
            "run(Job('touch', 1, '__main__.touch'))\n"
            "print('open', connection.connection is not None)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=20, check=True
        )
        assert done.stdout.split("\n")[:2] == ["open True", "open False"], done.stderr


class TestCelery:
    def test_the_app(self) -> None:
        """In a process of its own: this one must stay as free of Celery as the data plane is."""
        code = """
import json, os
os.environ["DJANGO_SETTINGS_MODULE"] = "gateway.settings"
from gateway.celery import app
app.loader.import_default_modules()
print(json.dumps({
    "tasks": sorted(name for name in app.tasks if not name.startswith("celery.")),
    "beat": {name: [entry["task"], entry["schedule"]] for name, entry in app.conf.beat_schedule.items()},
    "accept": sorted(app.conf.accept_content), "late": app.conf.task_acks_late,
    "lost": app.conf.task_reject_on_worker_lost, "prefetch": app.conf.worker_prefetch_multiplier,
    "limits": [app.conf.task_soft_time_limit, app.conf.task_time_limit],
    "visibility": app.conf.broker_transport_options["visibility_timeout"],
    "broker": app.conf.broker_url,
}))
"""
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
        )
        told = json.loads(done.stdout)
        assert told["tasks"] == sorted(job.service for job in JOBS)
        assert told["beat"] == {job.name: [job.service, job.seconds] for job in JOBS}
        assert told["accept"] == ["json"]
        assert told["late"] and told["lost"] and told["prefetch"] == 1
        soft, hard = told["limits"]
        assert soft < hard and told["visibility"] > 2 * hard
        assert told["broker"] == settings.CELERY_BROKER_URL
