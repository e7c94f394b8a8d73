"""The market maker of a price between 0 and 1: inventory-aware quotes whose risk is bounded by p(1 − p).

Fair value is the microprice, blended in logits with a prior and moved by order flow where asked for. Around it quotes
come from one of two models, with inventory q in quotes of `size` and so γ·size for γ:

* ``cara``: indifference prices of who holds the claim until it resolves (`held_to_the_end`);
* ``glft``: Guéant–Lehalle–Fernandez-Tapia in closed form (`inventory_slope`), its variance the bounded Var(p_T).

Both wait for ln(1 + γ/k)/γ more. docs/market_making.md has the formulas, their sources, and how it fails.
"""

from __future__ import annotations

from typing import Any

import attrs

from agbot.core.view import OwnFill, View
from agbot.model.ids import MarketId
from agbot.model.market import Market
from agbot.model.order import Side
from agbot.quant.horizon import YEAR_NS
from agbot.quant.logit import Jacobi, ProbitBridge
from agbot.quant.odds import expit, logit
from agbot.quant.quotes import fill_spread, held_to_the_end, inventory_slope
from agbot.strategy.lifecycle import Lifecycle, Wishes
from agbot.strategy.maker_params import MakerParams
from agbot.strategy.quoting import Quote, Wanted, Why, in_ticks, others, requote, signed, whole_size
from agbot.strategy.signals.fills import FillCurve
from agbot.strategy.watch import Watch
from agbot.units import NS_PER_S, SCALE, complement, tick_down, tick_up, to_text


@attrs.frozen
class Priced:
    """What a model says, usd: the price at which it would rather not move, and where it buys and sells."""

    reservation: float
    bid: float
    ask: float


@attrs.frozen
class _Ahead:
    """What is left of a market: until its end, None where nobody said; the part of a quote that is left, 1 to 0."""

    ns: int | None
    part: float


@attrs.frozen
class _Quoted:
    """Where the best quotes go, 10⁻⁶ usd, `size` of them each, and what they came from."""

    bid: int
    ask: int
    size: int
    fair: float
    reservation: float
    note: str


def bounded_variance(p: float, logit_vol: float | None, horizon_ns: int, left_ns: int | None) -> float:
    """Return Var(p_T) at the horizon, usd², never above p(1 − p).

    The larger of what the price is seen to move (Jacobi, with the local variance of a logit that moves by `logit_vol`
    for each √year) and, where the end is known, of what it has yet to learn by then (probit bridge). All of p(1 − p)
    where the horizon reaches the end, and while the volatility is not known.
    """
    most = p * (1 - p)
    if logit_vol is None or (left_ns is not None and horizon_ns >= left_ns):
        return most
    moved = Jacobi(p, logit_vol**2 * most, horizon_ns / YEAR_NS).variance
    if left_ns is None:
        return moved
    return min(most, max(moved, ProbitBridge(p, left_ns, left_ns - horizon_ns).variance()))


def cara(p: float, q: float, gamma: float, k: float) -> Priced:
    """Return quotes for a claim held to its end; `gamma` and `k` for one of the `q` units held."""
    found = held_to_the_end(p, gamma, q)
    wait = fill_spread(gamma, k) / 2
    return Priced(found.marginal, found.bid - wait, found.ask + wait)


def glft(p: float, q: float, gamma: float, k: float, *, variance: float, fills: float) -> Priced:
    """Return quotes for a price that varies by `variance` while `fills` come to each side at the mid."""
    slope = inventory_slope(gamma, variance, k, fills)
    half = slope / 2 + fill_spread(gamma, k) / 2
    return Priced(p - q * slope, p - q * slope - half, p - q * slope + half)


