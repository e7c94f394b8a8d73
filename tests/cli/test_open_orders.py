"""agbot orders: a table that fits a terminal, and everything with --wide or --json."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from agbot.cli import cli, open_orders

SLUG = "will-bitcoin-reach-150000-by-the-end-of-november-2025-or-only-later"
WHY = "bid 0.29 ×20: fair 0.3172, inventory +54.92/200 shifts −0.8 ticks"


def order(number, market="rain", **changes):
    name = f"20261128T233249007-live-{number}"
    row = {
        "market": market,
        "client_order_id": name,
        "correlation_id": name,
        "strategy_id": "quoter",
        "market_id": "0x" + "ab" * 32,
        "outcome": "YES",
        "side": "BUY",
        "price": "0.365",
        "size": "1000",
        "filled": "12.5",
        "state": "OPEN",
        "reason": "",
        "why": WHY,
        "contradictions": [],
    }
    return {**row, **changes}


@pytest.fixture
def told(monkeypatch):
    """Return a function that shows orders as the running bot has them."""

    def show(orders, *args):
        monkeypatch.setattr(open_orders, "control", lambda *_: {"open_orders": orders, "markets": ["rain"]})
        result = CliRunner().invoke(cli, ["orders", *args], catch_exceptions=False)
        assert result.exit_code == 0
        return result.output

    return show


def test_usual_orders_fit_120_columns_with_their_ids_whole(told):
    orders = [order(12304), order(12305, SLUG, state="PARTIALLY_FILLED")]
    lines = told(orders).splitlines()
    assert max(map(len, lines)) <= 120
    columns = ["market", "client_order_id", "strategy_id", "outcome", "side", "price", "size", "filled", "state"]
    assert lines[0].split() == columns
    for line, row in zip(lines[2:], orders, strict=True):
        assert row["client_order_id"] in line.split()
    begin, _, end = lines[3].split()[0].partition("…")
    assert (SLUG.startswith(begin), SLUG.endswith(end), bool(begin), bool(end)) == (True, True, True, True)


def test_wide_and_json_have_all_of_it(told):
    orders = [order(1, SLUG, contradictions=["cancelled, and then filled"])]
    wide = told(orders, "--wide")
    for whole in (SLUG, WHY, "correlation_id", "cancelled, and then filled"):
        assert whole in wide
    assert json.loads(told(orders, "--json")) == orders


def test_a_contradiction_is_never_folded_away(told):
    orders = [order(1), order(2, contradictions=["cancelled, and then filled"])]
    assert "contradictions" not in told(orders[:1])
    assert "cancelled, and then filled" in told(orders)
