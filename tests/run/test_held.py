"""What is held, in rows that add up: exactly for programs, to the cent on a terminal, and to what the status says."""

from __future__ import annotations

from decimal import Decimal

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.cli import positions
from agbot.model.events import DifferenceAccepted, MarketResolved
from agbot.model.market import Outcome
from agbot.model.order import Side
from agbot.run.facts import RunFacts
from agbot.testing.account import Account
from agbot.testing.builders import make_market
from agbot.units import SCALE, to_units

MARKETS = [make_market(id=name, yes=f"{name}-yes", no=f"{name}-no", slug=name) for name in ("rain", "snow", "hail")]
FACTS = RunFacts(run_id="r", mode="PAPER", page="", started_ns=0, journal="j", capital=0)

fills = st.tuples(
    st.sampled_from(MARKETS),
    st.sampled_from(Outcome),
    st.sampled_from(Side),
    st.integers(1, SCALE - 1),  # price
    st.integers(1, 500 * SCALE),  # size
    st.integers(0, SCALE),  # fee
)


def traded(some):
    account = Account(markets=MARKETS, held={("rain", Outcome.YES): ("10", "4.123457")})
    for market, outcome, side, price, size, fee in some:
        terms = {"price": price, "size": size, "fee": fee, "strategy": "s"}
        account.engine.portfolio.fill(market, market.token(outcome), side, **terms)
    account.quote(MARKETS[0], "0.44", "0.57", size="100")  # what is held beyond the book brings nothing
    account.quote(MARKETS[1], "0.30", "")
    return account


def ask(monkeypatch, account, *args):
    """Return the answer of the command, and the bot's status."""
    status = FACTS.status(account.engine, account.now)
    monkeypatch.setattr(positions, "control", lambda *_: status)
    return CliRunner().invoke(positions.command, args).output, status


def figures(line):
    """Return value, unrealised, realised, fees and pnl: the end of a line."""
    return [Decimal(word) for word in line.split()[-5:]]


@settings(max_examples=60)
@given(some=st.lists(fills, max_size=12), resolves=st.booleans(), change=st.integers(-20 * SCALE, 20 * SCALE))
def test_rows_add_up_to_the_status(some, resolves, change):
    account = traded(some)
    accepted = DifferenceAccepted("snow", "YES", change, 0, 444_444, "me", "found", "data", 1)
    account.step(accepted, *([MarketResolved("hail", MARKETS[2].no, 1)] if resolves else []))
    with pytest.MonkeyPatch.context() as patched:
        said, status = ask(patched, account)
    rows = positions._rows(status)
    portfolio = account.engine.portfolio
    total = {name: sum(to_units(row[name]) for row in rows) for name in positions.MONEY}
    assert total["pnl"] == portfolio.equity() - portfolio.initial_equity() == total["unrealised"] + total["realised"]
    assert portfolio.cash + total["value"] == portfolio.equity()
    assert (total["realised"], total["fees"]) == (portfolio.realised(), portfolio.fees)
    if not rows:
        return
    shown = [figures(line) for line in said.splitlines()[2 : len(rows) + 3]]
    end = shown[-1]
    assert [sum(column) for column in zip(*shown[:-1], strict=True)] == end
    assert all(unrealised + realised == pnl for _, unrealised, realised, _, pnl in shown)
    value, _, _, fees, pnl = end
    assert (pnl, fees) == (Decimal(status["pnl_usd"]), Decimal(status["fees_usd"]))
    assert value == Decimal(status["equity_usd"]) - Decimal(status["cash_usd"])


def test_a_pair_is_told_beside_its_halves_and_what_is_sold_in_a_line(monkeypatch):
    account = traded(
        [
            (MARKETS[0], Outcome.NO, Side.BUY, 500_000, 4 * SCALE, 10_000),
            (MARKETS[1], Outcome.YES, Side.BUY, 200_000, 5 * SCALE, 0),
            (MARKETS[1], Outcome.YES, Side.SELL, 300_000, 5 * SCALE, 0),
        ]
    )
    said, _ = ask(monkeypatch, account)
    taken_over = "shares that it took over count from their cost, 4.12 usd"
    assert said.splitlines() == [
        "market          outcome  size   average  price  value  unrealised  realised  fees    pnl",
        "--------------  -------  ----  --------  -----  -----  ----------  --------  ----  -----",
        "rain            YES        10  0.412346   0.44   4.40        0.28      0.00  0.00   0.28",
        "rain            NO          4       0.5   0.43   1.72       -0.28     -0.01  0.01  -0.29",
        "rain            pairs       4                    0.52        0.52      0.00  0.00   0.52",
        "held no longer                                   0.00        0.00      0.50  0.00   0.50",
        "total                                            6.64        0.52      0.49  0.01   1.01",
        positions.PAIRS,
        f"cash 998.49 usd and value are the equity, 1005.13 usd; pnl is this run's, fees paid; {taken_over}",
    ]


def test_a_bot_that_never_held_anything(monkeypatch):
    account = Account(markets=MARKETS)
    assert ask(monkeypatch, account)[0] == "no positions (the bot)\n"
    told, _ = ask(monkeypatch, account, "--json")
    assert '"positions": []' in told
