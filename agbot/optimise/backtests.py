"""Backtests as a search runs them: parameters go into strategies, and equity comes out on a grid all trials share."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Final

import attrs

from agbot.backtest.result import BacktestResult
from agbot.backtest.run import run
from agbot.backtest.source import open_data
from agbot.backtest.spec import SEARCH, BacktestSpec, Sources, check, load_spec
from agbot.core.rules import DEFAULT_RULES, load_rules
from agbot.errors import ConfigError
from agbot.located import load
from agbot.located.value import suggest
from agbot.optimise.outcome import Outcome, Params, Part, Value
from agbot.optimise.plan import EVENTS, Plan, read_plan
from agbot.settings import StrategySettings
from agbot.store.rebuild import policies_text
from agbot.units import NS_PER_S

PERIODS: Final = 240
"""Into how many a history is cut: enough for a Sharpe ratio, and coarser than the curve of a backtest."""


@attrs.frozen(kw_only=True)
class Stretch:
    """Data that is run in one go: all of it, or one recording; `periods` of equal length lie in its span."""

    name: str
    data: Sources
    hash: str
    first_ns: int
    last_ns: int
    periods: int = 0


@attrs.frozen(kw_only=True)
class Backtests:
    """Evaluates parameters by running backtests; travels to other processes, which need the data at the same paths."""

    spec: BacktestSpec
    stretches: tuple[Stretch, ...]

    def __call__(self, params: Params) -> Outcome:
        """Return what the parameters come to, one stretch after the other, each with the whole capital.

        Raises:
            AgbotError: the data cannot be read, or is not what it was.
            RuntimeError: a strategy raised.
        """
        spec = applied(self.spec, params)
        results = [_ran(spec, stretch) for stretch in self.stretches]
        pairs = list(zip(results, self.stretches, strict=True))
        parts = [Part(s.name, s.periods, s.first_ns, s.last_ns) for s in self.stretches]
        return Outcome(
            returns=tuple(value for result, stretch in pairs for value in returns_of(result, stretch)),
            pnl=sum(result.pnl for result in results),
            digest=sha256("".join(result.digest for result in results).encode()).hexdigest(),
            trades=sum(result.trades for result in results),
            parts=tuple(parts) if len(parts) > 1 else (),
        )


def load_search(path: Path) -> tuple[BacktestSpec, Plan]:
    """Return the backtest and the search in a file.

    Raises:
        ConfigError: AGB-571, there is no section `optimise` or it cannot be; AGB-579, a parameter is no strategy's;
            and those of a backtest.
    """
    spec = load_spec(path)
    section = load(path).fields.get(SEARCH)
    if section is None:
        remedy = "add 'optimise:' with 'parameters:'; see docs/optimise.md"
        raise ConfigError("there is no section 'optimise'", id="AGB-571", path=path, line=1, remedy=remedy)
    plan = read_plan(section)
    check(applied(spec, plan.space.at(0)))
    return spec, plan


def backtests_of(spec: BacktestSpec, plan: Plan) -> Backtests:
    """Return what evaluates; by recordings, each an event, when the search walks forward over events."""
    data = spec.data
    if plan.walk_forward == EVENTS and len(data.recordings) > 1:
        found = [_stretch(attrs.evolve(data, recordings=(path,))) for path in data.recordings]
    else:
        found = [_stretch(data)]
    span_ns = sum(stretch.last_ns - stretch.first_ns for stretch in found)
    length_ns = max(span_ns // PERIODS, NS_PER_S)
    cut = (attrs.evolve(s, periods=max(2, (s.last_ns - s.first_ns) // length_ns)) for s in found)
    return Backtests(spec=spec, stretches=tuple(cut))


def identity_of(evaluate: Backtests, plan: Plan) -> dict[str, str]:
    """Return digests of the data, and of everything else that is not searched but changes results."""
    spec, settings = evaluate.spec, evaluate.spec.settings
    searched = {found for dimension in plan.space.dimensions for found in [_target(dimension.name, spec)]}
    fixed = [
        (s.name, s.id, s.markets, sorted((k, str(v)) for k, v in s.params.items() if (i, k) not in searched))
        for i, s in enumerate(settings.strategies)
    ]
    policies = policies_text(load_rules(settings.policy_file) if settings.policy_file else DEFAULT_RULES)
    rest = [fixed, settings.capital_usd, settings.seed, settings.paper, settings.killswitch, policies, spec.queue]
    data = [(s.hash, s.periods) for s in evaluate.stretches]
    return {"data": _short(data), "backtest": _short(rest)}


def applied(spec: BacktestSpec, params: Params) -> BacktestSpec:
    """Return the backtest with these parameters. ConfigError AGB-579 for one that is no strategy's."""
    mine: dict[int, dict[str, Value]] = {}
    for name, value in params.items():
        index, parameter = _target(name, spec)
        mine.setdefault(index, {})[parameter] = value
    strategies = [_changed(s, mine.get(i, {})) for i, s in enumerate(spec.settings.strategies)]
    return attrs.evolve(spec, settings=attrs.evolve(spec.settings, strategies=tuple(strategies)))


def returns_of(result: BacktestResult, stretch: Stretch) -> list[float]:
    """Return profit by period over the capital; all together are the PnL, what came after the last message too."""
    times = [point.ts_ns for point in result.points]
    span_ns = stretch.last_ns - stretch.first_ns
    edges = [stretch.first_ns + span_ns * i // stretch.periods for i in range(1, stretch.periods)]
    seen = (bisect_right(times, edge) for edge in edges)
    path = [result.capital, *(result.points[at - 1].equity if at else result.capital for at in seen), result.equity]
    return [(after - before) / result.capital for before, after in pairwise(path)]


def _changed(strategy: StrategySettings, params: Mapping[str, Value]) -> StrategySettings:
    return attrs.evolve(strategy, params={**strategy.params, **params}) if params else strategy


def _target(name: str, spec: BacktestSpec) -> tuple[int, str]:
    """Return which strategy a parameter belongs to, and its name there."""
    label, _, parameter = name.rpartition(".")
    labels = [strategy.id or strategy.name for strategy in spec.settings.strategies]
    if not label and len(labels) == 1:
        return 0, parameter
    if label in labels:
        return labels.index(label), parameter
    known = [f"{other}.{parameter}" for other in labels]
    reason = (
        f"'{name[:60]}' does not say which strategy it is of" if not label else f"there is no strategy '{label[:60]}'"
    )
    raise ConfigError(reason, id="AGB-579", key=f"{SEARCH}.parameters", remedy=suggest(name, known))


def _stretch(data: Sources) -> Stretch:
    opened = open_data(data)
    times = [0, 0]
    for count, (ts_ns, _) in enumerate(opened.source.groups()):
        times = [times[0] if count else ts_ns, ts_ns]
    return Stretch(name=opened.name, data=data, hash=opened.hash, first_ns=times[0], last_ns=times[1])


def _ran(spec: BacktestSpec, stretch: Stretch) -> BacktestResult:
    result = run(attrs.evolve(spec, data=stretch.data))
    if result.data != stretch.hash:
        raise ConfigError(f"{stretch.name} is not what it was", id="AGB-576", remedy="the same data on every worker")
    for name, reason in result.failed.items():
        first, *rest = reason.splitlines()
        raise RuntimeError(f"strategy {name}: {rest[-1]} ({first})" if rest else f"strategy {name}: {first}")
    return result


def _short(told: Sequence[object]) -> str:
    return sha256(repr(told).encode()).hexdigest()[:16]
