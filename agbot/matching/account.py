"""What we own at the venue, and what a trade costs to the last 10⁻⁶."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import attrs

from agbot.model.ids import TokenId
from agbot.model.market import Market
from agbot.model.order import Side
from agbot.units import complement, token_value


def trade_value(market: Market, token: TokenId, yes_price: int, size: int) -> int:
    """Return the usd (10⁻⁶) that `size` shares of `token` change hands for at a YES price."""
    yes = token == market.yes
    return token_value(yes_price if yes else complement(yes_price), size, yes=yes)


def match_kind(market: Market, token: TokenId, side: Side) -> str:
    """Return how we meet a background that trades YES: two buyers mint a pair, two sellers merge one."""
    if token == market.yes:
        return "normal"
    return "mint" if side is Side.BUY else "merge"


@attrs.frozen
class Exchanged:
    """What one fill moves: `size` shares against `value` usd, and the fee on top of a buy or out of a sale."""

    token: TokenId
    side: Side
    size: int
    value: int
    fee: int

    @property
    def proceeds(self) -> int:
        """Return the usd it brings, negative for what it costs."""
        return -self.side.sign * self.value - self.fee


class Account:
    """Cash and shares. Never below zero: callers check `spendable` and `sellable` before they trade.

    A fill counts when it happens. Until it settles its shares are not to be sold and its proceeds not to be spent, so
    that it can be taken back whatever is done meanwhile.
    """

    def __init__(self, cash: int, positions: Mapping[TokenId, int] | None = None) -> None:
        if cash < 0 or any(size < 0 for size in (positions or {}).values()):
            raise ValueError("an account starts with nothing below zero")
        self.cash = cash
        self.fees_paid = 0
        self.unsettled: Counter[TokenId] = Counter()
        """Shares bought in trades that have not settled."""
        self._unsettled_cash = 0
        self._positions = dict(positions or {})

    @property
    def positions(self) -> dict[TokenId, int]:
        """Return shares by token, without the empty ones."""
        return {token: size for token, size in self._positions.items() if size}

    @property
    def spendable(self) -> int:
        """Return the usd that no unsettled sale brought."""
        return self.cash - self._unsettled_cash

    def sellable(self, token: TokenId) -> int:
        """Return the shares of `token` that no unsettled purchase brought."""
        return self._positions.get(token, 0) - self.unsettled[token]

    def trade(self, moved: Exchanged, *, settled: bool = True) -> None:
        """Book one fill.

        Raises:
            ValueError: cash or shares would fall below zero.
        """
        cash = self.cash + moved.proceeds
        held = self._positions.get(moved.token, 0) + moved.side.sign * moved.size
        if cash < 0 or held < 0:
            raise ValueError(f"{moved.side} {moved.size} of {moved.token} leaves cash {cash} and {held} shares")
        self.cash, self.fees_paid = cash, self.fees_paid + moved.fee
        self._positions[moved.token] = held
        if not settled:
            self._hold(moved, 1)

    def settle(self, moved: Exchanged, *, failed: bool) -> None:
        """Make an unsettled fill final, or take it back with its fee."""
        self._hold(moved, -1)
        if failed:
            self.cash -= moved.proceeds
            self.fees_paid -= moved.fee
            self._positions[moved.token] -= moved.side.sign * moved.size

    def redeem(self, market: Market, winner: TokenId) -> int:
        """Turn the settled shares of a finished market into one usd each for the winner and return what was paid."""
        paid = self.sellable(winner)
        for token in (market.yes, market.no):
            self._positions[token] = self.unsettled[token]
        self.cash += paid
        return paid

    def _hold(self, moved: Exchanged, sign: int) -> None:
        if moved.side is Side.BUY:
            self.unsettled[moved.token] += sign * moved.size
        self._unsettled_cash += sign * max(0, moved.proceeds)
