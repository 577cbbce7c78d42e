"""The wire endpoints as one ASGI application: path → dialect and handler; errors → HTTP in the client's dialect."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from types import ModuleType
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from gateway.dataplane import auth, headers, health, routing
from gateway.dataplane.call import Call
from gateway.dataplane.chat import chat
from gateway.dataplane.discover import load
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
from gateway.dataplane.messages import ModelEntry
from gateway.dataplane.plane import Plane
from gateway.dataplane.snapshot import Key, Model, Snapshot
from gateway.dataplane.steering import STEERING_FIELDS, STEERING_HEADERS, refusal_of

log = logging.getLogger(__name__)

Handler = Callable[["DataPlane", Exchange, Call], Awaitable[None]]
JSON = b"content-type: application/json\r\n"
WIRE_PREFIXES = ("/v1/", "/v2/", "/v1beta/", "/anthropic/", "/health/")


def is_wire(path: str) -> bool:
    """Whether a path belongs to the data plane; everything else is the control plane's."""
    return path == "/health" or path.startswith(WIRE_PREFIXES)


class Endpoint(NamedTuple):
    """`dialect`: in which errors are told, and requests read. `counts`: only tokens are asked for."""

    handler: Handler
    dialect: str = "openai-chat"
    methods: tuple[str, ...] = ("POST",)
    counts: bool = False


class DataPlane:
    """`probes`: name → a coroutine function that raises where the dependency is not well."""

    def __init__(self, plane: Plane, *, version: str, probes: Mapping[str, Probe]) -> None:
        self.plane = plane
        self.version = version
        self.probes = probes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        call = Call(scope["path"], _dialect_at(scope["path"]), client[0] if client else "")
        exchange = Exchange(scope, receive, send, request_id=call.request_id, max_body=self.plane.max_body)
        try:
            exchange.read_headers()
            await _endpoint(exchange, call).handler(self, exchange, call)
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
    await exchange.answer(200, JSON + headers.own(call), _listing(exchange, call).model_list(entries))


async def _model(app: DataPlane, exchange: Exchange, call: Call) -> None:
    snapshot = app.plane.holder.current
    key = await auth.identify(call, app.plane.keys, snapshot, exchange.headers)
    name = exchange.scope["path"].split("/models/", 1)[1]
    models = [target.model for target in routing.resolve(snapshot, name)]
    if not _allowed(key, name, models):
        raise ModelNotFound(f"There is no model {name!r} here. GET /v1/models lists what there is.", param="model")
    body = _listing(exchange, call).model_entry(_entry(snapshot, name))
    await exchange.answer(200, JSON + headers.own(call), body)


def _listing(exchange: Exchange, call: Call) -> ModuleType:
    """The dialect in which models are listed: `/v1/models` belongs to three, told apart by what their SDKs send."""
    if call.dialect != "openai-chat":
        return load("dialects", call.dialect)
    named = (dialect for header, dialect in _LISTED_BY.items() if header in exchange.headers)
    return load("dialects", next(named, call.dialect))


async def _health(app: DataPlane, exchange: Exchange, call: Call) -> None:
    await exchange.answer(200, JSON, health.alive(app.version))


async def _readiness(app: DataPlane, exchange: Exchange, call: Call) -> None:
    status, body = await health.readiness(app.plane, app.probes, app.version)
    await exchange.answer(status, JSON, body)


_LISTED_BY = {"anthropic-version": "anthropic", "x-goog-api-key": "gemini"}
_READ = ("GET", "HEAD")
_MESSAGES = Endpoint(_chat, "anthropic")
_COUNT = Endpoint(_chat, "anthropic", counts=True)

ENDPOINTS: dict[str, Endpoint] = {
    "/v1/chat/completions": Endpoint(_chat),
    "/v2/chat/completions": Endpoint(_chat),
    "/v1/responses": Endpoint(_chat, "openai-responses"),
    "/v1/responses/input_tokens": Endpoint(_chat, "openai-responses", counts=True),
    "/v1/messages": _MESSAGES,
    "/anthropic/v1/messages": _MESSAGES,
    "/v1/messages/count_tokens": _COUNT,
    "/anthropic/v1/messages/count_tokens": _COUNT,
    "/v1/completions": Endpoint(_chat, "openai-completions"),
    "/v1/embeddings": Endpoint(_chat, "openai-embeddings"),
    "/v1/images/generations": Endpoint(_chat, "openai-images"),
    "/v1/models": Endpoint(_models, methods=("GET",)),
    "/v2/models": Endpoint(_models, methods=("GET",)),
    "/anthropic/v1/models": Endpoint(_models, "anthropic", ("GET",)),
    "/v1beta/models": Endpoint(_models, "gemini", ("GET",)),
    "/health": Endpoint(_health, methods=_READ),
    "/v1/health": Endpoint(_health, methods=_READ),
    "/health/liveliness": Endpoint(_health, methods=_READ),
    "/health/liveness": Endpoint(_health, methods=_READ),
    "/health/readiness": Endpoint(_readiness, methods=_READ),
}

