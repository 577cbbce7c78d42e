"""The floor: the least that a JSON gateway on this server and this client library can do.

Read the body, parse it, send it on, parse the answer, answer. No keys, no limits, no record: what a gateway costs
beyond this is its own doing. Served by uvicorn exactly as the gateway is.
"""

import os
from collections.abc import Awaitable, Callable

import aiohttp
import orjson

Receive = Callable[[], Awaitable[dict]]
Send = Callable[[dict], Awaitable[None]]

UPSTREAM = os.environ.get("FLOOR_UPSTREAM", "")
HEADERS = {"content-type": "application/json", "authorization": "Bearer sk-upstream"}
session: aiohttp.ClientSession


async def app(scope: dict, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        return await lifespan(receive, send)
    question = orjson.loads(await read(receive)) if scope["method"] == "POST" else {}
    status, answer = await relay(question) if question else (200, {"ready": True})
    body = orjson.dumps(answer)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def relay(question: dict) -> tuple[int, dict]:
    async with session.post(UPSTREAM, data=orjson.dumps(question), headers=HEADERS) as response:
        return response.status, orjson.loads(await response.read())


async def read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def lifespan(receive: Receive, send: Send) -> None:
    """The session must be made inside the running loop; it keeps no cookies, as no gateway would."""
    global session  # noqa: PLW0603
    await receive()
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
    )
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await session.close()
    await send({"type": "lifespan.shutdown.complete"})
