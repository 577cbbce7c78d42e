"""Bad keys: missing, malformed, unknown, revoked and expired are told apart, and none leaves a trace."""

import asyncio
import json
import time
from typing import Any

import pytest

from gateway.dataplane import auth, keys
from gateway.dataplane.app import DataPlane
from gateway.dataplane.call import Call
from gateway.dataplane.errors import Unauthorized
from gateway.dataplane.plane import Plane
from gateway.dataplane.record import Recorder
from gateway.dataplane.snapshot import Holder, Key, Snapshot, Tenant
from gateway.dataplane.state.memory import MemoryState
from tests import chat, world
from tests.process import GatewayProcess
from tests.wire import Wire

MALFORMED = [
    "x",
    "sk-",
    "sk-short",
    "sk-with space-0123456789012345",
    "sk-" + "a" * 300,
    "sk-gw-" + "a" * 52,  # right shape, wrong checksum
    "pk-0123456789abcdef0123456789",
    "sk-tést-0123456789abcdef0123",
    "' OR 1=1 --",
    '{"key": "sk-0123456789abcdef0123"}',
    '"sk-0123456789abcdef0123"',
    "sk-0123456789\tabcdef0123",
]


@pytest.mark.parametrize("stated", [{}, {"authorization": ""}, {"authorization": "Bearer "}, {"x-api-key": ""}])
def test_no_key(gateway: GatewayProcess, stated: dict[str, str]) -> None:
    with Wire(gateway.port) as wire:
        wire.post(chat.PATH, json.dumps(chat.body("plain")).encode(), stated)
        answer = wire.read()
    assert (answer.status, answer.error["code"]) == (401, "missing_api_key")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("text", MALFORMED)
def test_a_malformed_key_is_called_malformed(gateway: GatewayProcess, text: str) -> None:
    with Wire(gateway.port) as wire:
        wire.post(chat.PATH, b"{}", {"authorization": f"Bearer {text.encode().decode('latin-1')}"})
        answer = wire.read()
    assert answer.status == 401
    assert answer.error["code"] == "invalid_api_key"
    assert "malformed" in answer.error["message"]
    assert len(text) < 4 or text not in answer.body.decode()


@pytest.mark.parametrize("text", [text.strip() for text in MALFORMED])
async def test_a_malformed_key_asks_the_database_nothing(text: str) -> None:
    asked: list[str] = []

    async def lookup(digest: str) -> None:
        asked.append(digest)

    ring = auth.KeyRing(lookup, "a pepper")
    with pytest.raises(Unauthorized):
        await auth.identify(Call("/", "openai-chat"), ring, Snapshot(), {"authorization": f"Bearer {text}"})
    assert asked == []


async def test_a_well_formed_unknown_key_is_looked_up_once() -> None:
    asked: list[str] = []

    async def lookup(digest: str) -> None:
        asked.append(digest)

    ring = auth.KeyRing(lookup, "a pepper")
    key = keys.make_key()
    for _ in range(3):
        with pytest.raises(Unauthorized):
            await auth.identify(Call("/", "openai-chat"), ring, Snapshot(), {"x-api-key": key})
    assert asked == [keys.digest(key, "a pepper")]


class Unwritten:
    """A sink that keeps nothing."""

    async def write(self, kind: str, row: tuple[Any, ...]) -> None: ...

    def post(self, kind: str, row: tuple[Any, ...]) -> None: ...


@pytest.mark.parametrize("seconds", [0.0, 0.15, 0.5])
async def test_a_key_that_takes_long_to_look_up_costs_nothing_of_the_body(seconds: float) -> None:
    text = keys.make_key()

    async def lookup(name: str) -> Key:
        await asyncio.sleep(seconds)
        return Key(id=1, public_id="x", tenant_id=1, name="ci", digest=name)

    snapshot = Snapshot(version=1, tenants={1: Tenant(id=1, slug="acme")})
    ring, recorder = auth.KeyRing(lookup, "a pepper"), Recorder(Unwritten(), strict=True)
    plane = Plane(holder=Holder(snapshot), keys=ring, state=MemoryState(), recorder=recorder, max_body=1000)
    await plane.start()
    body = json.dumps(chat.body("no-such-model")).encode()
    incoming, sent = [{"type": "http.request", "body": body, "more_body": False}], []

    async def receive() -> Any:
        if not incoming:
            await asyncio.sleep(60)
        return incoming.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"authorization", f"Bearer {text}".encode())]
    scope = {"type": "http", "method": "POST", "path": chat.PATH, "headers": headers, "query_string": b""}
    try:
        async with asyncio.timeout(3):
            await DataPlane(plane, version="0", probes={})(scope, receive, send)
    finally:
        await plane.stop()
    assert [message.get("status") for message in sent] == [404, None]


