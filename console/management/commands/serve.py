"""`manage.py serve`: check, migrate, bootstrap, serve. `make run` and the image's `web` role end here."""

import signal
import sys
import warnings
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connections

from console.launch import bootstrap, preflight, server, welcome


class Command(BaseCommand):
    help = "Start the gateway; HOST, PORT, DATA_DIR and the other variables of .env.example are honoured."
    requires_system_checks: list[str] = []  # they cost a third of the start

    def handle(self, *args: Any, **options: Any) -> None:
        # Static files come straight from the packages, so the folder of collected ones need not exist.
        warnings.filterwarnings("ignore", message="No directory at")
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            self._serve()
        except KeyboardInterrupt:
            sys.exit(0)

    def _serve(self) -> None:
        preflight.check_workers()
        lock = preflight.lock_data_folder()
        sock = preflight.bind()
        preflight.check_database()
        preflight.check_state()
        bootstrap.migrate()
        handover = bootstrap.bootstrap()
        connections.close_all()
        if settings.WORKERS > 1:
            sock.close()
            self._say(handover)
            server.become_gunicorn()
        if not server.serve(sock, lambda: self._say(handover)):
            self._say_secrets(handover)
            sys.exit(1)
        del lock  # held until here

    def _say(self, handover: bootstrap.Handover) -> None:
        print(welcome.text(handover), flush=True)

    def _say_secrets(self, handover: bootstrap.Handover) -> None:
        """The start failed after they were made; they would be lost otherwise."""
        if handover.is_first:
            print(f"admin password: {handover.password}  demo key: {handover.key}", flush=True)
