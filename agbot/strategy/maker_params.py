"""How the market maker quotes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs
from attrs.validators import ge, gt, in_, le, lt

from agbot.strategy.fields import count, decimal, number, real, seconds
from agbot.strategy.watch import GuardTerms
from agbot.units import NS_PER_S, SCALE, to_text

MODELS: Final = ("cara", "glft")
_YEAR_S: Final = 365 * 86_400
_AVERSION_MAX: Final = 50


def _priors(said: Mapping[str, Any]) -> dict[str, float]:
    if not isinstance(said, Mapping):
        raise TypeError("priors are written as market: probability")
    return {str(market): number(probability) for market, probability in said.items()}


def _probabilities(_: object, attribute: attrs.Attribute[dict[str, float]], value: dict[str, float]) -> None:
    for market, probability in value.items():
        if not 0 < probability < 1:
            raise ValueError(f"{attribute.name}: {market} is between 0 and 1, not {probability}")


@attrs.frozen(kw_only=True)
class MakerParams:
    """Sizes in shares, prices and money in usd, times in seconds; ticks are the market's of the moment.

    Args:
        model: ``cara`` prices a claim that is held until it resolves; ``glft`` one whose price moves until `horizon_s`.
        size: shares per quote; inventory counts in such quotes.
        levels: quotes a side, `level_step_ticks` apart.
        max_position: net shares of its own, long or short, beyond which the growing side is not quoted.
        gamma: risk aversion, per usd.
        k: how fast fills become rarer with distance, per usd; 0: learnt from what trades.
        rate: fills a second and side at the mid (glft); learnt where k is.
        fit_half_life_s: of what is learnt.
        fit_ratio_max: nothing is quoted while 95 % of the belief in k is wider than this, upper bound by lower.
        horizon_s: how far ahead the price's variance counts (glft), the market's end if sooner.
        logit_vol: least volatility of the logit for each √year.
        vol_period: seconds that the realised volatility is taken over; 0: `logit_vol` is the volatility.
        priors: a probability of your own by market (slug or id), blended with the microprice in logits.
        prior_weight: of the prior, the rest is the microprice's.
        flow_weight: part of the move that order flow implies, Δ = flow/(2·depth) ticks; 0: none.
        flow_period: changes of the best prices that flow is summed over.
        flow_ticks_max: most that flow moves fair value.
        edge: least distance from the reservation price.
        tolerance_ticks: how far a resting quote may be off before it is moved.
        low, high: outside these prices nothing is quoted.
        reward_usd: what a quote within the reward band is worth until it fills; 0: the band is nothing to it.
        reward_distance: of the band, from the mid.
        reward_min_size: least size that is rewarded.
        fade_before_end_s: from here to `stop_before_end_s` quotes shrink to nothing, and widen by up to `fade_edge`.
        stop_before_end_s: nothing is quoted later.
        guard_fills: so many fills on a side within `guard_window_s` take it off for `guard_pause_s`; 0: never.
    """

    model: str = attrs.field(default="cara", validator=in_(MODELS))
    size: int = decimal("20", gt(0))
    levels: int = count(1, 1, 10)
    level_step_ticks: int = count(1, 1)
    max_position: int = decimal("200", gt(0))
    gamma: float = real("0.001", ge(1e-6), le(1.0))
    k: float = real("100", ge(0), le(100_000))
    rate: float = real("0.05", gt(0))
    fit_half_life_s: float = real("900", gt(0))
    fit_ratio_max: float = real("2", gt(1))
    horizon_s: int = seconds("3600", gt(0), le(_YEAR_S * NS_PER_S))
    logit_vol: float = real("3", ge(0))
    vol_period: int = count(120, 0, 86_400)
    priors: dict[str, float] = attrs.field(factory=dict, converter=_priors, validator=_probabilities)
    prior_weight: float = real("0.2", ge(0), le(1))
    flow_weight: float = real("0", ge(0), le(1))
    flow_period: int = count(50, 1, 10_000)
    flow_ticks_max: float = real("2", ge(0))
    edge: int = decimal("0", ge(0), lt(SCALE))
    tolerance_ticks: int = count(1, 0)
    low: int = decimal("0.05", ge(0))
    high: int = decimal("0.95", le(SCALE))
    reward_usd: int = decimal("0", ge(0))
    reward_distance: int = decimal("0.03", gt(0), lt(SCALE))
    reward_min_size: int = decimal("0", ge(0))
    fade_before_end_s: int = seconds("3600", ge(0))
    fade_edge: int = decimal("0.02", ge(0), lt(SCALE))
    stop_before_end_s: int = seconds("300", ge(0))
    guard_fills: int = count(3, 0)
    guard_window_s: int = seconds("10", gt(0))
    guard_pause_s: int = seconds("30", ge(0))

    def __attrs_post_init__(self) -> None:
        if self.low >= self.high:
            raise ValueError(f"low {to_text(self.low)} is not below high {to_text(self.high)}")
        if self.fade_before_end_s < self.stop_before_end_s:
            raise ValueError("fade_before_end_s is not below stop_before_end_s: quotes fade before they stop")
        if self.gamma * self.size / SCALE > _AVERSION_MAX:
            raise ValueError(f"gamma·size is at most {_AVERSION_MAX}: with more no price is worth a quote")
        if self.reward_min_size > self.max_position:
            raise ValueError("reward_min_size is at most max_position: else no quote could be so large")

    @property
    def guard(self) -> GuardTerms:
        """Return when a side is pulled."""
        return GuardTerms(fills=self.guard_fills, window_ns=self.guard_window_s, pause_ns=self.guard_pause_s)
