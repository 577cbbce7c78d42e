"""The one exception of the harness: something a person can mend, said in one line."""


class BenchError(Exception):
    """A foreseeable failure; the message says what is wrong and what cures it."""
