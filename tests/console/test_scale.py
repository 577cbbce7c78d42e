"""A large log stays fast: each page in well under a second, on a table that no page may scan."""

import time
from datetime import timedelta

import pytest
from django.test import Client

from accounts.models import Account
from console.links import page_of
from console.sample import fill
from logs.models import RequestLog

ROWS = 200_000
SECONDS = 1.5  # a small machine, busy with other tests; alone each takes less than half


@pytest.mark.slow
def test_pages_over_many_rows(operator: Client) -> None:
    fill(requests=ROWS, span=timedelta(days=20))
    middle = RequestLog.objects.order_by("-id")[ROWS // 2]
    account = Account.objects.exclude(last_error="").get()
    log = "/admin/logs/requestlog/"
    for path in (
        "/admin/?window=7d",
        "/admin/?window=1h",
        log,
        f"{log}?window=all",
        f"{log}?window=all&before={middle.pk.hex}",
        f"{log}?window=all&after={middle.pk.hex}",
        f"{log}?window=30d&tenant=ci",
        f"{log}?window=30d&status=interrupted",
        f"{log}?window=all&code=never_happened",
        f"{log}?window=all&model=never_heard_of&tenant=acme",
        page_of(middle),
        page_of(account),
    ):
        operator.get(path)
        began = time.perf_counter()
        answer = operator.get(path)
        took = time.perf_counter() - began
        assert answer.status_code == 200
        assert took < SECONDS, f"{path} took {took:.2f} s"
