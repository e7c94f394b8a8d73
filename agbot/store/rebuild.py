"""A run's header: written so that the same core can be built again, and building it."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from agbot import __version__
from agbot.config import Settings
from agbot.core.engine import Engine, EngineSettings
from agbot.core.portfolio import CarriedPosition
from agbot.core.risk import Gate
from agbot.core.rules import DEFAULT_RULES, InventoryLimit, KillSwitch, PositionLimit, Rule, load_rules, parse_rules
from agbot.errors import StoreError
from agbot.located import loads
from agbot.store.journal import Header
from agbot.strategy.registry import build
from agbot.units import to_text


def header_of(
    settings: Settings,
    *,
    run_id: str,
    mode: str,
    started_ns: int,
    source: str,
    capital: int,
    carried: tuple[CarriedPosition, ...] = (),
) -> Header:
    """Return what a run with these settings is made of. ConfigError when the policy file is wrong."""
    rules = load_rules(settings.policy_file) if settings.policy_file else DEFAULT_RULES
    return Header(
        run_id=run_id,
        mode=mode,
        version=__version__,
        capital=capital,
        seed=settings.seed,
        policies=json.dumps({"policies": [_spelled(rule) for rule in rules]}),
        strategies=tuple((s.name, json.dumps(dict(s.params), default=str)) for s in settings.strategies),
        started_ns=started_ns,
        carried=carried,
        source=source,
    )


def engine_of(header: Header) -> Engine:
    """Return a fresh core as the header describes it. ConfigError for an unknown strategy or parameter."""
    settings = EngineSettings(
        run_id=header.run_id, capital=header.capital, in_flight_max=header.in_flight_max, carried=header.carried
    )
    rules = parse_rules(loads(header.policies, "<journal>", "json"))
    strategies = [build(name, json.loads(params)) for name, params in header.strategies]
    return Engine(settings, Gate(rules), strategies)


def foreign(path: Path, error: msgspec.DecodeError) -> StoreError:
    """Return the error for a whole record whose content is not of this version."""
    return StoreError(
        f"{path} holds a record this agbot cannot read ({error})",
        id="AGB-605",
        remedy="use the agbot version that wrote it",
    )


def _spelled(rule: Rule) -> dict[str, object]:
    match rule:
        case PositionLimit(market_id=market, max_size=size):
            return {"type": "PositionLimit", "market_id": market, "max_size": to_text(size)}
        case InventoryLimit(max_value_usd=value):
            return {"type": "InventoryLimit", "max_value_usd": to_text(value)}
        case KillSwitch(enabled=enabled):
            return {"type": "KillSwitch", "enabled": enabled}
        case _:
            raise AssertionError(f"{rule} has no spelling")
