"""A child process: pinned to a core, frozen while another is measured, killed with everything it started."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from benchmarks.failures import BenchError
from benchmarks.loopback import ask

ROOT = Path(__file__).resolve().parents[1]

STOP_PATIENCE_S = 5
WATCH_PERIOD_S = 0.25
KIB_PER_MB = 1000 / 1.024  # /proc counts in units of 1,024 bytes; a report in MB of 1,000,000
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)

# A proxy of the developer's shell must not come between the harness and the loopback interface.
PROXY_NAMES = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}


class Process:
    """One command in a session of its own; `with Process(...)` guarantees that nothing of it is left behind."""

    def __init__(
        self, command: list[str], core: int, log: Path, env: dict[str, str], folder: Path = ROOT
    ) -> None:
        self.name, self.log = log.stem, log
        self.command, self.core, self.env, self.folder = command, core, environment(env), folder

    def __enter__(self) -> "Process":
        with self.log.open("wb") as output:
            self.child = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=self.settle_in,
            )
        return self

    def settle_in(self) -> None:
        """Runs in the child: pin it, and let it die with the harness even where that is killed with signal 9."""
        os.sched_setaffinity(0, {self.core})
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def __exit__(self, *_: object) -> None:
        self.send(signal.SIGTERM)
        self.thaw()
        with suppress(subprocess.TimeoutExpired):
            self.child.wait(STOP_PATIENCE_S)
        self.send(signal.SIGKILL)  # whoever is left of the group
        self.child.wait()

    def send(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.child.pid, number)

    def freeze(self) -> None:
        """Stop it: an idle neighbour on the tested core still runs its timers."""
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        self.send(signal.SIGCONT)

    def wait_ready(self, port: int, path: str, limit_s: float) -> None:
        """Return as soon as GET `path` answers 200; say what the process said where it never does."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            if self.child.poll() is not None:
                raise BenchError(
                    f"{self.name} ended with code {self.child.returncode} while starting: {self.last_words()}"
                )
            if ask(port, "GET", path).status == 200:
                return
            time.sleep(0.1)
        raise BenchError(f"{self.name} was not ready after {limit_s:g} s: {self.last_words()}")

    def finish(self, limit_s: float, watch: Callable[[], None]) -> str:
        """Wait for its end, calling `watch` meanwhile; return what it printed."""
        deadline = time.monotonic() + limit_s
        while self.child.poll() is None:
            if time.monotonic() > deadline:
                raise BenchError(f"{self.name} did not end within {limit_s:g} s: {self.last_words()}")
            watch()
            time.sleep(WATCH_PERIOD_S)
        if self.child.returncode:
            raise BenchError(f"{self.name} ended with code {self.child.returncode}: {self.last_words()}")
        return self.log.read_text()

    def last_words(self) -> str:
        """The last line of its output, for a message of one line."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else "it printed nothing"

    def rss_mb(self) -> float:
        """Resident memory of the whole group now."""
        return self.memory("VmRSS:")

    def peak_mb(self) -> float:
        """The highest resident memory so far, of those of the group that still live."""
        return self.memory("VmHWM:")

    def memory(self, field: str) -> float:
        return sum(kib(pid, field) for pid, _ in self.members()) / KIB_PER_MB

    def cpu_s(self) -> float:
        """Processor time that the group has used, user and system."""
        return sum(int(stat[11]) + int(stat[12]) for _, stat in self.members()) / TICKS_PER_S

    def members(self) -> Iterator[tuple[int, list[str]]]:
        """(pid, fields of /proc/PID/stat from the third on) of every process of the group."""
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                stat = path.read_text().rpartition(")")[2].split()
            except OSError:  # it ended while we looked
                continue
            if int(stat[2]) == self.child.pid:
                yield int(path.parent.name), stat


def kib(pid: int, field: str) -> int:
    """One line of /proc/PID/status, in KiB; 0 for a process that is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith(field)), 0)


def environment(extra: dict[str, str]) -> dict[str, str]:
    """Ours without any HTTP proxy, with `extra` on top."""
    return {name: value for name, value in os.environ.items() if name.lower() not in PROXY_NAMES} | extra
