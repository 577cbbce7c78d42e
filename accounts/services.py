"""Writes to accounts."""

from django.db import transaction

from accounts.models import Account
from providers.models import Provider
from proxies.models import Proxy


@transaction.atomic
def create_account(
    *, provider: Provider, label: str, credential: str = "", proxy: Proxy | None = None
) -> Account:
    """Make an account with its sealed credential. Raises ValidationError, such as for a label in use."""
    account = Account(provider=provider, label=label, proxy=proxy)
    account.set_credential(credential)
    account.full_clean()
    account.save()
    return account


def replace_credential(*, account: Account, credential: str) -> None:
    """Seal a new credential and forget what went wrong with the old one."""
    account.set_credential(credential)
    account.last_error = ""
    account.last_error_at = None
    account.save(update_fields=["sealed_credential", "credential_hint", "last_error", "last_error_at"])


def credential_problem(credential: str) -> str:
    """Why a credential cannot be what a vendor issued, with the cure; empty if it can be."""
    if not credential.strip():
        return "the key is empty; paste it, or name the variable that holds it as env:NAME"
    if credential[0] in "\"'“‘" or credential[-1] in "\"'”’":
        return "the key begins or ends with a quotation mark; remove the quotes that were pasted with it"
    if credential != credential.strip():
        return "the key has blanks around it; remove them"
    if not credential.isascii() or not credential.isprintable() or " " in credential:
        return "the key holds blanks or characters that no key has; paste it again as one piece"
    return ""
