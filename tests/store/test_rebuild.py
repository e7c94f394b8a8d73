"""A run's header builds the same core again."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from agbot.core.rules import (
    DEFAULT_RULES,
    DayCap,
    FreeCash,
    InventoryLimit,
    KillSwitch,
    OrderCap,
    PositionLimit,
    spelled,
)
from agbot.errors import ConfigError
from agbot.settings import Settings, StrategySettings
from agbot.store import rebuild
from agbot.store.journal import Header
from agbot.store.rebuild import engine_of, header_of
from agbot.strategy.sizing import Kelly
from agbot.units import to_units


def header(settings=None, **more):
    return header_of(settings or Settings(), run_id="r", mode="DEMO", started_ns=1, source="t", capital=7, **more)


def again(header):
    return engine_of(msgspec.msgpack.decode(msgspec.msgpack.encode(header), type=Header))


def test_rules_survive_the_journal(tmp_path, monkeypatch):
    rules = (
        PositionLimit(None, to_units("1000.000001")),
        PositionLimit("0xabc", 1),
        InventoryLimit(to_units("0.5")),
        KillSwitch(enabled=True),
    )
    monkeypatch.setattr(rebuild, "DEFAULT_RULES", rules)
    engine = again(header())
    assert engine.state.gate.rules == rules
    assert engine.kill_switch


def test_without_a_policy_file_the_defaults_hold():
    assert again(header()).state.gate.rules == DEFAULT_RULES


def test_a_policy_file_is_read_once_at_the_start(tmp_path):
    path = tmp_path / "policies.yaml"
    path.write_text("policies:\n  - {type: PositionLimit, market_id: null, max_size: 12.5}\n")
    made = header(Settings(policy_file=path))
    path.unlink()
    assert again(made).state.gate.rules == (PositionLimit(None, to_units("12.5")),)


def test_caps_are_rebuilt_and_the_smaller_of_two_holds(tmp_path):
    path = tmp_path / "policies.yaml"
    path.write_text("policies:\n  - {type: OrderCap, max_usd: 5}\n  - {type: DayCap, max_usd: 90}\n")
    asked = (OrderCap(to_units("10")), DayCap(to_units("50"), spent_usd=to_units("7.5"), day=20_000))
    made = header(Settings(policy_file=path), rules=asked)
    assert again(made).state.gate.rules == (OrderCap(to_units("5")), asked[1])


def test_a_policy_files_own_caps_hold_alone(tmp_path):
    path = tmp_path / "policies.yaml"
    path.write_text("policies: [{type: DayCap, max_usd: 90}]\n")
    assert again(header(Settings(policy_file=path))).state.gate.rules == (DayCap(to_units("90")),)


def test_a_wrong_policy_file_starts_nothing(tmp_path):
    path = tmp_path / "policies.yaml"
    path.write_text("policies:\n  - {type: PositionLimt}\n")
    with pytest.raises(ConfigError):
        header(Settings(policy_file=path))


def test_strategies_keep_their_parameters():
    settings = Settings(strategies=(StrategySettings(name="quoter", params={"size": "7.5", "skew_ticks": 2}),))
    quoter = again(header(settings)).coordinator.strategy("quoter")
    assert (quoter.params.size, quoter.params.skew_ticks) == (to_units("7.5"), 2)


def test_one_strategy_runs_twice_under_two_ids():
    each = [StrategySettings(name="quoter", id=name, markets=(name,)) for name in ("one", "two")]
    assert again(header(Settings(strategies=tuple(each)))).coordinator.strategies == ("one", "two")


def test_a_sizing_is_kept():
    sizing = {"type": "Kelly", "fraction": Decimal("0.25")}
    built = again(header(Settings(strategies=(StrategySettings(name="quoter", id="q", sizing=sizing),))))
    assert built.coordinator.strategy("q").inner.sizing == Kelly(fraction="0.25")


def test_a_journal_from_before_ids_is_read():
    old = msgspec.structs.replace(header(), chosen=())
    assert again(old).coordinator.strategies == ("quoter",)


def test_two_of_one_id_cannot_be_told_apart(tmp_path):
    yours = tmp_path / "yours.py"
    yours.write_text("class Mine:\n    id = 'quoter'\n    def decide(self, view):\n        return []\n")
    each = (StrategySettings(name="quoter"), StrategySettings(name=f"{yours}:Mine"))
    with pytest.raises(ConfigError) as caught:
        again(header(Settings(strategies=each)))
    assert caught.value.id == "AGB-114"


@pytest.mark.parametrize(
    "bad", [("quotr", "{}", None), ("quoter", '{"sise": 1}', None), ("quoter", '{"size": "-1"}', None)]
)
def test_an_unknown_strategy_or_parameter_is_said(bad):
    with pytest.raises(ConfigError):
        engine_of(msgspec.structs.replace(header(), strategies=(bad,)))


def test_a_rule_without_a_spelling_is_a_bug_not_a_silent_loss():
    with pytest.raises(KeyError):
        spelled(FreeCash())
