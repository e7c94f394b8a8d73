"""Positions with average cost, realised and unrealised PnL; exact integers of 10⁻⁶.

A position keeps its cost as one number; a closing fill takes the proportional share of it (rounded down, the remainder
stays with what is left, and all of it leaves with the last share), so cash + cost − realised is conserved exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

import attrs
import msgspec

from agbot.model.events import DifferenceAccepted
from agbot.model.ids import MarketId, StrategyId, TokenId
from agbot.model.market import Market, Outcome
from agbot.model.order import Side
from agbot.units import SCALE, notional, token_value

UNATTRIBUTED: Final = StrategyId("wallet")
"""Whose a position is that no journal explains."""
Parts = tuple[tuple[StrategyId, int], ...]
"""Shares of one execution by strategy; empty when all are the order's own."""


@attrs.define
class Position:
    """A signed holding of one token. `cost` is what it took to open it (negative for a short)."""

    size: int = 0
    cost: int = 0
    realised: int = 0
    fees: int = 0

    @property
    def average_price(self) -> int:
        """Return the average entry price in 10⁻⁶ usd, rounded half up; 0 when flat."""
        return (2 * abs(self.cost) * SCALE + abs(self.size)) // (2 * abs(self.size)) if self.size else 0

    def apply(self, side: Side, size: int, value: int, fee: int = 0) -> int:
        """Fold in a trade of `size` shares worth `value` usd; returns the PnL it realised, fees included."""
        delta = side.sign * size
        realised = -fee
        if self.size * delta < 0:
            closing = min(abs(self.size), size)
            closed_value = value * closing // size
            realised += self._close(closing, closed_value)
            opening, opening_value = size - closing, value - closed_value
        else:
            opening, opening_value = size, value
        self.size += side.sign * opening
        self.cost += side.sign * opening_value
        self.realised += realised
        self.fees += fee
        return realised

    def adjust(self, change: int, price: int) -> int:
        """Move the size by what was no trade and return by how much the cost moved: new shares cost `price`."""
        before = self.cost
        if self.size * change < 0:
            closing = min(abs(self.size), abs(change))
            self._close(closing, 0)
            change += closing if change < 0 else -closing
        self.size += change
        self.cost += notional(price, abs(change)) * (1 if change > 0 else -1)
        return self.cost - before

    def _close(self, closing: int, value: int) -> int:
        held, sign = abs(self.size), 1 if self.size > 0 else -1
        released = sign * (abs(self.cost) * closing // held if closing < held else abs(self.cost))
        self.size -= sign * closing
        self.cost -= released
        return sign * value - released


class CarriedPosition(msgspec.Struct, frozen=True, array_like=True):
    """A position taken over from an earlier run: shares and what they cost, by strategy."""

    market: MarketId
    outcome: Outcome
    size: int
    cost: int
    strategy: StrategyId


@attrs.define
class _Holding:
    market: Market
    tokens: dict[Outcome, Position] = attrs.field(factory=lambda: {o: Position() for o in Outcome})
    liquidation: int = 0
    marked: bool = False
    winner: Outcome | None = None

    def size(self, outcome: Outcome) -> int:
        return self.tokens[outcome].size

    @property
    def flat(self) -> bool:
        tokens = self.tokens
        return tokens[Outcome.YES].size == 0 == tokens[Outcome.NO].size

    @property
    def net(self) -> int:
        tokens = self.tokens
        return tokens[Outcome.YES].size - tokens[Outcome.NO].size

    @property
    def cost(self) -> int:
        tokens = self.tokens
        return tokens[Outcome.YES].cost + tokens[Outcome.NO].cost

    @property
    def realised(self) -> int:
        return sum(p.realised for p in self.tokens.values())

    @property
    def value(self) -> int:
        return self.liquidation if self.marked else self.cost


class _Sums(NamedTuple):
    """Over holdings: their value, its absolute, and how many were never marked."""

    value: int
    inventory: int
    unmarked: int

    @classmethod
    def of(cls, holdings: Iterable[_Holding]) -> _Sums:
        rows = [(h.value, not (h.marked or h.flat)) for h in holdings]
        return cls(sum(v for v, _ in rows), sum(abs(v) for v, _ in rows), sum(u for _, u in rows))


class Portfolio:
    """Cash and positions of the account, and the same split by strategy.

    Args:
        cash: 10⁻⁶ usd at the start.
    """

    def __init__(self, cash: int) -> None:
        self.cash = cash
        self.initial_cash = cash
        self.fees = 0
        self._taken_over = 0
        self._holdings: dict[MarketId, _Holding] = {}
        self._by_strategy: dict[tuple[StrategyId, MarketId], _Holding] = {}
        self._in_market: dict[MarketId, list[tuple[StrategyId, _Holding]]] = {}
        """The same by market: marks ask for them at every change of a book."""
        self._sums: _Sums | None = None
        """Of all holdings; None when they have to be added up again."""
        self._spent: dict[str, int] = {}
        """By strategy, since the last change of a position."""

    def fill(
        self,
        market: Market,
        token: TokenId,
        side: Side,
        *,
        price: int,
        size: int,
        fee: int,
        strategy: StrategyId,
        parts: Parts = (),
    ) -> int:
        """Fold in one execution; returns the PnL it realised, fees included (10⁻⁶ usd).

        Args:
            parts: whose it is in shares, of `size` in all; empty when all of it is `strategy`'s.
        """
        self._moved()
        outcome = market.outcome(token)
        value = token_value(price, size, yes=outcome is Outcome.YES)
        self.cash -= side.sign * value + fee
        self.fees += fee
        value_left, fee_left, size_left = value, fee, size
        for owner, part in parts or ((strategy, size),):  # the last one has what rounding left
            of_value = value_left * part // size_left
            of_fee = abs(fee_left) * part // size_left * (-1 if fee < 0 else 1)  # one returned is split as it was paid
            self._share(owner, market).tokens[outcome].apply(side, part, of_value, of_fee)
            value_left, fee_left, size_left = value_left - of_value, fee_left - of_fee, size_left - part
        holding = self.holding(market)
        realised = holding.tokens[outcome].apply(side, size, value, fee)
        if holding.winner is not None:  # heard of after the market ended: redeemed like the rest
            self.settle(market, holding.winner)
        return realised

    def void(
        self,
        market: Market,
        token: TokenId,
        side: Side,
        *,
        price: int,
        size: int,
        fee: int,
        strategy: StrategyId,
        parts: Parts = (),
    ) -> int:
        """Take an execution back that never settled: the opposite trade at the same value, its fee returned.

        Cash, size, fees and equity are as if it had never been. PnL that later trades realised against it stays
        realised, and the cost of what is left makes up for it.
        """
        return self.fill(market, token, side.other, price=price, size=size, fee=-fee, strategy=strategy, parts=parts)

    def take_over(self, market: Market, carried: Iterable[CarriedPosition]) -> None:
        """Add positions of an earlier run in `market`; their cash is in the constructor's."""
        self._moved()
        for c in carried:
            if c.market == market.id:
                share = self._share(c.strategy, market)
                for holding in (self.holding(market), share):
                    holding.tokens[c.outcome].size += c.size
                    holding.tokens[c.outcome].cost += c.cost
                self._taken_over += c.cost

    def accept(self, market: Market | None, accepted: DifferenceAccepted) -> bool:
        """Take over what the venue holds beyond ours, or less; False, and nothing changed, where no position is ours.

        Nothing is realised by it; it counts as brought into the account, or taken from it. New shares are the wallet's
        own; those that are gone were the wallet's first, then the strategies', one after the other, and take what they
        cost along.

        Args:
            market: the one that is named; None when it is not known, or when it is the cash.
        """
        if not accepted.market:
            self.cash += accepted.change
            self.initial_cash += accepted.change
            return True
        outcome = next((o for o in Outcome if o == accepted.outcome), None)
        if market is None or outcome is None or self.holding(market).winner is not None:
            return False
        self._adjust(market, outcome, accepted.change, accepted.price)
        return True

    def _adjust(self, market: Market, outcome: Outcome, change: int, price: int) -> None:
        self._moved()
        moved = self.holding(market).tokens[outcome].adjust(change, price)
        self._taken_over += moved
        wallet = self._share(UNATTRIBUTED, market)
        others = [share for _, share in self._in_market[market.id] if share is not wallet]
        for share in (wallet, *others):
            position = share.tokens[outcome]
            part = -min(max(position.size, 0), max(-change, 0))
            change -= part
            moved -= position.adjust(part, price) if part else 0
        moved -= wallet.tokens[outcome].adjust(change, price) if change else 0
        wallet.tokens[outcome].realised -= moved  # costs differ by strategy: their PnL still adds up to the account's

    def carried(self) -> list[CarriedPosition]:
        """Return what is held, by strategy, for the next run."""
        return [
            CarriedPosition(market, outcome, position.size, position.cost, strategy)
            for (strategy, market), share in self._by_strategy.items()
            for outcome, position in share.tokens.items()
            if position.size
        ]

    def settle(self, market: Market, winner: Outcome) -> None:
        """Pay 1 usd per winning share, nothing for the others, and close both positions."""
        self._moved()
        holding = self.holding(market)
        holding.winner = winner
        for outcome, position in holding.tokens.items():
            if position.size:
                self.cash += position.size if outcome is winner else 0
        shares = [holding, *(share for _, share in self._in_market.get(market.id, ()))]
        for share in shares:
            for outcome, position in share.tokens.items():
                _redeem(position, pays=outcome is winner)
            share.liquidation = 0

    def holding(self, market: Market) -> _Holding:
        """Return (creating) the account's holding in `market`."""
        return self._holdings.get(market.id) or self._holdings.setdefault(market.id, _Holding(market))

    def mark(self, market: Market, liquidation: int) -> None:
        """Set what the holding in `market` would bring if it were sold now."""
        holding, sums = self.holding(market), self._sums
        if sums is not None and holding.marked:
            value, inventory, unmarked = sums
            old = holding.liquidation
            self._sums = _Sums(value + liquidation - old, inventory + abs(liquidation) - abs(old), unmarked)
        else:
            self._sums = None
        holding.liquidation, holding.marked = liquidation, True

    def mark_strategies(self, market: Market, worth: Callable[[Mapping[Outcome, Position]], int]) -> None:
        """Share the account's mark among strategies: each what its own holding is worth, negative for a short.

        What is left, because strategies hold against each other or share the depth, goes to the largest holder, so
        that the strategies' PnL always adds up to the account's.
        """
        account = self.holding(market)
        shares = [share for _, share in self._in_market.get(market.id, ())]
        if len(shares) == 1:
            shares[0].liquidation, shares[0].marked = account.value, True
            return
        for share in shares:
            share.liquidation, share.marked = worth(share.tokens) if account.marked else share.cost, True
        if shares:
            largest = max(shares, key=lambda share: sum(abs(p.size) for p in share.tokens.values()))
            largest.liquidation += account.value - sum(share.value for share in shares)

    def position(self, market: Market, outcome: Outcome) -> Position:
        """Return the account's position in one token."""
        return self.holding(market).tokens[outcome]

    def own(self, strategy: StrategyId, market: MarketId) -> tuple[int, int]:
        """Return a strategy's own shares of YES and NO: what it bought and has not sold, negative for a short."""
        share = self._by_strategy.get((strategy, market))
        return (share.size(Outcome.YES), share.size(Outcome.NO)) if share else (0, 0)

    def holders(self, market: MarketId, outcome: Outcome) -> dict[StrategyId, int]:
        """Return who holds shares of a token, and how many."""
        shares = ((name, share.size(outcome)) for name, share in self._in_market.get(market, ()))
        return {name: size for name, size in shares if size > 0}

    def shares(self, market: MarketId) -> list[tuple[StrategyId, Outcome, Position]]:
        """Return what each strategy holds, or has held, in a market: live objects, to be read at once."""
        found = self._in_market.get(market, ())
        return [(strategy, outcome, p) for strategy, share in found for outcome, p in share.tokens.items()]

    def spent_by(self, strategy: str) -> int:
        """Return what the shares that a strategy holds of its own have cost, 10⁻⁶ usd."""
        if strategy not in self._spent:
            shares = (share for (name, _), share in self._by_strategy.items() if name == strategy)
            self._spent[strategy] = sum(max(0, p.cost) for share in shares for p in share.tokens.values())
        return self._spent[strategy]

    def sizes(self, market: Market) -> list[tuple[int, int]]:
        """Return the (YES, NO) shares in `market` of the account, then of each strategy that ever traded there."""
        shares = [share for _, share in self._in_market.get(market.id, ())]
        return [(h.size(Outcome.YES), h.size(Outcome.NO)) for h in (self.holding(market), *shares)]

    def net(self, market: Market) -> int:
        """Return YES minus NO shares."""
        return self.holding(market).net

    def inventory_usd(self) -> int:
        """Return the value of everything held, marked at liquidation (cost until first marked)."""
        return self._summed().inventory

    def equity(self) -> int:
        """Return cash plus the value of everything held."""
        return self.cash + self._summed().value

    def _share(self, strategy: StrategyId, market: Market) -> _Holding:
        share = self._by_strategy.get((strategy, market.id))
        if share is None:
            share = self._by_strategy[strategy, market.id] = _Holding(market)
            self._in_market.setdefault(market.id, []).append((strategy, share))
        return share

    def _moved(self) -> None:
        """Forget what was added up over positions."""
        self._sums = None
        self._spent.clear()

    def _summed(self) -> _Sums:
        self._sums = self._sums or _Sums.of(self._holdings.values())
        return self._sums

    @property
    def marked(self) -> bool:
        """Return whether a book has marked everything that is held: without, `equity` is a guess."""
        return not self._summed().unmarked

    def book(self) -> int:
        """Return cash plus what everything held has cost."""
        return self.cash + sum(h.cost for h in self._holdings.values())

    def initial_equity(self) -> int:
        """Return what the run began with: cash, and positions taken over at their cost."""
        return self.initial_cash + self._taken_over

    def realised(self) -> int:
        """Return realised PnL, fees included."""
        return sum(h.realised for h in self._holdings.values())

    def strategy_pnl(self) -> dict[tuple[StrategyId, MarketId], int]:
        """Return realised plus unrealised PnL by strategy and market."""
        return {key: h.realised + h.value - h.cost for key, h in self._by_strategy.items()}

    def strategy_unrealised(self) -> dict[tuple[StrategyId, MarketId], int]:
        """Return the part of `strategy_pnl` that the next run begins without: it takes positions over at their cost."""
        return {key: h.value - h.cost for key, h in self._by_strategy.items()}

    def holdings(self) -> list[tuple[Market, _Holding]]:
        """Return every market ever held."""
        return [(h.market, h) for h in self._holdings.values()]


def _redeem(position: Position, *, pays: bool) -> None:
    if position.size:
        position.apply(Side.SELL if position.size > 0 else Side.BUY, abs(position.size), abs(position.size) * pays)
