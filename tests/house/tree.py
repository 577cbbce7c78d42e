"""The files that the rules apply to."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = ("gateway", "tenants", "providers", "proxies", "accounts", "logs", "snapshots", "doctor", "console")
NOT_OURS = {"node_modules", "__pycache__", "data", "staticfiles"}
HIDDEN_BUT_OURS = {".ci", ".github"}
TEXT = {".py", ".md", ".toml", ".txt", ".in", ".html", ".css", ".js", ".yaml", ".yml", ".sh", ".lua", ".conf", ".json"}
TEXT |= {".service", ".example", ".cfg", ".ini", ".csv", ".svg", ""}


@cache
def files() -> tuple[Path, ...]:
    """Every text file of the project, relative to its root."""
    found = []
    stack = [ROOT]
    while stack:
        for path in stack.pop().iterdir():
            if path.is_dir() and path.name not in NOT_OURS:
                if not path.name.startswith(".") or path.name in HIDDEN_BUT_OURS:
                    stack.append(path)
            elif path.is_file() and path.suffix in TEXT:
                found.append(path.relative_to(ROOT))
    return tuple(sorted(found))


def python(*packages: str) -> list[Path]:
    """Python files of these top-level packages, migrations left out."""
    return [
        path
        for path in files()
        if path.suffix == ".py" and path.parts[0] in packages and "migrations" not in path.parts
    ]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(), filename=str(path))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def place(path: Path, node: ast.AST) -> str:
    return f"{path}:{getattr(node, 'lineno', 0)}"
