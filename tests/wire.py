"""Raw HTTP/1.1 over a socket, for what no polite client library can be made to send or show."""

import json
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass
class Answer:
    """Status, headers (lower-case names, last one wins) and the body with its framing taken off.

    complete: the body ended as its framing promised; False where the connection broke off.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    complete: bool = True

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        found = self.json["error"]
        assert isinstance(found, dict)
        return found

    @property
    def request_id(self) -> str:
        return self.headers["x-request-id"]


def head(method: str, path: str, headers: Iterable[tuple[str, str]]) -> bytes:
    """Request line and headers as bytes; nothing is checked or added."""
    lines = [f"{method} {path} HTTP/1.1", "host: gateway.test"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Wire:
    """One connection. Use it as a context manager."""

    def __init__(self, port: int, *, timeout: float = 20.0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self._buffer = b""

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *exc: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        """A whole request; its answer is still to be read."""
        length = {"content-type": "application/json", "content-length": str(len(body))}
        self.send(head("POST", path, {**length, **headers}.items()) + body)

    def read_head(self) -> Answer:
        """Status and headers, as soon as they are there; the body stays on the wire."""
        text = self._until(b"\r\n\r\n").decode("latin-1")
        first, *lines = text.split("\r\n")
        pairs = (line.partition(":") for line in lines if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        return Answer(int(first.split(" ")[1]), headers, b"")

    def read(self, *, method: str = "POST") -> Answer:
        """The whole answer, however it ends."""
        answer = self.read_head()
        if method == "HEAD" or answer.status in {204, 304}:
            return answer
        try:
            if answer.headers.get("transfer-encoding") == "chunked":
                while part := self.read_chunk():
                    answer.body += part
            elif "content-length" in answer.headers:
                answer.body = self._exactly(int(answer.headers["content-length"]))
            else:
                answer.body = self._rest()
        except EOFError:
            answer.complete = False
        return answer

    def read_chunk(self) -> bytes:
        """The next piece of a chunked body, empty at its end. Raises EOFError where the line went dead."""
        size = int(self._until(b"\r\n"), 16)
        data = self._exactly(size)
        self._exactly(2)
        return data

    def is_closed_within(self, seconds: float) -> bool:
        """Whether the other side hangs up in time."""
        self.socket.settimeout(seconds)
        deadline = time.monotonic() + seconds
        try:
            while time.monotonic() < deadline:
                if not self.socket.recv(65536):
                    return True
        except TimeoutError:
            return False
        except ConnectionError:
            return True
        return False

    def _more(self) -> None:
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            raise EOFError
        self._buffer += data

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            self._more()
        found, _, self._buffer = self._buffer.partition(mark)
        return found

    def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._more()
        found, self._buffer = self._buffer[:count], self._buffer[count:]
        return found

    def _rest(self) -> bytes:
        try:
            while True:
                self._more()
        except EOFError:
            found, self._buffer = self._buffer, b""
            return found
