"""What each event can cost the account: by how it ends, with every live order filling exactly where that hurts. Pure.

Theory of operation. A market's stake is two numbers: what the account makes of it from here if it resolves YES, and if
NO. Both count what is held from its worth now — what it cost or what it would bring, whichever is more — and each live
order as filled where its fill loses, as not filled where it wins: counterparties choose. A larger order therefore never
looks better. Markets of an event of which one wins are joined; others stand alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from agbot.core.view import Place
from agbot.model.commands import PlaceOrder
from agbot.model.fees import taker_fee
from agbot.model.ids import MarketId
from agbot.model.market import Market, Outcome
from agbot.model.order import Side
from agbot.quant.horizon import Horizon, moved
from agbot.quant.tail import Outcomes
from agbot.units import SCALE, notional

if TYPE_CHECKING:
    from agbot.core.state import CoreState

PriceOf: TypeAlias = Callable[[Market], float]
"""The probability of a market's YES."""
Groups: TypeAlias = tuple[dict[str, list[Market]], dict[str, list[Market]]]


class Stake(NamedTuple):
    """What is made of a market from now on if it resolves YES, and if NO (10⁻⁶ usd, below 0 for a loss)."""

    if_yes: int
    if_no: int

    @property
    def worst(self) -> int:
        """Return the most it can lose, 10⁻⁶ usd."""
        return -min(self)

    def with_order(self, market: Market, order: PlaceOrder | Place, size: int) -> Stake:
        """Return it with `size` shares (10⁻⁶) of an order filled where that loses, not filled where it wins."""
        sign = order.side.sign
        usd = (order.budget if sign > 0 else 0) or notional(order.price, size)
        fee = 0 if order.post_only else taker_fee(size, order.price, market.fee_rate, market.fee_exponent)
        wins, loses = min(0, sign * (size - usd) - fee), min(0, -sign * usd - fee)
        of_yes, of_no = (wins, loses) if order.token == market.yes else (loses, wins)
        return Stake(self.if_yes + of_yes, self.if_no + of_no)


class Ends(NamedTuple):
    """Net shares (10⁻⁶) if every live buy fills, and if every live sale does."""

    long: int
    short: int

    @property
    def size(self) -> int:
        """Return the larger of both, without its sign."""
        return max(abs(self.long), abs(self.short))

    def with_order(self, market: Market, order: PlaceOrder | Place, size: int) -> Ends:
        """Return them with `size` shares (10⁻⁶) of an order."""
        if (order.side is Side.BUY) == (order.token == market.yes):
            return Ends(self.long + size, self.short)
        return Ends(self.long, self.short - size)


_NONE: Final[Mapping[MarketId, Stake]] = {}


def event_of(market: Market) -> str:
    """Return what resolves together with `market`: its event where one outcome of it wins, else itself."""
    return market.event_id if market.neg_risk and market.event_id else market.id


def sector_of(market: Market) -> str:
    """Return what a limit by event takes together: the event, whether its markets exclude each other or not."""
    return market.event_id or market.id


