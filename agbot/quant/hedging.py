"""Greeks of a portfolio by what it is on, and the trades that bring them where they are wanted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import attrs
import numpy as np
from scipy import optimize

from agbot.quant.allocation import Floats
from agbot.quant.options import Greeks, Market, Payoff, value

HEDGED: Final = ("delta", "gamma", "vega", "theta", "rho")
_NONE: Final = Greeks(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def calculate_greeks(  # noqa: PLR0917 - the names people look for
    spot: float,
    strike: float,
    years: float,
    volatility: float,
    rate: float = 0.0,
    dividend: float = 0.0,
    *,
    payoff: Payoff = Payoff.CASH,
    call: bool = True,
) -> Greeks:
    """Return price and Greeks of one claim under Black–Scholes; units and signs as in `agbot.quant.options`.

    Raises:
        ValueError: a number is not finite, a spot or strike not above zero, a time or volatility below zero.
    """
    market = Market(spot=spot, years=years, vol=volatility, rate=rate, dividend=dividend)
    return value(payoff, strike, market, call=call)


@attrs.frozen
class Position:
    """So many claims on one underlying, each with these Greeks; a quantity below zero is short."""

    underlying: str
    quantity: float
    greeks: Greeks


def calculate_portfolio_greeks(positions: Iterable[Position]) -> dict[str, Greeks]:
    """Return the Greeks by underlying, in the order they first come; price is the value of the positions.

    Deltas of different underlyings are no sum of anything. A Greek that does not exist (None) of one position does not
    exist of its underlying.
    """
    found: dict[str, Greeks] = {}
    for position in positions:
        whole = found.get(position.underlying, _NONE)
        found[position.underlying] = whole.plus(position.greeks.times(position.quantity))
    return found


@attrs.frozen
class Hedge:
    """Trades and what they come to.

    Attributes:
        quantities: by instrument, below zero for a sale; those of which none is traded are left out.
        after: the Greeks that were given a target, once traded.
        missed: the largest |after − target|, each in units of the target or the present, whichever is larger (of 1
            where both are 0); 0 where all is met.
        cost: Σ |quantity| · price.
    """

    quantities: Mapping[str, float]
    after: Mapping[str, float]
    missed: float
    cost: float


def suggest_hedge(current: Greeks, target: Mapping[str, float], instruments: Mapping[str, Greeks]) -> Hedge:
    """Return the cheapest trades that bring the Greeks named in `target` to it; as near as they can where none do.

    A linear programme: least Σ |distance| first, in the units of `missed`, then least cost at the instruments' own
    prices. Sizes are not rounded; nothing is said of spreads or fees.

    Args:
        target: by name, of delta, gamma, vega, theta, rho: {"delta": 0}.
        instruments: by name, with the Greeks of one.

    Raises:
        ValueError: nothing is wanted, a name is no Greek, or a Greek that is asked for does not exist.
    """
    names = [name for name in HEDGED if name in target]
    if not names or len(names) != len(target):
        raise ValueError(f"a target for some of {', '.join(HEDGED)}, not for {', '.join(target) or 'nothing'}")
    now = np.array([_known(current, name, "what is held") for name in names], dtype=float)
    wanted = np.array([float(target[name]) for name in names])
    rows = [[_known(greeks, name, who) for who, greeks in instruments.items()] for name in names]
    moves = np.array(rows, dtype=float).reshape(len(names), len(instruments))
    prices = np.array([abs(greeks.price) for greeks in instruments.values()], dtype=float)
    scale = np.maximum(np.abs(now), np.abs(wanted))
    scale[scale == 0] = 1.0
    sizes = _cheapest(moves / scale[:, None], (wanted - now) / scale, prices) if instruments else np.zeros(0)
    after = now + moves @ sizes
    return Hedge(
        quantities={who: float(size) for who, size in zip(instruments, sizes, strict=True) if size},
        after=dict(zip(names, after.tolist(), strict=True)),
        missed=float(np.max(np.abs(after - wanted) / scale)),
        cost=float(np.abs(sizes) @ prices),
    )


def _known(greeks: Greeks, name: str, who: str) -> float:
    found: float | None = getattr(greeks, name)
    if found is None:
        raise ValueError(f"{who} has no {name}: it does not exist at the strike at expiry")
    return found


def _cheapest(moves: Floats, gap: Floats, prices: Floats) -> Floats:
    """Return sizes x with moves·x nearest to `gap` (Σ of absolute distances), and among those of least cost.

    Two programmes over bought, sold, beyond and short of, all ≥ 0; the second holds what the first has reached. An
    instrument counts in units that move a Greek by as much as is missing: a solver's tolerance is absolute.
    """
    greeks, count = moves.shape
    units = np.abs(moves).max(axis=0)
    moves = np.divide(moves, units, out=np.zeros_like(moves), where=units > 0)
    paid = np.divide(prices, units, out=np.ones_like(prices), where=units > 0)
    equal = np.hstack([moves, -moves, np.eye(greeks), -np.eye(greeks)])
    far = np.concatenate([np.zeros(2 * count), np.ones(2 * greeks)])
    cost = np.concatenate([paid, paid, np.zeros(2 * greeks)]) / max(float(paid.max()), 1e-300)
    nearest = optimize.linprog(far, A_eq=equal, b_eq=gap, method="highs")
    reached = [float(nearest.fun or 0.0) + 1e-9]
    found = optimize.linprog(cost, A_ub=far[None, :], b_ub=reached, A_eq=equal, b_eq=gap, method="highs")
    x = np.asarray(found.x if found.success else nearest.x, dtype=float)
    sizes = _polished(moves, gap, x[:count] - x[count : 2 * count])
    traded: Floats = np.divide(sizes, units, out=np.zeros_like(sizes), where=units > 0)
    return traded


def _polished(moves: Floats, gap: Floats, sizes: Floats) -> Floats:
    """Return the same trades to the last digit, where they meet the target within the solver's tolerance."""
    traded = np.abs(sizes) > 1e-9
    exact = np.zeros_like(sizes)
    exact[traded] = np.linalg.lstsq(moves[:, traded], gap, rcond=None)[0]
    nearer = np.abs(moves @ exact - gap).sum() <= np.abs(moves @ sizes - gap).sum()
    return exact if nearer else np.where(traded, sizes, 0.0)
