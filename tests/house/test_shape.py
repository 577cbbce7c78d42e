"""Sizes, names and places."""

import ast
import re

from django.contrib import admin

from console.base import ConsoleAdmin
from tests.house.tree import ROOT, RUNTIME, files, functions, parsed, place, python

MAX_FILE, MAX_FUNCTION = 400, 60
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "shared"}

# A path of somebody's own machine, a ticket number: true on one day in one place.
LOCAL_WORDS = {
    "a path of one machine": re.compile(r"(?<![\w.:-])/(?:work|home/\w+|Users/\w+|tmp/\w)/"),
    "a folder outside the project": re.compile(r"(?:^|[\s`\"'(])\.\./(?:shared|work)\b"),
    "a ticket number": re.compile(r"\b[Ii]ssue (?:no\.? ?|#)?\d+"),
}


def test_files_are_short() -> None:
    long = {
        str(path): count
        for path in python(*RUNTIME)
        if (count := len((ROOT / path).read_text().splitlines())) > MAX_FILE
    }
    assert not long, f"more than {MAX_FILE} lines; make a folder, one noun or verb a file: {long}"


def test_functions_are_short() -> None:
    long = {
        f"{place(path, node)} {node.name}": count
        for path in python(*RUNTIME)
        for node in functions(path)
        if (count := (node.end_lineno or node.lineno) - node.lineno + 1) > MAX_FUNCTION
    }
    assert not long, f"more than {MAX_FUNCTION} lines: {long}"


def test_no_file_is_called_after_nothing() -> None:
    vague = [str(path) for path in files() if path.suffix == ".py" and path.stem.strip("_") in VAGUE]
    assert not vague, f"name a file for its one idea: {vague}"


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path)
        for path in python(*RUNTIME)
        if path.name not in {"__init__.py", "apps.py"} and not ast.get_docstring(parsed(path))
    ]
    assert not silent, f"no docstring: {silent}"


def test_the_data_plane_imports_at_the_top() -> None:
    """A local import hides a dependency from the contracts, and from whoever reads the file's head."""
    local = [
        place(path, node)
        for path in python("gateway")
        if "dataplane" in path.parts
        for function in functions(path)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert not local, f"imports inside functions: {local}"


def test_no_file_names_a_machine_or_a_ticket() -> None:
    found = [
        f"{path}:{number}: {what}"
        for path in files()
        for number, line in enumerate((ROOT / path).read_text(errors="replace").splitlines(), 1)
        for what, pattern in LOCAL_WORDS.items()
        if pattern.search(line)
    ]
    assert not found, "\n".join(found)


def test_every_admin_is_built_on_the_consoles_base() -> None:
    odd = [
        f"{type(model_admin).__module__}.{type(model_admin).__name__}"
        for model_admin in admin.site._registry.values()
        if not isinstance(model_admin, ConsoleAdmin)
    ]
    assert not odd, f"these do not inherit console.base.ConsoleAdmin: {odd}"
