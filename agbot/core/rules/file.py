"""Policies as a person writes them: reading a file, and writing a policy back for the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import attrs

from agbot.core.rules import account, orders
from agbot.core.rules.basic import DayCap, FreeCash, InventoryLimit, KillSwitch, OrderCap, PositionLimit
from agbot.core.rules.measured import Measured
from agbot.errors import ConfigError
from agbot.located import Fields, File, Located, load, suggest
from agbot.units import NS_PER_S, SCALE, to_text

Rule: TypeAlias = PositionLimit | InventoryLimit | KillSwitch | OrderCap | DayCap | FreeCash | Measured

DEFAULT_RULES: Final[tuple[Rule, ...]] = (
    PositionLimit(None, 1_000 * SCALE),
    InventoryLimit(10_000 * SCALE),
    KillSwitch(enabled=False),
)
"""What holds without a policy file; `policies/paper.yaml` says the same."""

DAY_MAX: Final = 10**6


@attrs.frozen
class Kind:
    """How a value is read, and written so that it reads the same."""

    read: Callable[[Located], Any]
    write: Callable[[Any], object] = to_text
    optional: bool = False


def _seconds(node: Located) -> int:
    return node.as_units(1, 86_400 * SCALE) * (NS_PER_S // SCALE)


def _market_id(node: Located) -> str | None:
    return None if node.kind == "nothing" else node.as_text()


def _pair(node: Located) -> tuple[str, str]:
    names = node.as_names()
    if len(names) != 2:
        raise node.fault(f"expected two markets, got {node}", id="AGB-106", remedy="write [one-slug, other-slug]")
    return names[0], names[1]


def _related(node: Located) -> tuple[str, str, int]:
    faults: list[ConfigError] = []
    fields = Fields(node, faults)
    pair = fields.require("markets", _pair, ("", ""))
    correlation = fields.require("correlation", lambda value: value.as_units(-SCALE, SCALE), 0)
    fields.close()
    if faults:
        raise faults[0]
    return (*pair, correlation)


def _same(value: object) -> object:
    return value


AMOUNT: Final = Kind(lambda node: node.as_units(0))
PART: Final = Kind(lambda node: node.as_units(0, SCALE))
COUNT: Final = Kind(lambda node: node.as_int(0, 9_999), _same)
DAYS: Final = Kind(lambda node: node.as_int(0, 3_650), _same)
DAY: Final = Kind(lambda node: node.as_int(0, DAY_MAX), _same)
SECONDS: Final = Kind(_seconds, lambda ns: to_text(ns // 1000))
CONFIDENCE: Final = Kind(lambda node: node.as_units(SCALE // 2, SCALE - 1))
VOLATILITY: Final = Kind(lambda node: node.as_units(0, 100 * SCALE))
SWITCH: Final = Kind(Located.as_bool, _same)
TEXT: Final = Kind(Located.as_text, _same)
MARKET: Final = Kind(_market_id, _same, optional=True)
NAMES: Final = Kind(Located.as_names, list)
PAIRS: Final = Kind(lambda node: tuple(_pair(item) for item in node.as_list()), lambda pairs: [list(p) for p in pairs])
LATENT: Final = Kind(
    lambda node: tuple(_related(item) for item in node.as_list()),
    lambda rows: [{"markets": [a, b], "correlation": to_text(r)} for a, b, r in rows],
)
MODEL: Final = {"confidence_level": CONFIDENCE, "time_horizon_days": DAYS, "logit_vol": VOLATILITY}

TYPES: Final[Mapping[Any, Mapping[str, Kind]]] = {
    PositionLimit: {"market_id": MARKET, "max_size": AMOUNT},
    InventoryLimit: {"max_value_usd": AMOUNT},
    KillSwitch: {"enabled": SWITCH},
    OrderCap: {"max_usd": AMOUNT},
    DayCap: {"max_usd": AMOUNT, "spent_usd": AMOUNT, "day": DAY},
    account.MaxLoss: {"max_loss_usd": AMOUNT},
    account.PositionPct: {"max_pct": PART},
    account.EventExposure: {"max_pct": PART},
    account.StrategyBudget: {"strategy": TEXT, "max_usd": AMOUNT},
    account.MaxPositions: {"max_positions": COUNT},
    account.VarLimit: {"max_var_usd": AMOUNT, **MODEL},
    account.ExpectedShortfallLimit: {"max_es_usd": AMOUNT, **MODEL},
    account.GreeksLimit: {"max_delta": AMOUNT, "max_gamma": AMOUNT, "max_vega": AMOUNT},
    account.Correlation: {"max_correlation": PART, "implies": PAIRS, "latent": LATENT},
    account.DailyLoss: {"max_pct": PART},
    account.Drawdown: {"max_pct": PART},
    account.ConsecutiveLosses: {"max_losses": COUNT},
    orders.FatFinger: {"max_size": AMOUNT, "max_usd": AMOUNT},
    orders.OrderRate: {"max_orders": COUNT, "per_sec": SECONDS},
    orders.PriceBand: {"max_away": PART},
    orders.Staleness: {"max_age_sec": SECONDS},
    orders.SelfTrade: {},
    orders.Universe: {"markets": NAMES},
    orders.MinEdge: {"min_edge": PART},
    orders.SlippageGuard: {"part_of_edge": PART, "max_slippage": PART},
}
"""By type: its keys, named as the attributes; those without a default must be there."""

_BY_NAME: Final[Mapping[str, Any]] = {kind.__name__: kind for kind in TYPES}

RISK: Final[Mapping[str, tuple[Any, str]]] = {
    "max_position_pct": (account.PositionPct, "max_pct"),
    "max_portfolio_positions": (account.MaxPositions, "max_positions"),
    "max_daily_loss_pct": (account.DailyLoss, "max_pct"),
    "max_drawdown_pct": (account.Drawdown, "max_pct"),
    "max_sector_exposure": (account.EventExposure, "max_pct"),
    "max_correlation": (account.Correlation, "max_correlation"),
}
"""Keys of the section `risk`, each short for one policy."""


def load_rules(path: File) -> tuple[Rule, ...]:
    """Return the policies in a YAML or JSON file.

    Raises:
        ConfigError: the first fault, by line.
    """
    return parse_rules(load(path))


def parse_rules(root: Located) -> tuple[Rule, ...]:
    """Return the policies in a file that has been read.

    Raises:
        ConfigError: the first fault, by line.
    """
    faults: list[ConfigError] = []
    rules = read_rules(root, faults)
    if faults:
        raise min(faults, key=lambda fault: fault.line or 0)
    return rules


def read_rules(root: Located, faults: list[ConfigError]) -> tuple[Rule, ...]:
    """Return the policies that are right and add every fault to `faults`."""
    file = Fields(root, faults)
    rules: dict[str, Rule] = {}
    nodes: tuple[Located, ...] = ()
    listed = (file.read if "risk" in root.fields else file.require)("policies", Located.as_list, nodes)
    short = file.get("risk")
    written = [(node, rule) for node in listed if (rule := _rule(node, faults)) is not None]
    for node, rule in (*written, *(_short(short, faults) if short else ())):
        if (name := rule.name.lower()) in rules:
            faults.append(node.fault(f"{rule.name} is given twice", id="AGB-114", remedy="keep one of them"))
        rules[name] = rule
    file.close()
    return tuple(rules.values())


def _short(node: Located, faults: list[ConfigError]) -> Iterator[tuple[Located, Rule]]:
    """Yield the policies that the section `risk` is short for."""
    fields = Fields(node, faults)
    for key, (kind, attribute) in RISK.items():
        found = len(faults)
        value = fields.read(key, TYPES[kind][attribute].read, None)
        if value is not None and len(faults) == found:
            yield node.fields[key], kind(**{attribute: value})
    fields.close()


def _rule(node: Located, faults: list[ConfigError]) -> Rule | None:
    found = len(faults)
    fields = Fields(node, faults)
    name = fields.require("type", _policy_type, "")
    if not name:
        return None
    kind = _BY_NAME[name]
    defaults = {a.name: a.default for a in attrs.fields(kind)}
    values = {}
    for key, how in TYPES[kind].items():
        default = None if how.optional else defaults[key]
        read = fields.require if default is attrs.NOTHING else fields.read
        values[key] = read(key, how.read, default)
    fields.close()
    if len(faults) > found:
        return None
    try:
        rule: Rule = kind(**values)
    except ValueError as e:
        faults.append(node.fault(str(e), id="AGB-105", remedy="policies/README.md says what each type wants"))
        return None
    return rule


def _policy_type(node: Located) -> str:
    text = node.as_text()
    if text not in _BY_NAME:
        raise node.fault(f"unknown policy type {node}", id="AGB-113", remedy=suggest(text, _BY_NAME))
    return text


def spelled(rule: Rule) -> dict[str, object]:
    """Return a policy as it is written in a file. KeyError for one that is never written."""
    keys = TYPES[type(rule)]
    values = {key: getattr(rule, key) for key in keys}
    told = {key: keys[key].write(value) for key, value in values.items() if value is not None}
    return {"type": type(rule).__name__, **told}


def asks_for_losses(rules: Iterable[Rule]) -> bool:
    """Return whether a policy needs the losses of day and peak to be measured."""
    return any(isinstance(rule, account.DailyLoss | account.Drawdown | account.ConsecutiveLosses) for rule in rules)
