"""Which upstream addresses may be dialled at all. One rule for the data plane, the doctor and the forms.

Link-local (cloud metadata) addresses never; private and loopback ones only where the caller allows them.
"""

import ipaddress
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Metadata services that answer outside link-local ranges.
_METADATA = {ipaddress.ip_address(text) for text in ("100.100.100.200", "fd00:ec2::254", "192.0.0.192")}


class ForbiddenAddress(ValueError):
    """The address must not be dialled; the text says which and why."""


def check_address(text: str, *, private_ok: bool) -> None:
    """Raise ForbiddenAddress for an IP address that requests must not be sent to."""
    address = _plain(ipaddress.ip_address(text))
    if address.is_link_local or address in _METADATA:
        raise ForbiddenAddress(f"{address} is a link-local or metadata address; it is never dialled")
    reserved = address.is_reserved and not address.is_loopback  # ::1 lies in a reserved block
    if address.is_multicast or address.is_unspecified or reserved:
        raise ForbiddenAddress(f"{address} is not the address of a server")
    if not private_ok and not address.is_global:
        raise ForbiddenAddress(f"{address} is private; mark the provider or proxy as private to allow it")


def check_url(url: str, *, private_ok: bool = True) -> None:
    """Check the shape of an http(s) base URL, and its host where that is an IP address already.

    A host name is checked again at each connection, on the addresses it resolves to.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ForbiddenAddress("use an address such as https://api.example.com/v1")
    if parts.username is not None or parts.query or parts.fragment or "\\" in url:
        raise ForbiddenAddress("a base URL holds no user, password, query or fragment")
    try:
        literal = _literal(parts.hostname)
    except ValueError:
        raise ForbiddenAddress(f"{parts.hostname} is a disguised IP address; write it in full") from None
    if literal is not None:
        check_address(literal, private_ok=private_ok)


def _literal(host: str) -> str | None:
    """The host if it is an IP address, None if it is a name; ValueError for decimal, octal, hex forms."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        last = host.rstrip(".").rsplit(".", 1)[-1]
        # A name's last label is never a number (RFC 1123 §2.1); what looks like one is an IP in disguise.
        if last.isdigit() or last.startswith("0x"):
            raise
        return None


def _plain(address: Address) -> Address:
    """The IPv4 address inside a mapped IPv6 one."""
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address
