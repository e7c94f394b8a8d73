# ruff: noqa: E501 - a table reads best with one case a line
"""Policies as a person writes them, and everything wrong a person can write."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.core.rules import InventoryLimit, KillSwitch, PositionLimit, file, load_rules, parse_rules, read_rules
from agbot.core.rules.account import (
    Correlation,
    DailyLoss,
    Drawdown,
    EventExposure,
    MaxPositions,
    PositionPct,
)
from agbot.core.rules.orders import MinEdge, Universe
from agbot.errors import ConfigError
from agbot.located import loads

SEED = """\
policies: [{type: PositionLimit, market_id: "0x123abc", max_size: 1000.0}, {type: InventoryLimit, max_value_usd: 10000.0}, \
{type: KillSwitch, enabled: false}]
"""
RULES = (PositionLimit("0x123abc", 1_000_000_000), InventoryLimit(10_000_000_000), KillSwitch(enabled=False))
TYPES = ", ".join(kind.__name__ for kind in file.TYPES)
PLAIN = "write a plain number such as 1000.0, without unit or separators"


def test_the_section_risk_is_short_for_policies() -> None:
    text = """
risk:
  max_position_pct: 0.10
  max_portfolio_positions: 20
  max_daily_loss_pct: 0.05
  max_drawdown_pct: "0.15"
  max_sector_exposure: 0.30
  max_correlation: 0.80
