"""Cancellation churn: most clients leave at a random moment; nothing may leak and nobody else may notice.

    python -m tests.batteries.churn --seconds 120
"""

import argparse
import asyncio
import random
import time
from collections import Counter
from pathlib import Path

from tests.batteries.ground import KEY, PLACES, QUICK, SHAKY, SLOW, Verdict, ground
from tests.batteries.load import PHASES, Outcome, ask
from tests.process import GatewayProcess, until
from tests.upstreams import behaviours
from tests.upstreams.server import Upstream

LEAVING = 0.7
CLIENTS = 40
SETTLED_IN_S = 10.0
IDLE_CLOSED_IN_S = 45.0  # idle ones are kept for 20 s, and looked at every 20 s


def run(seconds: float, *, thorough: bool) -> Verdict:
    """thorough: also wait until idle upstream connections are closed, which takes half a minute."""
    verdict = Verdict("churn")
    with ground() as (gateway, upstream):
        asyncio.run(_churn(gateway.port, 1.0))  # warm: imports, pools and pages are not leaks
        _settle(gateway, upstream)
        before = _files(gateway.pid) - len(upstream.live), _resident_mb(gateway.pid)
        outcomes = asyncio.run(_churn(gateway.port, seconds))
        _judge_clients(verdict, outcomes)
        _judge_leaks(verdict, gateway, upstream, before)
        _judge_rows(verdict, gateway, upstream, outcomes)
        _judge_places(verdict, gateway, upstream)
        if thorough:
            _judge_idle(verdict, upstream)
    return verdict


async def _churn(port: int, seconds: float) -> list[Outcome]:
    deadline = time.monotonic() + seconds
    outcomes: list[Outcome] = []

    async def client() -> None:
        while time.monotonic() < deadline:
            leave = random.choice(PHASES) if random.random() < LEAVING else ""
            model = random.choice((QUICK, SLOW, SHAKY))
            outcomes.append(await ask(port, KEY, model, stream=random.random() < 0.6, leave=leave))

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return outcomes


def _judge_clients(verdict: Verdict, outcomes: list[Outcome]) -> None:
    stayed = [outcome for outcome in outcomes if not outcome.left_at]
    unserved = [outcome for outcome in stayed if not outcome.is_answer]
    verdict.figures["requests"] = len(outcomes)
    verdict.figures["left early"] = len(outcomes) - len(stayed)
    verdict.figures["stayed"] = len(stayed)
    verdict.figures["unserved"] = len(unserved)
    example = [(o.model, o.stream, o.status, o.failure, o.body[-200:]) for o in unserved[:2]]
    verdict.must(not unserved, f"{len(unserved)} clients that stayed were not served, such as {example}")


def _settle(gateway: GatewayProcess, upstream: Upstream) -> bool:
    def quiet() -> bool:
        found = gateway.readiness()
        still = [served for served in upstream.ledger if served.outcome == "open"]
        return found["inflight"] == 0 and found["upstream_connections"] == 0 and not still

    try:
        until(quiet, seconds=SETTLED_IN_S, what="quiet")
    except AssertionError:
        return False
    return True


def _judge_leaks(verdict: Verdict, gateway: GatewayProcess, upstream: Upstream, before: tuple[int, int]) -> None:
    settled = _settle(gateway, upstream)
    found = gateway.readiness()
    running = sum(served.outcome == "open" for served in upstream.ledger)
    verdict.figures |= {"in flight": found["inflight"], "upstream answers open": found["upstream_connections"]}
    verdict.figures["upstream calls running"] = running
    verdict.must(settled, f"{SETTLED_IN_S:g} s later something is still in flight: {found}, {running} running")
    # Idle connections to the upstream are files too, and are no leak.
    files = _files(gateway.pid) - len(upstream.live)
    verdict.figures["files"] = f"{before[0]} → {files} + {len(upstream.live)} idle upstream connections"
    verdict.must(files <= before[0] + 5, f"open files grew from {before[0]} to {files}")
    memory = _resident_mb(gateway.pid)
    verdict.figures["memory"] = f"{before[1]} → {memory} MB"
    verdict.must(memory < before[1] + 60, f"memory grew from {before[1]} to {memory} MB")


def _judge_rows(verdict: Verdict, gateway: GatewayProcess, upstream: Upstream, outcomes: list[Outcome]) -> None:
    time.sleep(1)
    rows = gateway.query("select id, status, http_status, attempts from logs_requestlog")
    by_id = {row["id"]: row for row in rows}
    verdict.figures["rows"] = " ".join(f"{name}={count}" for name, count in Counter(r["status"] for r in rows).items())
    verdict.must(not [row for row in rows if row["status"] == "started"], "rows are left as started")
    answered = [outcome for outcome in outcomes if outcome.request_id]
    lost = [outcome.request_id for outcome in answered if outcome.request_id.removeprefix("req_") not in by_id]
    verdict.must(not lost, f"{len(lost)} answers have no row, such as {lost[:3]}")
    wrong = [o for o in answered if o.is_answer and by_id[o.request_id.removeprefix("req_")]["status"] != "ok"]
    verdict.must(not wrong, f"{len(wrong)} whole answers have a row that is not ok")
    attempts = sum(row["attempts"].count('"account_id"') for row in rows)
    verdict.must(attempts >= len(upstream.ledger), f"{len(upstream.ledger)} upstream calls but {attempts} attempts")


def _judge_places(verdict: Verdict, gateway: GatewayProcess, upstream: Upstream) -> None:
    """Every place of the tenant must be free: as many requests as there are places, all at one moment."""
    upstream.on(QUICK, behaviours.wait(2.0, behaviours.answer()))

    async def fill() -> list[Outcome]:
        return await asyncio.gather(*(ask(gateway.port, KEY, QUICK, stream=False) for _ in range(PLACES)))

    admitted = sum(outcome.is_answer for outcome in asyncio.run(fill()))
    verdict.figures["places free"] = f"{admitted}/{PLACES}"
    verdict.must(admitted == PLACES, f"only {admitted} of {PLACES} places were free afterwards")


def _judge_idle(verdict: Verdict, upstream: Upstream) -> None:
    try:
        until(lambda: not upstream.live, seconds=IDLE_CLOSED_IN_S, what="idle upstream connections are closed")
    except AssertionError as error:
        verdict.must(False, f"{error}: {len(upstream.live)} are open")
    verdict.figures["idle upstream connections at the end"] = len(upstream.live)


def _files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _resident_mb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) // 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    run(parser.parse_args().seconds, thorough=True).exit()
