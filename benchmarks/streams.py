"""Paced streams: 600 at a time, direct against the gateway, each time with a gateway freshly started.

Fresh, because memory that an earlier round took from the system would hide what this one needs.
"""

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median, quantiles

from benchmarks.failures import BenchError
from benchmarks.gateway import wait_rows
from benchmarks.meter import Meter
from benchmarks.options import Options, say
from benchmarks.samples import Records, Results
from benchmarks.stage import Stage, System, module, new_stage
from benchmarks.stream_client import LIMIT_S
from benchmarks.systems import LAUNCHERS
from benchmarks.workload import EVENTS, PATH, RAMP_S, STREAM_MODEL, STREAMS, stream_body

SCENARIO = "streams"
SYSTEMS = ("direct", "gateway")
WARM_STREAMS = 20  # so that nothing loaded at the first call counts as memory of the streams


def measure(options: Options, folder: Path, results: Results) -> None:
    for number in range(1, options.rounds + 1):
        for name in SYSTEMS:
            if name in options.systems:
                measure_one(options, folder / f"{SCENARIO}-{number}-{name}", results, number, name)


def measure_one(options: Options, folder: Path, results: Results, number: int, name: str) -> None:
    with ExitStack() as stack:
        stage = new_stage(folder, stack, options.cores, STREAM_MODEL)
        stage.start_paced_mock()
        system = LAUNCHERS[name](stage)
        warm, _ = read_streams(stage, system, WARM_STREAMS)
        before_mb, meter = memory_mb(system), Meter(system, stage.tested)
        streams, highest_mb = read_streams(stage, system, STREAMS)
        usage = meter.stop()
        metrics = summary(name, streams)
        if system.process:
            metrics["memory"] = (highest_mb - before_mb) * 1000 / STREAMS
            metrics["cpu"] = usage.own * 1e6 / (STREAMS * EVENTS)
            metrics["others"] = usage.disturbed_percent
            metrics["peak"] = system.process.peak_mb()
        results.add(name, SCENARIO, number, **metrics)
        if system.database:
            asked = len(warm) + len(streams)
            results.records.append(
                Records(f"{SCENARIO}, round {number}", asked, 0, wait_rows(system.database, asked))
            )
    say(
        f"round {number}, {STREAMS} streams, {name}: median {metrics['median']:.2f} s, {metrics['failed']} failed"
    )


def read_streams(stage: Stage, system: System, streams: int) -> tuple[list[dict], float]:
    """(what the client saw of each stream, the highest memory of the system meanwhile in MB)."""
    job = {"port": system.port, "path": PATH, "headers": system.headers, "body": stream_body().decode()}
    command = module("benchmarks.stream_client", json.dumps(job | {"streams": streams, "ramp_s": RAMP_S}))
    seen = [0.0]
    with ExitStack() as stack:
        client = replace(stage, stack=stack).beside("client", command)
        output = client.finish(LIMIT_S + RAMP_S + 10, watch=lambda: seen.append(memory_mb(system)))
    return json.loads(output.splitlines()[-1]), max(seen)


def memory_mb(system: System) -> float:
    return system.process.rss_mb() if system.process else 0.0


def summary(name: str, streams: list[dict]) -> dict[str, float]:
    """Times are those of the complete streams; a stream is complete with all of its 203 events, and then closed."""
    good = [stream for stream in streams if stream["complete"] and stream["events"] == EVENTS]
    if len(good) < 2:
        raise BenchError(f"{name} completed {len(good)} of {STREAMS} streams: nothing to measure")
    total = [stream["total_s"] for stream in good]
    return {
        "median": median(total),
        "slowest": quantiles(total, n=100)[98],
        "first": median(stream["first_s"] for stream in good) * 1000,
        "complete": len(good),
        "failed": STREAMS - len(good),
    }
