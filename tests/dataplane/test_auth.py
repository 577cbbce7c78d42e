"""Keys: what is malformed is never looked up, what is known is looked up once."""

import asyncio
import time

import pytest

from gateway.dataplane import auth, keys
from gateway.dataplane.call import Call
from gateway.dataplane.errors import (
    BadRequest,
    ExpiredKey,
    GatewayError,
    MissingKey,
    ModelNotAllowed,
    RevokedKey,
    TenantDisabled,
    Unauthorized,
    Unavailable,
)
from gateway.dataplane.snapshot import Key, Model, Snapshot, Tenant

PEPPER = "p" * 32
GOOD = keys.make_key()


class Database:
    """A look-up that counts; `rows` maps digests to keys."""

    def __init__(self, **fields):
        self.asked = []
        self.down = False
        self.rows = {
            keys.digest(GOOD, PEPPER): Key(**{"id": 1, "public_id": "x", "tenant_id": 1, "name": "k", "digest": "", **fields})
        }

    async def __call__(self, digest):
        self.asked.append(digest)
        await asyncio.sleep(0.01)
        if self.down:
            raise OSError("down")
        return self.rows.get(digest)


SNAPSHOT = Snapshot(version=1, tenants={1: Tenant(1, "acme"), 2: Tenant(2, "off", is_active=False)})


async def identify(database, text=GOOD, headers=None):
    ring = auth.KeyRing(database, PEPPER)
    call = Call("/v1/chat/completions", "openai-chat")
    key = await auth.identify(call, ring, SNAPSHOT, headers or {"authorization": f"Bearer {text}"})
    return key, call.tenant


async def test_a_good_key_is_its_tenant():
    key, tenant = await identify(Database())
    assert (key.id, tenant.slug) == (1, "acme")


INJECTIONS = ["' OR '1'='1", "sk-' OR 1=1 --xxxxxxxxxxxx", "sk-gw-", GOOD[:-1] + ("a" if GOOD[-1] != "a" else "b"), "x" * 5000, "sk-\x00" * 9, "sk-é" * 9]  # fmt: skip


@pytest.mark.parametrize("text", INJECTIONS, ids=range(len(INJECTIONS)))
async def test_a_malformed_key_asks_nobody(text):
    database = Database()
    with pytest.raises(Unauthorized) as caught:
        await identify(database, text)
    assert caught.value.code == "invalid_api_key"
    assert "malformed" in caught.value.message
    assert text not in caught.value.message
    assert database.asked == []


@pytest.mark.parametrize("headers", [{}, {"authorization": ""}, {"authorization": "Bearer "}, {"x-api-key": " "}])
async def test_no_key_is_said_so(headers):
    with pytest.raises(MissingKey):
        await auth.identify(Call("/", "openai-chat"), auth.KeyRing(Database(), PEPPER), SNAPSHOT, headers)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"revoked": True}, RevokedKey),
        ({"expires_at": time.time() - 1}, ExpiredKey),
        ({"tenant_id": 2}, TenantDisabled),
        ({"tenant_id": 99}, Unavailable),
    ],
)
async def test_what_is_wrong_with_a_known_key_is_named(fields, error):
    with pytest.raises(error):
        await identify(Database(**fields))


async def test_every_header_gives_the_same_verdict():
    for name in ("x-api-key", "api-key", "x-goog-api-key"):
        assert (await identify(Database(), headers={name: GOOD}))[0].id == 1
    with pytest.raises(BadRequest, match="Two different"):
        await identify(Database(), headers={"authorization": f"Bearer {GOOD}", "x-api-key": keys.make_key()})
    assert (await identify(Database(), headers={"authorization": f"bearer {GOOD}", "x-api-key": GOOD}))[0].id == 1


async def test_a_thousand_first_uses_are_one_question():
    database = Database()
    ring = auth.KeyRing(database, PEPPER)
    await asyncio.gather(*(ring.find(GOOD) for _ in range(1000)))
    assert len(database.asked) == 1
    await ring.find(GOOD)
    assert len(database.asked) == 1
    ring.forget()
    await ring.find(GOOD)
    assert len(database.asked) == 2


async def test_an_answer_from_before_the_change_is_not_kept():
    database = Database()
    ring = auth.KeyRing(database, PEPPER)
    early = asyncio.create_task(ring.find(GOOD))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    ring.forget()
    await early
    await ring.find(GOOD)
    assert len(database.asked) == 2


async def test_one_callers_disconnect_fails_no_other():
    ring = auth.KeyRing(Database(), PEPPER)
    first, second = asyncio.create_task(ring.find(GOOD)), asyncio.create_task(ring.find(GOOD))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).id == 1


async def test_a_dead_database_is_never_a_bad_key():
    database = Database()
    ring = auth.KeyRing(database, PEPPER)
    await ring.find(GOOD)
    database.down = True
    assert (await ring.find(GOOD)).id == 1, "a known key keeps working"
    with pytest.raises(Unavailable) as caught:
        await identify(database)
    assert caught.value.status == 503


async def test_the_stored_digest_is_not_a_key():
    with pytest.raises(Unauthorized):
        await identify(Database(), keys.digest(GOOD, PEPPER))


def test_allowed_models_by_name_selector_and_alias():
    key = Key(1, "x", 1, "k", "d", allowed_models=frozenset({"gpt-4o", "other:llama"}))
    gpt, llama, claude = Model("openai", "gpt-4o", "g"), Model("other", "llama", "l"), Model("anthropic", "claude", "c")
    auth.may_use(key, "gpt-4o", [gpt])
    auth.may_use(key, "openai/gpt-4o", [gpt])
    auth.may_use(key, "smart", [gpt, llama])
    for name, models in (("claude", [claude]), ("smart", [gpt, claude])):
        with pytest.raises(ModelNotAllowed):
            auth.may_use(key, name, models)


def test_a_viewer_may_not_chat():
    with pytest.raises(GatewayError, match="viewer"):
        auth.may_chat(Key(1, "x", 1, "k", "d", may_chat=False))


async def test_a_refused_key_is_noted_with_its_tenant():
    call = Call("/v1/chat/completions", "openai-chat")
    ring = auth.KeyRing(Database(revoked=True), PEPPER)
    with pytest.raises(RevokedKey):
        await auth.identify(call, ring, SNAPSHOT, {"authorization": f"Bearer {GOOD}"})
    assert (call.key.id, call.tenant.slug) == (1, "acme")
