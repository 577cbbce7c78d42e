"""The doctor's page in the admin: every check, run while you wait."""

from itertools import groupby

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from doctor.registry import checks
from doctor.services import examine


def page(request: HttpRequest) -> HttpResponse:
    """Run the checks and show what they found; for those who may see accounts."""
    if not request.user.has_perm("accounts.view_account"):
        raise PermissionDenied
    findings = examine()
    context = {
        **admin.site.each_context(request),
        "title": "Doctor",
        "is_fullwidth": "1",
        "levels": [(level, list(found)) for level, found in groupby(findings, key=lambda found: found.level)],
        "checks": checks(),
    }
    return TemplateResponse(request, "doctor/page.html", context)
