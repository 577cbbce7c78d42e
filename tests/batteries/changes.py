"""Configuration changed from another process under load: how soon it is live, and that nobody else notices.

    python -m tests.batteries.changes --rounds 5
"""

import argparse
import asyncio
import time
from typing import Any

from tests.batteries.ground import KEY, OTHER_KEY, QUICK, SLOW, Verdict, ground
from tests.batteries.load import Outcome, ask
from tests.process import GatewayProcess

CLIENTS = 8
REVOKED_IN_S = 2.0
LIVE_IN_S = 1.0
ASKED_EVERY_S = 0.01

_KEY = "from tenants.models import ApiKey; from tenants import services; import time\n"
REVOKE = _KEY + "services.revoke_key(key=ApiKey.objects.get(name='other', tenant__slug='battery')); print(time.time())"
RESTORE = _KEY + "services.restore_key(key=ApiKey.objects.get(name='other', tenant__slug='battery')); print(time.time())"
NEW_MODEL = """
from providers.models import Model, Provider, Route, RouteTarget
import time
model = Model.objects.create(provider=Provider.objects.get(slug='up'), name='{name}')
print(time.time())
"""
NEW_ROUTE = """
from django.db import transaction
from providers.models import Model, Route, RouteTarget
import time
with transaction.atomic():
    route = Route.objects.create(alias='{name}')
    RouteTarget.objects.create(route=route, model=Model.objects.get(name='quick', provider__slug='up'))
print(time.time())
"""


def run(rounds: int) -> Verdict:
    verdict = Verdict("changes")
    with ground() as (gateway, _upstream):
        measured, steady = asyncio.run(_scenario(gateway, rounds))
    for name, limit in {"revoked": REVOKED_IN_S, "restored": REVOKED_IN_S, **dict.fromkeys(LIVE, LIVE_IN_S)}.items():
        slowest = max(measured[name])
        verdict.figures[f"{name} within"] = f"{slowest:.2f} s"
        verdict.must(slowest <= limit, f"{name} only after {slowest:.2f} s, {limit:g} s is the most")
    failed = [outcome for outcome in steady if not outcome.is_answer]
    verdict.figures["requests of others meanwhile"] = len(steady)
    verdict.figures["failed"] = len(failed)
    example = [(o.status, o.failure, o.body[:200]) for o in failed[:2]]
    verdict.must(not failed, f"{len(failed)} requests of another key failed meanwhile, such as {example}")
    return verdict


LIVE = ("new model", "new route", "applied file")


async def _scenario(gateway: GatewayProcess, rounds: int) -> tuple[dict[str, list[float]], list[Outcome]]:
    steady: list[Outcome] = []
    measured: dict[str, list[float]] = {name: [] for name in ("revoked", "restored", *LIVE)}
    stop = asyncio.Event()

    async def client(number: int) -> None:
        while not stop.is_set():
            model = (QUICK, SLOW)[number % 2]
            steady.append(await ask(gateway.port, KEY, model, stream=number % 3 == 0))
            await asyncio.sleep(0.01)

    clients = [asyncio.create_task(client(number)) for number in range(CLIENTS)]
    for number in range(rounds):
        measured["revoked"].append(await _until_status(gateway, OTHER_KEY, QUICK, 401, REVOKE))
        measured["restored"].append(await _until_status(gateway, OTHER_KEY, QUICK, 200, RESTORE))
        model, route, applied = f"model-{number}", f"route-{number}", f"applied-{number}"
        measured["new model"].append(await _until_status(gateway, KEY, model, 200, NEW_MODEL.format(name=model)))
        measured["new route"].append(await _until_status(gateway, KEY, route, 200, NEW_ROUTE.format(name=route)))
        measured["applied file"].append(await _until_applied(gateway, applied))
    stop.set()
    await asyncio.gather(*clients)
    return measured, steady


async def _until_status(gateway: GatewayProcess, key: str, model: str, status: int, code: str) -> float:
    """Seconds from the commit in another process to the last answer that was not yet of this status."""
    command = asyncio.create_task(asyncio.to_thread(gateway.orm, code))
    return await _watch(gateway, key, model, status, command)


async def _until_applied(gateway: GatewayProcess, name: str) -> float:
    async def apply() -> str:
        config: dict[str, Any] = {"routes": [{"model": name, "targets": [{"model": f"up:{QUICK}"}]}]}
        await asyncio.to_thread(gateway.apply, config)
        return str(time.time())

    return await _watch(gateway, KEY, name, 200, asyncio.create_task(apply()))


async def _watch(
    gateway: GatewayProcess, key: str, model: str, status: int, command: "asyncio.Task[str]"
) -> float:
    """Ask again and again until the command is done and its effect has held for half a second."""
    last_other, right_since = 0.0, 0.0
    while not (command.done() and right_since and time.time() - right_since > 0.5):
        outcome = await ask(gateway.port, key, model, stream=False)
        if outcome.status == status:
            right_since = right_since or outcome.began
        else:
            last_other, right_since = outcome.began, 0.0
        if command.done() and time.time() - float(command.result()) > 10:
            return 10.0
        await asyncio.sleep(ASKED_EVERY_S)
    return max(0.0, last_other - float(command.result()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    run(parser.parse_args().rounds).exit()
