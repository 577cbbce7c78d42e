"""`make run` and `manage.py serve`: two commands to a first answer, and one clear line where that is impossible."""

import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.process import ROOT, GatewayProcess, free_port, until

RESTART_S = 3.0  # a gateway that has its data is ready within this
SECRET = "0123456789abcdefghijklmnopqrstuvwxyz0123"
FULL = {"SECRET_KEY": SECRET, "MASTER_KEYS": SECRET, "KEY_PEPPER": SECRET}
POSTGRES, REDIS = os.environ.get("TEST_POSTGRES_URL", ""), os.environ.get("TEST_REDIS_URL", "")
needs_servers = pytest.mark.skipif(
    not (POSTGRES and REDIS), reason="PostgreSQL and Redis come with `make test`"
)


def fresh(folder: Path, **environment: str) -> GatewayProcess:
    """A gateway that has to make its own password and key."""
    return GatewayProcess(folder, **{"ADMIN_PASSWORD": "", "DEMO_KEY": "", **environment})


def refused(folder: Path, **environment: str) -> str:
    """What a start that must fail says: exit code 1, one line, no traceback."""
    done = fresh(folder, **environment).manage("serve")
    assert done.returncode == 1, done.stdout
    assert done.stderr.startswith("error: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "pw-secret" not in done.stderr
    return done.stderr


def shell(command: str) -> str:
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=30, check=True)
    return done.stdout


def line_with(output: str, start: str) -> str:
    return next(line for line in output.splitlines() if line.startswith(start))


def demo_status(gateway: GatewayProcess, key: str) -> int:
    body = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}
    headers = {"authorization": f"Bearer {key}"}
    url = f"{gateway.base_url}/chat/completions"
    return httpx2.post(url, json=body, headers=headers, timeout=10, trust_env=False).status_code


@pytest.fixture(scope="module")
def first_start(tmp_path_factory) -> Iterator[GatewayProcess]:
    with fresh(tmp_path_factory.mktemp("first")) as process:
        until(lambda: "Stop with" in process.output(), seconds=5, what="the welcome is printed")
        yield process


class TestFirstStart:
    @pytest.fixture
    def gateway(self, first_start: GatewayProcess) -> GatewayProcess:
        return first_start

    def test_the_printed_curl_answers(self, gateway: GatewayProcess) -> None:
        answer = shell(line_with(gateway.output(), "curl "))
        assert '"content":"[demo]' in answer.replace('": "', '":"')

    def test_the_printed_curl_streams(self, gateway: GatewayProcess) -> None:
        line = line_with(gateway.output(), "curl ").replace('{"model"', '{"stream": true, "model"')
        answer = shell(line + " -sN")
        assert answer.count("data: ") > 2
        assert answer.rstrip().endswith("data: [DONE]")

    def test_the_printed_python_answers(self, gateway: GatewayProcess) -> None:
        snippet = gateway.output().split("(pip install openai):\n\n")[1].split("\n\n")[0]
        done = subprocess.run(
            [sys.executable, "-c", snippet], capture_output=True, text=True, timeout=60, check=False
        )
        assert "[demo]" in done.stdout, done.stderr

    def test_the_printed_password_opens_the_admin(self, gateway: GatewayProcess) -> None:
        password = line_with(gateway.output(), "Password").split()[1]
        with httpx2.Client(
            base_url=gateway.url, trust_env=False, follow_redirects=True, timeout=20
        ) as browser:
            browser.get("/admin/login/")
            form = {
                "username": "admin",
                "password": password,
                "csrfmiddlewaretoken": browser.cookies["csrftoken"],
            }
            page = browser.post("/admin/login/?next=/admin/", data=form, headers={"referer": gateway.url})
            assert page.status_code == 200
            assert "sessionid" in browser.cookies

    def test_the_demo_says_what_it_is(self, gateway: GatewayProcess) -> None:
        assert "offline" in gateway.output()
        (row,) = gateway.query("select name, base_url from providers_provider")
        assert "Demo" in row["name"]


def test_a_later_start_keeps_the_data_and_shows_no_secret(tmp_path: Path) -> None:
    gateway = fresh(tmp_path)
    with gateway:
        until(lambda: "Stop with" in gateway.output(), seconds=5, what="the welcome is printed")
    first = gateway.output()
    key, password = line_with(first, "API key").split()[2], line_with(first, "Password").split()[1]
    with gateway:
        assert demo_status(gateway, key) == 200
    second = gateway.output()[len(first) :]
    assert "is ready" in second
    assert key not in second
    assert password not in second


