"""The venue's figures against ours: what counts as a difference, what it stops, and what ends it."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest
import trio

from agbot.core.view import Place
from agbot.errors import ConfigError, VenueUnavailable
from agbot.model.events import DifferenceAccepted, OrderAccepted, OrderFilled, OrderRejected
from agbot.model.market import Outcome
from agbot.model.order import Liquidity, Settlement, Side
from agbot.run.differences import Differences
from agbot.run.inbox import Inbox
from agbot.testing.builders import make_order
from agbot.units import to_units
from agbot.venue.polymarket.wire.rest import BalanceAllowance


@attrs.define
class Reads:
    """Balances as the test sets them; a token that is not named holds nothing."""

    usd: int
    tokens: dict[str, int] = attrs.Factory(dict)
    broken: bool = False
    meanwhile: Callable[[], object] = lambda: None
    refreshed: list[str] = attrs.Factory(list)

    async def open_orders(self):
        return ()

    async def balance(self, asset_type: str = "COLLATERAL", token: str = "") -> BalanceAllowance:
        await trio.lowlevel.checkpoint()
        self.meanwhile()
        if self.broken:
            raise VenueUnavailable("no answer", venue="test")
        return BalanceAllowance(self.tokens.get(token, 0) if token else self.usd, {})

    async def update_balance(self, asset_type: str = "COLLATERAL", token: str = "") -> None:
        self.refreshed.append(token)
        await trio.lowlevel.checkpoint()


def wish(side: Side, price: str, size: str) -> Place:
    return Place(token="m1-yes", side=side, price=to_units(price), size=to_units(size), why="a test wants it")


@attrs.define
class Bench:
    core: object
    reads: Reads
    venue: object
    inbox: Inbox
    differences: Differences

    async def look(self, times: int = 1) -> list[tuple[str, str]]:
        """Look, let the core hear, and return what it heard."""
        heard = []
        for _ in range(times):
            await self.differences.look()
            if len(self.inbox):
                batch = await self.inbox.receive()
                self.core.step(*batch)
                heard += [(event.market, event.reason) for event in batch]
        return heard

    async def heard(self) -> list[object]:
        """Let the core hear what waits, and return it."""
        batch = await self.inbox.receive() if len(self.inbox) else []
        self.core.step(*batch)
        return list(batch)

    def fill(self, side: Side, size: str, settlement: Settlement, price: str = "0.50", trade: str = "t") -> str:
        """Place and fill an order of YES; returns its id."""
        step = self.core.wish(wish(side, price, size))
        (order,) = step.output.commands
        fill = self.of(order.client_order_id, size, settlement, price, trade)
        self.core.step(OrderAccepted(order.client_order_id, "v", 1), fill)
        return order.client_order_id

    def of(
        self, order_id: str, size: str, settlement: Settlement, price: str = "0.50", trade: str = "t"
    ) -> OrderFilled:
        return OrderFilled(
            order_id, trade, to_units(price), to_units(size), 0, Liquidity.MAKER, 1, settlement=settlement
        )

    def denied(self) -> str:
        """Return what forbids an order now."""
        step = self.core.wish(wish(Side.BUY, "0.47", "5"))
        (command,) = step.output.commands or (None,)
        if command is not None:
            self.core.step(OrderRejected(command.client_order_id, "test", 1))
        return ", ".join(v for d in step.output.decisions for v in d.violated)


@pytest.fixture
def bench(core, venue) -> Bench:
    reads, inbox = Reads(to_units("1000")), Inbox()
    differences = Differences(
        reads, venue, core.engine, inbox, is_ours=lambda name: name.startswith("r-"), every_ns=10**9, now_ns=core.now_ns
    )
    core.observers.append(differences.observe)
    return Bench(core, reads, venue, inbox, differences)


async def test_figures_that_agree_say_nothing(bench):
    bench.fill(Side.BUY, "10", Settlement.CONFIRMED)
    bench.reads.usd, bench.reads.tokens = to_units("995"), {"m1-yes": to_units("10")}
    assert await bench.look(5) == []
    assert bench.differences.report()["differences"] == []
    assert bench.differences.report()["reads"] == 5


@pytest.mark.parametrize(("usd", "shares"), [("1000", "0"), ("995", "10"), ("995", "0"), ("1000", "10")])
async def test_what_has_not_settled_may_be_there_or_not(bench, usd, shares):
    bench.fill(Side.BUY, "10", Settlement.MATCHED)
    bench.reads.usd, bench.reads.tokens = to_units(usd), {"m1-yes": to_units(shares)}
    assert await bench.look(4) == []


async def test_a_sale_that_has_not_settled_may_be_there_or_not(bench):
    bench.fill(Side.BUY, "10", Settlement.CONFIRMED, trade="t1")
    bench.fill(Side.SELL, "10", Settlement.MATCHED, "0.40", trade="t2")
    bench.reads.usd, bench.reads.tokens = to_units("995"), {"m1-yes": to_units("10")}
    assert await bench.look(4) == []
    bench.reads.usd, bench.reads.tokens = to_units("999"), {}
    assert await bench.look(4) == []


async def test_once_it_has_settled_it_must_be_there(bench):
    order_id = bench.fill(Side.BUY, "10", Settlement.MATCHED)
    bench.core.step(bench.of(order_id, "10", Settlement.CONFIRMED))
    heard = dict(await bench.look(3))
    assert "the venue holds 0, agbot knows of 10" in heard["m1"]


async def test_a_difference_stops_the_market_by_name_at_the_third_read_and_until_it_is_gone(bench, logged):
    log = logged("agbot.run.differences")
    bench.reads.tokens = {"m1-yes": to_units("7")}
    assert await bench.look(2) == []
    assert bench.denied() == ""
    assert bench.differences.report()["differences"][0]["is"] == "the venue holds 7, agbot knows of 0"
    assert [market for market, _ in await bench.look(1)] == ["m1"]
    assert bench.denied() == "ReconcileDifference"
    assert log.events == ["reconcile.difference"] * 3 + ["reconcile.halted"]
    assert await bench.look(3) == []
    bench.reads.tokens = {}
    assert await bench.look(1) == [("m1", "")]
    assert bench.denied() == ""
    assert bench.differences.report()["halted"] == {}


async def test_the_venue_is_asked_to_look_at_the_chain_again_before_a_difference_counts(bench):
    bench.reads.tokens = {"m1-yes": to_units("7")}
    bench.reads.usd = to_units("900")
    await bench.look(1)
    assert bench.reads.refreshed == ["m1-yes", ""]


async def test_a_difference_that_goes_and_comes_counts_from_one(bench):
    for _ in range(3):
        bench.reads.tokens = {"m1-yes": to_units("7")}
        assert await bench.look(2) == []
        bench.reads.tokens = {}
        assert await bench.look(1) == []


async def test_missing_cash_stops_all_and_more_of_it_nothing(bench):
    bench.reads.usd = to_units("1200")
    assert await bench.look(4) == []
    assert len(bench.differences.report()["differences"]) == 1
    bench.reads.usd = to_units("800")
    assert [market for market, _ in await bench.look(3)] == [""]
    assert bench.denied() == "ReconcileDifference"


async def test_a_read_that_fails_changes_nothing_and_is_told(bench, logged):
    log = logged("agbot.run.differences")
    bench.reads.tokens = {"m1-yes": to_units("7")}
    await bench.look(2)
    bench.reads.broken = True
    assert await bench.look(5) == []
    assert bench.differences.report()["failed_reads"] == 5
    assert log.events[2:] == ["reconcile.unread"] * 5
    bench.reads.broken = False
    assert len(await bench.look(1)) == 1
    bench.reads.broken = True
    assert await bench.look(3) == []
    assert bench.denied() == "ReconcileDifference", "silence does not explain a difference"


async def test_what_fills_while_it_is_read_is_no_difference(bench):
    fills = iter("abcdefgh")
    bench.reads.tokens = {"m1-yes": 0}

    def fill():
        bench.reads.meanwhile = lambda: None
        bench.fill(Side.BUY, "6", Settlement.CONFIRMED, trade=next(fills))
        bench.reads.tokens["m1-yes"] += to_units("6")
        bench.reads.usd -= to_units("3")

    for _ in range(5):
        bench.reads.meanwhile = fill
        assert await bench.look(1) == []


async def test_orders_of_others_are_counted_and_named(bench, logged):
    log = logged("agbot.run.differences")
    bench.venue.orders = {name: make_order(name) for name in ("r-7", "0xabc")}
    await bench.look(2)
    report = bench.differences.report()
    assert (report["foreign_orders"], report["foreign"]) == (1, ["0xabc"])
    assert log.events == ["reconcile.foreign_order"], "told once"


async def test_it_looks_when_the_stream_is_back_and_at_its_times(bench, venue, core, nursery, autojump_clock):
    deaf = [""]
    differences = Differences(
        bench.reads,
        venue,
        core.engine,
        bench.inbox,
        is_ours=lambda _: True,
        every_ns=30 * 10**9,
        now_ns=core.now_ns,
        deaf=lambda: deaf[0],
    )
    await nursery.start(differences.run)
    for deaf[0] in ("", "lost", "lost", ""):
        differences.second()
        await trio.sleep(1)
    assert differences.report()["reads"] == 1
    await trio.sleep(95)
    assert differences.report()["reads"] == 4


# ---------------------------------------------------------------- accepting


async def halted(bench) -> None:
    bench.reads.tokens = {"m1-yes": to_units("7")}
    await bench.look(3)
    assert bench.denied() == "ReconcileDifference"


async def accepted(bench, name: str = "m1") -> list[object]:
    """Accept, let the core hear, and return what it heard."""
    await bench.differences.accept(name, by="ann", reason="bought by hand")
    batch = await bench.inbox.receive()
    bench.core.step(*batch)
    return batch


async def test_what_a_person_has_looked_at_and_accepts_is_ours_and_the_market_opens(bench, logged):
    log = logged("agbot.run.differences")
    await halted(bench)
    (row,) = bench.differences.shown()
    assert (row["what"], row["venue"], row["agbot"], row["difference"], row["halted"]) == ("YES", "7", "0", "+7", True)
    said, opened = await accepted(bench)
    assert isinstance(said, DifferenceAccepted)
    assert (said.change, said.venue, said.price) == (to_units("7"), to_units("7"), to_units("0.48"))
    assert (said.by, said.reason, said.source) == ("ann", "bought by hand", "CLOB balance-allowance")
    assert (opened.market, opened.reason) == ("m1", "")
    assert "reconcile.accepted" in log.events
    assert bench.denied() == ""
    assert bench.core.engine.portfolio.position(bench.core.market, Outcome.YES).size == to_units("7")
    assert await bench.look(4) == []
    assert bench.differences.shown() == []


async def test_what_came_or_went_is_no_gain_and_no_loss(bench):
    portfolio = bench.core.engine.portfolio
    bench.fill(Side.BUY, "10", Settlement.CONFIRMED)
    bench.reads.usd, bench.reads.tokens = to_units("895"), {"m1-yes": to_units("4")}
    await bench.look(3)
    bench.differences.shown()
    await accepted(bench, "cash")
    await accepted(bench)
    assert (portfolio.cash, portfolio.initial_cash) == (to_units("895"), to_units("900"))
    position = portfolio.position(bench.core.market, Outcome.YES)
    assert (position.size, position.cost, position.realised) == (to_units("4"), to_units("2"), 0)
    assert portfolio.book() == portfolio.initial_equity()
    assert bench.denied() == ""
    assert await bench.look(4) == []


async def test_a_deposit_stops_nothing_and_is_traded_with_once_it_is_accepted(bench):
    bench.reads.usd = to_units("1200")
    assert await bench.look(3) == []
    (row,) = bench.differences.shown()
    assert (row["market"], row["what"], row["difference"], row["halted"]) == ("cash", "usd", "+200", False)
    assert row["note"].startswith("a deposit")
    (said,) = await accepted(bench, "cash")
    assert (said.market, said.change) == ("", to_units("200"))
    assert bench.core.engine.portfolio.cash == to_units("1200")


async def test_a_withdrawal_is_told_as_one(bench):
    bench.reads.usd = to_units("800")
    await bench.look(3)
    (row,) = bench.differences.shown()
    assert (row["difference"], row["halted"]) == ("-200", True)
    assert row["note"].startswith("a withdrawal")


async def refused(bench, why: str, name: str = "m1") -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        await bench.differences.accept(name, by="ann", reason="r")
    assert caught.value.id == "AGB-549"
    assert not any(isinstance(event, DifferenceAccepted) for event in await bench.heard())


async def test_nothing_is_accepted_that_nobody_has_looked_at(bench):
    await halted(bench)
    await refused(bench, "not all of what differs there was looked at")


async def test_nothing_is_accepted_that_has_moved_since(bench):
    await halted(bench)
    bench.differences.shown()
    bench.reads.tokens = {"m1-yes": to_units("8")}
    await refused(bench, "have moved since")
    bench.differences.shown()
    await accepted(bench)


async def test_nothing_is_accepted_that_is_gone_or_is_not_there(bench):
    await halted(bench)
    bench.differences.shown()
    bench.reads.tokens = {}
    await refused(bench, "nothing differs there")
    await refused(bench, "nothing differs there", "no-such-market")


async def test_nothing_is_accepted_that_is_new(bench):
    bench.reads.tokens = {"m1-yes": to_units("7")}
    await bench.look(1)
    bench.differences.shown()
    await refused(bench, "2 of 3 reads")


async def test_nothing_is_accepted_while_trades_have_not_settled(bench):
    bench.fill(Side.BUY, "10", Settlement.MATCHED)
    bench.reads.usd, bench.reads.tokens = to_units("995"), {"m1-yes": to_units("17")}
    await bench.look(3)
    bench.differences.shown()
    await refused(bench, "have not settled")


async def test_nothing_is_accepted_that_cannot_be_read(bench):
    await halted(bench)
    bench.differences.shown()
    bench.reads.broken = True
    await refused(bench, "cannot be read")
