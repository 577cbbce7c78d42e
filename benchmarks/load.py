"""One run of load at one system: wrk where it is installed, else our own generator."""

import json
import shutil
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.failures import BenchError
from benchmarks.stage import Stage, System, module
from benchmarks.workload import PATH, chat_body

SCRIPT = Path(__file__).with_name("wrk.lua")
WARM_CALLS = 1  # before each run
PATIENCE_S = 30  # beyond the length of the run
TIMEOUT_S = 20  # of one request: LiteLLM needs a second at 64 connections


@dataclass(frozen=True)
class Load:
    """`refused` of the `answers` were errors; `broken` counts connections and time-outs; latencies in ms."""

    answers: int
    refused: int
    broken: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def good(self) -> int:
        return self.answers - self.refused

    @property
    def rps(self) -> float:
        return self.good / self.seconds


def generator() -> str:
    """The name of the generator, for the head of the report."""
    return "wrk" if shutil.which("wrk") else "benchmarks.generator (wrk was not found)"


def run(stage: Stage, system: System, connections: int, seconds: float) -> Load:
    """A closed loop of `connections` keep-alive connections for `seconds`, after one warm call."""
    system.warm(PATH, chat_body())
    with ExitStack() as stack:
        client = replace(stage, stack=stack).beside("load", command(system, connections, seconds))
        output = client.finish(seconds + PATIENCE_S, watch=lambda: None)
    try:
        return Load(**json.loads(output.strip().splitlines()[-1]))
    except (IndexError, ValueError, TypeError):
        raise BenchError(
            f"the load generator printed no result for {system.name}: {output[-200:]!r}"
        ) from None


def command(system: System, connections: int, seconds: float) -> list[str]:
    headers = {"content-type": "application/json", **system.headers}
    body = chat_body().decode()
    if not shutil.which("wrk"):
        job = {"port": system.port, "path": PATH, "headers": headers, "body": body}
        return module(
            "benchmarks.generator", json.dumps(job | {"connections": connections, "seconds": seconds})
        )
    # wrk knows whole seconds only.
    options = [
        "-t1",
        f"-c{connections}",
        f"-d{max(1, round(seconds))}s",
        f"--timeout={TIMEOUT_S}s",
        "-s",
        str(SCRIPT),
    ]
    lines = [f"{name}: {value}" for name, value in headers.items()]
    return ["wrk", *options, f"http://127.0.0.1:{system.port}{PATH}", "--", body, *lines]
