"""Journals made by hand, the statement of an account, and every sum it must keep."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import msgspec

from agbot.backtest.statement import DAY_NS, Span, day_of
from agbot.backtest.statement_table import attribution, days, figures, to_csv
from agbot.backtest.statements import runs_of, state
from agbot.backtest.table import attributed
from agbot.core.step import Output
from agbot.model.events import (
    BookSnapshot,
    MarketListed,
    OrderFilled,
)
from agbot.model.order import Liquidity, Settlement, Side
from agbot.store.codec import encode_batch, encode_output
from agbot.store.journal import BATCH, END, RUN, STEP, Header, Journal
from agbot.testing.builders import make_market, place
from agbot.units import NS_PER_S, SCALE, to_units

MIDNIGHT_NS = 20_000 * DAY_NS
MARKETS = [make_market("m1"), make_market("m2")]
CAPITAL = 1_000 * SCALE


class Written:
    """A journal made by hand: what was heard and what was sent, a second apart."""

    def __init__(self, folder, started_ns, *, mode="PAPER", capital=CAPITAL, carried=()):
        self.path = folder / f"{started_ns:020d}-{mode.lower()}.agj"
        self.now_ns = started_ns
        self._journal = Journal(self.path, durable=False)
        header = Header(
            run_id=self.path.stem,
            mode=mode,
            version="v",
            capital=capital,
            seed=1,
            policies='{"policies": [{"type": "OfAnotherVersion"}]}',
            strategies=(("that-is-gone", "{}", None),),
            started_ns=started_ns,
            carried=tuple(carried),
        )
        self._journal.append(RUN, started_ns, msgspec.msgpack.encode(header))
        self.hear(*(MarketListed(market, started_ns) for market in MARKETS))

    def at(self, now_ns):
        self.now_ns = now_ns
        return self

    def hear(self, *events, output=None):
        self._journal.append(BATCH, self.now_ns, encode_batch(list(events)))
        if output is not None:
            self._journal.append(STEP, self.now_ns, encode_output(output))
        self.now_ns += NS_PER_S
        return self

    def send(self, *commands, decisions=()):
        return self.hear(output=Output(commands, decisions, ()))

    def book(self, market, bid, ask, size="1000"):
        bids, asks = ((to_units(bid), to_units(size)),), ((to_units(ask), to_units(size)),)
        mirrored = ((SCALE - asks[0][0], asks[0][1]),), ((SCALE - bids[0][0], bids[0][1]),)
        return self.hear(
            BookSnapshot(market.yes, bids, asks, self.now_ns), BookSnapshot(market.no, *mirrored, self.now_ns)
        )

    def fill(self, order, market=MARKETS[0], strategy="s1", side=Side.BUY, price="0.5", size="10", fee=0, **more):
        token = more.get("token", market.yes)
        order = f"{self.path.stem}-{order}"
        self.send(place(order, side, price, size, market=market.id, token=token, strategy=strategy))
        return self.hear(
            OrderFilled(
                order, f"t{order}", to_units(price), to_units(size), fee, Liquidity.MAKER, self.now_ns,
                settlement=more.get("settlement", Settlement.CONFIRMED),
            )
        )  # fmt: skip

    def end(self, *, in_order=True):
        if in_order:
            self._journal.append(END, self.now_ns, b"\x80")
        self._journal.close()
        return self.path


def statement(folder, period="day", last_ns=MIDNIGHT_NS, mode=""):
    return state(runs_of(sorted(folder.glob("*.agj")), mode), period, Span.ending(period, day_of(last_ns)))


def adds_up(said):
    """Assert every sum there is, and return the statement."""
    assert said.unexplained == 0
    assert said.closing - said.opening == said.pnl + said.brought
    assert [d.opening + d.pnl + d.brought for d in said.days] == [d.closing for d in said.days]
    assert [d.closing for d in said.days[:-1]] == [d.opening for d in said.days[1:]]
    assert sum(d.pnl for d in said.days) == said.pnl == sum(row.pnl for row in said.attribution())
    assert sum(d.brought for d in said.days) == said.brought
    assert [d.pnl for d in said.days] == [sum(r.pnl for r in said.rows if r.day == d.day) for d in said.days]
    account = attributed(said.attribution(), said.strategies)[-1]
    assert account["fills"] == str(said.fills)
    shown_adds_up(attributed(said.attribution(), said.strategies))
    days_add_up(days(said), {row["figure"]: row["value"] for row in figures(said)})
    if said.rows:
        shown_adds_up(attribution(said))
        assert attribution(said)[-1]["PnL usd"] == days(said)[-1]["PnL usd"]
    told = list(csv.DictReader(io.StringIO(to_csv(said))))
    assert sum(to_units(row["pnl_usd"]) + to_units(row["brought_usd"]) for row in told) == said.closing - said.opening
    assert sum(to_units(row["fees_usd"]) for row in told) == said.fees
    return said


def days_add_up(rows, account):
    """Assert that what is shown adds up along each line, down each column, and to the account's figures."""
    names = ("equity before", "PnL usd", "brought in", "equity after")
    *each, total = [[Decimal(row[name]) for name in names] for row in rows]
    assert all(before + pnl + brought == after for before, pnl, brought, after in [*each, total])
    assert [sum(day[column] for day in each) for column in (1, 2)] == total[1:3]
    told = ("equity before, usd", "PnL usd", "brought in usd", "equity after, usd")
    assert [Decimal(account[name]) for name in told] == total


def shown_adds_up(rows):
    """Assert that a reader who adds up a column finds the account's figure, and each strategy's."""
    *rows, account = rows
    markets = [row for row in rows if row["market"] != "all"]
    for column in ("fees usd", "PnL usd"):
        total = Decimal(account[column])
        assert sum(Decimal(row[column]) for row in markets) == total
        by_strategy = [row for row in rows if row["market"] == "all"]
        assert not by_strategy or sum(Decimal(row[column]) for row in by_strategy) == total
        for row in by_strategy:
            own = [Decimal(each[column]) for each in markets if each["strategy"] == row["strategy"]]
            assert sum(own) == Decimal(row[column])
