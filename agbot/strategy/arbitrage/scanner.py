"""Finds baskets that gain whatever happens, guards, trades all legs at once, and mends what broke.

Theory of operation. Only baskets with a leg in the touched market are looked at. One that gains must pass the guard
without a pause for `confirm_ms`: the books of an event come one after the other, and between two of them anything
looks like an arbitrage. Then all legs leave in one batch, the scarcest first, each as FOK at the worst level of its
walk: a leg is whole or nothing, so a failure leaves the smallest number of cases and no odd sizes. What mends a broken
attempt goes as IOC: there, every part that fills makes less of the gap.

Markets that hang together have one attempt at a time. What is left over from before, of a restart or of trades that
were taken back after all, is mended before anything new is looked for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

from agbot.core.view import OwnFill, Place, View
from agbot.model.events import ASK, BID
from agbot.model.ids import MarketId
from agbot.model.market import Outcome
from agbot.model.order import OrderState, Side, TimeInForce
from agbot.strategy.arbitrage.baskets import Basket, BasketKey, Universe, Want
from agbot.strategy.arbitrage.detect import See, find, mispricing, sellable
from agbot.strategy.arbitrage.leftover import Held, Leftover, leftover
from agbot.strategy.arbitrage.params import ArbitrageParams
from agbot.strategy.arbitrage.plan import LegNow, Phase, Plan, Repair
from agbot.strategy.arbitrage.proof import Leg, Proof
from agbot.strategy.arbitrage.walk import depth, unit
from agbot.strategy.lifecycle import Lifecycle, Wishes
from agbot.strategy.signals import ZScore
from agbot.units import SCALE, notional, to_text

DONE_KEPT: Final = 64


class Arbitrage(Lifecycle):
    """The strategy. `plans` are open attempts, `done` the last that ended, `proofs` what was found for each of both."""

    def __init__(self, params: ArbitrageParams | None = None, *, name: str = "arbitrage") -> None:
        super().__init__(name=name)
        self.params = params or ArbitrageParams()
        self.done: deque[tuple[Plan, Proof | None]] = deque(maxlen=DONE_KEPT)
        self._winners: dict[MarketId, Outcome] = {}
        self._universe = Universe((), self.params.relations)
        self._plan_of: dict[MarketId, tuple[Plan, Proof | None]] = {}
        self._since: dict[BasketKey, int] = {}
        self._scores: dict[BasketKey, ZScore] = {}
        self._quiet_ns: dict[MarketId, int] = {}

    @property
    def plans(self) -> Sequence[Plan]:
        """Return the attempts that are open, each once."""
        return list(dict.fromkeys(plan for plan, _ in self._plan_of.values()))

    def metadata(self) -> dict[str, Any]:
        """Return what is open and what ended last."""
        ended = [f"{plan.why}: {plan.reason}" for plan, _ in self.done]
        return {**super().metadata(), "open": [_told(plan) for plan in self.plans], "done": ended}

    def waits(self) -> Mapping[str, str]:
        """Return the open legs that no price within `max_concession` closes."""
        what = "a leg is open until the book is nearer, or you sell it or raise max_concession"
        return {plan.why: f"{what}: {plan.far}, {plan.reason} ({plan.why})" for plan in self.plans if plan.far}

    def on_fill(self, view: View, fill: OwnFill) -> None:
        """Count what a leg cost."""
        plan, _ = self._plan_of.get(view.market.id, (None, None))
        if plan is not None:
            for index, want in enumerate(plan.basket.wants):
                if want.market == view.market.id and view.market.token(want.outcome) == fill.token:
                    value = notional(fill.price, fill.size)
                    plan.hear(index, fill.side, fill.size, value, fill.fee, voided=fill.voided)

    def on_market_tick(self, view: View) -> Wishes:
        """Go on with what is open, mend what is left over, or look for something new."""
        self._know(view)
        see = _Sight(view)
        cluster = self._universe.cluster(view.market.id) or (view.market.id,)
        opened = next((self._plan_of[m] for m in cluster if m in self._plan_of), None)
        if opened is None:
            views = [see(market) for market in cluster]
            if any(each is None or each.orders for each in views):
                return None
            opened = self._left_over(view.now_ns, [each for each in views if each])
        if opened is not None:
            return self._carry_on(view, see, *opened)
        return self._look(view, see)

    def on_timer(self, view: View) -> None:
        """Feed the signals."""
        if self.params.min_signal:
            self._know(view)
            see = _Sight(view)
            for basket in self._universe.baskets(view.market.id):
                if (priced := mispricing(basket, see)) is not None:
                    score = self._scores.setdefault(basket.key, ZScore(self.params.signal_period))
                    score.update(priced / SCALE)

    def _know(self, view: View) -> None:
        """Build the baskets anew when a market appears, comes back with other terms, or pays out."""
        ended = view.winner is not None and view.market.id not in self._winners
        if view.winner is not None and ended:
            self._winners[view.market.id] = view.winner
        if ended or self._universe.markets.get(view.market.id) is not view.market:
            markets = {market.id: market for market in [*view.markets, view.market]}
            self._universe = Universe(markets.values(), self.params.relations, self._winners)
            self._since.clear()

    # -- scanner and guard -------------------------------------------------------------------------------------------

    def _look(self, view: View, see: See) -> Wishes:
        best: Proof | None = None
        cluster = self._universe.cluster(view.market.id)
        owns = {market for market in cluster if (seen := see(market)) and (seen.own_yes > 0 or seen.own_no > 0)}
        for basket in self._universe.baskets(view.market.id):
            if not basket.sold_in <= owns:
                continue
            proof = find(basket, see, self.params)
            if proof is None or not self._passes(proof, basket, view, see):
                self._since.pop(basket.key, None)
            elif view.now_ns >= self._since.setdefault(basket.key, view.now_ns) + self.params.confirm_ms:
                best = proof if best is None or proof.worst > best.worst else best
        if best is None or view.now_ns < max(self._quiet_ns.get(market, 0) for market in cluster):
            return None
        return self._open(best, view.now_ns, see)

    def _passes(self, proof: Proof, basket: Basket, view: View, see: See) -> bool:
        params = self.params
        rate, spends = proof.annualised, sum(leg.cash for leg in proof.legs if leg.side is Side.BUY)
        return (
            proof.expected >= params.min_profit
            and proof.edge >= params.min_edge
            and (rate is None or rate >= params.min_annual)
            and (proof.riskless or -proof.worst_of_all <= params.max_pair_loss)
            and spends <= view.cash
            and all(self._fresh(see(leg.market.id), leg.want.outcome) for leg in proof.legs)
            and self._signals(basket)
        )

    def _fresh(self, view: View | None, outcome: Outcome) -> bool:
        if view is None:
            return False
        told_ns = getattr(view.books[outcome], "updated_ns", view.now_ns)
        return not self.params.max_age_ms or view.now_ns - told_ns <= self.params.max_age_ms

    def _signals(self, basket: Basket) -> bool:
        if not self.params.min_signal:
            return True
        score = self._scores.get(basket.key)
        return score is not None and score.value is not None and score.value * SCALE >= self.params.min_signal

    # -- executor ----------------------------------------------------------------------------------------------------

    def _open(self, proof: Proof, now_ns: int, see: See) -> Wishes:
        why = str(proof)
        plan = Plan(
            basket=proof.basket,
            before=[_own(see(leg.want.market), leg.want) for leg in proof.legs],
            limits=[leg.price for leg in proof.legs],
            started_ns=now_ns,
            why=why,
        )
        self._keep(plan, proof)
        self._since.clear()
        legs = sorted(proof.legs, key=lambda leg: depth(_within(leg)) * SCALE // leg.size)
        return [_opening(leg, proof, why) for leg in legs]

    def _keep(self, plan: Plan, proof: Proof | None) -> None:
        self._plan_of.update(dict.fromkeys((want.market for want in plan.basket.wants), (plan, proof)))

    def _left_over(self, now_ns: int, views: Sequence[View]) -> tuple[Plan, Proof | None] | None:
        """Return a plan for what lacks its counterpart in markets that hang together, None where nothing does."""
        held = {(v.market.id, o): v.own_yes if o is Outcome.YES else v.own_no for v in views for o in Outcome}
        if not any(size > 0 for size in held.values()) or not all(view.trusted for view in views):
            return None
        markets = {view.market.id for view in views}
        families = [f for f in self._universe.families if f.wants[0].market in markets]
        least = max(view.market.min_size for view in views)
        found = leftover(families, held, least)
        plan = _found(found, held, now_ns) if found else self._better_whole(now_ns, views, families, held, least)
        if plan is None:
            return None
        self._keep(plan, None)
        return plan, None

    def _better_whole(
        self, now_ns: int, views: Sequence[View], families: Sequence[Basket], held: Held, least: int
    ) -> Plan | None:
        """Return a plan for an uneven set of NO that is worth more when its legs are made equal, None for any other.

        It pays for sure as it is, so only what that gains is a reason: what an attempt cost is not known any more.
        """
        by_market = {view.market.id: view for view in views}
        if any(size > 0 for (_, outcome), size in held.items() if outcome is Outcome.YES):
            return None
        for family in (f for f in families if f.spare):
            got = [max(0, held[want.market, want.outcome]) for want in family.wants]
            if max(got) - min(got) < least:
                continue
            plan = _found(Leftover(family, got), held, now_ns)
            legs = [self._leg_now(by_market[want.market], want, before, views[0]) for want, before in _rows(plan)]
            if plan.worth(legs, self.params) - (sum(got) - max(got)) >= self.params.min_profit:
                return plan
        return None

    def _carry_on(self, view: View, see: See, plan: Plan, proof: Proof | None) -> Wishes:
        legs = [self._leg_now(see(want.market), want, before, view) for want, before in _rows(plan)]
        repairs = plan.step(view.now_ns, legs, self.params)
        if plan.phase is Phase.DONE:
            self._close(view.now_ns, plan, proof)
        return [_mending(plan, repair, legs[repair.leg]) for repair in repairs]

    def _close(self, now_ns: int, plan: Plan, proof: Proof | None) -> None:
        self.done.append((plan, proof))
        for want in plan.basket.wants:
            self._plan_of.pop(want.market, None)
            self._quiet_ns[want.market] = now_ns + self.params.cooldown_ms

    def _leg_now(self, view: View | None, want: Want, before: int, asked: View) -> LegNow:
        if view is None:  # no longer followed: nothing can be known or done there
            market = self._universe.markets.get(want.market, asked.market)
            return LegNow(market=market, token=market.token(want.outcome), got=0, unknown=True)
        token = view.market.token(want.outcome)
        states = [order.state for order in view.orders if order.token == token]
        book, seen = view.books[want.outcome], view.trusted and not view.winner
        return LegNow(
            market=view.market,
            token=token,
            got=(_own(view, want) - before) * want.side.sign,
            live=bool(states),
            unknown=OrderState.UNKNOWN in states,
            settling=(view.yes_unsettled if want.outcome is Outcome.YES else view.no_unsettled) > 0,
            asks=book.top(ASK, self.params.levels) if seen else (),
            bids=book.top(BID, self.params.levels) if seen else (),
            sellable=sellable(view, want.outcome),
            over=view.winner is not None,
        )


class _Sight:
    """What is seen of each market at this instant, each looked up once."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._seen: dict[MarketId, View | None] = {view.market.id: view}

    def __call__(self, market: MarketId) -> View | None:
        if market not in self._seen:
            self._seen[market] = self._view.see(market)
        return self._seen[market]


