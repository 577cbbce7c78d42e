"""Which headers cross the gateway. Towards the provider an open list, towards the client a closed one.

What goes to the client is made of lines, `name: value\\r\\n`, as they are sent: see exchange.py.
"""

import re
from collections.abc import Mapping

from gateway.dataplane.call import Call
from gateway.dataplane.errors import LoopDetected

# Never forwarded: hop by hop (RFC 9110 §7.6.1), the client's own credentials and cookies, who the client
# is, what depends on the body's bytes, and headers that select another organisation's account.
_KEPT_HERE = frozenset(
    """connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer trailers
    transfer-encoding upgrade http2-settings expect authorization x-api-key api-key x-goog-api-key cookie host
    content-length content-type content-encoding accept-encoding forwarded via x-forwarded-for x-forwarded-host
    x-forwarded-port x-forwarded-proto x-forwarded-prefix x-real-ip true-client-ip cf-connecting-ip x-request-id
    openai-organization openai-project origin referer""".split()
)
_KEPT_PREFIXES = ("x-gateway-", "sec-", "x-amzn-", "cf-")

# What a client may see of the provider's answer: a closed list, so that nothing of the account leaks.
_TYPE = "content-type"
_SHOWN = tuple(
    """content-type openai-processing-ms openai-version openai-model retry-after retry-after-ms
    x-gateway-estimated""".split()
)
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

_OF_ANY_DIALECT = ("user-agent", "traceparent", "tracestate")

HOPS = "x-gateway-hops"
MAX_DROPPED = 1000  # characters of a header that a client fills with its own names
MAX_HOPS = 2  # a gateway may stand behind another one; a third round is a loop


def refuse_loop(client: Mapping[str, str]) -> None:
    """Raise LoopDetected for a request that has come through gateways too often."""
    if _hops(client) >= MAX_HOPS:
        raise LoopDetected(
            "This request has come back to the gateway that sent it: a provider's base URL points here. "
            "An operator mends it under Providers in the admin."
        )


def to_provider(client: Mapping[str, str], own: Mapping[str, str], signed: dict[str, str]) -> dict[str, str]:
    """The client's headers without those that end here, the dialect's `own`, the account's signature."""
    headers = {
        name: value
        for name, value in client.items()
        if name not in _KEPT_HERE and not name.startswith(_KEPT_PREFIXES) and value.isprintable()
    }
    for name in client.get("connection", "").lower().split(","):
        headers.pop(name.strip(), None)  # named by the client as ending here
    return _completed(headers, client, own, signed)


def to_translated(client: Mapping[str, str], own: Mapping[str, str], signed: dict[str, str]) -> dict[str, str]:
    """The same where client and provider speak two dialects: headers of the one mean nothing to the other."""
    headers = {name: client[name] for name in _OF_ANY_DIALECT if name in client and client[name].isprintable()}
    return _completed(headers, client, own, signed)


def _completed(
    headers: dict[str, str], client: Mapping[str, str], own: Mapping[str, str], signed: dict[str, str]
) -> dict[str, str]:
    for name, value in own.items():
        headers.setdefault(name, value)
    headers["content-type"] = "application/json"
    headers["accept-encoding"] = "identity"
    headers[HOPS] = str(_hops(client) + 1)
    headers.setdefault("user-agent", "ai-gateway")
    headers.setdefault("accept", "*/*")
    headers.update(signed)
    return headers


def to_client(upstream: Mapping[str, str], call: Call) -> bytes:
    """Lines: the shown headers of an upstream's answer, and the gateway's own."""
    lines = b"content-type: %b\r\n" % call.content_type if call.content_type else b""  # the answer was translated
    for name in _SHOWN:
        if name in upstream and not (name == _TYPE and call.content_type):
            lines += line(name, upstream[name])
    if request_id := upstream.get("x-request-id"):
        lines += line("x-upstream-request-id", request_id)
    return lines + own(call)


def own(call: Call) -> bytes:
    """Lines: limits, attempts and the gateway's own share of the time so far."""
    lines = b"%bx-gateway-attempts: %d\r\nx-gateway-overhead-ms: %.2f\r\n" % (
        call.standing,
        len(call.attempts),
        call.overhead_ms(),
    )
    return lines + line("x-gateway-dropped-params", ",".join(call.dropped)[:MAX_DROPPED]) if call.dropped else lines


def line(name: str, value: str) -> bytes:
    """One header as it is sent: whatever the value holds, it stays one line."""
    text = value if value.isprintable() else _CONTROLS.sub(" ", value)
    return f"{name}: {text}\r\n".encode("latin-1", "replace")


def _hops(client: Mapping[str, str]) -> int:
    text = client.get(HOPS, "")
    return int(text) if text.isdecimal() and len(text) < 4 else 0
