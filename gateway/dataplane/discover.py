"""Plug-ins found by file name: `dialects/openai_chat.py` is the dialect `openai-chat`. No list to edit."""

from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent


@cache
def names(folder: str) -> tuple[str, ...]:
    """The plug-ins of one folder beside this file, sorted; a file that begins with `_` is not one."""
    files = (HERE / folder).glob("[!_]*.py")
    return tuple(sorted(file.stem.replace("_", "-") for file in files))


@cache
def load(folder: str, name: str) -> ModuleType:
    """The module of one plug-in. Raises LookupError naming those that exist."""
    if name not in names(folder):
        raise LookupError(f"{folder} has no {name!r}; it has {', '.join(names(folder))}")
    return import_module(f"gateway.dataplane.{folder}.{name.replace('-', '_')}")
