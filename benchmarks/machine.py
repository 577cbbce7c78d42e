"""The machine: which core runs what, and the facts that head a report."""

import os
import platform
import resource
import socket
import sys
from importlib.metadata import version
from pathlib import Path

from benchmarks.failures import BenchError

# A stream through a gateway takes two sockets; the usual soft limit of 1,024 files would be reached at 500 streams.
FILES_WANTED = 16_384


def cores() -> tuple[int, int]:
    """(the core of the process under test, the core of everything else); the same one where there is but one."""
    if sys.platform != "linux":
        raise BenchError(
            "the benchmark pins processes to cores and reads /proc: run it on Linux (a container will do)"
        )
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[min(1, len(allowed) - 1)]


def prepare(others: int) -> None:
    """Move the harness off the tested core and raise its limit of open files; children inherit both."""
    os.sched_setaffinity(0, {others})
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_WANTED if hard == resource.RLIM_INFINITY else min(FILES_WANTED, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def processor() -> str:
    """The processor's own name, or its architecture where /proc does not tell."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def facts() -> dict[str, str]:
    """What a reader must know to compare two reports. Call it before `prepare`, which narrows the cores."""
    libraries = ", ".join(
        f"{name} {version(name)}" for name in ("uvicorn", "uvloop", "httptools", "aiohttp", "orjson")
    )
    return {
        "machine": f"{len(os.sched_getaffinity(0))} cores, {processor()}, load average {os.getloadavg()[0]:.2f} at the start",
        "python": f"{platform.python_version()}, {libraries}",
    }
