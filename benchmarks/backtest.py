"""The fast backtest beside others on the same changes, and whether its time and memory grow as they should.

The strategy of the promises counts how often it is asked, as its peers' do, and has one order resting that never fills.
"""

from __future__ import annotations

import gc
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from agbot.backtest.columns import ROW, Columns, Kind
from agbot.backtest.fast import FastLoop
from agbot.backtest.woken import Wake, Woken
from agbot.core.engine import Engine
from agbot.core.risk import Gate
from agbot.core.state import EngineSettings
from agbot.core.view import Place, View
from agbot.matching.native import native_books
from agbot.matching.paper import PaperMatcher
from agbot.model.ids import StrategyId
from agbot.model.order import OrderState, Side
from agbot.testing.builders import make_market
from agbot.units import SCALE
from benchmarks import backtest_peers as peers
from benchmarks.backtest_peers import Changes, Measure
from benchmarks.timing import COMPARISON, FULL, Effort, Row, at_most, beside, faster, not_installed

NAUTILUS, HFT = "nautilus_trader, L2 deltas", "hftbacktest, each feed event"
BACKTESTING, VECTORBT = "backtesting.py, a bar", "vectorbt, a bar"
EVERY = "backtest, a Python strategy asked on every change"
PRICE = "backtest, a Python strategy asked when a best price moves"
READING = "backtest, one that reads the best prices on every change"
BEST = "backtest, asked when a best price or size moves"
LINEAR, LONG, SHORT = "an event of a ten times longer backtest", "long", "an event of the shorter one"
MEMORY, TEN_TIMES, ONCE = "bytes of a ten times longer backtest", "longer", "one of 100 markets"
MARKETS, MORE = "bytes of a backtest of 400 markets", "400 markets"


