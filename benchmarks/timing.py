"""Interleaved timing: every round runs each case once, so that a noisy moment hits all of them alike."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

COMPARISON: Final = "for comparison"

Case = Callable[[int], None]
"""Does its operation that many times."""


@dataclass(frozen=True)
class Effort:
    """How long to look: rounds, and seconds per case and round."""

    rounds: int
    seconds: float


FULL = Effort(rounds=12, seconds=0.05)
QUICK = Effort(rounds=4, seconds=0.02)


@dataclass(frozen=True)
class Row:
    """One promise. `measured` is None when the peer is not installed; `ok` is then None too and fails nothing."""

    name: str
    goal: str
    measured: float | None
    ok: bool | None
    ours_ns: float | None = None
    peer: str = ""
    peer_ns: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the row as JSON object."""
        return asdict(self)


def best_ns(cases: Mapping[str, Case], effort: Effort) -> dict[str, float]:
    """Return the best nanoseconds per operation of each case over interleaved rounds, loop included."""
    counts = {name: _count_for(case, effort.seconds) for name, case in cases.items()}
    best = dict.fromkeys(cases, float("inf"))
    gc.collect()
    gc.disable()
    try:
        for _ in range(effort.rounds):
            for name, case in cases.items():
                best[name] = min(best[name], _time(case, counts[name]) / counts[name])
    finally:
        gc.enable()
    return best


def at_most(name: str, limit: float, ns: Mapping[str, float], ours: str, peer: str) -> Row:
    """Promise: `ours` takes at most `limit` times as long as `peer`."""
    ratio = round(ns[ours] / ns[peer], 3)
    return Row(name, f"<= {limit:g} x {peer}", ratio, ratio <= limit, _ns(ns[ours]), peer, _ns(ns[peer]))


def faster(name: str, factor: float, ns: Mapping[str, float], ours: str, peer: str) -> Row:
    """Promise: `ours` is at least `factor` times as fast as `peer`."""
    ratio = round(ns[peer] / ns[ours], 1)
    goal = f">= {factor:g} x faster than {peer}"
    return Row(name, goal, ratio, ratio >= factor, _ns(ns[ours]), peer, _ns(ns[peer]))


def within(name: str, limit_ns: float, ns: Mapping[str, float], ours: str) -> Row:
    """Promise: `ours` takes at most `limit_ns` nanoseconds."""
    measured = _ns(ns[ours])
    return Row(name, f"<= {limit_ns:g} ns", measured, measured <= limit_ns, measured)


def beside(name: str, ns: Mapping[str, float], ours: str, peer: str) -> Row:
    """Tell how `ours` compares with `peer`; promises nothing."""
    return Row(name, COMPARISON, round(ns[ours] / ns[peer], 3), None, _ns(ns[ours]), peer, _ns(ns[peer]))


def not_installed(name: str, goal: str, peer: str) -> Row:
    """Say that this promise could not be measured here."""
    return Row(name, goal, None, None, peer=f"{peer}: not installed")


def _ns(value: float) -> float:
    return round(value, 1)


def _time(case: Case, count: int) -> int:
    began = time.perf_counter_ns()
    case(count)
    return time.perf_counter_ns() - began


def _count_for(case: Case, seconds: float) -> int:
    count = 1
    while (taken := _time(case, count)) < seconds * 1e9 / 4:
        count *= 2
    return max(1, int(count * seconds * 1e9 / taken))
