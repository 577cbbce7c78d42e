"""What each battery stands on: an upstream, a gateway of its own in front of it, and a verdict at the end."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.process import GatewayProcess
from tests.upstreams import behaviours
from tests.upstreams.server import Exchange, Upstream

KEY = "sk-tenant-battery-steady-00000001"
OTHER_KEY = "sk-tenant-battery-other-000000002"
PLACES = 80
# Models: what a provider may do while clients come and go.
QUICK, SLOW, SHAKY = "quick", "slow", "shaky"


@dataclass
class Verdict:
    """Collects what went wrong; `say` prints the one line."""

    name: str
    figures: dict[str, Any] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def must(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.violations.append(otherwise)

    def say(self) -> str:
        """One line: the name, PASS or FAIL, the figures, and every violation."""
        figures = ", ".join(f"{name} {value}" for name, value in self.figures.items())
        line = f"{self.name}: {'FAIL' if self.violations else 'PASS'} – {figures}"
        return line + "".join(f"; VIOLATION: {text}" for text in self.violations)

    def exit(self) -> None:
        print(self.say(), flush=True)
        sys.exit(1 if self.violations else 0)


@contextmanager
def ground() -> Iterator[tuple[GatewayProcess, Upstream]]:
    """A running, configured gateway and its upstream."""
    with tempfile.TemporaryDirectory(prefix="gateway-battery-") as made, Upstream(behaviours.honest()) as upstream:
        upstream.on(QUICK, _either(behaviours.answer(), behaviours.stream(4)))
        upstream.on(SLOW, _either(behaviours.wait(0.1, behaviours.answer()), behaviours.stream(20, interval=0.01)))
        upstream.on(SHAKY, behaviours.choose(_every_other(upstream)))
        with GatewayProcess(Path(made)) as gateway:
            gateway.configure(configuration(upstream.base_url))
            yield gateway, upstream


def configuration(base_url: str) -> dict[str, Any]:
    """Three models, two accounts, one tenant with places to leak and two keys."""
    models = [{"id": name} for name in (QUICK, SLOW, SHAKY)]
    return {
        "providers": [{"id": "up", "dialect": "openai-chat", "base_url": base_url, "models": models}],
        "accounts": [
            {"provider": "up", "label": label, "auth": {"api_key": f"sk-upstream-battery-{label}"}}
            for label in ("one", "two")
        ],
        "tenants": [
            {
                "id": "battery",
                "limits": {"concurrent": PLACES, "requests_per_minute": 1_000_000},
                "keys": [{"name": "steady", "key": KEY}, {"name": "other", "key": OTHER_KEY}],
            }
        ],
    }


def _either(whole: behaviours.Behaviour, stream: behaviours.Behaviour) -> behaviours.Behaviour:
    return behaviours.choose(lambda exchange: stream if exchange.served.wants_stream else whole)


def _every_other(upstream: Upstream) -> Any:
    """One account fails now and then, so that attempts are made while clients leave."""
    broken = behaviours.refuse(500)
    fine = _either(behaviours.answer(), behaviours.stream(6, interval=0.005))

    def pick(exchange: Exchange) -> behaviours.Behaviour:
        return broken if exchange.served.key.endswith("one") else fine

    return pick