class Losses:
    """Stakes of the account by market, and what they come to by event. Reads the state and keeps only its grouping."""

    def __init__(self, state: CoreState) -> None:
        self._state = state
        self._groups: Groups | None = None

    def regroup(self) -> None:
        """Look again at which markets there are, and which have resolved."""
        self._groups = None

    @property
    def groups(self) -> Groups:
        """Return the markets that have not resolved, by event and by sector."""
        if self._groups is None:
            self._groups = ({}, {})
            for market in self._state.markets.values():
                for groups, name in zip(self._groups, (event_of(market), sector_of(market)), strict=True):
                    groups.setdefault(name, []).extend([market] if market.id not in self._state.resolved else [])
        return self._groups

    def members(self, market: Market) -> Sequence[Market]:
        """Return the markets that resolve together with this one, itself among them, that have not resolved."""
        return (self._groups or self.groups)[0][event_of(market)]

    def sector(self, market: Market) -> Sequence[Market]:
        """Return the markets of the same event, whether they exclude each other or not."""
        return (self._groups or self.groups)[1][sector_of(market)]

    # -- by market -------------------------------------------------------------------------------------------------

    def stake(self, market: Market, more: Place | None = None) -> Stake:
        """Return the stake in a market, with one order more."""
        holding = self._state.portfolio.holding(market)
        tokens, cost = holding.tokens, holding.cost
        worth = max(cost, holding.liquidation) if holding.marked else cost
        now = Stake(tokens[Outcome.YES].size - worth, tokens[Outcome.NO].size - worth)
        for record in self._state.oms.live(market.id):
            now = now.with_order(market, record.command, record.remaining)
        return now.with_order(market, more, more.size) if more is not None else now

    def ends(self, market: Market, more: Place | None = None) -> Ends:
        """Return the net position at both ends, with one order more."""
        net = self._state.portfolio.net(market)
        now = Ends(net, net)
        for record in self._state.oms.live(market.id):
            now = now.with_order(market, record.command, record.remaining)
        return now.with_order(market, more, more.size) if more is not None else now

    def price(self, market: Market) -> float:
        """Return the probability of YES by the book: its mid, the one side there is, else what was paid, else 0.5."""
        book = self._state.books[market.yes]
        quotes = [price for price in (book.best_bid, book.best_ask) if 0 < price < SCALE]
        if quotes:
            return sum(quotes) / len(quotes) / SCALE
        held = self._state.portfolio.holding(market).tokens
        yes, no = held[Outcome.YES], held[Outcome.NO]
        paid = yes.average_price if yes.size else SCALE - no.average_price if no.size else SCALE // 2
        return min(max(paid, 1), SCALE - 1) / SCALE

    # -- by event --------------------------------------------------------------------------------------------------

    def greeks(self, market: Market, price: PriceOf, own: Ends | None = None) -> tuple[float, float]:
        """Return 10⁻⁶ usd for each logit, and for each squared logit, of its event: Σ over its markets' larger ends.

        `own` stands for what is held and live in `market`.
        """
        delta = gamma = 0.0
        for member in self.members(market):
            p = price(member)
            ends = own if own is not None and member.id == market.id else self.ends(member)
            moves = ends.size * p * (1 - p)
            delta, gamma = delta + moves, gamma + moves * abs(1 - 2 * p)
        return delta, gamma

    def worst(self, markets: Sequence[Market], known: Mapping[MarketId, Stake] = _NONE) -> int:
        """Return the most these markets can lose together, 10⁻⁶ usd: of an event of which one wins, in its worst end.

        That none of the markets known here wins is always one of the ends. `known` stakes stand for what is held.
        """
        worst, events = 0, dict[str, list[Stake]]()
        for market in markets:
            stake = known.get(market.id) or self.stake(market)
            if (event := event_of(market)) == market.id:
                worst += stake.worst
            else:
                events.setdefault(event, []).append(stake)
        for stakes in events.values():
            lost = sum(stake.if_no for stake in stakes)
            worst -= min(lost, *(lost - stake.if_no + stake.if_yes for stake in stakes))
        return worst

    def law(
        self, market: Market, now_ns: int, price: PriceOf, horizon: Horizon | None = None, own: Stake | None = None
    ) -> Outcomes:
        """Return how the event of `market` may end, or stand at the horizon, and what is lost then (10⁻⁶ usd).

        `own` stands for what is held in `market`.
        """
        if event_of(market) == market.id:
            stake, p = own or self.stake(market), price(market)
            if horizon is not None and market.end_ns > now_ns + horizon.ns:
                return [(q, -round(stake.if_no + (stake.if_yes - stake.if_no) * at)) for q, at in moved(p, horizon)]
            return [(p, -stake.if_yes), (1 - p, -stake.if_no)]
        members = self.members(market)
        stakes = [own if own and m.id == market.id else self.stake(m) for m in members]
        prices = [price(m) for m in members]
        whole, lost = max(1.0, sum(prices)), sum(stake.if_no for stake in stakes)
        ends = [(p / whole, -(lost - s.if_no + s.if_yes)) for p, s in zip(prices, stakes, strict=True)]
        return [*ends, (max(0.0, 1 - sum(prices) / whole), -lost)]
