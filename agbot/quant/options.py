"""European claims under Black–Scholes: vanilla, cash-or-nothing, asset-or-nothing, ranges, and what hits a barrier.

`spot` and `strike` in one currency, `years` to expiry (Act/365), `rate` and `dividend` continuous, `vol` a year.
Greeks: theta a year, vega for 1.00 of volatility, rho for 1.00 of rate with the dividend fixed. Sources: Haug, The
Complete Guide to Option Pricing Formulas; Reiner and Rubinstein 1991.

At expiry, or without volatility, a claim is its payoff: greeks are 0 away from the strike and None at it, where they do
not exist.
"""

from __future__ import annotations

import enum
import math
from typing import Final

import attrs

from agbot.quant.digitals import SPREAD_MIN, digital
from agbot.quant.normal import cdf, pdf, ppf

DAYS: Final = 365.0
_EPS: Final = SPREAD_MIN


class Payoff(enum.Enum):
    """What a claim pays in the money: what it is in it for, one unit of cash, or the asset."""

    VANILLA = enum.auto()
    CASH = enum.auto()
    ASSET = enum.auto()


@attrs.frozen
class Greeks:
    """Price and its derivatives; None where a derivative does not exist."""

    price: float
    delta: float | None
    gamma: float | None
    vega: float | None
    theta: float | None
    rho: float | None

    def times(self, factor: float) -> Greeks:
        """Return the greeks of `factor` claims."""
        return Greeks(*(None if value is None else value * factor for value in attrs.astuple(self)))  # type: ignore[arg-type]

    def plus(self, other: Greeks) -> Greeks:
        """Return the greeks of both claims together."""
        pairs = zip(attrs.astuple(self), attrs.astuple(other), strict=True)
        return Greeks(*(None if a is None or b is None else a + b for a, b in pairs))  # type: ignore[arg-type]


@attrs.frozen(kw_only=True)
class Market:
    """What a claim is valued with."""

    spot: float
    years: float
    vol: float
    rate: float = 0.0
    dividend: float = 0.0

    def __attrs_post_init__(self) -> None:
        numbers = attrs.astuple(self)
        if not all(map(math.isfinite, numbers)) or self.spot <= 0 or self.years < 0 or self.vol < 0:
            raise ValueError(f"spot > 0, years ≥ 0, vol ≥ 0, all finite: {self}")

    @property
    def spread(self) -> float:
        """Return the standard deviation of the log price at expiry."""
        return self.vol * math.sqrt(self.years)


def value(payoff: Payoff, strike: float, market: Market, *, call: bool = True) -> Greeks:
    """Return price and greeks of one claim; ValueError for a strike that is not above zero."""
    if not (strike > 0 and math.isfinite(strike)):
        raise ValueError(f"a strike is above zero, not {strike}")
    if market.spread < _EPS:
        return _at_expiry(payoff, strike, market, call=call)
    match payoff:
        case Payoff.CASH:
            return _cash(strike, market, call=call)
        case Payoff.ASSET:
            return _asset(strike, market, call=call)
        case Payoff.VANILLA:
            both = _asset(strike, market, call=call).plus(_cash(strike, market, call=call).times(-strike))
            return both if call else both.times(-1.0)


def _d(strike: float, market: Market) -> tuple[float, float]:
    forward = math.log(market.spot / strike) + (market.rate - market.dividend) * market.years
    d1 = forward / market.spread + market.spread / 2
    return d1, d1 - market.spread


def _slope(strike: float, market: Market) -> float:
    """Return ∂d₁/∂T."""
    drift = market.rate - market.dividend + market.vol**2 / 2
    return (drift - math.log(market.spot / strike) / market.years) / (2 * market.spread)


def _cash(strike: float, market: Market, *, call: bool) -> Greeks:
    return Greeks(*digital(market.spot, strike, market.years, market.vol, market.rate, market.dividend, call=call))


def _asset(strike: float, market: Market, *, call: bool) -> Greeks:
    d1, d2 = _d(strike, market)
    way = 1.0 if call else -1.0
    held, density = math.exp(-market.dividend * market.years), way * pdf(d1)
    inside = cdf(way * d1)
    spot = market.spot
    return Greeks(
        price=spot * held * inside,
        delta=held * (inside + density / market.spread),
        gamma=-held * density * d2 / (spot * market.spread**2),
        vega=-spot * held * density * d2 / market.vol,
        theta=spot * held * (market.dividend * inside - density * _slope(strike, market)),
        rho=spot * held * density * math.sqrt(market.years) / market.vol,
    )


