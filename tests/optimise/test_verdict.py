"""What is said of the best: luck is called luck, skill is found, and nothing is judged that cannot be."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pytest

from agbot.optimise.outcome import Failed, Outcome, Trial
from agbot.optimise.study import Study
from agbot.optimise.verdict import (
    CELLS_MAX,
    DOUBTFUL,
    DSR_MIN,
    HOLDS,
    OVERFIT,
    PBO_LUCK,
    UNKNOWN,
    Verdict,
    blocks_of,
    judge,
)
from agbot.quant.overfit import Estimate, cscv, deflated
from agbot.testing.trials import Noise


def family(count: int, noise: Noise, skilled: int = 0) -> list[Trial]:
    found = [{"n": Decimal(n), "skilled": n < skilled} for n in range(count)]
    return [Trial(params, noise(params)) for params in found]


def flat(returns: tuple[float, ...], n: int = 0) -> Trial:
    return Trial({"n": Decimal(n)}, Outcome(returns, 0, "", 0))


def test_a_random_strategy_over_500_trials_is_overfit(study: Callable[..., Study]) -> None:
    found = study("method: random\ntrials: 500\nparameters: {n: {choices: [1, 2, 3]}, m: {low: 1, high: 999, step: 1}}")
    found.explore()
    verdict = judge(found.log.trials)
    assert (verdict.word, verdict.trials) == (OVERFIT, 500)
    assert verdict.dsr is not None
    assert verdict.dsr < DSR_MIN
    assert verdict.overfit is not None
    assert verdict.overfit.pbo > PBO_LUCK
    assert verdict.overfit.splits == 12870


def test_the_overfit_probability_of_noise_is_one_half_on_average() -> None:
    verdicts = [judge(family(40, Noise(seed=seed, periods=24))) for seed in range(20)]
    assert {verdict.word for verdict in verdicts} == {OVERFIT}
    pbo = [verdict.overfit.pbo for verdict in verdicts if verdict.overfit]
    assert len(pbo) == 20
    assert 0.4 < float(np.mean(pbo)) < 0.6  # three standard errors
    assert 0 < sum(value > 0.5 for value in pbo) < 20


def test_skill_among_noise_is_found() -> None:
    verdict = judge(family(60, Noise(skill=0.5), skilled=3))
    assert verdict.word == HOLDS
    assert verdict.best is not None
    assert verdict.best.params["skilled"] is True
    assert verdict.enough is not None
    assert verdict.enough < verdict.periods


def test_a_choice_among_equals_is_not_called_skill() -> None:
    words = [judge(family(20, Noise(seed=seed, periods=24, skill=2.0), skilled=20)) for seed in range(10)]
    assert all(verdict.dsr is not None and verdict.dsr >= DSR_MIN for verdict in words)
    assert sum(verdict.word in (DOUBTFUL, OVERFIT) for verdict in words) >= 7  # by chance nine and a half


def test_figures_are_those_of_the_formulas() -> None:
    trials = family(12, Noise(periods=64))
    table = np.array([trial.result.returns for trial in trials if isinstance(trial.result, Outcome)]).T
    ratios = table.mean(axis=0) / table.std(axis=0, ddof=1)
    best = int(ratios.argmax())
    x = table[:, best] - table[:, best].mean()
    shape = {"skew": (x**3).mean() / x.std() ** 3, "kurtosis": (x**4).mean() / x.std() ** 4}
    verdict = judge(trials)
    assert verdict.best == trials[best]
    assert verdict.sharpe == pytest.approx(ratios[best])
    assert verdict.dsr == pytest.approx(
        deflated(Estimate(sharpe=float(ratios[best]), **shape), 64, 12, float(ratios.var(ddof=1)))
    )
    assert verdict.overfit == cscv(table, 16)


@pytest.mark.parametrize(("periods", "trials"), [(30, 2), (64, 20), (256, 3)])
def test_the_bar_is_the_ratio_that_would_be_enough(periods: int, trials: int) -> None:
    found = family(trials, Noise(periods=periods))
    verdict = judge(found)
    ratios = [ratio for trial in found if (ratio := trial.sharpe()) is not None]
    assert verdict.bar is not None
    assert verdict.bar > verdict.luck > 0
    enough = deflated(Estimate(sharpe=verdict.bar), periods, trials, float(np.var(ratios, ddof=1)))
    assert enough == pytest.approx(DSR_MIN)


def test_two_periods_are_never_enough() -> None:
    assert judge(family(5, Noise(periods=2))).bar is None


def test_failed_trials_raise_the_bar() -> None:
    trials = family(12, Noise())
    failed = [Trial({"n": Decimal(n)}, Failed("x")) for n in range(100, 400)]
    alone, among = judge(trials), judge([*trials, *failed])
    assert (among.trials, among.failed) == (312, 300)
    assert among.luck > alone.luck
    assert alone.dsr is not None
    assert among.dsr is not None
    assert among.dsr < alone.dsr


@pytest.mark.parametrize(
    "trials",
    [
        [],
        [Trial({}, Failed("x"))],
        [flat((0.0,) * 20, n) for n in range(3)],
        [flat((0.1,), n) for n in range(3)],
        [flat((), n) for n in range(3)],
        family(1, Noise(skill=1.0), skilled=1),
    ],
    ids=["none", "failed", "no variance", "one period", "no period", "one trial"],
)
def test_no_verdict_without_evidence(trials: list[Trial]) -> None:
    assert judge(trials).word == UNKNOWN


def test_trials_without_trades_count_as_worth_nothing() -> None:
    verdict: Verdict = judge([*family(5, Noise(periods=20)), *(flat((0.0,) * 20, n) for n in range(100, 140))])
    assert verdict.trials == 45
    assert verdict.best is not None
    assert verdict.word == OVERFIT


def test_other_periods_are_refused() -> None:
    with pytest.raises(ValueError, match="inhomogeneous"):
        judge([flat((0.1, 0.2)), flat((0.1,), 1)])


@pytest.mark.parametrize(
    ("periods", "trials", "blocks"),
    [(256, 500, 16), (20, 500, 10), (7, 9, 2), (4, 9, 2), (3, 9, 0), (0, 0, 0), (256, 5_000, 12), (256, 10**8, 2)],
)
def test_blocks_fit_periods_and_memory(periods: int, trials: int, blocks: int) -> None:
    assert blocks_of(periods, trials) == blocks
    assert CELLS_MAX >= 500 * 12870