def _rows(plan: Plan) -> Sequence[tuple[Want, int]]:
    return list(zip(plan.basket.wants, plan.before, strict=True))


def _own(view: View | None, want: Want) -> int:
    if view is None:
        return 0
    return view.own_yes if want.outcome is Outcome.YES else view.own_no


def _found(left: Leftover, held: Held, now_ns: int) -> Plan:
    wants = left.basket.wants
    return Plan(
        basket=left.basket,
        before=[held[want.market, want.outcome] - got for want, got in zip(wants, left.got, strict=True)],
        limits=[0] * len(wants),
        started_ns=now_ns,
        why=f"left over: {left.basket.identity} with {', '.join(to_text(got) for got in left.got)}",
        found=True,
    )


def _within(leg: Leg) -> Sequence[tuple[int, int]]:
    """Return what a leg's ladder holds at its limit or better."""
    return [(price, size) for price, size in leg.ladder if (leg.price - price) * leg.side.sign >= 0]


def _opening(leg: Leg, proof: Proof, why: str) -> Place:
    """Return the order of a leg. Its share is worth what the set pays less what the other legs cost."""
    costs = [unit(each.market, each.side, each.price) for each in proof.legs]
    margin = proof.basket.pays - sum(costs)
    toll = unit(leg.market, leg.side, leg.price) - leg.side.sign * leg.price
    return Place(
        token=leg.token,
        side=leg.side,
        price=leg.price,
        size=leg.size,
        why=why,
        time_in_force=TimeInForce.FOK,
        fair=_inside(leg.price + leg.side.sign * int(margin + toll)),
    )


def _mending(plan: Plan, repair: Repair, leg: LegNow) -> Place:
    """Return the order of a repair: the other legs are there already, so the missing one is worth a whole set."""
    worth = SCALE if repair.side is Side.BUY and repair.forth else 0
    return Place(
        token=leg.token,
        side=repair.side,
        price=repair.price,
        size=repair.size,
        why=f"{plan.phase} {plan.reason}: {plan.why}",
        time_in_force=TimeInForce.IOC,
        fair=worth,
    )


def _inside(price: int) -> int:
    return min(SCALE, max(0, price))


def _told(plan: Plan) -> Mapping[str, str]:
    return {"why": plan.why, "phase": plan.phase, "reason": plan.reason}
