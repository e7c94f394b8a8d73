"""What we own at the venue, and what a trade costs to the last 10⁻⁶."""

from __future__ import annotations

from collections.abc import Mapping

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


class Account:
    """Cash and shares. Never below zero: callers check before they trade."""

    def __init__(self, cash: int, positions: Mapping[TokenId, int] | None = None) -> None:
        if cash < 0 or any(size < 0 for size in (positions or {}).values()):
            raise ValueError("an account starts with nothing below zero")
        self.cash = cash
        self.fees_paid = 0
        self._positions = dict(positions or {})

    @property
    def positions(self) -> dict[TokenId, int]:
        """Return shares by token, without the empty ones."""
        return {token: size for token, size in self._positions.items() if size}

    def position(self, token: TokenId) -> int:
        """Return the shares held of `token`."""
        return self._positions.get(token, 0)

    def trade(self, token: TokenId, side: Side, size: int, value: int, fee: int) -> None:
        """Book one fill: `value` usd against `size` shares, and the fee on top of a buy or out of a sale.

        Raises:
            ValueError: cash or shares would fall below zero.
        """
        cash = self.cash - side.sign * value - fee
        held = self.position(token) + side.sign * size
        if cash < 0 or held < 0:
            raise ValueError(f"{side} {size} of {token} leaves cash {cash} and {held} shares")
        self.cash, self.fees_paid = cash, self.fees_paid + fee
        self._positions[token] = held

    def redeem(self, market: Market, winner: TokenId) -> int:
        """Turn the shares of a finished market into one usd each for the winner and return what was paid."""
        paid = self._positions.pop(winner, 0)
        self._positions.pop(market.token(market.outcome(winner).other), None)
        self.cash += paid
        return paid
