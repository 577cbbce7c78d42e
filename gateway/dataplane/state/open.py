"""The backend that STATE_URL names."""

from gateway.dataplane.state.base import State
from gateway.dataplane.state.memory import MemoryState
from gateway.dataplane.state.redis import RedisState


def open_state(url: str) -> State:
    """`memory://` or a Redis URL; nothing is dialled yet."""
    if url.startswith("memory:"):
        return MemoryState()
    return RedisState(url)
