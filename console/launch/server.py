"""The web server: uvicorn in this process, or gunicorn with uvicorn workers where there are several."""

import os
import socket
import sys
from collections.abc import Callable
from typing import NoReturn

import uvicorn
from django.conf import settings

from console.launch.protocol import Http

APPLICATION = "gateway.asgi:application"
KEEP_ALIVE_S = 75  # longer than the 60 s of common load balancers, so that they close first
DRAIN_S = 30  # how long running answers may take to end after SIGTERM
BACKLOG = 2048


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()


def serve(sock: socket.socket, on_ready: Callable[[], None], application: str = APPLICATION) -> bool:
    """Serve until a signal ends it; False where the application could not start."""
    config = uvicorn.Config(
        application,
        loop="uvloop",
        http=Http,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        # Forwarded headers are believed only where an operator says that a TLS proxy stands in front.
        proxy_headers=settings.PUBLIC_HTTPS,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=DRAIN_S,
    )
    server = _Server(config, on_ready)
    try:
        server.run(sockets=[sock])
    except SystemExit:
        if not server.started:
            return False
        raise
    return server.started


def become_gunicorn() -> NoReturn:
    """Replace this process by gunicorn with WORKERS workers. Workers are never recycled: streams would be cut."""
    host = f"[{settings.HOST}]" if ":" in settings.HOST else settings.HOST
    options = {
        "bind": f"{host}:{settings.PORT}",
        "workers": settings.WORKERS,
        "worker-class": "console.launch.worker.GatewayWorker",
        "keep-alive": KEEP_ALIVE_S,
        "graceful-timeout": DRAIN_S + 5,
        "timeout": 60,
        "backlog": BACKLOG,
        "log-level": "warning",
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", *arguments, APPLICATION])  # noqa: S606