def _at_expiry(payoff: Payoff, strike: float, market: Market, *, call: bool) -> Greeks:
    """Return the payoff at the forward: without time or volatility nothing else can happen."""
    grown = math.exp((market.rate - market.dividend) * market.years)
    forward, paid = market.spot * grown, math.exp(-market.rate * market.years)
    at = math.isclose(forward, strike, rel_tol=_EPS)
    way = 1.0 if call else -1.0
    inside = 0.5 if at else float(way * (forward - strike) > 0)
    held = math.exp(-market.dividend * market.years)
    asset, cash = market.spot * held * inside, paid * inside
    price = {Payoff.CASH: cash, Payoff.ASSET: asset, Payoff.VANILLA: way * (asset - strike * cash)}[payoff]
    if at:
        return Greeks(price, None, None, None, None, None)
    carried = 0.0 if payoff is Payoff.CASH else held * inside
    debt = {Payoff.CASH: cash, Payoff.ASSET: 0.0, Payoff.VANILLA: -way * strike * cash}[payoff]
    owned = (way if payoff is Payoff.VANILLA else 1.0) * carried
    return Greeks(
        price=price,
        delta=owned,
        gamma=0.0,
        vega=0.0,
        theta=market.dividend * market.spot * owned + market.rate * debt,
        rho=-market.years * debt,
    )


def between(low: float, high: float, market: Market) -> Greeks:
    """Return a claim that pays 1 when the price ends from `low` (included) to `high`."""
    if not low < high:
        raise ValueError(f"a range goes up, not from {low} to {high}")
    return value(Payoff.CASH, low, market).plus(value(Payoff.CASH, high, market).times(-1.0))


def touch_probability(barrier: float, market: Market) -> float:
    """Return the risk-neutral probability that the price is at `barrier` once before expiry.

    What "hits 120,000 before June" asks; near the barrier about twice that of ending beyond it.
    """
    if market.spot == barrier:
        return 1.0
    x, a = math.log(barrier / market.spot), market.rate - market.dividend - market.vol**2 / 2
    if market.spread < _EPS:
        return float(0 < x <= a * market.years or a * market.years <= x < 0)
    way = math.copysign(1.0, x)
    far, drift = way * x, way * a * market.years
    reflected = math.exp(2 * a * x / market.vol**2) * cdf((-far - drift) / market.spread)
    return cdf((-far + drift) / market.spread) + reflected


def touch_paid_at_hit(barrier: float, market: Market) -> float:
    """Return the value of 1 that is paid in the moment the barrier is hit (Rubinstein and Reiner 1991, A5).

    ValueError where a rate is so far below zero that there is no closed form.
    """
    if market.spot == barrier:
        return 1.0
    if market.spread < _EPS:
        return touch_probability(barrier, market)
    mu = (market.rate - market.dividend - market.vol**2 / 2) / market.vol**2
    radicand = mu * mu + 2 * market.rate / market.vol**2
    if radicand < 0:
        raise ValueError(f"a rate of {market.rate} has no closed form here")
    lam = math.sqrt(radicand)
    z = math.log(barrier / market.spot) / market.spread + lam * market.spread
    way = math.copysign(1.0, market.spot - barrier)  # +1: it has to fall
    log_ratio = math.log(barrier / market.spot)
    return math.exp(log_ratio * (mu + lam)) * cdf(way * z) + math.exp(log_ratio * (mu - lam)) * cdf(
        way * (z - 2 * lam * market.spread)
    )


def implied_vols(price: float, strike: float, market: Market, *, call: bool = True) -> tuple[float, ...]:
    """Return every volatility at which a cash-or-nothing claim has this price: none, one or two, ascending.

    Its price is not monotone in volatility: with u = σ√T, u²/2 ± z·u − ln(F/K) = 0 where z = Φ⁻¹(price·e^{rT}).

    Args:
        market: its `vol` is not looked at.
    """
    undiscounted = price * math.exp(market.rate * market.years)
    if not 0 < undiscounted < 1 or market.years <= 0:
        return ()
    z = ppf(undiscounted) * (1.0 if call else -1.0)
    forward = math.log(market.spot / strike) + (market.rate - market.dividend) * market.years
    radicand = z * z + 2 * forward
    if radicand < 0:
        return ()
    roots = {-z - math.sqrt(radicand), -z + math.sqrt(radicand)}
    return tuple(sorted(u / math.sqrt(market.years) for u in roots if u > _EPS))
