"""The gunicorn worker with the same server options as the single process."""

from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker

from console.launch.protocol import Http
from console.launch.server import DRAIN_S


class GatewayWorker(UvicornWorker):
    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "http": Http,
        "ws": "none",
        "lifespan": "on",
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": DRAIN_S,
    }
