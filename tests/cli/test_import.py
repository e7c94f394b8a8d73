"""agbot import: what it prints, what it writes, and that a failure writes nothing."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agbot.cli import cli
from agbot.errors import AgbotError
from agbot.store.history import read_history

MS = 1_750_216_815_253
ROWS = (
    "market_slug,asset_id,market_id,event_type,price,side,size,hash,timestamp\n"
    f"game,A,,book,0.4,bid,10.0,h1,{MS}\n"
    f"game,A,,book,0.6,ask,5,h1,{MS}\n"
    f"game,B,,book,0.4,bid,5,h1,{MS}\n"
    f"game,B,,book,0.6,ask,10,h1,{MS}\n"
    "rubbish\n"
    f"game,A,,price_change,0.6,bid,1,h2,{MS + 1500}\n"
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "game.csv.gz"
    path.write_bytes(gzip.compress(ROWS.encode()))
    return path


def _import(*args: object) -> Result:
    return CliRunner().invoke(cli, ["import", *map(str, args)])


def test_it_writes_a_history_file_and_says_what_is_in_it(source: Path) -> None:
    result = _import(source, "--min-size", "2.5", "--yes", "B")
    assert result.exit_code == 0, result.output
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[1:] == [
        "messages 3: 2 book, 1 delta",
        "time 2 timestamps over 2 s",
        "mirror 1 timestamp after which NO was not the mirror of YES",
        "locked 1 states, crossed 0",
        "set aside 1 line",
        "line 6: not a row of 9 fields",
        "market game",
        "condition_id game (stand-in)",
        "yes B (flag)",
        "no A (flag)",
        "tick 0.01 (default)",
        "min_size 2.5 (flag)",
        "fee_rate 0 (default)",
        "fee_exponent 1 (default)",
        f"written {source.parent / 'game.agh'}",
    ]
    recording = read_history(source.parent / "game.agh")
    assert sum(1 for _ in recording.messages()) == 3
    assert recording.markets[0].min_size == 2_500_000


def test_json_is_json_and_nothing_else(source: Path, tmp_path: Path) -> None:
    result = _import(source, "--json", "-o", tmp_path / "out", "--fee-rate", "0.03", "--condition-id", "0xc")
    assert result.exit_code == 0
    assert result.stderr == ""
    summary = json.loads(result.stdout)
    assert summary["counts"] == {"book": 2, "delta": 1}
    assert (summary["first_ns"], summary["last_ns"]) == (MS * 10**6, (MS + 1500) * 10**6)
    assert summary["audit"] == {"mirror_exceptions": 1, "locked": {"A": 1}, "crossed": {}, "early_deltas": 0}
    assert summary["set_aside_first"] == [{"line": 6, "reason": "not a row of 9 fields"}]
    terms = {term["key"]: (term["value"], term["origin"]) for term in summary["terms"]}
    assert terms["condition_id"] == ("0xc", "flag")
    assert terms["fee_rate"] == ("0.03", "flag")


@pytest.mark.parametrize(
    ("args", "exit_code", "message"),
    [
        (["--tick", "0.02"], 2, "[AGB-204] --tick: 0.02 is not a tick"),
        (["--fee-rate", "lots"], 2, "[AGB-204] --fee-rate: 'lots' is not a number"),
        (["--min-size", "-1"], 2, "[AGB-204] --min-size: -1 is negative"),
        (["--yes", "C"], 2, "[AGB-204] --yes: no token C in the recording → use one of A, B"),
        (["-o", "no/such/folder/x.agh"], 1, "[AGB-206] no/such/folder/x.agh: cannot be written"),
    ],
)
def test_a_wrong_option_writes_nothing(source: Path, args: list[str], exit_code: int, message: str) -> None:
    result = _import(source, *args)
    assert isinstance(result.exception, AgbotError)
    assert result.exception.exit_code == exit_code
    assert message in str(result.exception)
    assert os.listdir(source.parent) == [source.name]


def test_an_existing_file_is_replaced_only_when_told(source: Path) -> None:
    target = source.parent / "game.agh"
    target.write_text("precious")
    result = _import(source)
    assert isinstance(result.exception, AgbotError)
    assert (result.exception.id, result.exception.exit_code) == ("AGB-206", 2)
    assert "--force" in result.exception.remedy
    assert target.read_text() == "precious"
    assert _import(source, "--force").exit_code == 0
    assert len(list(read_history(target).messages())) == 3


def test_a_history_file_can_be_given_new_terms_in_place(source: Path) -> None:
    target = source.parent / "game.agh"
    assert _import(source).exit_code == 0
    assert _import(target, "--force", "--fee-rate", "0.07").exit_code == 0
    recording = read_history(target)
    assert recording.markets[0].fee_rate == 70_000
    assert len(list(recording.messages())) == 3


@pytest.mark.parametrize("cut", [30, 60, -1])
def test_a_cut_recording_writes_nothing(source: Path, cut: int) -> None:
    source.write_bytes(source.read_bytes()[:cut])
    result = _import(source)
    assert isinstance(result.exception, AgbotError)
    assert (result.exception.id, result.exception.exit_code) == ("AGB-203", 1)
    assert os.listdir(source.parent) == [source.name]


def test_a_missing_file_and_a_stranger_are_errors(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("hello\n")
    for name, error_id, code in (("none", "AGB-201", 4), ("x.txt", "AGB-202", 1)):
        result = _import(tmp_path / name)
        assert isinstance(result.exception, AgbotError)
        assert (result.exception.id, result.exception.exit_code) == (error_id, code)
