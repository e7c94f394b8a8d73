"""Values know where they came from, numbers keep their text, and nothing but ConfigError comes out."""

from __future__ import annotations

import json
import os
import time
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agbot.errors import ConfigError
from agbot.located import MAX_BYTES, Fields, Located, Syntax, load, loads

YAML = """\
# a comment
mode: paper
rtds:
  endpoint: "ws://x"
  list:
    - 1000.0
    - {a: 0x123abc, b: null, c: true, d: "true"}
empty:
"""


def test_every_value_knows_line_and_key() -> None:
    root = loads(YAML, "c.yaml")
    rtds = root.fields["rtds"]
    item = rtds.fields["list"].items[1]
    assert (root.line, root.key, root.kind) == (2, "", "mapping")
    assert (rtds.line, rtds.key) == (3, "rtds")
    assert (rtds.fields["endpoint"].line, rtds.fields["endpoint"].key) == (4, "rtds.endpoint")
    assert (item.line, item.key) == (7, "rtds.list[1]")
    assert (item.fields["c"].line, item.fields["c"].key) == (7, "rtds.list[1].c")
    assert (root.fields["empty"].line, root.fields["empty"].kind) == (8, "nothing")


def test_scalars_keep_their_text() -> None:
    entries = loads(YAML, "c.yaml").fields["rtds"].fields["list"].items
    assert str(entries[0].as_decimal()) == "1000.0"
    assert entries[1].fields["a"].as_text() == "0x123abc"
    assert [node.kind for node in entries[1].fields.values()] == ["text", "nothing", "boolean", "text"]


@pytest.mark.parametrize("syntax", ["yaml", "json"])
def test_money_never_passes_a_float(syntax: Syntax) -> None:
    text = '{"a": 0.1000000000000000000001, "b": 10000000000.123456}'
    root = loads(text, "x", syntax)
    assert root.fields["a"].as_decimal() == Decimal("0.1000000000000000000001")
    assert root.fields["b"].as_units(0) == 10_000_000_000_123_456


def test_json_and_yaml_give_the_same_value() -> None:
    text = '{"a": [1, 2.50, "x", null, true], "b": {"c": -1e3}}'
    assert loads(text, "x", "yaml") == loads(text, "x", "json")


def test_plain_values() -> None:
    assert loads(YAML, "c").plain() == {
        "mode": "paper",
        "rtds": {"endpoint": "ws://x", "list": [1000, {"a": "0x123abc", "b": None, "c": True, "d": "true"}]},
        "empty": None,
    }


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_bytes(b"\xef\xbb\xbfmode: demo\n")
    assert loads("mode: demo", "x").plain() == load(tmp_path / "c.yaml").plain()


UNREADABLE = [
    ("bom16.yaml", "a: ü".encode("utf-16"), "[AGB-100] {path}:1: the text is not UTF-8 → save the file as UTF-8"),
    (
        "latin.yaml",
        "a: 1\nb: ü".encode("latin-1"),
        "[AGB-100] {path}:2: the text is not UTF-8 → save the file as UTF-8",
    ),
    ("empty.yaml", b" \n", "[AGB-100] {path}: the file is empty → "),
    ("empty.json", b"", "[AGB-100] {path}: the file is empty → "),
    ("comment.yaml", b"# only\n", "[AGB-100] {path}: the file is empty → "),
    ("big.yaml", b"a" * (MAX_BYTES + 1), "[AGB-100] {path}: the file is too large for configuration → "),
]


@pytest.mark.parametrize(("name", "content", "message"), UNREADABLE, ids=[case[0] for case in UNREADABLE])
def test_unreadable_content(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value).startswith(message.format(path=path))