"""
    assert parse_rules(loads(text, "p.yaml")) == (
        PositionPct(100_000),
        MaxPositions(20),
        DailyLoss(50_000),
        Drawdown(150_000),
        EventExposure(300_000),
        Correlation(800_000),
    )
    both = "policies: [{type: KillSwitch, enabled: false}]\nrisk: {max_position_pct: 0.1}"
    assert parse_rules(loads(both, "p.yaml")) == (KillSwitch(enabled=False), PositionPct(100_000))


def test_the_spelling_of_the_field_loads_unchanged(repo: Path) -> None:
    assert parse_rules(loads(SEED, "p.yaml")) == RULES
    assert load_rules(repo / "policies" / "example.yaml") == RULES


def test_the_file_with_one_of_each_has_one_of_each(repo: Path) -> None:
    path = repo / "policies" / "every.yaml"
    assert {*map(type, load_rules(path)), Universe, MinEdge} == set(file.TYPES)
    uncommented = re.sub(r"^  # ?(- type|  m)", r"  \1", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert {*map(type, parse_rules(loads(uncommented, "p.yaml")))} == set(file.TYPES)


def test_the_page_of_policies_names_every_type_and_key(repo: Path) -> None:
    page = (repo / "policies" / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+)`", page))
    for kind, keys in file.TYPES.items():
        assert {kind.__name__, *keys} - {"spent_usd", "day"} <= named


@pytest.mark.parametrize("name", ["example", "conservative", "paper"])
def test_every_shipped_policy_file_has_each_kind_of_limit(repo: Path, name: str) -> None:
    rules = load_rules(repo / "policies" / f"{name}.yaml")
    assert [type(rule) for rule in rules] == [PositionLimit, InventoryLimit, KillSwitch]


@pytest.mark.parametrize("market", ["", "market_id: null, ", "market_id: ~, "])
def test_no_market_means_all(market: str) -> None:
    (rule,) = parse_rules(loads(f"policies: [{{type: PositionLimit, {market}max_size: 5}}]", "p"))
    assert rule == PositionLimit(None, 5_000_000)


def test_unquoted_hexadecimal_ids_stay_text() -> None:
    (rule,) = parse_rules(loads("policies: [{type: PositionLimit, market_id: 0x00ff, max_size: 0}]", "p"))
    assert rule == PositionLimit("0x00ff", 0)


def test_json() -> None:
    text = '{"policies": [{"type": "InventoryLimit", "max_value_usd": 0.000001}]}'
    assert parse_rules(loads(text, "p.json")) == (InventoryLimit(1),)


WRONG = [
    ("[]", "[AGB-106] p.yaml:1: expected a mapping, got a list → write 'key: value' lines"),
    ("policy: []", "[AGB-105] p.yaml:1: policies: the key is missing → add 'policies: …'"),
    ("policies:", "[AGB-106] p.yaml:1: policies: expected a list, got nothing → write a list: [a, b]"),
    ("policies: {}", "[AGB-106] p.yaml:1: policies: expected a list, got a mapping → write a list: [a, b]"),
    ("policies: [KillSwitch]", "[AGB-106] p.yaml:1: policies[0]: expected a mapping, got 'KillSwitch' → write 'key: value' lines"),
    ("policies:\n  - max_size: 1", "[AGB-105] p.yaml:2: policies[0].type: the key is missing → add 'type: …'"),
    ("policies: [{type: PositonLimit}]", "[AGB-113] p.yaml:1: policies[0].type: unknown policy type 'PositonLimit' → did you mean 'PositionLimit'?"),
    ("policies: [{type: killswitch}]", "[AGB-113] p.yaml:1: policies[0].type: unknown policy type 'killswitch' → did you mean 'KillSwitch'?"),
    ("policies: [{type: Stop}]", f"[AGB-113] p.yaml:1: policies[0].type: unknown policy type 'Stop' → known: {TYPES}"),
    ("policies: [{type: 1}]", f"[AGB-113] p.yaml:1: policies[0].type: unknown policy type '1' → known: {TYPES}"),
    ("policies:\n  - type: PositionLimit\n    max_size: -1", "[AGB-107] p.yaml:3: policies[0].max_size: '-1' is negative → write a number that is not negative"),
    ("policies:\n  - type: PositionLimit\n    max_size: 10 usd", f"[AGB-106] p.yaml:3: policies[0].max_size: expected a number, got '10 usd' → {PLAIN}"),
    ("policies: [{type: PositionLimit, max_size: true}]", f"[AGB-106] p.yaml:1: policies[0].max_size: expected a number, got 'true' → {PLAIN}"),
    ("policies: [{type: PositionLimit, max_size: .inf}]", f"[AGB-106] p.yaml:1: policies[0].max_size: expected a number, got '.inf' → {PLAIN}"),
    ("policies: [{type: PositionLimit, max_size: 1e13}]", "[AGB-107] p.yaml:1: policies[0].max_size: '1e13' is out of range → between 0 and 1000000000000"),
    ("policies: [{type: PositionLimit, max_size: 0.0000001}]", "[AGB-107] p.yaml:1: policies[0].max_size: '0.0000001' has more than six decimals → round it yourself"),
    ("policies: [{type: PositionLimit}]", "[AGB-105] p.yaml:1: policies[0].max_size: the key is missing → add 'max_size: …'"),
    ("policies: [{type: PositionLimit, max_size: 1, market: x}]", "[AGB-104] p.yaml:1: policies[0].market: unknown key 'market' → did you mean 'market_id'?"),
    ("policies: [{type: PositionLimit, max_size: 1, market_id: ''}]", "[AGB-106] p.yaml:1: policies[0].market_id: the text is empty → write a value or remove the key"),
    ("policies: [{type: PositionLimit, max_size: 1, market_id: [x]}]", "[AGB-106] p.yaml:1: policies[0].market_id: expected text, got a list → write text, in quotes"),
    ("policies: [{type: InventoryLimit, max_value_usd: lots}]", f"[AGB-106] p.yaml:1: policies[0].max_value_usd: expected a number, got 'lots' → {PLAIN}"),
    ("policies: [{type: KillSwitch}]", "[AGB-105] p.yaml:1: policies[0].enabled: the key is missing → add 'enabled: …'"),
    ("policies: [{type: KillSwitch, enabled: no}]", "[AGB-106] p.yaml:1: policies[0].enabled: expected true or false, got 'no' → write true or false, without quotes"),
    ("policies: [{type: KillSwitch, enabled: 'false'}]", "[AGB-106] p.yaml:1: policies[0].enabled: expected true or false, got 'false' → write true or false, without quotes"),
    (
        "policies:\n- {type: PositionLimit, market_id: 0xAb, max_size: 1}\n- {type: PositionLimit, market_id: 0xaB, max_size: 1}",
        "[AGB-114] p.yaml:3: policies[1]: PositionLimit(0xaB) is given twice → keep one of them",
    ),
    (
        "policies:\n- {type: PositionLimit, max_size: 1}\n- {type: PositionLimit, market_id: ~, max_size: 2}",
        "[AGB-114] p.yaml:3: policies[1]: PositionLimit is given twice → keep one of them",
    ),
    (
        "policies:\n- {type: KillSwitch, enabled: true}\n- {type: KillSwitch, enabled: false}",
        "[AGB-114] p.yaml:3: policies[1]: KillSwitch is given twice → keep one of them",
    ),
    ("policies: []\nlimits: 3", "[AGB-104] p.yaml:2: limits: unknown key 'limits' → known: policies, risk"),
    ("policies: [{type: GreeksLimit}]", "[AGB-105] p.yaml:1: policies[0]: GreeksLimit limits nothing: give max_delta, max_gamma or max_vega → policies/README.md says what each type wants"),
    ("policies: [{type: VarLimit, confidence_level: 0.95}]", "[AGB-105] p.yaml:1: policies[0].max_var_usd: the key is missing → add 'max_var_usd: …'"),
    ("policies: [{type: VarLimit, max_var_usd: 5, confidence_level: 0.3}]", "[AGB-107] p.yaml:1: policies[0].confidence_level: '0.3' is out of range → between 0.5 and 0.999999"),
    ("policies: [{type: PriceBand, max_away: 1.5}]", "[AGB-107] p.yaml:1: policies[0].max_away: '1.5' is out of range → between 0 and 1"),
    ("policies: [{type: Correlation, max_correlation: 0.8, implies: [[a]]}]", "[AGB-106] p.yaml:1: policies[0].implies[0]: expected two markets, got a list → write [one-slug, other-slug]"),
    ("policies: [{type: Correlation, max_correlation: 0.8, latent: [{markets: [a, b], correlation: 2}]}]", "[AGB-107] p.yaml:1: policies[0].latent[0].correlation: '2' is out of range → between -1 and 1"),
    ("policies: [{type: OrderRate, max_orders: 5, per_sec: 0}]", "[AGB-107] p.yaml:1: policies[0].per_sec: '0' is out of range → between 0.000001 and 86400"),
    ("risk: {max_position_pct: 10}", "[AGB-107] p.yaml:1: risk.max_position_pct: '10' is out of range → between 0 and 1"),
    ("risk: {max_positions: 10}", "[AGB-104] p.yaml:1: risk.max_positions: unknown key 'max_positions' → did you mean 'max_position_pct'?"),
    ("risk: {max_correlation: 0.8}\npolicies:\n- {type: Correlation, max_correlation: 0.9}", "[AGB-114] p.yaml:1: risk.max_correlation: Correlation is given twice → keep one of them"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[text[:60] for text, _ in WRONG])
def test_the_exact_message(policy_faults: Callable[[str], list[str]], text: str, message: str) -> None:
    assert message in policy_faults(text)
    assert len(policy_faults(text)) == (2 if text == "policy: []" else 1)


def test_a_wrong_unit_in_the_key(policy_faults: Callable[[str], list[str]]) -> None:
    assert policy_faults("policies:\n  - type: PositionLimit\n    max_size_usd: 5") == [
        "[AGB-105] p.yaml:2: policies[0].max_size: the key is missing → add 'max_size: …'",
        "[AGB-104] p.yaml:3: policies[0].max_size_usd: unknown key 'max_size_usd' → did you mean 'max_size'?",
    ]


def test_one_fault_refuses_the_file() -> None:
    text = "policies:\n- {type: KillSwitch, enabled: true}\n- {type: InventoryLimit, max_value_usd: x}\n- 3"
    with pytest.raises(ConfigError) as caught:
        parse_rules(loads(text, "p.yaml"))
    assert (caught.value.line, caught.value.key) == (3, "policies[1].max_value_usd")


WORDS = st.sampled_from(["policies", "type", "market_id", "max_size", "max_value_usd", "enabled"])
VALUES = WORDS | st.sampled_from(
    ["PositionLimit", "InventoryLimit", "KillSwitch", "1", "-1", "1e99", "true", "~", "'x", "{"]
)
ENTRY = st.dictionaries(WORDS, VALUES, max_size=4).map(
    lambda d: "{" + ", ".join(f"{k}: {v}" for k, v in d.items()) + "}"
)


@settings(deadline=None)
@given(st.lists(ENTRY | VALUES, max_size=4))
def test_arbitrary_policies_raise_nothing_but_config_errors(entries: list[str]) -> None:
    faults: list[ConfigError] = []
    rules: tuple[object, ...] = ()
    try:
        rules = read_rules(loads(f"policies: [{', '.join(entries)}]", "p"), faults)
    except ConfigError as e:
        faults.append(e)
    assert faults or len(rules) == len(entries)
