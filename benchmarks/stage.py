"""Where a scenario plays: a folder, two cores, an upstream, and the processes that must be gone at its end."""

import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks import mock
from benchmarks.failures import BenchError
from benchmarks.loopback import ask
from benchmarks.machine import free_port
from benchmarks.process import Process

MOCK_START_S = 10


@dataclass(frozen=True)
class Stage:
    """`model` is served by the upstream on port `upstream`; whatever is started ends with `stack`."""

    folder: Path
    stack: ExitStack
    tested: int
    others: int
    model: str
    upstream: int

    def under_test(
        self, name: str, command: list[str], env: dict[str, str], folder: Path | None = None
    ) -> Process:
        """Start a process on the core that it has to itself."""
        process = Process(command, self.tested, self.folder / f"{name}.log", env, folder or self.folder)
        return self.stack.enter_context(process)

    def beside(self, name: str, command: list[str]) -> Process:
        """Start a mock or a client on the core of everything else."""
        return self.stack.enter_context(Process(command, self.others, self.folder / f"{name}.log", {}))

    def start_chat_mock(self) -> None:
        nginx = self.beside("nginx", mock.command(self.folder, self.upstream))
        nginx.wait_ready(self.upstream, "/", MOCK_START_S)

    def start_paced_mock(self) -> None:
        paced = self.beside("paced", module("benchmarks.paced", str(self.upstream)))
        paced.wait_ready(self.upstream, "/", MOCK_START_S)


def module(name: str, *arguments: str) -> list[str]:
    """The command that runs a module of this repository with this interpreter."""
    return [sys.executable, "-m", name, *arguments]


@dataclass(frozen=True)
class System:
    """Something that answers chats. `process` is None for the upstream itself, `database` is the gateway's."""

    name: str
    port: int
    headers: dict[str, str]
    process: Process | None = None
    database: Path | None = None

    def warm(self, path: str, body: bytes) -> None:
        """One call that must succeed: a system that answers errors quickly is not measured."""
        answer = ask(self.port, "POST", path, {"content-type": "application/json", **self.headers}, body)
        if answer.status != 200 or b'"choices"' not in answer.body:
            said = answer.body[:200].decode(errors="replace") or "nothing"
            raise BenchError(f"{self.name} answered {answer.status} to the warm call: {said}")
        if answer.headers.get("x-gateway-cache", "").lower() == "hit":
            raise BenchError(
                f"{self.name} answered from its cache: switch the cache off, the upstream must be asked"
            )

    def freeze(self) -> None:
        if self.process:
            self.process.freeze()

    def thaw(self) -> None:
        if self.process:
            self.process.thaw()

    def cpu_s(self) -> float:
        return self.process.cpu_s() if self.process else 0.0


def new_stage(folder: Path, stack: ExitStack, cores: tuple[int, int], model: str) -> Stage:
    folder.mkdir(parents=True)
    return Stage(folder, stack, *cores, model, free_port())
