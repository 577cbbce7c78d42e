"""Secrets at rest: each value under its own data key, each data key under a master key.

`v1.<master key id>.<wrapped data key>.<sealed value>`, AES-256-GCM both times. The sealed value is bound
to its table, column and row, so a ciphertext copied to another row does not open. MASTER_KEYS is a list:
the first wraps, all of them open, so a key can be replaced while the gateway runs.
"""

import base64
import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

VERSION = "v1"
_NONCE_BYTES = 12


class SealBroken(Exception):
    """The value was not sealed here, for this row, or the master key is gone."""


def seal(plain: str, *, table: str, column: str, row: str) -> str:
    """Encrypt `plain` for one cell of the database; an empty string stays empty."""
    if not plain:
        return ""
    key_id, master = _master_keys()[0]
    data_key = os.urandom(32)
    wrapped = _encrypt(master, data_key, key_id.encode())
    sealed = _encrypt(data_key, plain.encode(), _cell(table, column, row))
    return ".".join((VERSION, key_id, _text(wrapped), _text(sealed)))


def unseal(sealed: str, *, table: str, column: str, row: str) -> str:
    """The plain text; raises SealBroken with a reason that names no secret."""
    if not sealed:
        return ""
    try:
        version, key_id, wrapped, body = sealed.split(".")
    except ValueError:
        raise SealBroken("the stored value is not a sealed one") from None
    master = dict(_master_keys()).get(key_id)
    if version != VERSION or master is None:
        raise SealBroken(f"sealed under master key {key_id}, which MASTER_KEYS does not hold")
    try:
        data_key = _decrypt(master, _bytes(wrapped), key_id.encode())
        return _decrypt(data_key, _bytes(body), _cell(table, column, row)).decode()
    except (InvalidTag, ValueError):
        raise SealBroken("the stored value was changed or belongs to another row") from None


def _master_keys() -> list[tuple[str, bytes]]:
    """(id, key) of each master key, the wrapping one first; the id is a fingerprint."""
    keys = []
    for text in settings.MASTER_KEYS:
        raw = hashlib.sha256(text.encode()).digest()
        keys.append((hashlib.sha256(b"id" + raw).hexdigest()[:8], raw))
    if not keys:
        raise ImproperlyConfigured("MASTER_KEYS is empty; no credential can be stored or read")
    return keys


def _cell(table: str, column: str, row: str) -> bytes:
    return "|".join((table, column, row)).encode()


def _encrypt(key: bytes, plain: bytes, bound_to: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound_to)


def _decrypt(key: bytes, sealed: bytes, bound_to: bytes) -> bytes:
    return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text)
