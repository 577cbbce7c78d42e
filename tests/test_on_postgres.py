"""Every test that uses the database, once more on PostgreSQL. `make test` starts one and says where it is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Not the account probe: its tests dial servers on this machine, which only the embedded mode allows.
FOLDERS = [f"tests/{name}" for name in ("config", "console", "doctor", "logs", "snapshots", "tenants")]
URL = os.environ.get("TEST_POSTGRES_URL", "")


@pytest.mark.skipif(not URL, reason="no PostgreSQL: `make test` starts one and sets TEST_POSTGRES_URL")
def test_what_holds_on_sqlite_holds_on_postgresql(tmp_path: Path) -> None:
    secrets = dict.fromkeys(("SECRET_KEY", "MASTER_KEYS", "KEY_PEPPER"), "only-for-this-test-run-0123456789-abcdefgh")
    environment = {**os.environ, **secrets, "DATABASE_URL": URL, "DATA_DIR": str(tmp_path)}
    for name in [name for name in environment if name.startswith("PYTEST_")]:
        del environment[name]
    command = [sys.executable, "-m", "pytest", "-m", "django_db", "-q", "-p", "no:cacheprovider", *FOLDERS]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
