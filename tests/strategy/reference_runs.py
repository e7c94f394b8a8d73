"""The reference strategies that take, in backtests of a generated history: a few exact figures of each.

`python tests/strategy/reference_runs.py > tests/vectors/reference_runs.json` writes them anew, once a change is meant.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from agbot.backtest.run import run
from agbot.backtest.spec import BacktestSpec, Generated, Sources
from agbot.settings import Settings, StrategySettings
from agbot.store.history import write_history
from agbot.testing.planted import EVENT, planted_event
from agbot.units import NS_PER_S, to_text

_PRICE: Final[Mapping[str, Any]] = {"every_s": 1, "size": 20, "max_spread_ticks": 9, "low": "0.02", "high": "0.98"}
_TREND: Final[Mapping[str, Any]] = {**_PRICE, "fast": 5, "slow": 20, "noise": 20, "enter": "0.6", "exit": "0.1"}
_REVERT: Final[Mapping[str, Any]] = {**_PRICE, "window": 60, "max_p": "0.3", "max_half_life": 40, "enter": "1.5"}
_PAIRS: Final[Mapping[str, Any]] = {**_REVERT, "pairs": [["demo-derby", "demo-rate-cut"]], "max_p": "0.9"}
_DEMO: Final = Sources(generated=Generated(seed=7, span_ns=900 * NS_PER_S, markets=4))
CASES: Final[Mapping[str, StrategySettings]] = {
    "trend": StrategySettings(name="trend", params=_TREND),
    "trend, VolTarget": StrategySettings(name="trend", params=_TREND, sizing={"type": "VolTarget", "target": "0.3"}),
    "trend, RiskParity": StrategySettings(
        name="trend", params=_TREND, sizing={"type": "RiskParity", "capital": "0.002"}
    ),
    "trend, Kelly": StrategySettings(name="trend", params=_TREND, sizing={"type": "Kelly", "fraction": "0.01"}),
    "revert": StrategySettings(name="revert", params=_REVERT),
    "revert, Kelly": StrategySettings(name="revert", params=_REVERT, sizing={"type": "Kelly", "fraction": "0.01"}),
    "pairs": StrategySettings(
        name="pairs", params={key: value for key, value in _PAIRS.items() if key != "max_half_life"}
    ),
    "arbitrage, planted": StrategySettings(
        name="arbitrage", params={"exhaustive": {EVENT: 4}, "confirm_ms": 300, "cooldown_ms": 2_000}
    ),
}
PLANTED: Final = planted_event(7, instants=40)


def case(name: str) -> dict[str, Any]:
    """Return what one of them did in a quarter of an hour of four markets, or in an event with planted arbitrages."""
    with TemporaryDirectory() as folder:
        data = _planted(Path(folder) / "p.agh") if name.endswith("planted") else _DEMO
        result = run(BacktestSpec(settings=Settings(strategies=(CASES[name],)), data=data))
    return {
        "orders": result.orders.placed,
        "fills": result.trades,
        "fees": to_text(result.fees),
        "pnl": to_text(result.pnl),
        "digest": result.digest,
    }


def _planted(path: Path) -> Sources:
    messages = (m for instant in PLANTED.instants for m in PLANTED.messages(instant))
    write_history(path, PLANTED.markets, messages)
    return Sources(recordings=(path,))


if __name__ == "__main__":
    sys.stdout.write(json.dumps({name: case(name) for name in CASES}, indent=2) + "\n")