def test_an_unknown_key(gateway: GatewayProcess) -> None:
    response = chat.post(gateway, b"{}", authorization=f"Bearer {keys.make_key()}")
    error = chat.error_of(response, 401, "invalid_api_key")
    assert "unknown" in error["message"]


def test_all_unknown_keys_get_the_same_answer(gateway: GatewayProcess) -> None:
    bodies = set()
    for _ in range(20):
        error = chat.post(gateway, b"{}", authorization=f"Bearer {keys.make_key()}").json()["error"]
        bodies.add(json.dumps({name: value for name, value in error.items() if name != "request_id"}))
    assert len(bodies) == 1


def test_another_scheme_than_bearer(gateway: GatewayProcess) -> None:
    chat.error_of(chat.post(gateway, b"{}", authorization="Basic c2s6eA=="), 401, "invalid_api_key")


def test_two_different_keys_are_refused(gateway: GatewayProcess) -> None:
    response = chat.post(gateway, json.dumps(chat.body("plain")).encode(), x_api_key=world.OTHER_KEY)
    chat.error_of(response, 400, "invalid_request_error")


def test_the_same_key_twice_is_fine(gateway: GatewayProcess) -> None:
    assert chat.post(gateway, json.dumps(chat.body("plain")).encode(), x_api_key=world.CI_KEY).status_code == 200


def test_revoked_and_expired_keys_are_told_apart(gateway: GatewayProcess) -> None:
    revoked, expired = keys.make_key(), keys.make_key()
    gateway.orm(
        "from tenants.models import Tenant; from tenants import services\n"
        "from django.utils import timezone; from datetime import timedelta\n"
        "acme = Tenant.objects.get(slug='acme')\n"
        f"key, _ = services.create_key(tenant=acme, name='revoked', plain={revoked!r})\n"
        "services.revoke_key(key=key)\n"
        f"services.create_key(tenant=acme, name='expired', plain={expired!r},"
        " expires_at=timezone.now() - timedelta(seconds=5))\n"
    )
    time.sleep(1.5)
    request = json.dumps(chat.body("plain")).encode()
    chat.error_of(chat.post(gateway, request, authorization=f"Bearer {revoked}"), 401, "revoked_api_key")
    chat.error_of(chat.post(gateway, request, authorization=f"Bearer {expired}"), 401, "expired_api_key")


def test_a_key_expires_while_it_is_in_use(gateway: GatewayProcess) -> None:
    plain = keys.make_key()
    gateway.orm(
        "from tenants.models import Tenant; from tenants import services\n"
        "from django.utils import timezone; from datetime import timedelta\n"
        "acme = Tenant.objects.get(slug='acme')\n"
        f"services.create_key(tenant=acme, name='soon', plain={plain!r},"
        " expires_at=timezone.now() + timedelta(seconds=3))\n"
    )
    request = json.dumps(chat.body("plain")).encode()
    assert chat.post(gateway, request, authorization=f"Bearer {plain}").status_code == 200
    time.sleep(3.2)
    chat.error_of(chat.post(gateway, request, authorization=f"Bearer {plain}"), 401, "expired_api_key")


def test_a_refused_key_leaves_no_trace_of_itself(gateway: GatewayProcess) -> None:
    key = keys.make_key()
    chat.post(gateway, b"{}", authorization=f"Bearer {key}")
    chat.post(gateway, b"{}", authorization=f"Bearer {key}x")
    assert key not in gateway.output()
    for row in gateway.query("select * from logs_requestlog"):
        assert key not in json.dumps(row, default=str)