# Paths that go on with a model's name.
ONE_MODEL: dict[str, Endpoint] = {
    "/v1/models/": Endpoint(_model, methods=("GET",)),
    "/v2/models/": Endpoint(_model, methods=("GET",)),
    "/anthropic/v1/models/": Endpoint(_model, "anthropic", ("GET",)),
    "/v1beta/models/": Endpoint(_model, "gemini", ("GET",)),
}

# Gemini puts model and action into the path: /v1beta/models/{model}:{action}; its Python SDK says /v1 by itself.
ACTIONS: dict[str, Endpoint] = {
    "generateContent": Endpoint(_chat, "gemini"),
    "streamGenerateContent": Endpoint(_chat, "gemini"),
    "countTokens": Endpoint(_chat, "gemini", counts=True),
}
_ACTED_ON = ("/v1beta/models/", "/v1/models/")


def _endpoint(exchange: Exchange, call: Call) -> Endpoint:
    """Where a request goes; notes in the call what its URL says. Raises NotFound or MethodNotAllowed."""
    path, method = exchange.scope["path"], exchange.scope["method"]
    endpoint = ENDPOINTS.get(path) or _acting(exchange, call) or _about_one_model(path)
    if endpoint is None:
        raise NotFound(f"There is nothing at {path[:200]!r}. The endpoints are listed in the documentation.")
    if method not in endpoint.methods:
        allowed = list(endpoint.methods)
        raise MethodNotAllowed(f"{path[:200]} takes {' and '.join(allowed)}, not {method}.", allowed=allowed)
    call.counts = endpoint.counts
    return endpoint


def _acting(exchange: Exchange, call: Call) -> Endpoint | None:
    path = exchange.scope["path"]
    if not _names_action(path) or exchange.scope["method"] != "POST":
        return None
    name, _, action = path.split("/models/", 1)[1].rpartition(":")
    query = dict(parse_qsl(exchange.scope.get("query_string", b"").decode("latin-1")))
    call.requested_model = unquote(name)[:160]
    call.endpoint = f"/v1beta/models/*:{action}"  # one endpoint, whatever the model
    call.action = f"{action}:sse" if query.get("alt") == "sse" else action
    return ACTIONS[action]


def _names_action(path: str) -> bool:
    return path.startswith(_ACTED_ON) and path.rpartition(":")[2] in ACTIONS


def _about_one_model(path: str) -> Endpoint | None:
    for prefix, endpoint in ONE_MODEL.items():
        if path.startswith(prefix):
            return endpoint
    return None


def _dialect_at(path: str) -> str:
    """The dialect in which whoever calls this path expects to be answered."""
    if endpoint := ENDPOINTS.get(path):
        return endpoint.dialect
    if path.startswith("/v1beta/") or _names_action(path):
        return "gemini"
    return "anthropic" if path.startswith("/anthropic/") else "openai-chat"


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
    dialect = load("dialects", call.dialect)
    if exchange.opened:
        tell = exchange.error_event or dialect.error_event
        await exchange.close(tell(error, call.request_id))
        return
    told = b"".join([headers.line(name, value) for name, value in error.headers.items()])
    body = dialect.error_body(error, call.request_id)
    await exchange.answer(dialect.status_of(error), JSON + told + headers.own(call), body)


async def _hand_on(exchange: Exchange, call: Call, error: UpstreamRejected) -> None:
    """The provider's own refusal of the request, as it came, to a client of the same dialect."""
    if exchange.opened or not error.answer or not error.answer[2]:
        await _tell(exchange, call, error)
        return
    status, upstream, body = error.answer
    await exchange.answer(status, headers.to_client(upstream, call), body)


def _entry(snapshot: Snapshot, name: str) -> ModelEntry:
    if route := snapshot.routes.get(name):
        return ModelEntry(name, "route", route.created)
    first = routing.resolve(snapshot, name)[0].model
    return ModelEntry(name, first.provider, first.created)


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
