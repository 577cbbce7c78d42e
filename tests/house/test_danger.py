"""What must not appear in code that runs in production."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import RUNTIME, parsed, place, python

FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "shelve", "marshal", "subprocess", "telnetlib", "requests"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_METHODS = {"raw", "extra"}
FORBIDDEN_NAMES = {"RawSQL", "mark_safe"}
RUNNERS = {"execute", "executemany", "executescript"}
SHELLS = {("os", "system"), ("os", "popen")}


def problems(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """(node, what is wrong with it) of everything in a module that is forbidden."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = {alias.name.partition(".")[0] for alias in node.names}
            yield from ((node, f"imports {name}") for name in names & FORBIDDEN_MODULES)
        elif isinstance(node, ast.ImportFrom):
            if (node.module or "").partition(".")[0] in FORBIDDEN_MODULES:
                yield node, f"imports {node.module}"
            yield from ((node, f"imports {a.name}") for a in node.names if a.name in FORBIDDEN_NAMES)
        elif isinstance(node, ast.Call):
            yield from _bad_call(node)


def _bad_call(node: ast.Call) -> Iterator[tuple[ast.AST, str]]:
    match node.func:
        case ast.Name(id=name) if name in FORBIDDEN_CALLS:
            yield node, f"calls {name}"
        case ast.Attribute(attr=name) if name in FORBIDDEN_METHODS:
            yield node, f"calls .{name}()"
        case ast.Attribute(value=ast.Name(id=module), attr=name) if (module, name) in SHELLS:
            yield node, f"calls {module}.{name}"
        case ast.Attribute(attr=name) if name in RUNNERS and node.args and _is_built(node.args[0]):
            yield node, f"builds the SQL of .{name}() from pieces"


def _is_built(argument: ast.expr) -> bool:
    """True for f-strings with values, `%` and `+` of strings, and `.format()`."""
    match argument:
        case ast.JoinedStr(values=values):
            return any(isinstance(value, ast.FormattedValue) for value in values)
        case ast.BinOp(op=ast.Mod() | ast.Add()):
            return True
        case ast.Call(func=ast.Attribute(attr="format")):
            return True
    return False


def test_the_runtime_packages_hold_nothing_dangerous() -> None:
    found = [f"{place(path, node)} {what}" for path in python(*RUNTIME) for node, what in problems(parsed(path))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from subprocess import run",
        "eval(text)",
        "Model.objects.raw(sql)",
        "Model.objects.extra(where=[text])",
        "from django.db.models.expressions import RawSQL",
        "cursor.execute(f'select {name}')",
        "cursor.execute('select %s' % name)",
        "cursor.execute('select ' + name)",
        "cursor.execute('select {}'.format(name))",
        "os.system(command)",
    ],
)
def test_the_gate_sees_it(code: str) -> None:
    assert list(problems(ast.parse(code)))


@pytest.mark.parametrize("code", ["cursor.execute('select 1', [name])", "cursor.execute(INSERT, rows)", "import json"])
def test_the_gate_lets_it_pass(code: str) -> None:
    assert not list(problems(ast.parse(code)))


def test_the_gate_looks_at_something() -> None:
    assert len(python(*RUNTIME)) > 60
    assert Path("gateway/dataplane/chat.py") in python("gateway")