class Maker(Lifecycle):
    """Quotes every market it is shown, on both sides, with what it has learnt of each."""

    def __init__(self, params: MakerParams | None = None, *, name: str = "maker") -> None:
        super().__init__(name=name)
        self.params = params or MakerParams()
        self._watched: dict[MarketId, Watch] = {}

    def metadata(self) -> dict[str, Any]:
        """Return the model, and what is known of each market."""
        known = {market: {"mid": w.mid, "logit_vol": w.logit_vol} for market, w in self._watched.items()}
        return {**super().metadata(), "model": self.params.model, "markets": known}

    def initialize(self, view: View) -> Wishes:
        """Begin to watch a market."""
        params = self.params
        self._watched[view.market.id] = Watch(
            params.guard,
            vol_period=params.vol_period,
            fit_half_life_s=params.fit_half_life_s,
            flow_period=params.flow_period if params.flow_weight else 0,
        )
        return None

    def on_fill(self, view: View, fill: OwnFill) -> Wishes:
        """Count fills against the guard."""
        self._watched[view.market.id].fill(view, fill)
        return None

    def on_market_tick(self, view: View) -> Wishes:
        """Look, then quote: cancels for what is wrong, then what is missing."""
        watch = self._watched[view.market.id]
        watch.look(view)
        if view.second:
            watch.second(view)
        quoted = self._quoted(view, watch)
        if isinstance(quoted, str):
            none = Wanted((), quoted)
            return requote(view, {Side.BUY: none, Side.SELL: none}, 0)
        why = Why(lambda: self._why(view, quoted))
        bid, ask = (self._wanted(view, watch, side, quoted, why) for side in (Side.BUY, Side.SELL))
        return requote(view, {Side.BUY: bid, Side.SELL: ask}, self.params.tolerance_ticks * view.book.tick)

    def _wanted(self, view: View, watch: Watch, side: Side, quoted: _Quoted, why: Why) -> Wanted:
        until_ns = watch.guard.until_ns(side)
        if view.now_ns < until_ns:
            name, left_s = "bid" if side is Side.BUY else "ask", -(-(until_ns - view.now_ns) // NS_PER_S)
            return Wanted((), f"{self.params.guard_fills} fills on the {name}: {left_s} s without it")
        return Wanted(self._levels(view, side, quoted), why, round(quoted.fair * SCALE))

    def _why(self, view: View, quoted: _Quoted) -> str:
        moved = round((quoted.reservation - quoted.fair) * SCALE)
        inventory = f"inventory {signed(view.own_net)}/{to_text(self.params.max_position)}"
        fair = to_text(round(quoted.fair * 10_000) * 100)
        return f"fair {fair}, {inventory} moves it {in_ticks(moved, view.book.tick)}{quoted.note}"

    def _levels(self, view: View, side: Side, quoted: _Quoted) -> list[Quote]:
        """Return the quotes of a side, the best first, as far as grid and inventory have room."""
        params, tick, sign = self.params, view.book.tick, side.sign
        room = params.max_position - sign * view.own_net
        price = quoted.bid if side is Side.BUY else quoted.ask
        quotes: list[Quote] = []
        lowest, highest = max(tick, params.low), min(complement(tick), params.high)
        for _ in range(params.levels):
            size = whole_size(view, min(quoted.size, room))
            if not size or not lowest <= price <= highest:
                break
            most = min(room, size * 5 // 4)  # a quote that fades is not moved for every share
            quotes.append(Quote(price, size, most))
            room -= most
            price -= sign * params.level_step_ticks * tick
        return quotes

    # -- where ---------------------------------------------------------------------------------------------------------

    def _quoted(self, view: View, watch: Watch) -> _Quoted | str:
        """Return where to quote, or why not at all."""
        ahead = self._ahead(view)
        if isinstance(ahead, str):
            return ahead
        fair = self._fair(view, watch)
        if isinstance(fair, str):
            return fair
        curve = self._curve(view, watch)
        if isinstance(curve, str):
            return curve
        return self._on_ticks(view, fair, self._priced(view, watch, fair, ahead, curve), ahead)

    def _ahead(self, view: View) -> _Ahead | str:
        params, end_ns = self.params, view.market.end_ns
        if not end_ns:
            return _Ahead(None, 1.0)
        left_ns = end_ns - view.now_ns
        if left_ns <= params.stop_before_end_s:
            return f"it ends within {params.stop_before_end_s // NS_PER_S} s" if left_ns > 0 else "it has ended"
        fading = params.fade_before_end_s - params.stop_before_end_s
        return _Ahead(left_ns, min(1.0, (left_ns - params.stop_before_end_s) / fading) if fading else 1.0)

    def _curve(self, view: View, watch: Watch) -> FillCurve | str:
        """Return k and A, or why they are not known."""
        params = self.params
        if params.k:
            return FillCurve(params.k, params.rate, 1.0)
        curve = watch.fills.curve(view.now_ns)
        if curve is None:
            return "how far takers reach is not known: nothing traded yet"
        if curve.ratio > params.fit_ratio_max:
            return f"how far takers reach is not known: k within a factor of {curve.ratio:.1f}"
        return curve

    def _fair(self, view: View, watch: Watch) -> float | str:
        """Return the fair value of YES, usd, or why nothing is quoted."""
        params, book = self.params, view.book
        if not view.trusted:
            return "the book is not trusted"
        if book.empty or book.locked or book.crossed:
            return "the book is empty, locked or crossed"
        best = others(view)
        if best is None:
            return "one side of the book has nobody else"
        (bid, bid_size), (ask, ask_size) = best
        micro = (bid * ask_size + ask * bid_size) / (bid_size + ask_size)
        fair = min(max(micro, 1), SCALE - 1) / SCALE
        prior = self._prior(view.market)
        if prior is not None:
            fair = expit((1 - params.prior_weight) * logit(fair) + params.prior_weight * logit(prior))
        if watch.flow:
            depth = (book.best_bid_size + book.best_ask_size) / SCALE
            ticks = params.flow_weight * watch.flow / depth
            fair += min(max(ticks, -params.flow_ticks_max), params.flow_ticks_max) * book.tick / SCALE
        if not params.low <= fair * SCALE <= params.high or not 0 < fair < 1:
            shown = to_text(round(fair * SCALE))
            return f"fair {shown} is outside {to_text(params.low)}–{to_text(params.high)}"
        return fair

    def _prior(self, market: Market) -> float | None:
        priors = self.params.priors
        return priors.get(market.slug, priors.get(market.id)) if priors else None

    def _priced(self, view: View, watch: Watch, fair: float, ahead: _Ahead, curve: FillCurve) -> Priced:
        params = self.params
        gamma, q = params.gamma * params.size / SCALE, view.own_net / params.size
        if params.model == "cara":
            return cara(fair, q, gamma, curve.k)
        horizon_ns = params.horizon_s if ahead.ns is None else min(params.horizon_s, ahead.ns)
        variance = bounded_variance(fair, self._logit_vol(watch), horizon_ns, ahead.ns)
        return glft(fair, q, gamma, curve.k, variance=variance, fills=curve.rate * horizon_ns / NS_PER_S)

    def _logit_vol(self, watch: Watch) -> float | None:
        if not self.params.vol_period:
            return self.params.logit_vol
        return None if watch.logit_vol is None else max(self.params.logit_vol, watch.logit_vol)

    def _on_ticks(self, view: View, fair: float, priced: Priced, ahead: _Ahead) -> _Quoted:
        """Return the prices on the grid, never reaching the other side of the book, within the band where it pays."""
        params, book = self.params, view.book
        tick, best_bid, best_ask = book.tick, book.best_bid, book.best_ask
        faded = round((1 - ahead.part) * params.fade_edge)
        centre = round(priced.reservation * SCALE)
        bid = min(round(priced.bid * SCALE), centre - params.edge) - faded
        ask = max(round(priced.ask * SCALE), centre + params.edge) + faded
        bid = min(tick_down(bid, tick), tick_down(best_ask - 1, tick))
        ask = max(tick_up(ask, tick), tick_up(best_bid + 1, tick))
        size = int(params.size * ahead.part)
        note = "" if ahead.part == 1 else f", {ahead.part:.0%} of a quote is left before its end"
        quoted = _Quoted(bid, ask, size, fair, priced.reservation, note)
        return self._in_band(view, quoted) if params.reward_usd and ahead.part == 1 else quoted

    def _in_band(self, view: View, quoted: _Quoted) -> _Quoted:
        """Move quotes into the reward band where that gives up at most `reward_usd` should they fill."""
        params, book = self.params, view.book
        size = max(quoted.size, params.reward_min_size)
        middle = (book.best_bid + book.best_ask) // 2
        worth = params.reward_usd * SCALE // size
        bid = max(quoted.bid, min(tick_up(middle - params.reward_distance, book.tick), book.best_ask - book.tick))
        ask = min(quoted.ask, max(tick_down(middle + params.reward_distance, book.tick), book.best_bid + book.tick))
        bid = bid if bid - quoted.bid <= worth else quoted.bid
        ask = ask if quoted.ask - ask <= worth else quoted.ask
        if bid >= ask:
            return quoted
        inside = middle - bid <= params.reward_distance and ask - middle <= params.reward_distance
        return attrs.evolve(quoted, bid=bid, ask=ask, size=size if inside else quoted.size)
