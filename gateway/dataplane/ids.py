"""Request ids: UUIDv7 (RFC 9562 §5.7), so that their order is the order of time."""

import random
import time
from uuid import UUID


def new_id() -> UUID:
    """A fresh UUIDv7: 48 bits of Unix milliseconds, then 74 random bits."""
    # Ids must differ, not be secret: no system call for their bits. A forked worker is seeded anew by Python.
    return _uuid7(time.time_ns() // 1_000_000, random.getrandbits(80))


def first_id_at(unix_ms: int) -> UUID:
    """The smallest id that a request of this millisecond can have; bounds a time window on the key."""
    return _uuid7(unix_ms, 0)


def unix_ms_of(request_id: UUID) -> int:
    """The millisecond at which the id was made."""
    return request_id.int >> 80


def _uuid7(unix_ms: int, random_bits: int) -> UUID:
    rand_a = (random_bits >> 62) & 0xFFF
    rand_b = random_bits & 0x3FFF_FFFF_FFFF_FFFF
    value = (unix_ms & 0xFFFF_FFFF_FFFF) << 80 | 7 << 76 | rand_a << 64 | 2 << 62 | rand_b
    return UUID(int=value)
