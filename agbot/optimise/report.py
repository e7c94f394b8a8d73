"""What a search came to, as it is told: the verdict first, and the parameters never without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from agbot import __version__
from agbot.optimise.outcome import Outcome, Trial, key_of
from agbot.optimise.plan import Plan
from agbot.optimise.verdict import DSR_MIN, OVERFIT, UNKNOWN, Verdict
from agbot.optimise.walk import Walk
from agbot.words import many


@attrs.frozen(kw_only=True)
class Report:
    """A search's end. `walk` is None unless it walked forward."""

    plan: Plan
    identity: Mapping[str, str]
    log: str
    verdict: Verdict
    walk: Walk | None = None

    @property
    def words(self) -> str:
        """Return the verdict: of two, the one that is worse."""
        if self.walk is None:
            return self.verdict.words
        bad = [words for words in (self.walk.words, self.verdict.words) if words.startswith((OVERFIT, UNKNOWN))]
        return bad[0] if bad else self.walk.words

    def told(self) -> dict[str, Any]:
        """Return everything as JSON holds it; numbers are numbers, and None what does not exist."""
        verdict = self.verdict
        return {
            "verdict": self.words,
            "version": __version__,
            **self.identity,
            "method": self.plan.method,
            "seed": self.plan.seed,
            "trials": verdict.trials,
            "failed": verdict.failed,
            "best": _plain(verdict.best),
            "pnl": verdict.best.result.pnl if verdict.best and isinstance(verdict.best.result, Outcome) else None,
            "sharpe": verdict.sharpe,
            "sharpe_of_luck": verdict.luck,
            "sharpe_wanted": verdict.bar,
            "periods": verdict.periods,
            "dsr": verdict.dsr,
            "pbo": verdict.overfit.pbo if verdict.overfit else None,
            "splits": verdict.overfit.splits if verdict.overfit else None,
            "min_track_record": verdict.enough,
            "in_sample": verdict.words,
            "walk_forward": _walked(self.walk) if self.walk else None,
            "log": self.log,
        }

    def lines(self) -> dict[str, object]:
        """Return the same for people, as names and values to paste."""
        verdict = self.verdict
        lines: dict[str, object] = {"verdict": self.words, "agbot": __version__, **self.identity}
        lines["search"] = f"{self.plan.method}, seed {self.plan.seed}"
        lines["trials"] = f"{verdict.trials} ever run, {verdict.failed} of them failed; all are counted"
        lines["best in sample"] = _text(verdict.best)
        lines["sharpe"] = (
            f"{_number(verdict.sharpe)} a period over {verdict.periods}; luck alone gives the best of so many "
            f"{_number(verdict.luck)}, beyond it is {_number(verdict.bar)}"
        )
        lines["DSR"] = f"{_number(verdict.dsr)}; P(true Sharpe > luck), wanted at least {DSR_MIN}"
        lines["PBO"] = (
            f"{verdict.overfit.pbo:.2f} over {verdict.overfit.splits} splits; 0.5 is what noise gives"
            if verdict.overfit
            else "-; two trials and four periods are the least"
        )
        lines["minTRL"] = _needed(verdict)
        if self.walk:
            lines["out of sample"] = f"sharpe {_number(self.walk.sharpe)} a period; {self.walk.words}"
        lines["kept in"] = self.log
        return lines

    def steps(self) -> list[dict[str, object]]:
        """Return a row for each step of the walk forward."""
        steps = self.walk.steps if self.walk else ()
        return [
            {
                "tested on": step.fold.name,
                "trained on": many(len(step.fold.train), "period"),
                "chosen": _text(step.chosen),
                "in sample": _number(step.trained),
                "out of sample": _number(step.tested),
            }
            for step in steps
        ]


def _walked(walk: Walk) -> dict[str, Any]:
    return {
        "verdict": walk.words,
        "sharpe": walk.sharpe,
        "psr": walk.psr,
        "steps": [
            {
                "tested_on": step.fold.name,
                "trained_periods": len(step.fold.train),
                "tested_periods": len(step.fold.test),
                "chosen": _plain(step.chosen),
                "in_sample": step.trained,
                "out_of_sample": step.tested,
            }
            for step in walk.steps
        ],
    }


def _needed(verdict: Verdict) -> str:
    if verdict.enough is None:
        return "never: not above luck"
    return f"{verdict.enough:.0f} periods to be {DSR_MIN} sure of being above luck; there are {verdict.periods}"


def _plain(trial: Trial | None) -> dict[str, str] | None:
    return dict(key_of(trial.params)) if trial else None


def _text(trial: Trial | None) -> str:
    return ", ".join(f"{name} {value}" for name, value in key_of(trial.params)) if trial else "-"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:z.3f}"
