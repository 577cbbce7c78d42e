"""Reading a file: whatever the bytes are, the answer is plain data or one line."""

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from console.config import document
from console.config.document import Unreadable

# YAML allows no control characters and no code points that are not characters.
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=20)
SCALARS = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | TEXTS
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


@given(TREES)
def test_json_is_read_as_python_reads_it(tree) -> None:
    assert document.parse(json.dumps(tree).encode()).content == tree


@given(TREES)
def test_yaml_is_read_as_pyyaml_reads_it(tree) -> None:
    text = yaml.safe_dump(tree, allow_unicode=True)
    assert document.parse(text.encode()).content == yaml.safe_load(text)


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_any_bytes_give_data_or_one_line(raw: bytes) -> None:
    try:
        document.parse(raw)
    except Unreadable as error:
        assert "\n" not in str(error)


@given(st.text(alphabet="[]{}:-,&*!<>|?#'\"ab1 \n\t", max_size=200))
@settings(max_examples=500)
def test_any_punctuation_gives_data_or_one_line(text: str) -> None:
    try:
        document.parse(text.encode())
    except Unreadable as error:
        assert "\n" not in str(error)


def bomb() -> str:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    return "\n".join(rows)


def merge_bomb() -> str:
    rows = ["a0: &a0 {k: v}"]
    rows += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 50)}]}}" for n in range(1, 8)]
    return "\n".join(rows)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * 100_000, "nested deeper"),
        ("{a: " * 5_000, "nested deeper"),
        ("- " * 50_000, "nested deeper"),
        (bomb(), "200,000 values"),
        (merge_bomb(), "200,000 values"),
        ("a: &a [*a]", "refers to nothing"),
        ("a: *b", "refers to nothing"),
        ("--- 1\n--- 2", "second document"),
        ("a: !!python/object/apply:os.system [id]", "tag !!python"),
        ("a: !!binary aGk=", "tag !!binary"),
        ("a: 1\na: 2", "given twice"),
        ("? [a]\n: b", "cannot be a key"),
        ("a: 2020-13-45", "no date or number"),
        ("a: " + "9" * 10_000, "no date or number"),
        ("a: [", "not valid YAML"),
        ("a:\n\t- b", "line 2"),
    ],
)
def test_hostile_text_is_refused_in_one_line(text: str, says: str) -> None:
    with pytest.raises(Unreadable) as caught:
        document.parse(text.encode())
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_anchors_and_merges_work_where_they_are_small() -> None:
    text = "a: &base {x: 1, y: 2}\nb: {<<: *base, y: 3}\nc: *base"
    assert document.parse(text.encode()).content["b"] == {"x": 1, "y": 3}


def test_lines_are_known_for_each_path() -> None:
    found = document.parse(b"accounts:\n  - provider: a\n  - provider: b\n    auth:\n      api_key: x\n")
    assert found.line_of("accounts[1].auth.api_key") == 5
    assert found.line_of("accounts[1].auth.api_key.more[3]") == 5
    assert found.line_of("accounts[1]") == 3
    assert found.line_of("nowhere") is None


def test_a_file_past_the_limit_is_refused(tmp_path) -> None:
    big = tmp_path / "big.yaml"
    big.write_bytes(b"#" * (document.MAX_BYTES + 1))
    with pytest.raises(Unreadable, match="5 MB"):
        document.read(str(big))
