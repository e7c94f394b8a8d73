"""Cash-or-nothing claims from plain numbers: price and Greeks of one, and of many at once. See `agbot.quant.options`.

Both return price, delta, gamma, vega, theta and rho, in this order and in the units of `options`: theta a year, vega
for 1.00 of volatility, rho for 1.00 of rate with the dividend fixed. With d₂ = (ln(S/K) + (r−q−½σ²)T)/(σ√T) and
u = e^{−rT}φ(d₂)/(σ√T), signed like the claim: delta u/S, gamma −u·d₁/(S²σ√T), vega −u·d₁·√T, rho T(u − price)
(Reiner and Rubinstein 1991).
"""

from __future__ import annotations

from math import erfc, exp, log, pi, sqrt
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

SPREAD_MIN: Final = 1e-12
"""Of the log price at expiry: below it a claim is its payoff."""
_WANTED: Final = f"finite inputs, spot and strike above zero, σ√T of at least {SPREAD_MIN}"
_ROOT_HALF: Final = sqrt(0.5)
_DENSITY: Final = 1 / sqrt(2 * pi)

Six: TypeAlias = tuple[float, float, float, float, float, float]
Floats: TypeAlias = NDArray[np.float64]


def digital(  # noqa: PLR0917 - plain numbers, as the formula has them
    spot: float,
    strike: float,
    years: float,
    vol: float,
    rate: float = 0.0,
    dividend: float = 0.0,
    call: bool = True,
) -> Six:
    """Return price and Greeks of one claim that pays 1 above the strike, or below it.

    Raises:
        ValueError: an input is not finite, spot or strike is not above zero, or σ√T is below `SPREAD_MIN`.
    """
    root = sqrt(years)
    spread = vol * root
    if not (spread >= SPREAD_MIN and spot > 0 and strike > 0):
        raise ValueError(_WANTED)
    away = log(spot / strike)
    drift = (rate - dividend - 0.5 * vol * vol) * years
    d2 = (away + drift) / spread
    if d2 - d2 != 0.0:
        raise ValueError(_WANTED)
    way, paid = 1.0 if call else -1.0, exp(-rate * years)
    price = 0.5 * paid * erfc(-_ROOT_HALF * way * d2)
    u = way * _DENSITY * paid * exp(-0.5 * d2 * d2) / spread
    delta, bend = u / spot, -(d2 + spread)
    theta = rate * price - 0.5 * u * (drift - away) / years
    return price, delta, delta * bend / (spot * spread), u * bend * root, theta, years * (u - price)


def digitals(  # noqa: PLR0917 - as above
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    vol: ArrayLike,
    rate: ArrayLike = 0.0,
    dividend: ArrayLike = 0.0,
    call: ArrayLike = True,
) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
    """Return prices and Greeks of many claims, each argument one number or one for each; see `digital`.

    Raises:
        ValueError: as `digital`, for any of them.
    """
    s, k, t, v, r, q = (np.asarray(x, dtype=float) for x in (spot, strike, years, vol, rate, dividend))
    w = np.where(call, 1.0, -1.0)
    with np.errstate(all="ignore"):  # what comes of impossible inputs is refused below
        root = np.sqrt(t)
        spread, away, drift = v * root, np.log(s / k), (r - q - 0.5 * v * v) * t
        d2 = (away + drift) / spread
    if not (np.all(spread >= SPREAD_MIN) and np.all(s > 0) and np.all(k > 0) and np.all(np.isfinite(d2))):
        raise ValueError(_WANTED)
    paid = np.exp(-r * t)
    price = paid * ndtr(w * d2)
    u = (w * _DENSITY) * paid * np.exp(-0.5 * d2 * d2) / spread
    delta, bend = u / s, -(d2 + spread)
    theta = r * price - 0.5 * u * (drift - away) / t
    return price, delta, delta * bend / (s * spread), u * bend * root, theta, t * (u - price)
