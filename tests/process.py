"""The gateway as a process of its own: started, configured, read, killed. Nothing of it is imported."""

import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DEMO_KEY = "sk-demo-0123456789abcdef"
ADMIN_PASSWORD = "a-long-password-for-tests"  # noqa: S105 - the gateway under test lives for seconds
# All that a child inherits: nothing of the developer's own settings may decide a test.
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR")
# Empty is "not set" to the gateway, and keeps a developer's `.env` from setting it.
UNSET = ("DATABASE_URL", "STATE_URL", "SECRET_KEY", "MASTER_KEYS", "KEY_PEPPER", "DEBUG", "RECORD_DURABILITY")
READY_IN_S = 40.0
LIVE_IN_S = 1.0


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(check: Callable[[], Any], *, seconds: float, what: str) -> Any:
    """The first true value of `check`, asked again and again; AssertionError naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        if value := check():
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.02)


class GatewayProcess:
    """`python manage.py serve` on a free port, with its data in `folder`."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port = free_port()
        self.extra = environment
        self.log = folder / "gateway.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._configs = 0

    def __enter__(self) -> "GatewayProcess":
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        """What an OpenAI SDK is given."""
        return f"{self.url}/v1"

    @property
    def pid(self) -> int:
        assert self._process is not None, "the gateway is not running"
        return self._process.pid

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
        own = {
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "DATA_DIR": str(self.data),
            "ADMIN_PASSWORD": ADMIN_PASSWORD,
            "DEMO_KEY": DEMO_KEY,
            "PYTHONUNBUFFERED": "1",
        }
        return {**kept, **dict.fromkeys(UNSET, ""), **own, **self.extra}

    def start(self) -> None:
        """Start and wait until it is ready. AssertionError with its output if it is not."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "manage.py", "serve"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            until(self._is_ready, seconds=READY_IN_S, what="the gateway answers /health/readiness with 200")
        except AssertionError as error:
            self.kill()
            raise AssertionError(f"{error}\n{self.output()[-4000:]}") from None

    def stop(self) -> None:
        """The orderly end; a gateway that does not obey in 20 s is killed and the test fails."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("the gateway did not stop within 20 s of SIGTERM") from None
        self._process = None

    def kill(self) -> None:
        """`kill -9` of the process and of everything it started."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def output(self) -> str:
        """Everything it has printed, over all its starts."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command in another process, as an operator would. The caller looks at the exit code."""
        return subprocess.run(  # noqa: S603
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def configure(self, config: Mapping[str, Any]) -> None:
        """`config apply` from another process. Returns when it must be live."""
        self.apply(config)
        time.sleep(LIVE_IN_S)

    def apply(self, config: Mapping[str, Any]) -> None:
        """`config apply`, without waiting for the running gateway to take it."""
        self._configs += 1
        file = self.folder / f"config-{self._configs}.yaml"
        file.write_text(json.dumps(config))  # JSON is YAML
        done = self.manage("config", "apply", str(file))
        assert done.returncode == 0, f"config apply failed: {done.stdout}{done.stderr}"

    def orm(self, code: str) -> str:
        """Run statements against the models in another process, signals included; returns what they print."""
        done = self.manage("shell", "-v", "0", "-c", code)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def get_json(self, path: str) -> tuple[int, Any]:
        """(status, parsed body) of a plain GET without a key."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"null")
        finally:
            connection.close()

    def readiness(self) -> dict[str, Any]:
        _status, found = self.get_json("/health/readiness")
        return dict(found)

    def query(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """Read the database beside the running gateway, without Django."""
        path = self.data / "gateway.sqlite3"
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
        connection.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in connection.execute(sql, values)]
        finally:
            connection.close()

    def find_row(self, request_id: str) -> dict[str, Any] | None:
        """The row behind an `x-request-id`, whatever its status; None if there is none."""
        rows = self.query("select * from logs_requestlog where id = ?", request_id.removeprefix("req_"))
        assert len(rows) < 2, f"{request_id} has {len(rows)} rows"
        return _read(rows[0]) if rows else None

    def row(self, request_id: str, *, seconds: float = 5.0) -> dict[str, Any]:
        """The row once it is finished; `attempts` and `decision` are parsed."""

        def finished() -> dict[str, Any] | None:
            row = self.find_row(request_id)
            return row if row and row["status"] != "started" else None

        return dict(until(finished, seconds=seconds, what=f"{request_id} has a finished row"))

    def rows_of(self, requested_model: str) -> list[dict[str, Any]]:
        """All rows of one requested model, oldest first."""
        sql = "select * from logs_requestlog where requested_model = ? order by id"
        return [_read(row) for row in self.query(sql, requested_model)]

    def _is_ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the gateway exited with {self._process.returncode}")
        try:
            return self.get_json("/health/readiness")[0] == 200
        except (OSError, ValueError, http.client.HTTPException):
            return False


def _read(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "attempts": json.loads(row["attempts"]), "decision": json.loads(row["decision"])}
