"""Whether the gate has let anything pass lately: a bot that is denied every order does not trade, whatever it says."""

from __future__ import annotations

from typing import Any, Final

from agbot.core.engine import Engine
from agbot.core.figures import Told
from agbot.core.step import Decision, Step
from agbot.core.view import Place
from agbot.model.ids import ClientOrderId, MarketId, StrategyId
from agbot.units import NS_PER_S

LATELY_NS: Final = 60 * NS_PER_S


class Denials:
    """Observer of the engine: strategies' orders that were denied since the last one that passed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._repeated = 0
        self._passed_ns = -LATELY_NS
        self._denied_ns = -LATELY_NS
        self._count = 0
        self._last: Decision | None = None

    def observe(self, step: Step) -> None:
        """Take in what one step decided; a wish that repeats a denial is no decision, and counts."""
        repeated, self._repeated = self._repeated, self._engine.coordinator.denials_repeated
        if self._repeated != repeated:
            self._count, self._denied_ns = self._count + self._repeated - repeated, step.now_ns
        for decision in step.output.decisions:
            if decision.allowed:
                self._passed_ns, self._count = step.now_ns, 0
            elif not decision.request_id:  # a person was told so
                self._denied_ns, self._count, self._last = step.now_ns, self._count + 1, decision

    def report(self, now_ns: int) -> dict[str, Any]:
        """Return what the last minute's orders were denied by, with the figures of now; empty when one passed.

        Also empty when none was wished for.
        """
        since_ns, last = now_ns - LATELY_NS, self._last
        if last is None or not self._count or self._denied_ns < since_ns or self._passed_ns >= since_ns:
            return {}
        return {
            "count": self._count,
            "policies": list(last.violated),
            "strategy_id": last.strategy,
            "market_id": last.market,
            "figures": [row for row in self._figures(now_ns, last) if row["rule"] in last.violated],
        }

    def _figures(self, now_ns: int, last: Decision) -> list[dict[str, str]]:
        record = self._engine.oms.get(ClientOrderId(last.client_order_id))
        if record is None:  # so many orders ago that it is kept no longer
            return []
        wish = record.command
        place = Place(
            token=wish.token,
            side=wish.side,
            price=wish.price,
            size=wish.size,
            why=wish.why,
            order_type=wish.order_type,
            time_in_force=wish.time_in_force,
            budget=wish.budget,
        )
        return figures(self._engine, now_ns, last.market, last.strategy, place)


def figures(engine: Engine, now_ns: int, market: MarketId, strategy: StrategyId, place: Place) -> list[dict[str, str]]:
    """Return what forbids an order now: rule, figure and limit, as text; nothing comes of asking."""
    denials = Told(engine.state).like(engine.admission).denials(now_ns, market, strategy, place)
    return [{"rule": f.rule, "figure": f.figure, "limit": f.limit} for f in denials]
