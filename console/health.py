"""How one account does: its last hour, its last error and the cure."""

from typing import NamedTuple

from accounts.models import Account
from console import windows
from console.links import requests_url
from logs import selectors
from logs.selectors import Failure, Summary


class Health(NamedTuple):
    """What the account's page shows above its form; `sampled` when only the newest requests were read."""

    numbers: Summary
    failures: list[Failure]
    sampled: bool
    requests_url: str
    errors_url: str


def of_account(account: Account) -> Health:
    """The last hour of one account."""
    sample = selectors.sample(windows.named("1h").since, account_id=str(account.pk))
    return Health(
        numbers=selectors.summarise(sample.rows),
        failures=selectors.failures(sample.rows, limit=3),
        sampled=sample.capped,
        requests_url=requests_url(account=account.pk),
        errors_url=requests_url(account=account.pk, status="error"),
    )