def test_missing_file_directory_and_odd_path(tmp_path: Path) -> None:
    for path, reason in [
        (tmp_path / "no.yaml", "there is no such file"),
        (tmp_path, "this is a directory, not a file"),
        (f"{tmp_path}/a\0b", "the file cannot be read: embedded null byte"),
        (tmp_path / ("x" * 300), "the file cannot be read: File name too long"),
    ]:
        with pytest.raises(ConfigError) as caught:
            load(path)
        assert caught.value.reason == reason
        assert caught.value.id == "AGB-100"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_forbidden_file(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("a: 1")
    path.chmod(0)
    with pytest.raises(ConfigError, match="may not be read → allow it: chmod u\\+r"):
        load(path)


SYNTAX = [
    ("a:\n\tb: 1", "yaml", "[AGB-101] f:2: a tab is used for indentation → indent with spaces"),
    ("a: 1\n---\nb: 1", "yaml", "[AGB-101] f:2: a second document starts here → keep one document in a file"),
    ("a: [1,", "yaml", "[AGB-101] f:1: expected the node content, but found '<stream end>' → "),
    ("a: b: c", "yaml", "[AGB-101] f:1: mapping values are not allowed here → "),
    ("? [a]\n: 1", "yaml", "[AGB-101] f:1: a key must be text, got a list → "),
    ("a: 1\nb: 2\na: 3", "yaml", "[AGB-102] f:3: a: the key is already set in line 1 → keep one of them"),
    ("x:\n  a: 1\n  a: 1", "yaml", "[AGB-102] f:3: x.a: the key is already set in line 2 → keep one of them"),
    ("a: &x 1", "yaml", "[AGB-103] f:1: anchors and aliases are not accepted → write the value out"),
    ("a: 1\nb: *x", "yaml", "[AGB-103] f:2: anchors and aliases are not accepted → write the value out"),
    ("&a [*a]", "yaml", "[AGB-103] f:1: anchors and aliases are not accepted → write the value out"),
    ("a: !!python/object:os.system x", "yaml", "[AGB-103] f:1: the tag 'tag:yaml.org,2002:python/object:os.system'"),
    ("[" * 50, "yaml", "[AGB-103] f:1: nested deeper than 32 levels → flatten it"),
    ('a: "x\\x1b[31m"', "yaml", "[AGB-101] f:1: a: the text holds a control character → "),
    ('a: "\\ud800"', "yaml", "[AGB-101] f:1: a: the text holds a control character → "),
    ('b: 1\na: "\\U00110000"', "yaml", "[AGB-101] f:2: the YAML cannot be read from here on → "),
    ('a: "\\UFFFFFFFF"', "yaml", "[AGB-101] f:1: the YAML cannot be read from here on → "),
    (f"%YAML 1.{'9' * 5000}\n---\na: 1", "yaml", "[AGB-101] f:1: the YAML cannot be read from here on → "),
    ('a: "\\xZZ"', "yaml", "[AGB-101] f:1: expected escape sequence of 2 hexdecimal numbers, but found 'Z' → "),
    ("a: \x00", "yaml", "[AGB-101] f: "),
    ('{"a": 1,\n "a": 2}', "json", "[AGB-102] f:2: a: the key is already set in line 1 → keep one of them"),
    ('{"a": 1,}', "json", "[AGB-101] f:1: expected a key in double quotes, found '}' → write strict JSON"),
    ("{\n'a': 1}", "json", "[AGB-101] f:2: expected a key in double quotes, found ''' → "),
    ('{"a" 1}', "json", "[AGB-101] f:1: expected ':' after the key, found '1' → "),
    ('{"a": 1', "json", "[AGB-101] f:1: expected ',' or '}', found the end of the file → "),
    ("[1 2]", "json", "[AGB-101] f:1: expected ',' or ']', found '2' → "),
    ("[NaN]", "json", "[AGB-101] f:1: expected a value, found 'N' → "),
    ("[01]", "json", "[AGB-101] f:1: expected ',' or ']', found '1' → "),
    ('{"a": "x', "json", "[AGB-101] f:1: Unterminated string starting at → "),
    ('{"a": "\\ud800"}', "json", "[AGB-101] f:1: a: the text holds a control character → "),
    ("[1]\n2", "json", "[AGB-101] f:2: text after the end of the value → "),
    ("// note\n{}", "json", "[AGB-101] f:1: expected a value, found '/' → "),
    ("[" * 50, "json", "[AGB-103] f:1: nested deeper than 32 levels → flatten it"),
]


@pytest.mark.parametrize(("text", "syntax", "message"), SYNTAX)
def test_syntax_faults_name_the_line(text: str, syntax: Syntax, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(text, "f", syntax)
    assert str(caught.value).startswith(message)


def test_bombs_are_refused_at_once() -> None:
    laughs = "a: &a [x]\n" + "".join(f"b{n}: &b{n} [*a,*a,*a,*a,*a,*a,*a,*a]\n" for n in range(99))
    deep = "[" * (MAX_BYTES - 1)
    for text, syntax in [(laughs, "yaml"), (deep, "yaml"), (deep, "json")]:
        began = time.perf_counter()
        with pytest.raises(ConfigError):
            loads(text, "f", "yaml" if syntax == "yaml" else "json")
        assert time.perf_counter() - began < 30  # a bomb that goes off takes hours


NUMBERS = [
    ("1000.0", "1000.0"), ("'12.5'", "12.5"), ("1e3", "1E+3"), (".5", "0.5"), ("-3", "-3"), ("5.", "5"), ("+1", "1"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "number"), NUMBERS)
def test_numbers(written: str, number: str) -> None:
    assert loads(f"a: {written}", "f").fields["a"].as_decimal() == Decimal(number)


NO_NUMBERS = [".inf", ".nan", "1_000", "1,000", "0x10", "1000 usd", "true", "~", "[1]", "''", "١", "1e9999", "Infinity"]


@pytest.mark.parametrize("written", NO_NUMBERS)
def test_not_numbers(written: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(f"a: {written}", "f").fields["a"].as_decimal()
    assert caught.value.id == "AGB-106"


def test_long_names_are_cut_and_escaped_in_messages() -> None:
    faults: list[ConfigError] = []
    Fields(loads(f"{'k' * 300}: 1\nü\u200b: 2", "f"), faults).close()
    assert "k" * 59 + "…" in str(faults[0])
    assert "k" * 61 not in str(faults[0])
    assert "\\xfc\\u200b" in str(faults[1])


def _walk(node: Located) -> list[Located]:
    below = [*node.items, *node.fields.values()]
    return [node, *(each for child in below for each in _walk(child))]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text("abc xyz", max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(JSON_VALUES, st.sampled_from([None, 2]))
def test_json_is_read_as_written(value: object, indent: int | None) -> None:
    assert loads(json.dumps(value, indent=indent), "f", "json").plain() == value


@settings(deadline=None)
@given(st.text() | st.text("{}[]:,&*!|>-?'\"#% \n\tab1.0~@`\\", max_size=60))
@example("? ")
@example("%YAML 9.9\n---\n")
@example("a: !<x> y")
@example("'\\")
@example("- - - \n  -")
def test_any_text_gives_a_value_or_a_config_error(text: str) -> None:
    for syntax in ("yaml", "json"):
        fault, lines = None, [1]
        try:
            lines = [node.line for node in _walk(loads(text, "f", "yaml" if syntax == "yaml" else "json"))]
        except ConfigError as e:
            fault = e
        assert fault is None or fault.id in {"AGB-100", "AGB-101", "AGB-102", "AGB-103"}
        assert "\n" not in str(fault)
        assert min(lines) >= 1
