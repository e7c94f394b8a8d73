"""The leg-failure plan: from what each leg has traded so far to what is done next. Pure.

Theory of operation. A plan holds no memory of messages that could be missed: how far a leg is comes from the shares
that are the strategy's now against those before, so a fill that is told late, a trade that fails to settle and a
restart all lead to the same place. Each look gives the facts of all legs, and `Plan.step` says:

1. A leg was sent and not heard of: wait for evidence. It may have filled, so nothing is mended around it.
2. An order is still under way: wait.
3. Legs are unequal by what the venue trades: make them equal, at the number of sets that is worth most from here on:
   completing buys what is missing, unwinding gives back what is too much. While patience lasts, only within
   `max_leg_loss`; what it cost so far is counted at the limit price where it was not told yet. Afterwards whatever it
   loses, but at no price that is further than `max_concession` from the middle of its book: that is no market.
4. Equal, and trades still settle: hold on, they may be taken back.
5. Equal and settled: done.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from agbot.model.ids import TokenId
from agbot.model.market import Market
from agbot.model.order import Side
from agbot.strategy.arbitrage.baskets import Basket
from agbot.strategy.arbitrage.params import ArbitrageParams
from agbot.strategy.arbitrage.walk import Ladder, cash, depth, take
from agbot.units import SCALE, notional, to_text, usd_text

FRUITLESS_MAX: Final = 3
"""After so many tries in a row that brought nothing, the other way is taken where there is one."""
_SLOWEST: Final = 6
"""Doublings of the pause between tries."""


class Phase(enum.StrEnum):
    """Where an attempt is. In `WAITING` legs are unequal and cannot be mended now: the reason says why."""

    SENT = "legs sent"
    UNKNOWN = "a leg is unknown"
    COMPLETING = "completing"
    UNWINDING = "unwinding"
    WAITING = "waiting"
    SETTLING = "settling"
    DONE = "done"


@attrs.frozen(kw_only=True)
class LegNow:
    """The facts of one leg.

    Args:
        got: shares traded in the leg's own direction since the plan began (10⁻⁶); may exceed what was asked for.
        live, unknown: an order of it may still fill; nobody knows whether it did.
        settling: trades of its token are provisional.
        asks, bids: what can be taken now, empty where the book is not to be believed.
        sellable: settled shares of the strategy's own.
        over: the market has paid out.
    """

    market: Market
    token: TokenId
    got: int
    live: bool = False
    unknown: bool = False
    settling: bool = False
    asks: Ladder = ()
    bids: Ladder = ()
    sellable: int = 0
    over: bool = False


@attrs.frozen(kw_only=True)
class Repair:
    """One order that brings a leg nearer to the others. `forth`: in the leg's own direction.

    `off`: how far a share of it is from the middle of its book.
    """

    leg: int
    side: Side
    price: int
    size: int
    cash: int
    forth: bool
    off: int = 0


@attrs.frozen(kw_only=True)
class Way:
    """One number of sets to end with, the orders that lead there, and what all is worth then from here on."""

    sets: int
    repairs: Sequence[Repair]
    value: int

    @property
    def phase(self) -> Phase:
        """Return COMPLETING where nothing is given back."""
        return Phase.COMPLETING if all(repair.forth for repair in self.repairs) else Phase.UNWINDING


@attrs.define(kw_only=True, eq=False)
class Plan:
    """One attempt, or what was found unequal (`found`: then nobody knows what it cost).

    Args:
        before: the strategy's shares of each leg's token when it began.
        limits: of the legs' orders: what a share costs that was not told of.
        why: the proof in a line.
        far: the markets whose books were too far off to mend a leg there (`max_concession`), since when a person is
            waited for; empty while it never was so.
    """

    basket: Basket
    before: Sequence[int]
    limits: Sequence[int]
    started_ns: int
    why: str
    found: bool = False
    phase: Phase = Phase.SENT
    reason: str = ""
    far: str = ""
    spent: int = 0
    told: list[int] = attrs.field(init=False)
    sent_ns: int = attrs.field(init=False)
    _tried: tuple[Phase, tuple[int, ...]] | None = None
    _pause_ns: int = 0
    _fruitless: dict[Phase, int] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.told = [0] * len(self.basket.wants)
        self.sent_ns = self.started_ns

    def hear(self, leg: int, side: Side, size: int, value: int, fee: int, *, voided: bool) -> None:
        """Take in what an execution cost (10⁻⁶ usd), or that it was taken back."""
        sign = -1 if voided else 1
        forth = sign if side is self.basket.wants[leg].side else -sign
        self.told[leg] += forth * size
        self.spent += sign * (side.sign * value + fee)

    def sunk(self, legs: Sequence[LegNow]) -> int:
        """Return what it cost so far, at most: untold buys at their limit price, untold sales for nothing."""
        untold = [max(0, leg.got - told) for leg, told in zip(legs, self.told, strict=True)]
        rows = zip(untold, self.limits, self.basket.wants, strict=True)
        return self.spent + sum(-(-size * price // SCALE) for size, price, want in rows if want.side is Side.BUY)

    def step(self, now_ns: int, legs: Sequence[LegNow], params: ArbitrageParams) -> Sequence[Repair]:
        """Move on by the facts of now and return the orders to send."""
        if any(leg.unknown for leg in legs):
            return self._rest(Phase.UNKNOWN, "an order was sent and not heard of")
        if any(leg.live for leg in legs):
            return ()
        if any(leg.over for leg in legs):
            return self._rest(Phase.DONE, "a market of it has paid out")
        uneven = max(leg.got for leg in legs) - min(leg.got for leg in legs)
        if uneven < max(1, *(leg.market.min_size for leg in legs)):
            return self._even(legs, uneven)
        return self._mend(now_ns, legs, params)

    def worth(self, legs: Sequence[LegNow], params: ArbitrageParams) -> int:
        """Return what its legs are worth once they are equal (10⁻⁶ usd), nothing where they cannot be made so now."""
        return max((way.value for way in self._ways(legs, params)), default=0)

    def _rest(self, phase: Phase, reason: str) -> Sequence[Repair]:
        self.phase, self.reason = phase, reason
        return ()

    def _even(self, legs: Sequence[LegNow], uneven: int) -> Sequence[Repair]:
        if any(leg.settling for leg in legs) and any(leg.got for leg in legs):
            return self._rest(Phase.SETTLING, "trades may still be taken back")
        sets = min(leg.got for leg in legs)
        left = f", {to_text(uneven)} shares too small to trade" if uneven else ""
        return self._rest(Phase.DONE, f"{to_text(sets)} sets{left}")

    def _mend(self, now_ns: int, legs: Sequence[LegNow], params: ArbitrageParams) -> Sequence[Repair]:
        self._judge(legs, params)
        if now_ns < self.sent_ns + self._pause_ns:
            return ()
        ways = list(self._ways(legs, params)) or self._partly(legs, params)
        if not ways:
            return self._rest(Phase.WAITING, _why_not(legs))
        bounded = [way for way in ways if way.value - self.sunk(legs) >= -params.max_leg_loss]
        loss = usd_text(self.sunk(legs) - max(way.value for way in ways))
        if not bounded and not self.found and now_ns < self.started_ns + params.patience_ms:
            return self._rest(Phase.WAITING, f"mending it now loses {loss}")
        near = [way for way in ways if all(repair.off <= params.max_concession for repair in way.repairs)]
        if not bounded and not near:
            off = [repair.leg for way in ways for repair in way.repairs if repair.off > params.max_concession]
            self.far = ", ".join(dict.fromkeys(legs[leg].market.name for leg in off))
            return self._rest(Phase.WAITING, f"mending it now loses {loss}, far from the middle of a book")
        way = self._chosen(bounded or near)
        self.phase, self.reason = way.phase, f"to {to_text(way.sets)} sets"
        self.sent_ns, self._tried = now_ns, (way.phase, tuple(leg.got for leg in legs))
        return way.repairs

    def _judge(self, legs: Sequence[LegNow], params: ArbitrageParams) -> None:
        """Count the last try if it brought nothing; one that did makes all of them fresh."""
        if self._tried is None:
            return
        phase, got = self._tried
        if got != tuple(leg.got for leg in legs):
            self._fruitless.clear()
        else:
            self._fruitless[phase] = self._fruitless.get(phase, 0) + 1
        self._tried = None
        self._pause_ns = params.retry_ms << min(_SLOWEST, sum(self._fruitless.values()))

    def _chosen(self, ways: Sequence[Way]) -> Way:
        """Return the way that is worth most, those that brought nothing again and again last."""
        return max(ways, key=lambda way: (self._fruitless.get(way.phase, 0) < FRUITLESS_MAX, way.value, way.sets))

    def _ways(self, legs: Sequence[LegNow], params: ArbitrageParams) -> Iterator[Way]:
        """Yield every end that can be reached now: as many sets as one of the legs has, or none."""
        for sets in sorted({0, *(max(0, leg.got) for leg in legs)}):
            repairs = [self._repair(i, leg, sets, params) for i, leg in enumerate(legs)]
            if all(repairs):
                yield from self._way(legs, [repair for repair in repairs if repair])

    def _partly(self, legs: Sequence[LegNow], params: ArbitrageParams) -> list[Way]:
        """Return the way that gives back what the books take of what is too much."""
        sets = min(leg.got for leg in legs)
        repairs = [self._repair(i, leg, sets, params, partly=True) for i, leg in enumerate(legs)]
        return list(self._way(legs, [repair for repair in repairs if repair]))

    def _way(self, legs: Sequence[LegNow], repairs: Sequence[Repair]) -> Iterator[Way]:
        after = [leg.got for leg in legs]
        for repair in repairs:
            after[repair.leg] += repair.size if repair.forth else -repair.size
        sets, orders = min(after), [repair for repair in repairs if repair.size]
        if orders:
            yield Way(
                sets=sets,
                repairs=orders,
                value=self.basket.pays * sets // SCALE - sum(repair.cash for repair in orders),
            )

    def _repair(
        self, index: int, leg: LegNow, sets: int, params: ArbitrageParams, *, partly: bool = False
    ) -> Repair | None:
        """Return the order that leads a leg to so many sets, one of size 0 where it is there, None where none can."""
        want, missing = self.basket.wants[index], sets - leg.got
        forth = missing > 0
        side = want.side if forth else want.side.other
        ladder = leg.asks if side is Side.BUY else leg.bids
        most = min(depth(ladder), leg.sellable) if side is Side.SELL else depth(ladder)
        size = min(abs(missing), most) if partly else abs(missing)
        size = size // leg.market.size_step * leg.market.size_step
        if abs(missing) < max(1, leg.market.min_size):
            return Repair(leg=index, side=side, price=0, size=0, cash=0, forth=forth)
        taken = take(ladder, size)
        if not taken or size > most or (side is Side.BUY and notional(taken[-1][0], size) < params.min_order):
            return None
        spends = cash(leg.market, side, taken)
        off = abs(sum(notional(price, part) for price, part in taken) * SCALE // size - _middle(leg))
        return Repair(leg=index, side=side, price=taken[-1][0], size=size, cash=spends, forth=forth, off=off)


def _middle(leg: LegNow) -> int:
    """Return the middle of a leg's book; a side that is empty is as far off as it can be."""
    return ((leg.bids[0][0] if leg.bids else 0) + (leg.asks[0][0] if leg.asks else SCALE)) // 2


def _why_not(legs: Sequence[LegNow]) -> str:
    """Return why legs cannot be made equal now."""
    if blind := [leg for leg in legs if not (leg.asks or leg.bids)]:
        return f"no book to trade in: {', '.join(leg.market.name for leg in blind)}"
    if any(leg.settling and leg.sellable < leg.got for leg in legs):
        return "what is too much has not settled, and what is missing is not to be had"
    return "the books are too thin to make the legs equal"
