"""The embedded mode's scheduler: one daemon thread that runs the jobs of gateway/schedule.py.

A job that fails costs one log line and its turn; the thread lives as long as the process.
"""

import logging
import random
import threading
import time
from collections.abc import Iterable

from django.db import connections
from django.utils.module_loading import import_string

from gateway.schedule import JOBS, Job

log = logging.getLogger("gateway.scheduler")

FIRST_RUN_S = (15.0, 45.0)  # after the start, when the first requests have been served
JITTER = 0.1  # of the interval, so that many processes do not wake together


class Scheduler:
    """Runs each job on its interval, one at a time, from `start()` until `stop()`."""

    def __init__(self, jobs: Iterable[Job] = JOBS, first_run_s: tuple[float, float] = FIRST_RUN_S) -> None:
        now = time.monotonic()
        self._due = {job: now + random.uniform(*first_run_s) for job in jobs}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Ask the thread to end and wait for a job in progress, at most `timeout_s`."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while self._due:
            job = min(self._due, key=lambda job: self._due[job])
            if self._stopped.wait(max(0.0, self._due[job] - time.monotonic())):
                return
            run(job)
            self._due[job] = time.monotonic() + job.seconds * random.uniform(1 - JITTER, 1 + JITTER)


def run(job: Job) -> None:
    """Run one job now, whatever it raises, and leave no database connection behind."""
    try:
        import_string(job.service)()
    except Exception as error:  # noqa: BLE001 - one broken job must not stop the others
        log.error("job %r failed: %s: %s", job.name, type(error).__name__, error)
    finally:
        connections.close_all()
