"""Processor time on the tested core while a system is measured: its own, and that of everybody else."""

import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.process import TICKS_PER_S
from benchmarks.stage import System


@dataclass(frozen=True)
class Usage:
    """Seconds. `others` is what neighbours on the core and on the machine's host took away."""

    own: float
    others: float
    wall: float

    @property
    def disturbed_percent(self) -> float:
        return self.others / self.wall * 100


class Meter:
    """Reads on creation and again at `stop`."""

    def __init__(self, system: System, core: int) -> None:
        self.system, self.core = system, core
        self.begin = self.read()

    def read(self) -> tuple[float, float, float]:
        return self.system.cpu_s(), core_work_s(self.core), time.monotonic()

    def stop(self) -> Usage:
        own, core, wall = (now - then for now, then in zip(self.read(), self.begin, strict=True))
        # The kernel samples the time of a core and measures that of a process: the difference can fall below zero.
        return Usage(own, max(core - own, 0.0), wall)


def core_work_s(core: int) -> float:
    """Time that a core spent in processes (user, nice, system) or lost to its host (steal); not on interrupts."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{core} "):
            user, nice, system, _idle, _iowait, _irq, _softirq, steal = map(int, line.split()[1:9])
            return (user + nice + system + steal) / TICKS_PER_S
    return 0.0
