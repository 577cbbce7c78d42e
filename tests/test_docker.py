"""The image without Docker: the Dockerfile's folder is laid out as it says, and each role runs from it."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.process import ROOT, free_port, until

REDIS = os.environ.get("TEST_REDIS_URL", "")
needs_redis = pytest.mark.skipif(not REDIS, reason="Redis comes with `make test`")


@dataclass
class Dockerfile:
    """The instructions of the last stage, joined lines, comments gone."""

    instructions: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def read(cls) -> "Dockerfile":
        text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
        lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        return cls([(line.split()[0], line.split(maxsplit=1)[1]) for line in lines])

    def all(self, name: str) -> list[str]:
        return [rest for instruction, rest in self.instructions if instruction == name]

    def last(self, name: str) -> str:
        return self.all(name)[-1]

    def command(self, name: str) -> list[str]:
        """The words of an instruction in its JSON form."""
        words = self.last(name)
        return [str(word) for word in json.loads(words[words.index("[") :])]

    def copies(self) -> list[tuple[list[str], str]]:
        """(sources, target) of what is copied from the tree."""
        rows = [shlex.split(rest) for rest in self.all("COPY") if "--from=" not in rest]
        return [(row[:-1], row[-1]) for row in rows]


DOCKERFILE = Dockerfile.read()


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Path:
    """What the image's working folder holds."""
    folder = tmp_path_factory.mktemp("image") / "srv"
    folder.mkdir()
    for sources, target in DOCKERFILE.copies():
        for source in sources:
            place = folder / target / Path(source).name if target.endswith("/") else folder / target
            place.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, place)
    return folder


def environment(image: Path, **more: str) -> dict[str, str]:
    """The image's own variables, with this Python in place of the image's."""
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONUNBUFFERED": "1",
        "HOST": "0.0.0.0",
        "PORT": str(free_port()),
        "DATA_DIR": str(image.parent / "data"),
        **more,
    }


def role(image: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a role to its end."""
    return subprocess.run(
        [*DOCKERFILE.command("ENTRYPOINT"), *words],
        cwd=image,
        env=environment(image, **more),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Running:
    """A role that keeps running; its output goes to a file."""

    def __init__(self, image: Path, *words: str, **more: str) -> None:
        self.environment = environment(image, **more)
        self.log = image.parent / f"{words[0]}.log"
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                [*DOCKERFILE.command("ENTRYPOINT"), *words],
                cwd=image, env=self.environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def says(self, text: str) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return text in self.log.read_text()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        finally:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)


@pytest.fixture
def start(image: Path) -> Iterator:
    running: list[Running] = []

    def begin(*words: str, **more: str) -> Running:
        running.append(Running(image, *words, **more))
        return running[-1]

    yield begin
    for each in running:
        if each.process.poll() is None:
            each.stop()


def test_everything_that_is_copied_exists() -> None:
    sources = [source for group, _ in DOCKERFILE.copies() for source in group]
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_every_app_is_copied() -> None:
    apps = {path.parent.name for path in ROOT.glob("*/apps.py")}
    assert apps <= {source for group, _ in DOCKERFILE.copies() for source in group}


def test_the_builder_gets_what_is_copied_and_no_more() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}
    assert "*" in lines
    assert allowed == {source for group, _ in DOCKERFILE.copies() for source in group}
    assert not any(fnmatch(name, pattern) for name in (".env", "data", ".git") for pattern in allowed)


def test_it_runs_as_a_plain_user_on_a_tested_python() -> None:
    assert DOCKERFILE.last("USER") == "1000"
    assert all(base.startswith("python:3.13-slim") for base in DOCKERFILE.all("FROM"))
    assert DOCKERFILE.last("VOLUME") == "/data"


def test_scripts_may_be_executed() -> None:
    assert os.access(ROOT / DOCKERFILE.command("ENTRYPOINT")[0], os.X_OK)


def test_migrate_ends_well(image: Path) -> None:
    done = role(image, "migrate")
    assert done.returncode == 0, done.stderr
    assert (image.parent / "data" / "gateway.sqlite3").exists()


def test_an_unknown_role_is_one_line(image: Path) -> None:
    done = role(image, "wroker")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "use web, worker, beat" in done.stderr


@pytest.mark.parametrize("name", ["worker", "beat"])
def test_background_roles_need_redis(image: Path, name: str) -> None:
    done = role(image, name)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "needs STATE_URL=redis://" in done.stderr


def test_web_becomes_healthy_and_stops_on_sigterm(image: Path, start) -> None:
    """The health check is not ready before, ready while, and not ready after."""
    assert DOCKERFILE.command("CMD") == ["web"]
    web = start("web")
    until(lambda: health(web, image) == 0, seconds=30, what="the health check passes")
    assert web.stop() == 0
    assert health(web, image) == 1


def health(web: Running, image: Path) -> int:
    """What the image's health check says of a running role."""
    command = [sys.executable, *DOCKERFILE.command("HEALTHCHECK")[1:]]
    return subprocess.run(
        command, cwd=image, env=web.environment, capture_output=True, check=False
    ).returncode


@needs_redis
@pytest.mark.parametrize(("name", "ready"), [("worker", " ready."), ("beat", "beat: Starting")])
def test_background_roles_start(image: Path, start, name: str, ready: str) -> None:
    background = start(name, STATE_URL=REDIS)
    until(lambda: background.says(ready), seconds=30, what=f"{name} says {ready!r}")
    if name == "beat":
        # Celery writes its schedule after these words, and cannot be stopped in the middle of that.
        schedule = image.parent / "data" / "celerybeat-schedule"
        until(lambda: bool(list(schedule.parent.glob(schedule.name + "*"))), seconds=10, what="the schedule is there")
        time.sleep(0.5)
    assert background.stop() == 0
