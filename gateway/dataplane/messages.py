"""What every dialect has in common: the envelope of a request and the usage of an answer."""

import msgspec


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one answer. `tokens_in` includes cached ones, `tokens_out` includes reasoning."""

    tokens_in: int
    tokens_out: int
    cached: int = 0
    reasoning: int = 0

    @property
    def total(self) -> int:
        return self.tokens_in + self.tokens_out


class Envelope(msgspec.Struct):
    """What routing and limits need of a request; the rest stays in `fields` as the bytes that came.

    fields:        top-level name → raw JSON of its value, in the client's order.
    wants_usage:   the client asked for usage in its stream.
    max_tokens:    the client's own cap on the answer, None if it set none.
    choices:       how many answers it asked for.
    prompt_bytes:  size of the body, from which tokens are estimated before the call.
    """

    model: str
    stream: bool
    wants_usage: bool
    max_tokens: int | None
    choices: int
    prompt_bytes: int
    fields: dict[str, msgspec.Raw]
    raw: bytes
