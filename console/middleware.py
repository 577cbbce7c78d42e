"""Headers that every page of the control plane carries."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

# Unfold's Alpine evaluates its attributes with Function() and sets style attributes, so scripts need
# 'unsafe-eval' and styles 'unsafe-inline'. No inline script, no other host, no frame, no plug-in.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'self'",
        "object-src 'none'",
        "frame-ancestors 'none'",
    )
)


class SecurityHeaders:
    """Pages are private, never stored, and load nothing from anywhere else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "no-store, private")
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response
