"""The gate and its face: which orders pass, and the laws that hold for every order."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.core.risk import Gate, RiskContext, RiskDecision, RiskEngine
from agbot.core.rules import Exposure, FreeCash, InventoryLimit, KillSwitch, PositionLimit, Rule
from agbot.errors import ConfigError
from agbot.units import to_decimal

TEXT = """\
policies:
  - {type: PositionLimit, market_id: "0x123abc", max_size: 1000.0}
  - {type: PositionLimit, max_size: 2000}
  - {type: InventoryLimit, max_value_usd: 10000.0}
"""
JSON = '{"policies": [{"type": "InventoryLimit", "max_value_usd": 10000.0}]}'


def _ask(market: str, position: str, size: str, inventory: str = "0") -> tuple[str, ...]:
    context = RiskContext(market, Decimal(position), Decimal(size), Decimal(inventory))
    decision = RiskEngine.from_yaml(TEXT).evaluate(context)
    assert decision.allowed == (not decision.violated_policies)
    return decision.violated_policies


OWN, ALL, MONEY = "PositionLimit(0x123abc)", "PositionLimit", "InventoryLimit"

CASES = [
    ("0x123abc", "0", "1000", "0", ()),
    ("0x123abc", "0", "1000.000001", "0", (OWN,)),
    ("0x123abc", "0", "-1000", "0", ()),
    ("0x123abc", "0", "-1000.000001", "0", (OWN,)),
    ("0x123abc", "990", "10", "0", ()),
    ("0x123abc", "990", "11", "0", (OWN,)),
    ("0x123abc", "-990", "1990", "0", ()),
    ("0x123abc", "-990", "1991", "0", (OWN,)),
    ("0x123ABC", "0", "1001", "0", (OWN,)),
    ("0xother", "0", "1001", "0", ()),
    ("0xother", "0", "2001", "0", (ALL,)),
    ("0x123abc", "0", "2001", "0", (OWN, ALL)),
    # over the limit: the way out stays open, further in does not
    ("0x123abc", "1500", "-1", "0", ()),
    ("0x123abc", "1500", "1", "0", (OWN,)),
    ("0x123abc", "1500", "0", "0", (OWN,)),
    ("0x123abc", "-1500", "1", "0", ()),
    ("0x123abc", "-1500", "-1", "0", (OWN,)),
    ("0x123abc", "1500", "-2999", "0", ()),
    ("0x123abc", "1500", "-3000", "0", (OWN,)),
    ("x", "0", "1", "10000", ()),
    ("x", "0", "1", "10000.000001", (MONEY,)),
    ("x", "0", "1", "10000.0000000001", (MONEY,)),
    ("x", "5", "-1", "99999", ()),
    ("x", "-5", "1", "99999", ()),
    ("x", "-5", "-1", "99999", (MONEY,)),
    ("0x123abc", "0", "5000", "99999", (OWN, ALL, MONEY)),
]


@pytest.mark.parametrize(("market", "position", "size", "inventory", "violated"), CASES)
def test_decisions(market: str, position: str, size: str, inventory: str, violated: tuple[str, ...]) -> None:
    assert _ask(market, position, size, inventory) == violated


CONTEXT = RiskContext("m", Decimal(0), Decimal(1), Decimal(0))


def test_kill_switch_by_call() -> None:
    engine = RiskEngine.from_json(JSON)
    assert not engine.kill_switch_active
    engine.trigger_kill_switch("lag")
    engine.trigger_kill_switch("later")
    assert engine.kill_switch_active
    assert engine.gate.kill_reason == "lag"
    assert engine.evaluate(CONTEXT) == RiskDecision(allowed=False, violated_policies=("KillSwitch",))
    engine.reset_kill_switch()
    assert engine.evaluate(CONTEXT) == RiskDecision(allowed=True)


def test_kill_switch_by_policy_and_reset() -> None:
    engine = RiskEngine.from_yaml("policies: [{type: KillSwitch, enabled: true}]")
    assert engine.kill_switch_active
    assert engine.evaluate(CONTEXT).violated_policies == ("KillSwitch",)
    engine.reset_kill_switch()
    assert engine.evaluate(CONTEXT).allowed


def test_an_empty_reason_still_kills() -> None:
    gate = Gate([])
    gate.kill("")
    assert gate.kill_reason == "no reason given"


@pytest.mark.parametrize("as_text", [True, False])
def test_path_or_text(tmp_path: Path, as_text: bool) -> None:
    (tmp_path / "p.yaml").write_text(TEXT)
    (tmp_path / "policies").write_text(JSON)
    assert len(RiskEngine.from_yaml(TEXT if as_text else str(tmp_path / "p.yaml")).rules) == 3
    assert len(RiskEngine.from_json(JSON if as_text else tmp_path / "policies").rules) == 1
    assert RiskEngine.from_yaml("policies: []").rules == ()


def test_faults_name_the_source(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\[AGB-105\] <yaml>:1: policies: the key is missing"):
        RiskEngine.from_yaml("{}")
    with pytest.raises(ConfigError, match=r"<json>:2: policies"):
        RiskEngine.from_json('{\n"policies": 3}')
    with pytest.raises(ConfigError, match="no such file"):
        RiskEngine.from_yaml(str(tmp_path / "nope.yaml"))
    with pytest.raises(ConfigError, match="the file is empty"):
        RiskEngine.from_yaml("")


@pytest.mark.parametrize("bad", [1.5, True, None, Decimal("NaN"), Decimal("Infinity"), Decimal("1e30")])
def test_numbers_a_context_refuses(bad: object) -> None:
    with pytest.raises(ValueError, match=r"is not|is too large"):
        RiskContext("m", Decimal(0), Decimal(1), bad)  # type: ignore[arg-type]


def test_sizes_are_never_rounded() -> None:
    with pytest.raises(ValueError, match="more than six decimals"):
        RiskEngine([]).evaluate(RiskContext("m", Decimal(0), Decimal("0.0000001"), Decimal(0)))


def _exposure(**changes: int) -> Exposure:
    base = Exposure(market_id="m", net_position=0, long_worst=0, short_worst=0, delta=1, inventory_usd=0)
    return attrs.evolve(base, **changes)


GATE_CASES = [
    # resting buys count for a buy, not for a sell
    ({"net_position": 0, "long_worst": 101, "delta": 1}, ("PositionLimit",)),
    ({"net_position": 0, "long_worst": 101, "short_worst": -1, "delta": -1}, ()),
    ({"net_position": 0, "short_worst": -101, "delta": -1}, ("PositionLimit",)),
    # closing a position that resting sells would already close opens the other side
    ({"net_position": 150, "short_worst": -160, "delta": -10}, ("PositionLimit",)),
    ({"net_position": 150, "short_worst": 140, "delta": -10}, ()),
    ({"inventory_usd": 900, "order_notional_usd": 100}, ()),
    ({"inventory_usd": 900, "order_notional_usd": 101}, ("InventoryLimit",)),
    ({"inventory_usd": 900, "resting_notional_usd": 50, "order_notional_usd": 51}, ("InventoryLimit",)),
    ({"net_position": 5, "short_worst": 4, "delta": -1, "inventory_usd": 5000}, ()),
]


@pytest.mark.parametrize(("changes", "violated"), GATE_CASES)
def test_gate_counts_what_is_on_its_way(changes: dict[str, int], violated: tuple[str, ...]) -> None:
    gate = Gate([PositionLimit(None, 100), InventoryLimit(1000)])
    assert gate.check(_exposure(**changes)) == violated


def test_free_cash_is_asked_only_when_added() -> None:
    exposure = _exposure(order_notional_usd=10, cash_free=9)
    assert Gate([]).check(exposure) == ()
    assert Gate([FreeCash()]).check(exposure) == ("FreeCash",)
    assert Gate([FreeCash()]).check(attrs.evolve(exposure, cash_free=10)) == ()


UNITS = st.integers(-5_000, 5_000)
SIZES = st.integers(0, 5_000)
MARKETS = st.sampled_from(["a", "b", "A"])
POSITION_LIMITS = st.builds(PositionLimit, MARKETS | st.none(), SIZES)
LIMITS: st.SearchStrategy[Rule] = POSITION_LIMITS | st.builds(InventoryLimit, SIZES)
RULES = st.lists(LIMITS, max_size=4)


@st.composite
def _orders(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """Return (net position, resting buys, resting sells, signed size)."""
    size = draw(st.integers(1, 5_000)) * draw(st.sampled_from([-1, 1]))
    return draw(UNITS), draw(SIZES), draw(SIZES), size


def _of(order: tuple[int, int, int, int], market: str, inventory: int, price: int) -> Exposure:
    net, buys, sells, delta = order
    return Exposure(
        market_id=market,
        net_position=net,
        long_worst=net + buys + max(delta, 0),
        short_worst=net - sells + min(delta, 0),
        delta=delta,
        inventory_usd=inventory,
        order_notional_usd=abs(delta) * price // 100,
    )


@settings(deadline=None)
@given(RULES, _orders(), MARKETS, SIZES, st.integers(0, 100), st.data())
def test_a_smaller_order_is_never_denied_where_a_bigger_is_allowed(
    rules: list[Rule], order: tuple[int, int, int, int], market: str, inventory: int, price: int, data: st.DataObject
) -> None:
    gate = Gate(rules)
    size = data.draw(st.integers(1, abs(order[3])))
    smaller = (*order[:3], size if order[3] > 0 else -size)
    if not gate.check(_of(order, market, inventory, price)):
        assert gate.check(_of(smaller, market, inventory, price)) == ()


@settings(deadline=None)
@given(st.lists(POSITION_LIMITS), UNITS, SIZES, SIZES, MARKETS, st.data())
def test_reducing_is_never_denied_by_a_position_limit(
    rules: list[Rule], net: int, own_side: int, other_side: int, market: str, data: st.DataObject
) -> None:
    """Reducing: the order and what rests on its side fit into the position, whatever rests on the other side."""
    room = max(abs(net) - own_side, 0)
    if room == 0:
        return
    size = data.draw(st.integers(1, room))
    order = (net, other_side, own_side, -size) if net > 0 else (net, own_side, other_side, size)
    assert Gate(rules).check(_of(order, market, 0, 0)) == ()


@settings(deadline=None)
@given(RULES, _orders(), MARKETS, SIZES)
def test_the_kill_switch_denies_everything(
    rules: list[Rule], order: tuple[int, int, int, int], market: str, inventory: int
) -> None:
    exposure = _of(order, market, inventory, 50)
    by_policy, by_call = Gate([*rules, KillSwitch(enabled=True)]), Gate(rules)
    by_call.kill("test")
    assert by_policy.check(exposure)[0] == by_call.check(exposure)[0] == "KillSwitch"
    by_call.release()
    assert by_call.check(exposure) == Gate(rules).check(exposure)


@settings(deadline=None)
@given(RULES, UNITS, UNITS, MARKETS, SIZES)
def test_the_face_and_the_gate_agree_without_resting_orders(
    rules: list[Rule], net: int, delta: int, market: str, inventory: int
) -> None:
    context = RiskContext(market, to_decimal(net), to_decimal(delta), to_decimal(inventory))
    decision = RiskEngine(rules).evaluate(context)
    assert decision.violated_policies == Gate(rules).check(_of((net, 0, 0, delta), market, inventory, 0))
    assert decision.allowed == (not decision.violated_policies)


@settings(deadline=None)
@given(RULES, _orders(), MARKETS, SIZES)
def test_another_rule_never_makes_an_order_pass(
    rules: list[Rule], order: tuple[int, int, int, int], market: str, inventory: int
) -> None:
    exposure = _of(order, market, inventory, 50)
    assert set(Gate(rules[:-1]).check(exposure)) <= set(Gate(rules).check(exposure))
