"""Credentials: seals that do not open, accounts without a key, keys that were pasted wrongly."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from accounts.models import Account
from accounts.services import credential_problem
from doctor.finding import Finding, Level, link_to, link_to_list
from gateway.dataplane.discover import load, names
from providers.models import Provider
from providers.presets import Preset, load_presets
from tenants.vault import SealBroken

ID = "credentials"
TITLE = "Credentials of accounts"

NAMED = 5  # accounts listed in one finding; the link leads to the others


@dataclass(frozen=True)
class Flaw:
    level: Level
    problem: str
    cure: str


def run() -> Iterable[Finding]:
    flawed: dict[tuple[Provider, Flaw], list[Account]] = defaultdict(list)
    for account in Account.objects.filter(is_active=True).select_related("provider"):
        if flaw := flaw_of(account):
            flawed[account.provider, flaw].append(account)
    for (provider, flaw), accounts in flawed.items():
        yield Finding(
            ID,
            flaw.level,
            f"{provider.slug}: {flaw.problem}",
            _listed(accounts),
            flaw.cure,
            link_to(accounts[0])
            if len(accounts) == 1
            else link_to_list(Account, f"provider__id__exact={provider.pk}"),
        )


def flaw_of(account: Account) -> Flaw | None:
    """The first thing that is wrong with the credential of an account, None if nothing is."""
    if not account.has_credential:
        if not _needs_credential(account.provider):
            return None
        return Flaw(Level.ERROR, "no credential is stored", "Enter the credential, or switch the account off.")
    try:
        credential = account.open_credential()
    except SealBroken as error:
        return Flaw(
            Level.ERROR,
            f"the stored credential does not open: {error}",
            "Put the master key that sealed it back at the end of MASTER_KEYS, or enter the credential again.",
        )
    if problem := credential_problem(credential):
        return Flaw(Level.ERROR, problem, "Enter the credential again, exactly as the provider showed it.")
    if problem := _foreign(credential, account.provider):
        return Flaw(Level.WARNING, problem, "Move it to an account of the right provider, or enter the right one.")
    return None


def _needs_credential(provider: Provider) -> bool:
    """True where the provider's signer sends something even for an empty credential."""
    known = provider.signer in names("signers")
    return not provider.is_demo and known and bool(load("signers", provider.signer).headers(""))


def _foreign(credential: str, provider: Provider) -> str:
    """Says whose key this looks like, if another vendor's begin like it and this vendor's do not.

    The longest prefix decides: sk-ant-… begins like any sk-… key, and is Anthropic's all the same.
    """
    presets = load_presets()
    own = presets.get(provider.preset)
    if own is None or not own.key_prefixes:
        return ""
    longest = max(_match(credential, preset) for preset in presets.values())
    if longest == _match(credential, own):
        return "" if longest else f"the key does not begin with {' or '.join(own.key_prefixes)}"
    owners = [preset.name for preset in presets.values() if _match(credential, preset) == longest]
    return f"the key looks like one of {' or '.join(owners)}"


def _match(credential: str, preset: Preset) -> int:
    """Length of the longest prefix of the vendor's keys that the credential begins with."""
    return max((len(prefix) for prefix in preset.key_prefixes if credential.startswith(prefix)), default=0)


def _listed(accounts: list[Account]) -> str:
    labels: Iterator[str] = (account.label for account in accounts[:NAMED])
    rest = len(accounts) - NAMED
    noun = "accounts" if len(accounts) > 1 else "account"
    return f"{noun} {', '.join(labels)}" + (f" and {rest} more" if rest > 0 else "")
