"""Whatever Python's own reader of JSON would let pass."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lhotse_recipes.json_files import parse_json, read_json, read_json_lines

DATA = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(DATA)
def test_what_is_json_is_read(data):
    for ascii_alone in (True, False):
        text = json.dumps(data, ensure_ascii=ascii_alone)
        assert parse_json(text, "a") == data
        assert parse_json(text.encode(), "a") == data


@pytest.mark.parametrize(
    "text, words",
    [
        ('{"a": 1,\n "b": NaN}', "NaN is no number"),
        ("[-Infinity]", "-Infinity is no number"),
        ("[1, 2e999]", "the number 2e999 is too large"),
        ("[-1e+1234]", "too large"),
        ("[" + "9" * 5000 + "]", "too large"),
        ("[0, 1" + "0" * 400 + ".5]", "too large"),
        ("[-1" + "0" * 310 + "]", "too large"),
        ('{"a": {"b": 1, "b": 1}}', "the key 'b' occurs twice"),
        ('["\\ud83d"]', "half of a character"),
        ("[" * 100_000, "nested too deeply|no whole JSON"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "nested too deeply"),
        ('{"a": 1,\n "b" 2}', "^a.json:2: no whole JSON"),
        ("", "^a.json:1: no whole JSON"),
        ("\ud83d", "no whole JSON"),
        (b"\xff\xfe", "utf-8"),
    ],
)
def test_what_is_refused(text, words):
    with pytest.raises(ValueError, match=f"{words}.*; fetch it") as (refused):
        parse_json(text, "a.json", remedy="fetch it")
    assert len(str(refused.value)) < 300


def test_halves_that_belong_together_are_read():
    assert parse_json('"\\ud83d\\ude00"', "a") == "\U0001f600"
    assert parse_json("[1e300, 1e-999]", "a") == [1e300, 0.0]


def test_kinds(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("[]")
    assert read_json(path, list) == []
    with pytest.raises(ValueError, match="a list, not a JSON object; fix it"):
        read_json(path, dict, remedy="fix it")
    with pytest.raises(FileNotFoundError, match="no.json"):
        read_json(tmp_path / "no.json")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_lines_end_where_json_says(tmp_path, encoding):
    rows = [{"id": "a\u2028b\x85"}, {"id": "c"}]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path = tmp_path / "a.jsonl"
    path.write_bytes("\r\n".join(lines).encode(encoding))
    assert [row for _, row in read_json_lines(path)] == rows
    packed = tmp_path / "a.jsonl.gz"
    packed.write_bytes(gzip.compress("\n\n".join(lines).encode()))
    assert list(read_json_lines(packed)) == [
        (f"{packed}:1", rows[0]),
        (f"{packed}:3", rows[1]),
    ]


@pytest.mark.parametrize(
    "line, words",
    [
        ('{"id": "x", "start": NaN}', ":2: item x: NaN"),
        ('{"id": "x", "id": "y"}', ":2: item x: the key 'id'"),
        ("[]", ":2: it is a list"),
        ("{", ":2: no whole JSON"),
    ],
)
def test_lines_are_named_with_their_items(tmp_path, line, words):
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "ok"}\n' + line + "\n")
    with pytest.raises(ValueError, match=r"a\.jsonl" + words):
        list(read_json_lines(path))


def test_a_line_without_an_end_is_refused(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"id": 1}\n' + b"x" * 40_000_000)
    rows = read_json_lines(path)
    next(rows)
    with pytest.raises(ValueError, match="a.jsonl has a line of more than"):
        next(rows)


def test_damaged_archives_are_named(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n' * 1000)[:-9])
    with pytest.raises(ValueError, match="a.jsonl.gz is damaged"):
        list(read_json_lines(path))
