"""Makers get their part of a day's taker fees, out of the fees and not out of nothing."""

from __future__ import annotations

from agbot.exchange.core.model import Move, Moved
from agbot.exchange.core.rebating import DAY_NS, Rebating
from agbot.units import SCALE
from tests.exchange.flow import START_NS, make_listing
from tests.exchange.test_core import ANN, BOB, EVE, Desk


def test_makers_share_the_pool_by_what_they_filled_and_small_parts_stay() -> None:
    desk = Desk(make_listing(fee_rate=70_000), grant_usd=100_000 * SCALE)
    rebating = Rebating()
    desk.core.listeners.append(rebating.hear)
    assert rebating.step(desk.core, START_NS) == (START_NS // DAY_NS + 1) * DAY_NS
    desk.place(ANN, "BUY", "YES", "3000", "0.50")
    desk.place(EVE, "BUY", "YES", "10", "0.50")
    desk.pairs(BOB, 4000)
    desk.place(BOB, "SELL", "YES", "3010", "0.50")
    desk.settle()
    before = {wallet: desk.core.balance(wallet) for wallet in (ANN, BOB, EVE)}
    rebating.step(desk.core, START_NS + DAY_NS)
    got = {wallet: desk.core.balance(wallet) - usd for wallet, usd in before.items()}
    # 3010 · 0.07 · 0.25 = 52.675 of fees, a quarter is the pool; Eve's part is 0.04, under one usd
    assert got == {ANN: 13_168_750 * 52_500_000 // 52_675_000, BOB: 0, EVE: 0}
    (told,) = [fact for fact in desk.facts if isinstance(fact, Moved) and fact.kind is Move.MAKER_REBATE]
    assert (told.wallet, told.listing, told.usd) == (ANN, desk.listing, got[ANN])
    assert list(desk.core.accounts.faults()) == []
    assert rebating.pay(desk.core, START_NS + 2 * DAY_NS) == 0
