"""Writes to proxies."""

from django.db import transaction

from proxies.models import Proxy


@transaction.atomic
def create_proxy(*, url: str, max_accounts: int = 0, priority: int = 0, private: bool = False) -> Proxy:
    """Make a proxy from its URL, which is sealed. Raises ValidationError, such as for an address in use."""
    proxy = Proxy(max_accounts=max_accounts, priority=priority, private=private)
    proxy.set_url(url)
    proxy.full_clean()
    proxy.save()
    return proxy
