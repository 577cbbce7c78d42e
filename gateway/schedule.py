"""What runs by itself, and how often. One list for both modes.

The embedded mode runs it on a thread (gateway/scheduler.py), the full mode through Celery's beat
(gateway/celery.py). A job is a service without arguments that may run twice and may run late.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """`service` is the dotted path of a function, and the name of its Celery task as well."""

    name: str
    seconds: float
    service: str


JOBS = (
    Job("prune request logs", 3600, "logs.retention.prune"),
    Job("run the doctor", 600, "doctor.services.watch"),
)
