"""A run's header: written so that the same core can be built again, and building it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import attrs

from agbot import __version__
from agbot.core.engine import Engine
from agbot.core.limits import OFF, Limits
from agbot.core.portfolio import CarriedPosition
from agbot.core.risk import Gate
from agbot.core.rules import DEFAULT_RULES, DayCap, OrderCap, Rule, load_rules, parse_rules, spelled
from agbot.core.state import EngineSettings
from agbot.core.triggers import Baseline
from agbot.core.view import Strategy
from agbot.errors import ConfigError
from agbot.located import loads
from agbot.settings import Settings, StrategySettings
from agbot.store.journal import Header
from agbot.strategy.registry import OnlyIn, build


def header_of(
    settings: Settings,
    *,
    run_id: str,
    mode: str,
    started_ns: int,
    source: str,
    capital: int,
    carried: tuple[CarriedPosition, ...] = (),
    rules: Sequence[Rule] = (),
    limits: Limits = OFF,
    baseline: Baseline | None = None,
) -> Header:
    """Return what a run with these settings is made of. ConfigError when the policy file is wrong.

    Args:
        rules: stand beside the policies; of two caps the smaller one holds.
        limits: what makes the kill switch trip, measured from `baseline`.
    """
    policies = load_rules(settings.policy_file) if settings.policy_file else DEFAULT_RULES
    return Header(
        run_id=run_id,
        mode=mode,
        version=__version__,
        capital=capital,
        seed=settings.seed,
        policies=policies_text(policies, rules),
        strategies=tuple((s.name, _params(s), s.markets) for s in settings.strategies),
        chosen=tuple(_rest(s) for s in settings.strategies),
        started_ns=started_ns,
        carried=carried,
        source=source,
        limits=limits,
        baseline=baseline,
    )


def policies_text(policies: Sequence[Rule], caps: Sequence[Rule] = ()) -> str:
    """Return policies as a journal has them, with the caps of a live run; of two caps the smaller one holds."""
    return json.dumps({"policies": [spelled(rule) for rule in _together(policies, caps)]})


def engine_of(header: Header, as_asked: Callable[[Strategy], Strategy] = lambda strategy: strategy) -> Engine:
    """Return a fresh core as the header describes it. ConfigError for an unknown strategy or parameter.

    Args:
        as_asked: what stands in a strategy's place between it and the core.
    """
    settings = EngineSettings(
        run_id=header.run_id,
        capital=header.capital,
        in_flight_max=header.in_flight_max,
        carried=header.carried,
        limits=header.limits,
        baseline=header.baseline,
    )
    rules = parse_rules(loads(header.policies, "<journal>", "json"))
    strategies = [_built(*each, rest) for each, rest in zip(header.strategies, _chosen(header), strict=True)]
    strategies = [as_asked(strategy) for strategy in strategies]
    for name, count in Counter(strategy.id for strategy in strategies).items():
        if count > 1:
            reason = f"{count} strategies are called {name!r}: their orders could not be told apart"
            raise ConfigError(reason, id="AGB-114", key="strategies", remedy="give each its own id")
    return Engine(settings, Gate(rules), strategies)


def strategies_of(header: Header) -> list[tuple[str, str]]:
    """Return the strategies of a run by the id their orders go by, where the configuration says it, and parameters."""
    rows = zip(header.strategies, _chosen(header), strict=True)
    return [(json.loads(rest).get("id") or name, params) for (name, params, _), rest in rows]


def _chosen(header: Header) -> tuple[str, ...]:
    return (*header.chosen, *["{}"] * (len(header.strategies) - len(header.chosen)))


def strategy_faults(settings: Settings) -> Iterator[ConfigError]:
    """Yield what is wrong with the strategies and their parameters, with file and line; nothing is started."""
    for chosen in settings.strategies:
        try:
            _built(chosen.name, _params(chosen), chosen.markets, _rest(chosen))
        except ConfigError as e:
            yield _placed(chosen, e)


def _placed(chosen: StrategySettings, fault: ConfigError) -> ConfigError:
    if chosen.node is None:
        return fault
    at = chosen.node.fields.get(fault.key.rpartition(".")[2])
    line, key = (at.line, at.key) if at else (chosen.node.line, fault.key)
    return ConfigError(fault.reason, id=fault.id, path=chosen.node.file, line=line, key=key, remedy=fault.remedy)


def _params(chosen: StrategySettings) -> str:
    return json.dumps(dict(chosen.params), default=str)


def _rest(chosen: StrategySettings) -> str:
    sizing = None if chosen.sizing is None else dict(chosen.sizing)
    return json.dumps({"id": chosen.id, "sizing": sizing}, default=str)


def _built(name: str, params: str, markets: tuple[str, ...] | None, rest: str) -> Strategy:
    strategy = build(name, json.loads(params), **json.loads(rest))
    return strategy if markets is None else OnlyIn(strategy, markets)


def _together(policies: Sequence[Rule], more: Sequence[Rule]) -> Iterator[Rule]:
    caps = {rule.name: rule for rule in more if isinstance(rule, OrderCap | DayCap)}
    for rule in policies:
        if isinstance(rule, OrderCap | DayCap) and (cap := caps.get(rule.name)):
            caps[rule.name] = attrs.evolve(cap, max_usd=min(cap.max_usd, rule.max_usd))
        else:
            yield rule
    yield from caps.values()
