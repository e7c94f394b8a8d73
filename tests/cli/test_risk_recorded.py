"""The recorded event of docs/risk.md: its prices are the recording's, its figures those of the page and of a hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from agbot.cli import risk
from agbot.located import load

BOOK = Path(__file__).parents[2] / "examples" / "fed-june.yaml"
PAGE = Path(__file__).parents[2] / "docs" / "risk.md"
OUTCOMES = {
    "no-change": "be-no-change",
    "cut-25": "decrease-interest-rates-by-25",
    "cut-50": "decrease-interest-rates-by-50",
    "hike-25": "increase-interest-rates-by-25",
    "hike-50": "increase-interest-rates-by-50",
}
FIGURES = ("796.40", "+703.60", "+3.60", "−296.40", "154.16", "620.91", "−0.90", "−246.75", "1000 − 500 = 800")


def ask(*words):
    done = CliRunner().invoke(risk.command, [*words, "--book", str(BOOK), "--json"], catch_exceptions=False)
    return json.loads(done.output)


def test_its_prices_are_those_of_the_recorded_books(shared):
    folder = shared / "data" / "polymarket_negrisk_fed_june"
    event = json.loads((folder / "gamma-event.json").read_text())
    markets = (event[0] if isinstance(event, list) else event)["markets"]
    books = {book["asset_id"]: book for book in json.loads((folder / "clob-books.json").read_text())}
    rows = {row.fields["market"].text: row.fields for row in load(BOOK).fields["positions"].items}
    assert rows.keys() == OUTCOMES.keys()
    assert len(markets) == len(rows)
    for name, slug in OUTCOMES.items():
        (market,) = (m for m in markets if slug in m["slug"])
        tokens = market["clobTokenIds"]
        book = books[(json.loads(tokens) if isinstance(tokens, str) else tokens)[0]]
        best = max(float(row["price"]) for row in book["bids"]), min(float(row["price"]) for row in book["asks"])
        assert (float(rows[name]["bid"].text), float(rows[name]["ask"].text)) == best
        assert float(rows[name]["price"].text) == pytest.approx(sum(best) / 2)


def test_its_figures_are_those_of_a_hand():
    whole = 1.0015
    won = {"no-change": 3.60, "cut-25": 703.60, "hike-25": -796.40, "cut-50": -296.40, "hike-50": -296.40}
    chance = {"no-change": 0.9805, "cut-25": 0.0055, "hike-25": 0.0065, "cut-50": 0.0065, "hike-50": 0.0025}
    found = ask("show")
    assert found["worst_usd"] == 796.40
    assert found["best_usd"] == 703.60
    assert found["expected_usd"] == pytest.approx(sum(won[k] * chance[k] for k in won) / whole, abs=0.005)
    assert found["var_usd"] == {"0.95": -3.60, "0.99": 296.40}
    beyond = 796.40 * 0.0065 / whole
    rest = 296.40 * 0.009 / whole - 3.60 * (0.05 - 0.0155 / whole)
    assert found["es_usd"]["0.95"] == pytest.approx((beyond + rest) / 0.05, abs=0.005)
    assert found["es_usd"]["0.99"] == pytest.approx((beyond + 296.40 * (0.01 - 0.0065 / whole)) / 0.01, abs=0.005)
    gains = {row["scenario"]: row["usd"] for row in ask("stress")["scenarios"]}
    assert gains["all against"] == -796.40
    assert gains["favourites win"] == 3.60
    assert gains["favourites lose"] == -296.40
    assert gains["exit now"] == -0.90
    assert gains["one invalid"] == -246.75


def test_the_page_says_these_figures():
    page = PAGE.read_text(encoding="utf-8").partition("## A recorded event by hand")[2]
    assert [figure for figure in FIGURES if figure not in page] == []