def test_a_later_start_is_ready_soon(tmp_path: Path) -> None:
    """The best of three: the machine may be busy with something else during one."""
    gateway = fresh(tmp_path)
    with gateway:
        pass
    took = []
    for _attempt in range(3):
        began = time.monotonic()
        with gateway:
            took.append(time.monotonic() - began)
    assert min(took) < RESTART_S, took


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(tmp_path: Path, number: int) -> None:
    gateway = fresh(tmp_path)
    gateway.start()
    os.kill(gateway.pid, number)
    assert gateway._process.wait(15) == 0
    assert "Traceback" not in gateway.output()


def test_the_environment_wins_over_what_is_stored(tmp_path: Path) -> None:
    old, new = "sk-demo-old-1234567890", "sk-demo-new-1234567890"
    with GatewayProcess(tmp_path, DEMO_KEY=old) as gateway:
        assert demo_status(gateway, old) == 200
    gateway.extra.update(DEMO_KEY=new, ADMIN_PASSWORD="another-long-password")
    seen = len(gateway.output())
    with gateway:
        assert (demo_status(gateway, new), demo_status(gateway, old)) == (200, 401)
        said = gateway.output()[seen:]
        assert "set from DEMO_KEY" in said
        assert "set from ADMIN_PASSWORD" in said
        assert new not in said
    seen = len(gateway.output())
    with gateway:
        assert "set from" not in gateway.output()[seen:]


def test_what_was_deleted_does_not_come_back(tmp_path: Path) -> None:
    gateway = fresh(tmp_path)
    with gateway:
        pass
    gateway.orm(
        "from tenants.models import *; Tenant.objects.all().delete(); Tenant.objects.create(slug='acme')"
    )
    with gateway:
        assert [row["slug"] for row in gateway.query("select slug from tenants_tenant")] == ["acme"]


