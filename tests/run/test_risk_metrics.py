"""Risk as figures over time, against a book worked by hand; and that asking leaves no trace."""

from __future__ import annotations

import json

import pytest

from agbot.core.limits import OFF
from agbot.core.rules.account import DailyLoss, ExpectedShortfallLimit, MaxLoss, VarLimit
from agbot.core.triggers import Baseline
from agbot.model.events import OperatorOrder
from agbot.model.market import Outcome
from agbot.model.order import OrderType, Side, TimeInForce
from agbot.run.risk_metrics import RiskMetrics
from agbot.run.risk_view import view
from agbot.telemetry.registry import Registry
from agbot.testing.account import Account
from agbot.testing.builders import make_market
from agbot.units import NS_PER_MS, to_units

ONE, TWO = make_market("one"), make_market("two")
HELD = {("one", Outcome.YES): ("100", "45"), ("two", Outcome.NO): ("20", "10")}
FEW = Baseline(day=20_000, day_equity=to_units("1100"), peak=to_units("1200"), equity=0, book=to_units("1055"))


def test_a_book_by_hand():
    """1000 usd, 100 YES worth 45 and 20 NO worth 9 (they cost 10): 1054; all of it lost has a chance of 0.25."""
    rules = (MaxLoss(to_units("90")), DailyLoss(50_000))
    account = Account(*rules, markets=[ONE, TWO], held=HELD, baseline=FEW, limits=OFF)
    registry = Registry(lambda: NS_PER_MS, run_id="r")
    RiskMetrics(account.engine, registry).second(account.now)
    lines = [json.loads(line) for line in registry.drain(10**9).lines]
    found = {(line["metric_name"], *line.get("labels", {}).values()): line["value"] for line in lines}
    assert found["risk.daily_pnl_usd",] == pytest.approx(-46)
    assert found["risk.current_drawdown",] == pytest.approx(1 - 1054 / 1200)
    assert found["risk.position_concentration",] == pytest.approx(45 / 55)
    assert found["risk.worst_case_usd",] == pytest.approx(45 + 10)  # a mark below the cost is no loss yet
    assert found["risk.portfolio_delta",] == pytest.approx(80 * 0.25)
    assert found["risk.var_95", "resolution", "exact"] == pytest.approx(55, abs=0.03)  # a step of its grid
    assert found["risk.limit_used", "MaxLoss"] == pytest.approx(0.5)
    assert found["risk.limit_used", "DailyLoss"] == pytest.approx(46 / 55)


def test_asking_leaves_no_trace():
    """A preview, a look at the limits and the figures must not change what is decided: a replay has none of them."""
    rules = (VarLimit(max_var_usd=to_units("70")), ExpectedShortfallLimit(max_es_usd=to_units("80")))
    asked, quiet = (Account(*rules, markets=[ONE, TWO], held=HELD) for _ in range(2))
    event = OperatorOrder(
        request_id="q",
        market=ONE.id,
        token=ONE.yes,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        price=to_units("0.5"),
        size=to_units("5"),
        time_in_force=TimeInForce.GTC,
        post_only=False,
        expire_ns=0,
        ts_ns=1,
    )
    for price in ("0.50", "0.52", "0.48"):
        asked.engine.would_deny(asked.now, event)
        view(asked.engine, asked.now)
        RiskMetrics(asked.engine, Registry(lambda: NS_PER_MS, run_id="r")).second(asked.now)
        for account in (asked, quiet):
            account.now += 400_000_000
            account.quote(ONE, f"{float(price) - 0.2:.2f}", f"{float(price) + 0.2:.2f}")
        assert asked.wish(price=price, size="20") == quiet.wish(price=price, size="20")
