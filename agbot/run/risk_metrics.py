"""Risk as figures over time: what the day made, what is lost of the peak, what could be lost, limits used."""

from __future__ import annotations

from agbot.core.engine import Engine
from agbot.run.risk_view import used, with_orders
from agbot.telemetry.registry import Registry
from agbot.units import SCALE


class RiskMetrics:
    """Publishes once a second.

    * `risk.daily_pnl_usd`, `risk.current_drawdown` (a part of the highest equity): once the equity is known.
    * `risk.position_concentration`: the part of all that can be lost, market by market, that is in the largest.
    * `risk.worst_case_usd`: the most that can be lost at once, live orders filled where it hurts, by event.
    * `risk.var_95`: once all has resolved, events independent, live orders filled where it hurts (usd).
    * `risk.portfolio_delta`: usd for each logit that every YES moves up, netted.
    * `risk.limit_used`: by policy, 1 is all of it.
    """

    def __init__(self, engine: Engine, registry: Registry) -> None:
        self._engine = engine
        self._registry = registry

    def second(self, now_ns: int) -> None:
        """Publish the figures of now."""
        gauge, engine = self._registry.gauge, self._engine
        if (base := engine.triggers.known) is not None:
            gauge("risk.daily_pnl_usd").set((base.equity - base.day_equity) / SCALE)
            gauge("risk.current_drawdown").set(max(0.0, 1 - base.equity / base.peak) if base.peak > 0 else 0.0)
        losses = engine.admission.losses
        held = [market for market, holding in engine.portfolio.holdings() if holding.winner is None]
        worst = [max(0, losses.stake(market).worst) for market in held]
        gauge("risk.position_concentration").set(max(worst, default=0) / sum(worst) if sum(worst) else 0.0)
        worst_case, var = with_orders(engine, now_ns)
        gauge("risk.worst_case_usd").set(worst_case / SCALE)
        prices = [losses.price(market) for market in held]
        delta = sum(engine.portfolio.net(m) * p * (1 - p) for m, p in zip(held, prices, strict=True))
        gauge("risk.portfolio_delta").set(delta / SCALE)
        gauge("risk.var_95", time_horizon="resolution", method="exact").set(var / SCALE)
        for rule in engine.state.gate.rules:
            if (part := used(engine, rule, now_ns)) is not None:
                gauge("risk.limit_used", policy=rule.name).set(part)
