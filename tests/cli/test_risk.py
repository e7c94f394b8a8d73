"""agbot risk: the figures of a file's book, scenarios of one's own, and what is said when a file is wrong."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from agbot.cli import risk
from agbot.errors import ConfigError

BOOK = """\
cash_usd: 500
positions:
  - {market: who-ada, event: who, exclusive: true, yes: 100, price: "0.40", bid: "0.39", ask: "0.41", fee_rate: "0.04"}
  - {market: who-bob, event: who, exclusive: true, no: 50, price: "0.35", bid: "0.34", ask: "0.36"}
  - {market: rain, yes: 20, no: 5, price: "0.70"}
"""


@pytest.fixture
def typed(tmp_path):
    (tmp_path / "book.yaml").write_text(BOOK)

    def run(*words):
        return CliRunner().invoke(risk.command, [*words, "--book", str(tmp_path / "book.yaml")])

    return run


def test_the_figures(typed):
    found = json.loads(typed("show", "--json").output)
    assert (found["equity_usd"], found["worst_usd"], found["best_usd"]) == ("588.00", 83.0, 82.0)
    assert found["var_usd"] == {"0.95": 83.0, "0.99": 83.0}
    assert found["worst_by_event_usd"] == {"who": 72.5, "rain": 10.5}
    assert found["greeks"]["who"]["delta"] == 50
    assert [row["worst"] for row in found["positions"]] == [40.0, 32.5, 10.5]


def test_the_table(typed):
    text = typed("show").output
    assert "worst case  83.00 usd of what is held (best 82.00)" in text
    assert "at 0.95     VaR 83.00 usd, ES 83.00 usd" in text
    assert "events for independent" in text


def test_positions_that_win_and_lose_together(typed):
    found = json.loads(typed("show", "--correlation", "--json").output)["together"]
    assert found["markets"] == ["who-ada", "who-bob", "rain"]
    assert found["correlation"][0] == [1.0, 0.5991, 0.0]  # 0.40·0.35/√(0.24·0.2275): YES of one, NO of the other
    assert sum(found["variance_parts"]) == pytest.approx(1)
    text = typed("show", "--correlation").output
    assert "2  who-bob        28.7%  0.60  1.00  0.00" in text
    assert "concentration" not in typed("show").output


def test_of_many_positions_the_pairs_that_are_related(tmp_path):
    rows = [f'  - {{market: m{i}, event: e{i // 2}, exclusive: true, yes: 9, price: "0.{40 + i}"}}' for i in range(14)]
    (tmp_path / "book.yaml").write_text("positions:\n" + "\n".join(rows))
    text = CliRunner().invoke(risk.command, ["show", "--correlation", "--book", str(tmp_path / "book.yaml")]).output
    pairs = [line.split() for line in text.partition("market  and")[2].splitlines()[2:9]]
    assert pairs[0] == ["m11", "m10", "-1.00"]
    assert [float(value) for *_, value in pairs] == sorted(float(value) for *_, value in pairs)
    assert len(pairs) == 7


def test_twelve_scenarios_worst_first(typed):
    rows = json.loads(typed("stress", "--json").output)["scenarios"]
    assert len(rows) == 12
    assert {row["scenario"]: row["usd"] for row in rows}["all against"] == -83.0
    lines = typed("stress").output.splitlines()
    assert lines[2].startswith("all against")
    assert lines[-1] == "equity 588.00 usd"


def test_a_scenario_of_ones_own(typed, tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text("ada wins: {who-ada: 1, who-bob: 0}\nall down: -1.5\n")
    rows = json.loads(typed("stress", "--scenario", str(path), "--json").output)["scenarios"]
    assert [(row["scenario"], row["usd"]) for row in rows] == [("ada wins", 77.5), ("all down", -20.28)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("positions: [{market: a, yes: 1}]", "positions[0].price: the key is missing"),
        ('positions: [{market: a, price: "1.2"}]', "positions[0].price: '1.2' is out of range"),
        ('positions: [{market: a, price: "0.2", size: 3}]', "unknown key 'size'"),
        ("cash_usd: 1", "positions: the key is missing"),
    ],
)
def test_a_wrong_book_is_located(tmp_path, text, says):
    path = tmp_path / "b.yaml"
    path.write_text(text)
    error = CliRunner().invoke(risk.command, ["show", "--book", str(path)]).exception
    assert isinstance(error, ConfigError)
    assert says in str(error)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- 1", "a scenario file is a mapping"),
        ("a: {rain: 2}", "out of range"),
        ("a: {rian: 1}", "nothing is held of 'rian' → held: rain, who-ada"),
        ("a: x", "expected a number"),
    ],
)
def test_a_wrong_scenario_is_located(typed, tmp_path, text, says):
    path = tmp_path / "s.yaml"
    path.write_text(text)
    error = typed("stress", "--scenario", str(path)).exception
    assert isinstance(error, ConfigError)
    assert says in str(error)
