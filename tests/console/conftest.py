"""A logged-in operator and an hour of plausible traffic."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from accounts.models import Account
from console.sample import fill
from logs.models import RequestLog
from providers.models import DEMO_URL, Model, Provider

CREDENTIAL = "sk-proj-canary-0123456789abcdef-CANARY"
PROXY_PASSWORD = "proxy-canary-password"
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>'\"{{ 7|add:1 }}"


@pytest.fixture
def browser(db: Any) -> Client:
    """A browser in which nobody is logged in."""
    return Client()


@pytest.fixture
def operator(browser: Client) -> Client:
    """A browser in which a superuser is logged in."""
    user = User.objects.create_superuser("operator", "operator@example.com", "a-long-password-1")
    browser.force_login(user)
    return browser


@pytest.fixture
def traffic(db: Any) -> None:
    """Tenants, providers and accounts with 300 requests in the last 50 minutes, and the demo provider."""
    fill(requests=300, span=timedelta(minutes=50))
    demo = Provider.objects.create(slug="demo", name="Demo", base_url=DEMO_URL, signer="none")
    Model.objects.create(provider=demo, name="demo")
    Account.objects.create(provider=demo, label="Demo")


@pytest.fixture
def answered(traffic: None) -> RequestLog:
    record = RequestLog.objects.filter(status="ok").order_by("-id").first()
    assert record is not None
    return record
