"""Requests that many tests send, and what they expect of every answer."""

import re
from typing import Any

import httpx2

from tests.process import GatewayProcess
from tests.upstreams import bodies
from tests.world import CI_KEY

PATH = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "Say hello."}]
REQUEST_ID = re.compile(r"req_[0-9a-f]{32}")


def body(model: str, **fields: Any) -> dict[str, Any]:
    """A small valid request; a field given as `...` is left out."""
    whole = {"model": model, "messages": MESSAGES, **fields}
    return {name: value for name, value in whole.items() if value is not ...}


def ask(client: httpx2.Client, model: str, **fields: Any) -> httpx2.Response:
    return client.post(PATH, json=body(model, **fields))


def ask_stream(client: httpx2.Client, model: str, **fields: Any) -> tuple[httpx2.Response, bytes]:
    """(the answer, every byte of its stream)."""
    with client.stream("POST", PATH, json=body(model, stream=True, **fields)) as response:
        return response, b"".join(response.iter_raw())


def error_of(response: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """The error object, once its shape and the headers around it are what every error must have."""
    assert response.status_code == status, response.text
    check_headers(response)
    error = response.json()["error"]
    assert set(error) >= {"message", "type", "param", "code", "source"}
    assert error["code"] == code, error
    assert error["source"] in {"gateway", "provider"}
    assert isinstance(error["message"], str)
    assert len(error["message"]) > 10
    assert isinstance(error["type"], str)
    return dict(error)


def check_headers(response: httpx2.Response) -> None:
    """What every answer of the data plane carries."""
    assert REQUEST_ID.fullmatch(response.headers["x-request-id"])
    assert response.headers["cache-control"] == "no-store, private"
    assert "authorization" in response.headers["vary"].lower()
    assert float(response.headers["x-gateway-overhead-ms"]) >= 0
    assert int(response.headers["x-gateway-attempts"]) >= 0


def post(gateway: GatewayProcess, content: Any, **headers: str) -> httpx2.Response:
    """A request of tenant acme with any body; header names take `_` for `-`."""
    own = {"authorization": f"Bearer {CI_KEY}", "content-type": "application/json"}
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.post(gateway.url + PATH, content=content, headers={**own, **given}, trust_env=False, timeout=20)


def error_event_of(raw: bytes) -> dict[str, Any]:
    """The error at the end of a stream; there is exactly one, it is last, and nothing claims success."""
    assert raw.endswith(b"\n\n")
    assert b"[DONE]" not in raw
    found = bodies.objects_of(raw)
    assert [("error" in event) for event in found] == [False] * (len(found) - 1) + [True]
    error = found[-1]["error"]
    assert set(error) >= {"message", "type", "code", "source"}
    return dict(error)
