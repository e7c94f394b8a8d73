"""Price paid against outcome: claims that cost 0.30 should pay three times in ten."""

from __future__ import annotations

from typing import Final

import attrs

from agbot.backtest.result import Bucket, Calibration
from agbot.model.ids import TokenId
from agbot.model.market import Market
from agbot.model.order import Side
from agbot.units import SCALE, complement

BUCKETS: Final = 10
_WIDTH: Final = SCALE // BUCKETS


@attrs.define
class _Sum:
    """Shares, Σ price·shares and Σ price²·shares; shares that paid, and Σ price·shares of them."""

    shares: int = 0
    paid: int = 0
    price: int = 0
    price_paid: int = 0
    square: int = 0

    def add(self, shares: int, price: int) -> None:
        self.shares += shares
        self.price += price * shares
        self.square += price * price * shares

    def fold(self, other: _Sum, *, won: bool) -> None:
        self.shares += other.shares
        self.price += other.price
        self.square += other.square
        if won:
            self.paid += other.shares
            self.price_paid += other.price

    @property
    def misses(self) -> int:
        """Return Σ (price − outcome)²·shares in 10⁻¹⁸."""
        return self.square - 2 * SCALE * self.price_paid + SCALE * SCALE * self.paid


class Calibrated:
    """Collects claims bought by token, and folds them in when their market resolves."""

    def __init__(self) -> None:
        self._open: dict[TokenId, list[_Sum]] = {}
        self._sums = [_Sum() for _ in range(BUCKETS)]
        self._markets = 0

    def bought(self, market: Market, token: TokenId, side: Side, price: int, size: int) -> None:
        """Count a fill; a sale of one token buys the other. A negative `size` takes a fill back."""
        if side is Side.SELL:
            token, price = market.token(market.outcome(token).other), complement(price)
        sums = self._open.setdefault(token, [_Sum() for _ in range(BUCKETS)])
        sums[min(price // _WIDTH, BUCKETS - 1)].add(size, price)

    def resolved(self, market: Market, winner: TokenId) -> None:
        """Fold in what was bought of a market that ended."""
        found = [(t, self._open.pop(t)) for t in (market.yes, market.no) if t in self._open]
        self._markets += bool(found)
        for token, sums in found:
            for total, part in zip(self._sums, sums, strict=True):
                total.fold(part, won=token == winner)

    def told(self) -> Calibration | None:
        """Return the table, None when nothing that was bought resolved."""
        shares = sum(s.shares for s in self._sums)
        if not shares:
            return None
        return Calibration(
            markets=self._markets,
            shares=shares,
            brier=sum(s.misses for s in self._sums) / (shares * SCALE * SCALE),
            buckets=tuple(
                Bucket(low=i * _WIDTH, shares=s.shares, price=s.price / s.shares / SCALE, paid=s.paid / s.shares)
                for i, s in enumerate(self._sums)
                if s.shares
            ),
        )
