"""The Celery app of the full mode: worker and beat run the jobs of gateway/schedule.py.

    celery -A gateway.celery worker
    celery -A gateway.celery beat

Nothing else imports this module, and gateway/__init__.py stays empty: the usual import there would load
Django and Celery into the data plane.
"""

import os

from celery import Celery
from django.conf import settings

from gateway.schedule import JOBS

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")

SOFT_LIMIT_S, HARD_LIMIT_S = 60, 90

app = Celery("gateway")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    # JSON alone: a pickled message would run whatever whoever writes to the broker wants.
    task_serializer="json",
    result_serializer="json",
    accept_content=["json"],
    event_serializer="json",
    # A task is acknowledged when it is done, so that a killed worker loses none.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    result_expires=None,
    task_soft_time_limit=SOFT_LIMIT_S,
    task_time_limit=HARD_LIMIT_S,
    # Children are replaced before a leak matters: after 1,000 tasks or at 300 MB (in kB).
    worker_max_tasks_per_child=1000,
    worker_max_memory_per_child=300_000,
    worker_soft_shutdown_timeout=10,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        # Redis hands a task out again after this long; far above the longest task, or it would run twice.
        "visibility_timeout": 20 * HARD_LIMIT_S,
        "socket_timeout": 5,
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
        "health_check_interval": 10,
    },
    timezone="UTC",
    # A run that nobody took before the next one is due is dropped instead of piling up.
    beat_schedule={
        job.name: {"task": job.service, "schedule": job.seconds, "options": {"expires": job.seconds}}
        for job in JOBS
    },
    # Kept beside the other data of the process; a container may have a read-only root.
    beat_schedule_filename=str(settings.DATA_DIR / "celerybeat-schedule"),
)
app.autodiscover_tasks()