WRONG = {
    "HOST": ({"HOST": "nonsense.invalid"}, "HOST='nonsense.invalid' is not an address of this machine"),
    "PORT": ({"PORT": "80000"}, "PORT=80000 is out of range; use 1 to 65535"),
    "PORT word": ({"PORT": "http"}, "PORT='http' is not a whole number"),
    "DATA_DIR": ({"DATA_DIR": "/proc/none"}, "the data folder /proc/none cannot be written"),
    "ADMIN_PASSWORD": ({"ADMIN_PASSWORD": "short"}, "ADMIN_PASSWORD is refused: This password is too short"),
    "DEMO_KEY": ({"DEMO_KEY": "pw-secret"}, "DEMO_KEY is refused: an API key begins with sk-"),
    "WORKERS": ({"WORKERS": "2"}, "WORKERS=2 needs STATE_URL=redis://"),
    "STATE_URL": ({"STATE_URL": "redis://:pw-secret@127.0.0.1:1/0"}, "STATE_URL: Redis does not answer"),
    "STATE_URL word": ({"STATE_URL": "mongo://x"}, "STATE_URL='mongo://x' is unknown"),
    "DATABASE_URL": ({"DATABASE_URL": "mongo://x"}, "DATABASE_URL is not a database address"),
    "no secrets": ({"DATABASE_URL": "postgres://u@127.0.0.1:1/x"}, "SECRET_KEY is not set"),
    "weak secret": ({"SECRET_KEY": "changeme"}, "SECRET_KEY is too weak"),
    "no database": ({"DATABASE_URL": "postgres://u:pw-secret@127.0.0.1:1/x", **FULL}, "Connection refused"),
    "typing error": ({"GATEWAY_PORT": "1"}, "unknown environment variable GATEWAY_PORT; did you mean PORT?"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_environment_is_one_line(tmp_path: Path, case: str) -> None:
    environment, says = WRONG[case]
    assert says in refused(tmp_path, **environment)


def test_a_taken_port_is_named_with_its_owner(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = refused(tmp_path, PORT=str(port))
    assert f"port {port} is taken by process {os.getpid()}" in said
    assert f"PORT={port + 1} make run" in said


def test_a_data_folder_in_use_is_refused(tmp_path: Path) -> None:
    with fresh(tmp_path) as gateway:
        said = refused(tmp_path)
        assert f"another gateway uses the data folder {gateway.data}" in said
        assert f"process {gateway.pid}" in said


def test_a_database_without_its_secrets_is_refused(tmp_path: Path) -> None:
    gateway = fresh(tmp_path)
    with gateway:
        pass
    (gateway.data / "secrets.json").unlink()
    assert "secrets.json is gone, but the database it belongs to is there" in refused(tmp_path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "gateway.sqlite3").write_text("not a database " * 100)
    assert "file is not a database" in refused(tmp_path)


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    gateway = fresh(tmp_path)
    with gateway:
        pass
    with sqlite3.connect(gateway.data / "gateway.sqlite3") as database:
        later = ("logs", "9999_later", "2030-01-01")
        database.execute("insert into django_migrations (app, name, applied) values (?, ?, ?)", later)
    assert "newer version (it has logs.9999_later)" in refused(tmp_path)


@pytest.fixture
def database() -> Iterator[str]:
    """A PostgreSQL database of its own, as an address."""
    import psycopg

    name = f"run_{os.getpid()}_{free_port()}"
    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        yield f"{POSTGRES.rpartition('/')[0]}/{name}"
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@needs_servers
@pytest.mark.parametrize("workers", ["1", "2"])
def test_full_mode_starts_the_same_way(tmp_path: Path, database: str, workers: str) -> None:
    environment = {**FULL, "DATABASE_URL": database, "STATE_URL": REDIS, "WORKERS": workers}
    gateway = fresh(tmp_path, **environment)
    gateway.start()
    try:
        until(lambda: "Stop with" in gateway.output(), seconds=5, what="the welcome is printed")
        key = line_with(gateway.output(), "API key").split()[2]
        assert demo_status(gateway, key) == 200
    finally:
        os.kill(gateway.pid, signal.SIGTERM)
        assert gateway._process.wait(20) == 0, gateway.output()
    assert "Traceback" not in gateway.output()


class TestMake:
    @pytest.fixture
    def clone(self, tmp_path: Path) -> Path:
        """A copy of the tree as a clone would have it."""
        target = tmp_path / "clone"
        left_out = (".git", ".venv", ".env", "data", ".peers", "__pycache__", "node_modules", ".*_cache")
        shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(*left_out))
        return target

    def make(self, clone: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return subprocess.run(
            ["make", *arguments],
            cwd=clone,
            env={**kept, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def stand_in(self, clone: Path, script: str) -> str:
        """An interpreter that does what `script` says."""
        path = clone / "python-stand-in"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return str(path)

    def test_alone_it_lists_its_targets(self, clone: Path) -> None:
        said = self.make(clone).stdout
        for target in ("run", "test", "check", "bench", "bench-peers", "screenshots", "clean", "help"):
            assert re.search(rf"^  make {target} +\S", said, re.M), said

    def test_an_old_python_is_one_line(self, clone: Path) -> None:
        old = self.stand_in(clone, '[ "$1" = --version ] && echo Python 3.9.2 && exit 0; exit 1')
        done = self.make(clone, "run", PYTHON=old)
        assert done.returncode != 0
        assert "error: Python 3.11, 3.12 or 3.13 is needed (found: Python 3.9.2)" in done.stderr

    def test_a_python_without_venv_is_one_line(self, clone: Path) -> None:
        bare = self.stand_in(clone, '[ "$1" = -m ] && echo No module named venv && exit 1; exit 0')
        done = self.make(clone, "run", PYTHON=bare)
        assert done.returncode != 0
        assert "apt install python3-venv" in done.stderr

    def test_failing_packages_are_said_and_tried_again(self, clone: Path) -> None:
        """An index that does not answer: the cause is shown, and the next run starts over."""
        nowhere = {"PIP_CONFIG_FILE": "/dev/null", "PIP_INDEX_URL": "http://127.0.0.1:1/", "PIP_RETRIES": "0"}
        done = self.make(clone, "run", PYTHON=sys.executable, PIP_NO_CACHE_DIR="1", **nowhere)
        assert done.returncode != 0
        assert "the packages could not be installed" in done.stderr
        assert not list((clone / ".venv").glob("installed-*"))

    def test_run_serves_with_the_environment_given(self, clone: Path) -> None:
        """With the packages of this environment in place of a download."""
        if sys.prefix == sys.base_prefix:
            pytest.skip("the tests do not run in a virtual environment that could be lent")
        (clone / ".venv").symlink_to(sys.prefix)
        if not (clone / ".venv" / "installed-requirements.txt").exists():
            pytest.skip("this environment was not made by bin/setup")
        port = free_port()
        process = subprocess.Popen(
            ["make", "run", f"PORT={port}", f"DATA_DIR={clone / 'kept'}"],
            cwd=clone,
            env={"PATH": os.environ["PATH"], "ADMIN_PASSWORD": "a-long-password-for-tests"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            until(lambda: answers(port), seconds=30, what="make run serves")
        finally:
            os.killpg(process.pid, signal.SIGINT)
            said, _ = process.communicate(timeout=20)
        assert f"http://127.0.0.1:{port}" in said
        assert (clone / "kept" / "gateway.sqlite3").exists()
        assert "Traceback" not in said


def answers(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/health/readiness", trust_env=False).status_code == 200
    except httpx2.HTTPError:
        return False
