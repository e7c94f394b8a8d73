"""Other policies for a bot that runs: what they replace, what they cannot loosen, and that a replay knows them."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from agbot.cli import risk_limits
from agbot.core.rules import DayCap, InventoryLimit, OrderCap, PositionLimit, spelled
from agbot.core.rules.account import DailyLoss, MaxLoss
from agbot.errors import ConfigError
from agbot.model.events import PoliciesSet
from agbot.run.new_policies import NewPolicies
from agbot.units import SCALE


class Sent(list):
    send_urgent = list.append


def asked(core, *caps):
    inbox = Sent()
    return inbox, NewPolicies(core.engine, inbox, caps, lambda: 7)


def text(*rules):
    return json.dumps({"policies": [spelled(rule) for rule in rules]})


@pytest.fixture
def request_of():
    return lambda *rules, **more: {"policies": text(*rules), "reason": "an election", "by": "ada", **more}


async def test_the_core_asks_them_from_then_on(make_core, request_of):
    core = make_core(PositionLimit(None, 5 * SCALE))
    inbox, policies = asked(core)
    told = await policies.handle(request_of(MaxLoss(3 * SCALE), DailyLoss(50_000)))
    assert [row["policy"] for row in told["policies"]] == ["MaxLoss", "DailyLoss"]
    assert not core.engine.triggers.watching
    core.step(*inbox)
    assert core.engine.state.gate.rules == (MaxLoss(3 * SCALE), DailyLoss(50_000))
    assert core.engine.triggers.watching
    (event,) = inbox
    assert (event.reason, event.by, event.ts_ns) == ("an election", "ada", 7)


async def test_the_kill_switch_stays_as_it_is(make_core, request_of):
    core = make_core()
    core.engine.state.gate.kill("a test")
    core.step(PoliciesSet(text(MaxLoss(0)), "r", "b", 1))
    assert core.engine.kill_switch == "a test"
    _, policies = asked(core)
    on = {"policies": '{"policies": [{"type": "KillSwitch", "enabled": true}]}', "reason": "r", "by": "b"}
    with pytest.raises(ConfigError, match="AGB-551"):
        await policies.handle(on)


async def test_the_caps_of_a_live_run_only_get_smaller(make_core, request_of):
    _, policies = asked(make_core(), OrderCap(10 * SCALE), DayCap(100 * SCALE, 40 * SCALE, 5))
    told = await policies.handle(request_of(OrderCap(50 * SCALE), DayCap(60 * SCALE), InventoryLimit(SCALE)))
    assert [row["says"] for row in told["policies"]] == [
        "at most 1 usd of inventory over all markets",
        "at most 10 usd in one order",
        "at most 60 usd traded in one UTC day",
    ]


@pytest.mark.parametrize(
    ("change", "says"), [({"reason": " "}, "AGB-533"), ({"policies": ""}, "AGB-"), ({"policies": "[]"}, "AGB-")]
)
async def test_what_cannot_be_taken_on_changes_nothing(make_core, request_of, change, says):
    inbox, policies = asked(make_core())
    with pytest.raises(ConfigError, match=says):
        await policies.handle(request_of(MaxLoss(0), **change))
    assert inbox == []


def test_the_command_reads_the_file_before_it_asks(tmp_path, monkeypatch):
    file = tmp_path / "p.yaml"
    file.write_text("risk: {max_position_pct: 0.10}")
    asked = []

    def bot(_profile, _dir, request):
        asked.append(request)
        return {"policies": [{"policy": "PositionPct", "says": "…"}], "reason": request["reason"], "by": request["by"]}

    monkeypatch.setattr(risk_limits, "control", bot)
    done = CliRunner().invoke(risk_limits.command, [str(file), "--reason", "why", "--by", "ada"])
    assert "in force until this run ends, by ada: why" in done.output
    assert json.loads(asked[0]["policies"]) == {"policies": [{"type": "PositionPct", "max_pct": "0.1"}]}
    file.write_text("risk: {max_position_pct: 10}")
    failed = CliRunner().invoke(risk_limits.command, [str(file), "--reason", "why"])
    assert isinstance(failed.exception, ConfigError)
    assert len(asked) == 1
