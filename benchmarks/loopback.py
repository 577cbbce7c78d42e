"""One plain HTTP call to the loopback interface, for readiness and the warm call; never part of a measurement."""

import http.client
from dataclasses import dataclass, field

LIMIT_S = 15


@dataclass(frozen=True)
class Answer:
    """Status 0: nobody answered."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def ask(
    port: int, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None
) -> Answer:
    """Never raises: a closed port is an answer too."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, response.read(), names)
    except (OSError, http.client.HTTPException):
        return Answer(0)
    finally:
        connection.close()
