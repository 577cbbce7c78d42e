"""A database that another writer holds costs an answer its wait, never its record."""

import sqlite3
import threading
import time

import httpx2

from tests import chat
from tests.process import DEMO_KEY, GatewayProcess


def test_a_record_waits_for_another_writer(own_gateway: GatewayProcess) -> None:
    other = sqlite3.connect(own_gateway.data / "gateway.sqlite3", isolation_level=None, check_same_thread=False)
    headers = {"authorization": f"Bearer {DEMO_KEY}"}
    with httpx2.Client(base_url=own_gateway.url, headers=headers, trust_env=False) as client:
        assert chat.ask(client, "demo").status_code == 200
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(0.6, lambda: other.execute("ROLLBACK")).start()
        began = time.monotonic()
        waited = chat.ask(client, "demo")
        assert time.monotonic() - began > 0.4, "the lock was not felt: the test holds the wrong database"
        assert waited.status_code == 200
        # The event loop itself never waited: health answers while the lock is held.
        other.execute("BEGIN IMMEDIATE")
        asking = threading.Thread(target=chat.ask, args=(client, "demo"))
        asking.start()
        began = time.monotonic()
        assert httpx2.get(f"{own_gateway.url}/health", trust_env=False).status_code == 200
        assert time.monotonic() - began < 0.5
        other.execute("ROLLBACK")
        asking.join()
    assert own_gateway.row(waited.headers["x-request-id"])["status"] == "ok"
    assert [row["status"] for row in own_gateway.rows_of("demo")] == ["ok"] * 3
