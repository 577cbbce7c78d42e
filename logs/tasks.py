"""Celery's view of this app: each task calls one service and bears its name."""

from celery import shared_task

from logs import retention


@shared_task(name="logs.retention.prune")
def prune() -> None:
    retention.prune()
