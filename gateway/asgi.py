"""What the server loads: `uvicorn gateway.asgi:application`."""

import os
from collections.abc import Awaitable, Callable

from django.core.asgi import get_asgi_application

from gateway.dataplane.exchange import Receive, Scope, Send

ASGIApplication = Callable[[Scope, Receive, Send], Awaitable[None]]


def load() -> ASGIApplication:
    """Django first, then the application that stands before it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
    control_plane = get_asgi_application()
    from gateway.process import Application

    return Application(control_plane)


application = load()