def rows(effort: Effort) -> list[Row]:
    """Measure every promise about backtests."""
    count = 300_000 if effort == FULL else 60_000
    changes = Changes.drawn(10 * count)
    short, long = _columns(changes.first(count)), _columns(changes)
    ns = _interleaved(
        {
            EVERY: lambda: _run(short, Wake.EVERY),
            READING: lambda: _run(short, Wake.EVERY, _Reads()),
            PRICE: lambda: _run(short, Wake.PRICE),
            BEST: lambda: _run(short, Wake.BEST),
            LONG: lambda: _run(long, Wake.PRICE),
            SHORT: lambda: _run(short, Wake.PRICE),
            NAUTILUS: peers.nautilus(changes.first(count // 6)),
            HFT: peers.hftbacktest(changes.first(count)),
            BACKTESTING: peers.backtesting(changes),
            VECTORBT: peers.vectorbt(changes),
        },
        max(4, effort.rounds // 2),
    )
    return [
        _faster(EVERY, 15, ns, NAUTILUS),
        _faster(PRICE, 1, ns, HFT),
        at_most(LINEAR, 1.3, ns, LONG, SHORT),
        *_memory_rows(count),
        *[_beside(ours, ns, peer) for ours, peer in ((READING, NAUTILUS), (BEST, HFT))],
        *[_beside(EVERY, ns, peer) for peer in (BACKTESTING, VECTORBT)],
    ]


def _faster(name: str, factor: float, ns: Mapping[str, float], peer: str) -> Row:
    goal = f">= {factor:g} x faster than {peer}"
    return faster(name, factor, ns, name, peer) if peer in ns else not_installed(name, goal, peer)


def _beside(ours: str, ns: Mapping[str, float], peer: str) -> Row:
    name = f"{ours}, beside {peer}"
    return beside(name, ns, ours, peer) if peer in ns else not_installed(name, COMPARISON, peer)


def _interleaved(cases: Mapping[str, Measure | None], rounds: int) -> dict[str, float]:
    """Return the best nanoseconds an event of each case that there is, over rounds of all of them."""
    here = {name: case for name, case in cases.items() if case is not None}
    best = dict.fromkeys(here, float("inf"))
    for _ in range(rounds):
        for name, case in here.items():
            gc.collect()
            best[name] = min(best[name], case())
    return best


# ---------------------------------------------------------------- ours


class _Counts:
    """Counts, and lets one bid rest where no ask ever comes."""

    id = StrategyId("counts")

    def __init__(self) -> None:
        self.asked = 0

    def decide(self, view: View) -> Any:
        self.asked += 1
        return () if self.asked > 1 else [_resting(view)]


class _Reads(_Counts):
    """Reads the best prices as well."""

    total = 0

    def decide(self, view: View) -> Any:
        self.asked += 1
        book = view.book
        self.total += book.best_bid + book.best_ask
        return () if self.asked > 1 else [_resting(view)]


def _resting(view: View) -> Place:
    return Place(token=view.market.yes, side=Side.BUY, price=5_000, size=10 * SCALE, why="it rests")


def _columns(changes: Changes, markets: int = 1) -> Columns:
    rows = np.zeros(len(changes.ts_ns), dtype=ROW)
    rows["ts_ns"], rows["size"], rows["price"] = changes.ts_ns, changes.size * SCALE, changes.tick * 1_000
    rows["kind"], rows["side"] = Kind.CHANGE, changes.side
    rows["book"] = np.arange(len(rows)) % markets * 2
    empty = np.zeros(markets, dtype=ROW)  # whole books, so that they are trusted
    empty["ts_ns"], empty["kind"], empty["book"] = rows["ts_ns"][0] - 1, Kind.SNAPSHOT, np.arange(markets) * 2
    listed = tuple(make_market(f"m{i}", tick=1_000) for i in range(markets))
    return Columns(listed, np.concatenate([empty, rows]))


def _run(columns: Columns, wake: Wake, strategy: _Counts | None = None) -> float:
    """Return the nanoseconds an event of one run, with all that the columns know of themselves known before."""
    strategy = strategy or _Counts()
    strategy.asked = 0
    loop = _loop(columns, wake, strategy)
    began = time.perf_counter_ns()
    for _ in loop.run():
        pass
    taken = time.perf_counter_ns() - began
    assert next(loop.engine.oms.all_live()).state is OrderState.OPEN, "the bench's order does not rest"
    assert wake is not Wake.EVERY or strategy.asked > len(columns.rows) - len(columns.markets), "it was not asked"
    return taken / len(columns.rows)


def _loop(columns: Columns, wake: Wake, strategy: _Counts) -> FastLoop:
    asked = [Woken(strategy, wake)]
    engine = Engine(EngineSettings(run_id="bench", capital=10**9), Gate([]), asked)
    return FastLoop(engine, asked, PaperMatcher(10**9, book_of=native_books()), columns)


# ---------------------------------------------------------------- memory


def _memory_rows(count: int) -> list[Row]:
    goal = f"<= 1.5 x {ONCE}"
    if not Path("/proc/self/statm").exists():
        return [not_installed(MEMORY, goal, "/proc"), not_installed(MARKETS, COMPARISON, "/proc")]
    grown = {ONCE: _grown(100, count), TEN_TIMES: _grown(100, 10 * count), MORE: _grown(400, count)}
    return [at_most(MEMORY, 1.5, grown, TEN_TIMES, ONCE), beside(MARKETS, grown, MORE, ONCE)]


def _grown(markets: int, events: int) -> float:
    """Return by how much a process of its own grew in a run, its columns and one short run apart."""
    program = f"from benchmarks.backtest import grow; print(grow({markets}, {events}))"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return float(done.stdout)


def grow(markets: int, events: int) -> float:
    """Return the bytes that this process takes more once a loop has run and is still there, as Linux counts them."""
    columns, short = _columns(Changes.drawn(events), markets), _columns(Changes.drawn(100))
    assert columns.plain
    assert len(columns.flags) == events + 1
    _run(short, Wake.PRICE)
    gc.collect()
    began = _resident()
    loop = _loop(columns, Wake.PRICE, _Counts())
    for _ in loop.run():
        pass
    return float(_resident() - began)


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()
