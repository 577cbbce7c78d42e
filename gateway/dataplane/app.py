"""The wire endpoints as one ASGI application: path → handler; errors → HTTP in the client's dialect."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson

from gateway.dataplane import auth, headers, health, routing
from gateway.dataplane.call import Call
from gateway.dataplane.chat import chat
from gateway.dataplane.dialects import openai_chat
from gateway.dataplane.errors import (
    ClientLeft,
    GatewayError,
    MethodNotAllowed,
    ModelNotFound,
    NotFound,
    UpstreamRejected,
)
from gateway.dataplane.exchange import Exchange, Receive, Scope, Send
from gateway.dataplane.health import Probe
from gateway.dataplane.plane import Plane
from gateway.dataplane.snapshot import Key, Model, Snapshot
from gateway.dataplane.steering import STEERING_FIELDS, STEERING_HEADERS, refusal_of

log = logging.getLogger(__name__)

Handler = Callable[["DataPlane", Exchange, Call], Awaitable[None]]
JSON = [(b"content-type", b"application/json")]
WIRE_PREFIXES = ("/v1/", "/v2/", "/health/")


def is_wire(path: str) -> bool:
    """Whether a path belongs to the data plane; everything else is the control plane's."""
    return path == "/health" or path.startswith(WIRE_PREFIXES)


class DataPlane:
    """`probes`: name → a coroutine function that raises where the dependency is not well."""

    def __init__(self, plane: Plane, *, version: str, probes: Mapping[str, Probe]) -> None:
        self.plane = plane
        self.version = version
        self.probes = probes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        call = Call(scope["path"], "openai-chat", client[0] if client else "")
        exchange = Exchange(scope, receive, send, request_id=call.request_id, max_body=self.plane.max_body)
        try:
            exchange.read_headers()
            await _handler(scope["method"], scope["path"])(self, exchange, call)
        except UpstreamRejected as error:
            await _hand_on(exchange, call, error)
        except GatewayError as error:
            await _tell(exchange, call, error)
        except ClientLeft:
            return
        except asyncio.CancelledError:
            if not exchange.left:
                raise  # the server is stopping
        except Exception:
            log.exception("request %s failed inside the gateway", call.request_id)
            await _tell(exchange, call, GatewayError(f"The gateway failed; it is recorded as {call.request_id}."))


async def _chat(app: DataPlane, exchange: Exchange, call: Call) -> None:
    _refuse_steering(exchange)
    headers.refuse_loop(exchange.headers)
    with app.plane.pulse.over(exchange):
        await chat(app.plane, exchange, call)


async def _models(app: DataPlane, exchange: Exchange, call: Call) -> None:
    snapshot = app.plane.holder.current
    key = await auth.identify(call, app.plane.keys, snapshot, exchange.headers)
    entries = [_entry(snapshot, name) for name in snapshot.names() if _visible(snapshot, key, name)]
    await exchange.answer(200, [*JSON, *headers.own(call)], openai_chat.model_list(entries))


async def _model(app: DataPlane, exchange: Exchange, call: Call) -> None:
    snapshot = app.plane.holder.current
    key = await auth.identify(call, app.plane.keys, snapshot, exchange.headers)
    name = exchange.scope["path"].split("/models/", 1)[1]
    models = [target.model for target in routing.resolve(snapshot, name)]
    if not _allowed(key, name, models):
        raise ModelNotFound(f"There is no model {name!r} here. GET /v1/models lists what there is.", param="model")
    body = orjson.dumps(_entry(snapshot, name))
    await exchange.answer(200, [*JSON, *headers.own(call)], body)


async def _health(app: DataPlane, exchange: Exchange, call: Call) -> None:
    await exchange.answer(200, JSON, health.alive(app.version))


async def _readiness(app: DataPlane, exchange: Exchange, call: Call) -> None:
    status, body = await health.readiness(app.plane, app.probes, app.version)
    await exchange.answer(status, JSON, body)


ENDPOINTS: dict[str, dict[str, Handler]] = {
    "/v1/chat/completions": {"POST": _chat},
    "/v2/chat/completions": {"POST": _chat},
    "/v1/models": {"GET": _models},
    "/v2/models": {"GET": _models},
    "/health": {"GET": _health, "HEAD": _health},
    "/v1/health": {"GET": _health, "HEAD": _health},
    "/health/liveliness": {"GET": _health, "HEAD": _health},
    "/health/liveness": {"GET": _health, "HEAD": _health},
    "/health/readiness": {"GET": _readiness, "HEAD": _readiness},
}


def _handler(method: str, path: str) -> Handler:
    methods = ENDPOINTS.get(path)
    if methods is None and path.startswith(("/v1/models/", "/v2/models/")):
        methods = {"GET": _model}
    if methods is None:
        raise NotFound(f"There is nothing at {path[:200]!r}. The endpoints are listed in the documentation.")
    handler = methods.get(method)
    if handler is None:
        raise MethodNotAllowed(f"{path} takes {' and '.join(methods)}, not {method}.", allowed=list(methods))
    return handler


def _refuse_steering(exchange: Exchange) -> None:
    """No header and no query parameter may choose where a request goes or as whom."""
    for name, _ in exchange.raw_headers:
        if name in STEERING_HEADERS:
            raise refusal_of(name.decode("latin-1"))
    query = exchange.scope.get("query_string", b"")
    for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True) if query else ():
        if name in STEERING_FIELDS:
            raise refusal_of(name)


async def _tell(exchange: Exchange, call: Call, error: GatewayError) -> None:
    """The error in the client's dialect; inside a stream that has begun, as its last event."""
    if exchange.closed:
        return
    if exchange.opened:
        await exchange.close(openai_chat.error_event(error, call.request_id))
        return
    told = [(name.encode(), value.encode()) for name, value in error.headers.items()]
    body = openai_chat.error_body(error, call.request_id)
    await exchange.answer(error.status, [*JSON, *told, *headers.own(call)], body)


async def _hand_on(exchange: Exchange, call: Call, error: UpstreamRejected) -> None:
    """The provider's own refusal of the request, as it came, to a client of the same dialect."""
    if exchange.opened or not error.answer[2]:
        await _tell(exchange, call, error)
        return
    status, upstream, body = error.answer
    await exchange.answer(status, headers.to_client(upstream, call), body)


def _entry(snapshot: Snapshot, name: str) -> dict[str, Any]:
    if route := snapshot.routes.get(name):
        return openai_chat.model_entry(name, "route", route.created)
    first = routing.resolve(snapshot, name)[0].model
    return openai_chat.model_entry(name, first.provider, first.created)


def _visible(snapshot: Snapshot, key: Key, name: str) -> bool:
    if not key.allowed_models:
        return True
    return _allowed(key, name, [target.model for target in routing.resolve(snapshot, name)])


def _allowed(key: Key, name: str, models: list[Model]) -> bool:
    try:
        auth.may_use(key, name, models)
    except GatewayError:
        return False
    return True
