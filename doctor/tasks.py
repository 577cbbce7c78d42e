"""Celery's view of this app: each task calls one service and bears its name."""

from celery import shared_task

from doctor import services


@shared_task(name="doctor.services.watch")
def watch() -> None:
    services.watch()
