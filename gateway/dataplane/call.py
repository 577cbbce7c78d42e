"""One request's facts and decisions, filled in along the way; what the record is made of."""

import time
from typing import Any

import msgspec

from gateway.dataplane.ids import new_hex
from gateway.dataplane.messages import Usage
from gateway.dataplane.snapshot import Account, Key, Model, Tenant


class Attempt(msgspec.Struct, eq=False):
    """One try at one account. Times in milliseconds; `outcome` is a word such as `answered`, `refused`."""

    account: Account
    provider: str
    proxy: str
    outcome: str = "begun"
    status: int | None = None
    message: str = ""
    began: float = msgspec.field(default_factory=time.perf_counter)
    ms: float = 0.0

    def end(self, outcome: str, status: int | None = None, message: str = "") -> None:
        self.outcome = outcome
        self.status = status
        self.message = message
        self.ms = round((time.perf_counter() - self.began) * 1000, 2)

    def as_row(self) -> dict[str, Any]:
        """For the operator: with account and proxy."""
        return {
            "provider": self.provider,
            "account": self.account.label,
            "account_id": self.account.id,
            "proxy": self.proxy,
            "outcome": self.outcome,
            "status": self.status,
            "ms": self.ms,
            "message": self.message,
        }

    def as_seen_by_tenant(self) -> dict[str, Any]:
        """For the client: neither account nor proxy."""
        return {"provider": self.provider, "outcome": self.outcome, "status": self.status, "ms": self.ms}


class Call(msgspec.Struct, eq=False):
    """Everything known about one request. Created when it arrives, read once when it is recorded.

    id:          a UUID as 32 hexadecimal digits.
    request_id:  as the client sees it in `x-request-id` and the operator searches for it.
    standing:    the lines of the answer's head that tell how the tenant's limits stand.
    decision:    JSON, as routing made it: every candidate, and the reason for every account left out.
    action:      what the URL asks for, in dialects that say it there, such as `streamGenerateContent`.
    counts:      only the tokens of the request are asked for.
    dropped:     the client's names of parameters that the provider was not told.
    content_type: of an answer that was translated; empty for one that passed untouched.
    recorded:    its end was handed to the sink.
    """

    endpoint: str
    dialect: str
    client_ip: str = ""
    id: str = msgspec.field(default_factory=new_hex)
    request_id: str = ""
    started_at: float = msgspec.field(default_factory=time.time)
    started_clock: float = msgspec.field(default_factory=time.perf_counter)
    tenant: Tenant | None = None
    key: Key | None = None
    requested_model: str = ""
    stream: bool = False
    model: Model | None = None
    account: Account | None = None
    proxy: str = ""
    attempts: list[Attempt] = []
    decision: str = "{}"
    auth_ms: float | None = None
    limit_ms: float | None = None
    ttft_ms: float | None = None
    upstream_ms: float = 0.0
    usage: Usage | None = None
    usage_source: str = ""
    prompt_estimate: int = 0
    status: str = "started"
    code: str = ""
    http_status: int | None = None
    message: str = ""
    standing: bytes = b""
    action: str = ""
    counts: bool = False
    dropped: list[str] = []
    content_type: bytes = b""
    recorded: bool = False

    def __post_init__(self) -> None:
        self.request_id = f"req_{self.id}"

    def elapsed_ms(self) -> float:
        return (time.perf_counter() - self.started_clock) * 1000

    def overhead_ms(self) -> float:
        """Time of the gateway itself: everything that was not spent waiting for an upstream."""
        return max(0.0, self.elapsed_ms() - self.upstream_ms)

    def end(self, status: str, *, http_status: int | None, code: str = "", message: str = "") -> None:
        self.status = status
        self.http_status = http_status
        self.code = code
        self.message = message[:500]
