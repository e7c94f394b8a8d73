"""Sizes from how markets move together: each the same risk, or the most diversified.

Weights are of logits' moves: w of exposure q·p(1 − p). They become parts of a capital that all positions together can
lose at most: q ∝ w/(p(1 − p)) shares, each of which can lose max(p, 1 − p), whichever way it is held.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
import numpy as np
from attrs.validators import ge, gt, le
from numpy.typing import NDArray

from agbot.core.view import Place, View
from agbot.model.ids import MarketId
from agbot.quant.allocation import ledoit_wolf, most_diversified, risk_budget
from agbot.quant.odds import expit, logit
from agbot.strategy.fields import count, real, seconds
from agbot.strategy.sizing import Allowed, at_risk, mid
from agbot.units import NS_PER_S, SCALE, complement

_HOUR: int = 3600 * NS_PER_S


@attrs.define(kw_only=True, eq=False)
class Weighted:
    """Parts of a capital by market, from the covariance of logits' moves; equal parts until enough is known.

    Args:
        capital: part of the equity that all positions together can lose at most.
        sample_s: how often prices are taken, seconds.
        window: how many moves count, the newest; `least` of them are enough.
        every_s: how often weights are taken, seconds.
    """

    per_order: ClassVar[bool] = False
    capital: float = real("0.5", gt(0), le(1))
    sample_s: int = seconds("1", ge(NS_PER_S), le(_HOUR))
    window: int = count(600, 10, 10_000)
    least: int = count(60, 5)
    every_s: int = seconds("60", ge(NS_PER_S))
    _samples: deque[dict[MarketId, float]] = attrs.field(init=False, factory=deque)
    _sampled_ns: int = attrs.field(init=False, default=-_HOUR)
    _weighed_ns: int = attrs.field(init=False, default=0)
    _parts: dict[MarketId, float] = attrs.field(init=False, factory=dict)
    _known: bool = attrs.field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        if self.least > self.window:
            raise ValueError("least is at most window")

    def watch(self, view: View) -> None:
        """Take the prices of all markets of the strategy, each `sample_s`, and weights from them, each `every_s`."""
        if not view.second or view.now_ns - self._sampled_ns < self.sample_s:
            return
        self._sampled_ns = view.now_ns
        self._samples.append(_logits(view))
        if len(self._samples) > self.window + 1:
            self._samples.popleft()
        if not self._parts or view.now_ns - self._weighed_ns >= self.every_s:
            self._weighed_ns = view.now_ns
            self._weigh()

    def most(self, view: View, place: Place) -> Allowed:
        """Return the market's part of the capital, by what a share can lose whichever way it is held."""
        part = self._parts.get(view.market.id, 0.0) if self._parts else 1 / max(1, len(view.markets))
        if not part:
            return Allowed(0, f"{type(self).__name__}: no part of the capital is its market's")
        loss = at_risk(view, place)
        usd = view.equity * self.capital * part
        how = "" if self._known else ", equal while little is known"
        shares = round(usd / max(loss, complement(loss)) * SCALE)
        return Allowed(shares, f"{type(self).__name__}: {part:.1%} of the capital{how}")

    def metadata(self) -> dict[str, Any]:
        """Return the parts of the capital by market, and whether they come from a covariance."""
        return {"capital": self.capital, "parts": dict(self._parts), "known": self._known}

    def weights(self, cov: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the weights of a covariance of logits' moves; ArithmeticError where there are none."""
        raise NotImplementedError

    def _weigh(self) -> None:
        now = self._samples[-1]
        prices = np.array([expit(x) for x in now.values()])
        found = self._found(self._moves(now)) if now else None
        self._known = found is not None
        parts = np.ones(len(now)) if found is None else found / (prices * (1 - prices)) * np.maximum(prices, 1 - prices)
        millionths = np.floor(parts / parts.sum() * SCALE)  # the last digit of a machine's algebra changes no size
        self._parts = dict(zip(now, (millionths / SCALE).tolist(), strict=True)) if now else {}

    def _found(self, moves: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Return the weights of what is known, None where it is too little."""
        if len(moves) < self.least:
            return None
        cov, _ = ledoit_wolf(moves)
        if cov.diagonal().min() <= 0:
            return None
        try:
            return self.weights(cov)
        except ArithmeticError:
            return None

    def _moves(self, now: Mapping[MarketId, float]) -> NDArray[np.float64]:
        """Return the newest moves in a row of all markets that are there now, a row for each time."""
        rows: list[list[float]] = []
        for sample in reversed(self._samples):
            if not now.keys() <= sample.keys():
                break
            rows.append([sample[market] for market in now])
        rows.reverse()
        return np.diff(np.array(rows), axis=0)


class RiskParity(Weighted):
    """Each market makes up the same part of the variance (Maillard, Roncalli and Teiletche 2010)."""

    def weights(self, cov: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return weights of equal risk."""
        return risk_budget(cov, np.full(len(cov), 1 / len(cov))).weights


class MaxDiversification(Weighted):
    """The least volatility for that of the parts (Choueifaty and Coignard 2008); some markets may get nothing."""

    def weights(self, cov: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the weights of the highest diversification ratio."""
        return most_diversified(cov).weights


def _logits(view: View) -> dict[MarketId, float]:
    """Return the logit of each market's mid that can be believed now."""
    found: dict[MarketId, float] = {}
    for market in view.markets or (view.market,):
        seen = view if market.id == view.market.id else view.see(market.id)
        if seen is not None and (price := mid(seen)) is not None:
            found[market.id] = logit(price)
    return found
