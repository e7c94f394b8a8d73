"""How much a strategy may open, by what it may lose, what it expects, or how much the price moves.

A sizing says how many shares a position may have in the direction of an order (10⁻⁶), or, where it is `per_order`, how
many one order may open. `agbot.strategy.sized` holds a strategy's wishes against it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar, Final, Protocol

import attrs
from attrs.validators import gt, le

from agbot.core.view import Place, View
from agbot.model.fees import taker_fee
from agbot.model.ids import MarketId
from agbot.model.order import Side
from agbot.quant.odds import logit
from agbot.quant.sizing import fixed_fractional, kelly, vol_target
from agbot.strategy.fields import count, real
from agbot.strategy.signals import LogitVolatility
from agbot.units import SCALE, complement, to_decimal, to_text, to_units

_LOT: Final = Decimal("0.01")
_PART: Final = (gt(0), le(1))


@attrs.frozen
class Allowed:
    """The most shares (10⁻⁶), and the reason in a person's words."""

    shares: int
    why: str


class Sizing(Protocol):
    """One per strategy: it may remember markets."""

    per_order: ClassVar[bool]
    """Whether `most` is of one order; else of the position, with what is held and rests in its direction."""

    def watch(self, view: View) -> None:
        """Learn from what the strategy is shown, once each time it is asked."""
        ...

    def most(self, view: View, place: Place) -> Allowed:
        """Return how much may be opened; `view` is that of the order's market."""
        ...

    def metadata(self) -> dict[str, Any]:
        """Return what a person may want to know of it."""
        ...


def at_risk(view: View, place: Place) -> int:
    """Return what one share of an order can lose (10⁻⁶ usd): the price of a purchase, the complement of a sale's.

    With the taker's fee, unless the order is post-only.
    """
    market = view.market
    price = place.price if place.side is Side.BUY else complement(place.price)
    fee = 0 if place.post_only else taker_fee(SCALE, place.price, market.fee_rate, market.fee_exponent)
    return price + fee


def mid(view: View) -> float | None:
    """Return the mid of YES in usd, None without a trusted book of two sides."""
    book = view.book
    if not view.trusted or book.empty or book.best_bid == 0 or book.best_ask == SCALE:
        return None
    return (book.best_bid + book.best_ask) / (2 * SCALE)


@attrs.frozen(kw_only=True)
class Kelly:
    """Kelly's fraction of the equity, times `fraction`; `cap` is the most that one position may lose of the equity.

    It needs `Place.fair`. The cost of a share holds the taker's fee, unless the order is post-only.
    """

    per_order: ClassVar[bool] = False
    fraction: float = real("0.25", *_PART)
    cap: float = real("0.05", *_PART)

    def watch(self, view: View) -> None:
        """Learn nothing."""

    def most(self, view: View, place: Place) -> Allowed:
        """Return equity · min(cap, fraction·(p − c)/(1 − c)) / c; of a sale, p and c are those of the other outcome."""
        if not place.fair:
            return Allowed(0, "Kelly asks what a share is worth, and the strategy does not say")
        cost = at_risk(view, place)
        worth = place.fair if place.side is Side.BUY else complement(place.fair)
        told = f"worth {to_text(worth)}, costs {to_text(cost)}"
        if worth <= cost:
            return Allowed(0, f"Kelly: no edge, {told}")
        part = min(self.cap, self.fraction * kelly(worth / SCALE, cost / SCALE).fraction)
        return Allowed(round(view.equity * part / cost * SCALE), f"Kelly: {told}, {part:.2%} of the equity")

    def metadata(self) -> dict[str, Any]:
        """Return the parameters."""
        return attrs.asdict(self)


@attrs.frozen(kw_only=True)
class FixedFractional:
    """Each order may lose `risk` of the equity at most: no stop is believed, the whole price can be lost."""

    per_order: ClassVar[bool] = True
    risk: float = real("0.01", *_PART)

    def watch(self, view: View) -> None:
        """Learn nothing."""

    def most(self, view: View, place: Place) -> Allowed:
        """Return equity · risk / (what a share can lose)."""
        loss = at_risk(view, place)
        part, equity = Decimal(str(self.risk)), to_decimal(max(0, view.equity))
        shares = fixed_fractional(equity, part, to_decimal(loss), Decimal(0), _LOT)
        return Allowed(to_units(shares), f"{self.risk:.2%} of the equity at {to_text(loss)} a share")

    def metadata(self) -> dict[str, Any]:
        """Return the parameters."""
        return attrs.asdict(self)


@attrs.define(kw_only=True, eq=False)
class VolTarget:
    """Positions whose value moves by `target` of the equity for each √year, all markets together and at the most.

    Each market has an equal part: were they all to move as one, it would be `target`. The volatility is the realised
    one of the logit over `period` seconds; `leverage` bounds what positions cost, as a part of the equity.
    """

    per_order: ClassVar[bool] = False
    target: float = real("0.5", gt(0), le(1000))
    leverage: float = real("1", *_PART)
    period: int = count(300, 2, 86_400)
    _vols: dict[MarketId, LogitVolatility] = attrs.field(init=False, factory=dict)

    def watch(self, view: View) -> None:
        """Take the price of a second."""
        if view.second and (price := mid(view)) is not None:
            vol = self._vols.setdefault(view.market.id, LogitVolatility(self.period))
            vol.update(view.now_ns, logit(price))

    def most(self, view: View, place: Place) -> Allowed:
        """Return (equity/markets) · target / (σ·p(1 − p))."""
        vol = self._vols.get(view.market.id)
        if vol is None or vol.value is None:
            return Allowed(0, f"its volatility is not known yet: {self.period} seconds are needed")
        part = max(0, view.equity) / max(1, len(view.markets)) / SCALE
        price = min(at_risk(view, place), SCALE) / SCALE
        _, usd = vol_target(part, self.target, vol.value, price, self.leverage)
        return Allowed(round(usd / price * SCALE), f"its logit moves by {vol.value:.1f} a √year")

    def metadata(self) -> dict[str, Any]:
        """Return the parameters, and the volatilities by market."""
        known = {market: vol.value for market, vol in self._vols.items()}
        return {"target": self.target, "leverage": self.leverage, "period": self.period, "logit_vols": known}
