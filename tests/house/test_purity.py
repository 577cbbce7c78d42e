"""The border between the planes, as it is at run time."""

import subprocess
import sys

from tests.house.tree import ROOT

PROBE = """
import sys, gateway.dataplane.app
loaded = {name.partition(".")[0] for name in sys.modules}
print(*sorted(loaded & {"django", "celery", "tenants", "providers", "proxies", "accounts", "logs", "snapshots",
                        "doctor", "console", "unfold", "simple_history"}))
print(*sorted(name for name in sys.modules if name.startswith("gateway.") and "dataplane" not in name))
"""


def test_the_data_plane_loads_neither_django_nor_celery_nor_an_app() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "\n\n", f"the data plane loaded {done.stdout.split()}"


def test_the_package_file_of_the_project_is_empty() -> None:
    """Whatever stands there runs before the data plane: Celery's customary lines would load Django into it."""
    assert (ROOT / "gateway" / "__init__.py").read_text() == ""
