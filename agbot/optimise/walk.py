"""Walking forward: choose on what was over before, judge on what came next, and never on anything else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

import attrs

from agbot.errors import ConfigError
from agbot.optimise.outcome import Outcome, Part, Result, Trial
from agbot.optimise.plan import EVENTS
from agbot.optimise.verdict import DSR_MIN, HOLDS, OVERFIT, UNKNOWN, estimate_of
from agbot.quant.overfit import probabilistic
from agbot.quant.performance import sharpe


@attrs.frozen
class Fold:
    """A stretch to test, and the periods that were over before it began."""

    name: str
    train: tuple[int, ...]
    test: tuple[int, ...]


@attrs.frozen
class Step:
    """What was chosen before a fold, and what it made there; ratios a period, None without variance."""

    fold: Fold
    chosen: Trial
    trained: float
    tested: float | None
    returns: tuple[float, ...]


@attrs.frozen(kw_only=True)
class Walk:
    """All steps, and the returns out of sample one after the other."""

    steps: tuple[Step, ...]
    sharpe: float | None
    psr: float | None
    words: str


def folds_of(outcome: Outcome, how: str | int) -> tuple[Fold, ...]:
    """Return what to test, in the order of time: events, or as many windows of equal length less the first.

    An event trains a later one only if it was over when that began.

    Raises:
        ConfigError: AGB-577, there is nothing to walk over.
    """
    parts = outcome.parts if how == EVENTS else _windows(len(outcome.returns), int(how))
    ends = list(accumulate(part.periods for part in parts))
    spans = [range(end - part.periods, end) for part, end in zip(parts, ends, strict=True)]
    pairs = sorted(zip(parts, spans, strict=True), key=lambda pair: (pair[0].begin_ns, pair[0].name))
    folds = []
    for part, span in pairs:
        over = [period for other, earlier in pairs if other.end_ns <= part.begin_ns for period in earlier]
        if len(over) > 1:
            folds.append(Fold(part.name, tuple(over), tuple(span)))
    if not folds:
        reason = f"no {'event' if how == EVENTS else 'window'} begins after another is over"
        remedy = "more data, or walk_forward: HOW MANY windows" if how == EVENTS else "more data, or fewer windows"
        raise ConfigError(reason, id="AGB-577", key="optimise.walk_forward", remedy=remedy)
    return tuple(folds)


def _windows(periods: int, count: int) -> tuple[Part, ...]:
    edges = [periods * i // count for i in range(count + 1)]
    return tuple(
        Part(f"window {i + 1} of {count}", edges[i + 1] - edges[i], edges[i], edges[i + 1]) for i in range(count)
    )


def walk(folds: Sequence[Fold], explore: Callable[[Callable[[Result], float | None]], Sequence[Trial]]) -> Walk:
    """Return what comes of choosing anew before each fold; `explore` searches with the score it is given."""
    steps = tuple(_steps(folds, explore))
    returns = [value for step in steps for value in step.returns]
    estimate = estimate_of(returns)
    psr = probabilistic(estimate, len(returns)) if estimate else None
    return Walk(steps=steps, sharpe=sharpe(returns), psr=psr, words=_words(len(returns), psr))


def _steps(
    folds: Sequence[Fold], explore: Callable[[Callable[[Result], float | None]], Sequence[Trial]]
) -> Iterator[Step]:
    for fold in folds:

        def trained(result: Result, train: tuple[int, ...] = fold.train) -> float | None:
            return sharpe(_taken(result, train)) if isinstance(result, Outcome) else None

        rated = [(ratio, trial) for trial in explore(trained) if (ratio := trained(trial.result)) is not None]
        if rated:
            ratio, chosen = max(rated, key=lambda pair: (pair[0], pair[1].key))
            returns = _taken(chosen.result, fold.test)
            yield Step(fold, chosen, ratio, sharpe(returns), returns)


def _taken(result: Result, periods: Sequence[int]) -> tuple[float, ...]:
    assert isinstance(result, Outcome), "only what has a ratio is chosen"
    return tuple(result.returns[period] for period in periods)


def _words(periods: int, psr: float | None) -> str:
    if psr is None:
        return f"{UNKNOWN}: nothing that was chosen had returns out of sample that could be judged"
    if psr < DSR_MIN:
        return f"{OVERFIT}: what was chosen before did not hold after (P(Sharpe > 0) = {psr:.2f} out of sample)"
    return f"{HOLDS}: out of sample P(Sharpe > 0) = {psr:.2f} over {periods} periods"
