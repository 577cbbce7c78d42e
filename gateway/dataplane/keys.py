"""The grammar of API keys, so that a wrong one is refused without asking anybody.

A key that the gateway makes is `sk-gw-` + public id (10) + secret (36) + checksum (6), all base 62: a
double click selects it, a secret scanner knows it, one mistyped character breaks the checksum. A key
that an operator brings along (config file, migration) is any printable string of 20 to 200 characters
that begins with `sk-`.

Only digests are stored: HMAC-SHA256 under a pepper that is not in the database, so that a dump of the
database authenticates nobody.
"""

import hmac
import re
import secrets
import zlib

PREFIX = "sk-gw-"
PUBLIC_ID_LENGTH = 10
SECRET_LENGTH = 36
CHECKSUM_LENGTH = 6
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

_LENGTH = PUBLIC_ID_LENGTH + SECRET_LENGTH + CHECKSUM_LENGTH
_MADE_HERE = re.compile(rf"sk-gw-[0-9A-Za-z]{{{_LENGTH}}}")
_BROUGHT = re.compile(r"sk-[!-~]{17,197}")


def make_key() -> str:
    """A new key; the only place where its plain text exists is the answer to whoever asked for it."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(PUBLIC_ID_LENGTH + SECRET_LENGTH))
    return f"{PREFIX}{body}{_checksum(body)}"


def make_public_id() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(PUBLIC_ID_LENGTH))


def public_id_of(key: str) -> str | None:
    """The part of a gateway-made key that may be shown and logged; None for a brought key."""
    if _MADE_HERE.fullmatch(key):
        return key[len(PREFIX) : len(PREFIX) + PUBLIC_ID_LENGTH]
    return None


def is_well_formed(key: str) -> bool:
    """False for anything that cannot be a key: wrong alphabet or length, or a failed checksum."""
    if _MADE_HERE.fullmatch(key):
        body, checksum = key[len(PREFIX) : -CHECKSUM_LENGTH], key[-CHECKSUM_LENGTH:]
        return _checksum(body) == checksum
    return _BROUGHT.fullmatch(key) is not None


def digest(key: str, pepper: str) -> str:
    """What the database holds of a key: 64 hexadecimal characters."""
    if not pepper:
        raise ValueError("an empty pepper would make the digest a plain hash")
    return hmac.digest(pepper.encode(), key.encode(), "sha256").hex()


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    letters = []
    for _ in range(CHECKSUM_LENGTH):
        number, index = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[index])
    return "".join(letters)
