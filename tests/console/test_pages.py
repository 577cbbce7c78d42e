"""Every page of the console opens, carries its headers, and keeps to itself."""

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from accounts.models import Account
from console.base import ConsoleAdmin
from logs.models import RequestLog
from providers.models import Provider
from tests.console.pages import address, all_pages

INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>\s*[^<\s]", re.IGNORECASE)
HANDLER = re.compile(r"<[^>]+\son[a-z]+\s*=", re.IGNORECASE)
FOREIGN = re.compile(r"""(?:src|href|action)=["'](?:https?:)?//(?!testserver)""", re.IGNORECASE)


def test_every_page_opens_and_loads_nothing_from_elsewhere(operator: Client, traffic: None) -> None:
    pages = all_pages()
    assert len(pages) > 35
    for name, path in pages.items():
        response = operator.get(path)
        assert response.status_code == 200, f"{name}: {response.status_code}"
        html = response.content.decode()
        assert not INLINE_SCRIPT.search(html), f"{name} holds an inline script"
        assert not HANDLER.search(html), f"{name} holds an inline handler: {HANDLER.search(html)}"
        assert not FOREIGN.search(html), f"{name} names another host: {FOREIGN.search(html)}"


def test_headers_of_a_page(operator: Client) -> None:
    response = operator.get(reverse("admin:index"))
    policy = response.headers["Content-Security-Policy"]
    for rule in ("default-src 'none'", "object-src 'none'", "frame-ancestors 'none'", "base-uri 'self'"):
        assert rule in policy
    assert "script-src 'self' 'unsafe-eval';" in policy  # no inline script, no other host
    assert "http" not in policy
    assert {"no-store", "private"} <= set(response.headers["Cache-Control"].split(", "))
    assert response.headers["X-Frame-Options"] == "DENY"


def test_nobody_sees_a_page_without_logging_in(browser: Client, traffic: None) -> None:
    for name, path in all_pages().items():
        response = browser.get(path)
        assert response.status_code == 302 and "/login/" in response.headers["Location"], name


def test_staff_without_permissions_see_nothing(browser: Client, traffic: None) -> None:
    browser.force_login(User.objects.create_user("guest", password="a-long-password-1", is_staff=True))
    for name, path in all_pages().items():
        if name in ("overview", "errors"):
            continue
        assert browser.get(path).status_code == 403, name
    overview = browser.get(reverse("admin:index")).content.decode()
    assert "gw-card" not in overview and "acme" not in overview


def test_a_viewer_of_requests_cannot_test_an_account(browser: Client, traffic: None) -> None:
    viewer = User.objects.create_user("viewer", password="a-long-password-1", is_staff=True)
    viewer.user_permissions.add(
        Permission.objects.get(codename="view_account"), Permission.objects.get(codename="view_requestlog")
    )
    browser.force_login(viewer)
    account = Account.objects.get(label="Demo")
    page = browser.get(address(Account, "change", account.pk))
    assert page.status_code == 200 and b"Test this account" not in page.content
    assert browser.post(address(Account, "test", account.pk)).status_code == 403


def test_logging_in_without_an_aim_leads_to_the_overview(browser: Client) -> None:
    User.objects.create_superuser("operator", password="a-long-password-1")
    form = browser.get(reverse("admin:login")).content.decode()
    action = re.search(r'<form action="([^"]+)"', form)
    assert action
    answer = browser.post(action[1], {"username": "operator", "password": "a-long-password-1"})
    assert answer.headers["Location"] == reverse("admin:index")


@pytest.mark.parametrize("model_admin", admin.site._registry.values(), ids=str)
def test_every_admin_is_bounded(model_admin: ConsoleAdmin) -> None:
    assert isinstance(model_admin, ConsoleAdmin)
    assert not model_admin.list_editable
    assert model_admin.show_full_result_count is False
    assert model_admin.list_per_page <= 100 and model_admin.list_max_show_all <= 100
    secret = {field.name for field in model_admin.model._meta.fields} & {
        "digest", "sealed_credential", "sealed_url", "password",
    }  # fmt: skip
    assert secret <= set(model_admin.secret_fields), "declare the secret columns"
    shown = {
        *model_admin.search_fields,
        *map(str, model_admin.list_filter),
        *map(str, model_admin.list_display),
    }
    assert not any(name in text.split("__") for name in secret for text in shown)


def test_the_demo_is_labelled_wherever_it_appears(operator: Client, traffic: None) -> None:
    demo = Provider.objects.get(slug="demo")
    account = demo.accounts.get()
    record = RequestLog.objects.order_by("-id").first()
    assert record is not None
    record.provider, record.attempts = (
        "demo",
        [{"provider": "demo", "account": "Demo", "outcome": "answered"}],
    )
    record.save()
    RequestLog.objects.exclude(pk=record.pk).delete()
    record.account_id, record.account = str(account.pk), account.label
    record.save()
    for path in (
        "/admin/",
        address(RequestLog, "changelist"),
        address(Provider, "changelist"),
        address(Provider, "change", demo.pk),
        address(Account, "changelist"),
        address(Account, "change", account.pk),
        "/admin/providers/model/?q=demo",
        address(RequestLog, "change", record.pk),
    ):
        assert "Demo, offline" in operator.get(path).content.decode(), path


def test_a_preset_makes_a_provider_with_its_models(operator: Client) -> None:
    gallery = reverse("admin:providers_provider_presets")
    answer = operator.post(gallery, {"preset": "openai"})
    provider = Provider.objects.get(slug="openai")
    assert answer.headers["Location"] == address(Provider, "change", provider.pk)
    assert provider.models.exists() and provider.preset == "openai"
    assert "Add as openai-2" in operator.get(gallery).content.decode()
    again = operator.post(gallery, {"preset": "openai"}, follow=True)
    assert "already exists" in again.content.decode()
    assert "no such preset" in operator.post(gallery, {"preset": "../../etc"}, follow=True).content.decode()
    assert Provider.objects.count() == 1


def test_sidebar_shows_what_a_user_may_view(browser: Client) -> None:
    viewer = User.objects.create_user("viewer", password="a-long-password-1", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_requestlog"))
    browser.force_login(viewer)
    html = browser.get(reverse("admin:index")).content.decode()
    assert address(RequestLog, "changelist") in html
    assert address(Account, "changelist") not in html
