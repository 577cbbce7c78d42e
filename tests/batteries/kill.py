"""`kill -9` under load: what a client received whole has its row, what was in flight ends as one interrupted row.

    python -m tests.batteries.kill --rounds 10
"""

import argparse
import asyncio
import random
import time
from collections import Counter

from tests.batteries.ground import KEY, QUICK, SLOW, Verdict, ground
from tests.batteries.load import Outcome, ask
from tests.process import GatewayProcess, until
from tests.upstreams.server import Upstream

CLIENTS = 32
SWEPT_IN_S = 5.0


def run(rounds: int) -> Verdict:
    verdict = Verdict("kill")
    outcomes: list[Outcome] = []
    slowest = 0.0
    with ground() as (gateway, upstream):
        for _ in range(rounds):
            outcomes += asyncio.run(_load_until_killed(gateway))
            began = time.monotonic()
            gateway.start()
            slowest = max(slowest, time.monotonic() - began)
        verdict.figures["rounds"] = rounds
        verdict.figures["slowest restart"] = f"{slowest:.1f} s"
        _judge(verdict, gateway, upstream, outcomes)
    return verdict


async def _load_until_killed(gateway: GatewayProcess) -> list[Outcome]:
    port, alive = gateway.port, True
    outcomes: list[Outcome] = []

    async def client() -> None:
        while alive:
            model = random.choice((QUICK, SLOW))
            outcomes.append(await ask(port, KEY, model, stream=random.random() < 0.6))

    clients = [asyncio.create_task(client()) for _ in range(CLIENTS)]
    await asyncio.sleep(0.5 + random.random() * 1.5)
    alive = False
    await asyncio.get_running_loop().run_in_executor(None, gateway.kill)
    await asyncio.gather(*clients)
    return outcomes


def _judge(verdict: Verdict, gateway: GatewayProcess, upstream: Upstream, outcomes: list[Outcome]) -> None:
    def swept() -> bool:
        return not gateway.query("select id from logs_requestlog where status = 'started'")

    try:
        until(swept, seconds=SWEPT_IN_S, what="no row is left as started")
    except AssertionError as error:
        verdict.must(False, str(error))
    rows = gateway.query("select id, status from logs_requestlog")
    status = {f"req_{row['id']}": row["status"] for row in rows}
    verdict.must(len(status) == len(rows), "an id has two rows")

    answered = [outcome for outcome in outcomes if outcome.is_answer]
    cut = [outcome for outcome in outcomes if outcome.request_id and not outcome.whole]
    unanswered = [outcome for outcome in outcomes if not outcome.request_id]
    counted = Counter(status.values())
    verdict.figures |= {
        "whole answers": len(answered),
        "cut in the answer": len(cut),
        "cut before it": len(unanswered),
        "rows": " ".join(f"{name}={count}" for name, count in counted.items()),
        "upstream calls": len(upstream.ledger),
    }
    lost = [o.request_id for o in answered if status.get(o.request_id) != "ok"]
    verdict.must(not lost, f"{len(lost)} answers received whole have no ok row: {lost[:3]}")
    # A record may be durable a moment before its answer leaves: then the row says ok, and the client saw a cut.
    wrong = [o.request_id for o in cut if status.get(o.request_id) not in {"interrupted", "ok"}]
    verdict.must(not wrong, f"{len(wrong)} cut answers are not interrupted: {[status.get(r) for r in wrong[:3]]}")
    false_end = [o for o in cut if b"[DONE]" in o.body and status.get(o.request_id) != "ok"]
    verdict.must(not false_end, f"{len(false_end)} cut answers ended with [DONE]")
    verdict.must(len(rows) >= len(upstream.ledger), f"{len(upstream.ledger)} upstream calls, {len(rows)} rows")
    verdict.must(len(rows) <= len(outcomes), f"{len(rows)} rows for {len(outcomes)} requests")
    verdict.must(counted["ok"] >= len(answered), "fewer ok rows than whole answers")
    odd = set(counted) - {"ok", "interrupted"}
    verdict.must(not odd, f"rows of status {odd}")
    verdict.must(counted["interrupted"] > 0, "nothing was in flight when it was killed; the battery proved nothing")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    run(parser.parse_args().rounds).exit()
