"""The admin site: the overview is its first page."""

from typing import Any

from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from unfold.sites import UnfoldAdminSite


class ConsoleSite(UnfoldAdminSite):
    """Unfold's site with our overview as index and the page of errors and their cures."""

    index_title = "Overview"
    enable_nav_sidebar = True

    def extra_urls(self) -> list[URLPattern]:
        from doctor.views import page as doctor_page

        return [
            path("doctor/", self.admin_view(doctor_page), name="doctor"),
            path("errors/", self.admin_view(self.errors), name="errors"),
        ]

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Unfold's form forgets where to go after logging in when nobody said so."""
        context = dict(extra_context or {})
        if REDIRECT_FIELD_NAME not in request.GET:
            context["app_path"] = f"{request.path}?{REDIRECT_FIELD_NAME}={reverse('admin:index')}"
        return super().login(request, context)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        # Imported here because the site exists before the models do.
        from console import overview

        return super().index(request, {**overview.context(request), **(extra_context or {})})

    def errors(self, request: HttpRequest) -> HttpResponse:
        from console import overview

        return overview.errors_page(request, self.each_context(request))
