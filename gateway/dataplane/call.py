"""One request's facts and decisions, filled in along the way; what the record is made of."""

import time
from typing import Any
from uuid import UUID

from gateway.dataplane.ids import new_id
from gateway.dataplane.messages import Usage
from gateway.dataplane.snapshot import Account, Key, Model, Tenant


class Attempt:
    """One try at one account. Times in milliseconds; `outcome` is a word such as `answered`, `refused`."""

    __slots__ = ("account", "account_id", "began", "message", "ms", "outcome", "provider", "proxy", "status")

    def __init__(self, account: Account, provider: str, proxy: str) -> None:
        self.provider = provider
        self.account = account.label
        self.account_id = account.id
        self.proxy = proxy
        self.outcome = "begun"
        self.status: int | None = None
        self.message = ""
        self.began = time.perf_counter()
        self.ms = 0.0

    def end(self, outcome: str, status: int | None = None, message: str = "") -> None:
        self.outcome = outcome
        self.status = status
        self.message = message
        self.ms = round((time.perf_counter() - self.began) * 1000, 2)

    def as_row(self) -> dict[str, Any]:
        """For the operator: with account and proxy."""
        return {
            "provider": self.provider,
            "account": self.account,
            "account_id": self.account_id,
            "proxy": self.proxy,
            "outcome": self.outcome,
            "status": self.status,
            "ms": self.ms,
            "message": self.message,
        }

    def as_seen_by_tenant(self) -> dict[str, Any]:
        """For the client: neither account nor proxy."""
        return {"provider": self.provider, "outcome": self.outcome, "status": self.status, "ms": self.ms}


class Call:
    """Everything known about one request. Created when it arrives, read once when it is recorded."""

    __slots__ = (
        "account", "attempts", "auth_ms", "client_ip", "code", "decision", "dialect", "endpoint", "http_status",
        "id", "key", "limit_ms", "message", "model", "prompt_estimate", "proxy", "recorded", "requested_model",
        "standing", "started_at", "started_clock", "status", "stream", "tenant", "ttft_ms", "upstream_ms", "usage",
        "usage_source",
    )  # fmt: skip

    def __init__(self, endpoint: str, dialect: str, client_ip: str = "") -> None:
        self.id: UUID = new_id()
        self.started_at = time.time()
        self.started_clock = time.perf_counter()
        self.endpoint = endpoint
        self.dialect = dialect
        self.client_ip = client_ip
        self.tenant: Tenant | None = None
        self.key: Key | None = None
        self.requested_model = ""
        self.stream = False
        self.model: Model | None = None
        self.account: Account | None = None
        self.proxy = ""
        self.attempts: list[Attempt] = []
        self.decision: dict[str, Any] = {}
        self.auth_ms: float | None = None
        self.limit_ms: float | None = None
        self.ttft_ms: float | None = None
        self.upstream_ms = 0.0
        self.usage: Usage | None = None
        self.usage_source = ""
        self.prompt_estimate = 0
        self.status = "started"
        self.code = ""
        self.http_status: int | None = None
        self.message = ""
        self.standing: list[tuple[bytes, bytes]] = []
        self.recorded = False

    @property
    def request_id(self) -> str:
        """As the client sees it in `x-request-id` and the operator searches for it."""
        return f"req_{self.id.hex}"

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
