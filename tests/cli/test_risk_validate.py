"""agbot risk validate: the report, and files that are wrong."""

from __future__ import annotations

import gzip
import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

from agbot.cli.risk_validate import command
from agbot.errors import ConfigError


@pytest.fixture
def file(tmp_path):
    prices = 100 * np.cumprod(1 + np.random.default_rng(1).standard_normal(300) * 0.01)
    path = tmp_path / "prices.csv"
    path.write_text("date,Close\n" + "".join(f"d{i},{price}\n" for i, price in enumerate(prices)))
    return path


def ask(*words):
    return CliRunner().invoke(command, [str(word) for word in words])


def test_a_report_of_every_model(file):
    found = json.loads(ask(file, "--window", 60, "--json").stdout)
    assert {(row["model"], row["confidence"]) for row in found["models"]} == {
        (model, level)
        for model in (
            "historical", "age-weighted", "normal", "student", "cornish-fisher", "ewma", "garch", "filtered",
        )
        for level in (0.95, 0.99)
    }  # fmt: skip
    assert all(row["days"] + row["missing"] == 239 for row in found["models"])
    text = ask(file, "--window", 60, "--model", "normal", "--confidence", 0.9).stdout.splitlines()
    assert text[0].split()[:5] == ["model", "at", "days", "none", "worse"]
    assert text[2].split()[:3] == ["normal", "0.9", "239"]
    assert "'below' is no test" in text[-1]


def test_a_packed_file_a_column_by_number_and_prices_below_zero(tmp_path, file):
    rows = [line.split(",") for line in file.read_text().splitlines()[1:]]
    rows[100][1], rows[101][1], rows[102][1] = "-37.63", "", "."
    packed = tmp_path / "p.csv.gz"
    packed.write_bytes(gzip.compress("\n".join(",".join(row) for row in rows).encode()))
    found = json.loads(ask(packed, "--column", 2, "--window", 60, "--model", "normal", "--json").stdout)
    assert found["left_out"] == 2
    assert found["models"][0]["days"] == 300 - 2 - 1 - 2 - 60


def test_books_of_claims():
    found = json.loads(ask("--simulated", "--days", 120, "--claims", 3, "--confidence", 0.95, "--json").stdout)
    assert [row["model"] for row in found["models"]] == ["law of claims", "normal"]


@pytest.mark.parametrize(
    ("text", "words", "says"),
    [
        ("", [], r"AGB-159.*no column 'close'"),
        ("a,b\n1,2\n", [], r"AGB-159.*p.csv:1.*--column with one of: a, b"),
        ("close\n1\nx\n", [], r"AGB-106.*p.csv:3: close: 'x' is no price"),
        ("close\n1\n2\n", [], r"AGB-160.*2 prices are too few"),
        (None, [], r"AGB-101.*cannot be read"),
    ],
)
def test_what_is_wrong_with_a_file(tmp_path, text, words, says):
    path = tmp_path / "p.csv"
    if text is not None:
        path.write_text(text)
    done = ask(path, *words)
    assert isinstance(done.exception, ConfigError)
    assert re.search(says, str(done.exception)), done.exception


def test_one_of_both_is_said():
    assert ask().exit_code == 2
    assert ask("x.csv", "--simulated").exit_code == 2
