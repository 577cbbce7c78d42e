"""The scripted provider, and sessions that are let go of whole."""

import asyncio

import pytest
import uvloop

from gateway.dataplane.upstream import Upstreams
from tests.dataplane.scripted import Script


def pytest_asyncio_loop_factories(config, item):
    """What is asked of connections has to be there in the loop that serves and in asyncio's own."""
    loops = {"asyncio": asyncio.new_event_loop}
    return {**loops, "uvloop": uvloop.new_event_loop} if "script" in item.fixturenames else loops


@pytest.fixture
async def script():
    made = Script()
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = listening.sockets[0].getsockname()[1]
    made.url = f"http://127.0.0.1:{made.port}/v1"
    yield made
    listening.close()


@pytest.fixture
async def upstreams():
    made = Upstreams()
    yield made
    assert made.open_replies == 0
    assert all(session.users == 0 for session in made._sessions.values())
    assert not any(session._connector._acquired for session in made._sessions.values())
    await made.close()
