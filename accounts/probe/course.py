"""The stages of an account test: what is passed, what stopped it, what was not reached."""

import time
from dataclasses import dataclass

STAGES = ("credential", "address", "connect", "TLS", "request", "answer")


@dataclass(frozen=True)
class Stage:
    """`ok` is None for a stage that was not reached; `cure` is what to do where something is wrong."""

    name: str
    ok: bool | None
    ms: float
    detail: str
    cure: str = ""


@dataclass(frozen=True)
class Report:
    """One test of one account; `stages` always holds all of them, in order."""

    ok: bool
    stages: tuple[Stage, ...]


class Stopped(Exception):
    """Control flow: the stage in progress failed, and nothing after it can be tried."""

    def __init__(self, detail: str, cure: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.cure = cure


class Course:
    """The stages passed so far, each with its time; every text is scrubbed of the secrets in use."""

    def __init__(self) -> None:
        self._stages: list[Stage] = []
        self._secrets: list[str] = []
        self._since = time.perf_counter()

    @property
    def at(self) -> str:
        """The stage that is tried now; empty when all have been."""
        return STAGES[len(self._stages)] if len(self._stages) < len(STAGES) else ""

    def hide(self, *secrets: str) -> None:
        """Never show these; the longest goes first, for one may be part of another."""
        # A text of up to three characters would blank half the report and protect nothing.
        self._secrets += [secret for secret in secrets if len(secret) > 3]
        self._secrets.sort(key=len, reverse=True)

    def passed(self, detail: str, cure: str = "") -> None:
        self._add(detail, cure, ok=True)

    def stopped(self, stop: Stopped) -> None:
        self._add(stop.detail, stop.cure, ok=False)

    def report(self) -> Report:
        ok = bool(self._stages) and self._stages[-1].ok is True
        rest = [Stage(name, None, 0.0, "not reached") for name in STAGES[len(self._stages) :]]
        return Report(ok, (*self._stages, *rest))

    def _add(self, detail: str, cure: str, *, ok: bool) -> None:
        now = time.perf_counter()
        ms, self._since = round((now - self._since) * 1000, 1), now
        self._stages.append(Stage(self.at, ok, ms, self._scrubbed(detail), self._scrubbed(cure)))

    def _scrubbed(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "•••")
        return text
