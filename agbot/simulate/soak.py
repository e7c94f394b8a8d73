"""Days in one world: calm hours of trading, troubles now and then, and what everybody keeps in memory meanwhile."""

from __future__ import annotations

import gc
import os
import random
import resource
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Final
from unittest.mock import patch

import attrs

from agbot.core import oms
from agbot.exchange.core import register, settling
from agbot.exchange.reads import quotes
from agbot.simulate.schedule import TROUBLE_S, drawn
from agbot.simulate.seeds import quiet
from agbot.simulate.world import CALM_S, World
from agbot.units import SCALE
from agbot.venue.polymarket import ledger

EVERY_H: Final = 6.0
"""Hours between two rows of days."""
QUARTER_S: Final = 900.0
TROUBLED: Final = 0.35
"""The part of the quarters of an hour in which things go wrong."""
CROWD_EVERY_S: Final = 2.0
RICH: Final = 10**6 * SCALE
"""Usd (10⁻⁶) of the bot: it trades at random and is to trade for days."""
KEPT: Final = 1_000
"""Ended orders and trades that each owner keeps here: bounds that are reached within hours instead of weeks."""
KEPT_MAX: Final = KEPT + 100
"""Beside those that ended there are those that live, 32 at most, and what came at the same moment."""
TASKS_MAX: Final = 60
DUE_MAX: Final = 5_000
WARM_H: Final = 1.0
"""Memory is not judged before: caches and what is kept fill up."""
RSS_MIB_MAX: Final = 10.0
RSS_PART_MAX: Final = 0.05


@attrs.frozen(kw_only=True)
class Row:
    """What is in memory after so many hours, by owner, and what happened until then.

    Attributes:
        tasks: virtual tasks of the life of now.
        limiter: requests that wait in the limiter.
        due: what waits in the heap of time: wakes, deadlines, frames under way.
        auditor: orders that the auditor holds on to.
        disk: records of the simulated disk.
        events, orders, lives: since the beginning.
    """

    hours: float
    rss_mib: float
    tasks: int
    engine_orders: int
    engine_trades: int
    ledger_orders: int
    limiter: int
    exchange_orders: int
    exchange_trades: int
    due: int
    auditor: int
    disk: int
    events: int
    orders: int
    lives: int

    @property
    def kept(self) -> dict[str, int]:
        """Return what must stay below `KEPT_MAX`."""
        names = ("engine_orders", "ledger_orders", "exchange_orders", "exchange_trades")
        return {name: getattr(self, name) for name in names}


class Soak(World):
    """A world that goes on for `hours`; `live` yields a row every `every_h` hours, `found` is what was wrong."""

    def __init__(self, seed: int, hours: float, every_h: float) -> None:
        super().__init__(seed, (), every_s=CROWD_EVERY_S)
        self.found: list[str] = []
        self._quarters = round(hours * 3600 / QUARTER_S)
        self._every = max(1, round(every_h * 3600 / QUARTER_S))
        self._dice = random.Random(f"soak {seed}")  # noqa: S311 - a simulation
        self.venue.core.deposit(self.wallet, RICH, self.heap.now_ns)

    def live(self) -> Iterator[Row]:
        """Live through it."""
        with quiet(), _small():
            self._start()
            for quarter in range(1, self._quarters + 1):
                self._quarter(quarter)
                if quarter % self._every == 0:
                    yield self._row(quarter * QUARTER_S / 3600)
            self.found = self._finish()

    def _quarter(self, number: int) -> None:
        rest_s = QUARTER_S
        if self._dice.random() < TROUBLED:
            before_s = self._dice.uniform(0, QUARTER_S - TROUBLE_S - CALM_S)
            self._run_for(before_s)
            self._suffer(drawn(self.seed * 1_000_003 + number))
            rest_s -= before_s + TROUBLE_S + CALM_S
        self._run_for(rest_s)
        self.auditor.checkpoint()
        self.auditor.tidy()
        del self.lives[:-1]

    def _row(self, hours: float) -> Row:
        gc.collect()
        bot, core = self.bot, self.venue.core
        assert bot.engine is not None
        assert bot.adapter is not None
        records = list(bot.engine.oms.all())
        return Row(
            hours=hours,
            rss_mib=round(rss_mib(), 1),
            tasks=len(bot.life.tasks),
            engine_orders=len(records),
            engine_trades=sum(len(record.trades) for record in records),
            ledger_orders=bot.adapter.orders_kept,
            limiter=bot.limiter.waiting,
            exchange_orders=sum(1 for _ in core.orders.all()),
            exchange_trades=len(core.trades_of(str(self.venue.row["address"]))),
            due=len(self.heap.due),
            auditor=self.auditor.held,
            disk=len(self.disk.records()),
            events=self.heap.happened,
            orders=self.auditor.orders,
            lives=self.begun,
        )


def verdict(rows: Sequence[Row]) -> list[str]:
    """Return what grew that may not, in words: memory after a quarter (an hour at least), the rest by bounds."""
    if not rows:
        return ["too short: nothing was measured"]
    wrong = []
    for row in rows:
        bounds = {**dict.fromkeys(row.kept, KEPT_MAX), "tasks": TASKS_MAX, "due": DUE_MAX}
        over = {name: getattr(row, name) for name, most in bounds.items() if getattr(row, name) > most}
        wrong += [f"after {row.hours:g} h {n} {name}: {bounds[name]} at most" for name, n in over.items()]
    since = max(WARM_H, rows[-1].hours / 4)
    later = [row for row in rows if row.hours >= since] or rows[-1:]
    grown = max(row.rss_mib for row in later) - later[0].rss_mib
    if grown >= min(RSS_MIB_MAX, RSS_PART_MAX * later[0].rss_mib):
        wrong.append(f"RSS grew by {grown:.1f} MiB from {later[0].rss_mib:.1f} MiB after the first quarter")
    still = [b.hours for a, b in pairwise(rows) if b.orders == a.orders]
    return wrong + [f"no order was placed in the time before {hours:g} h" for hours in still]


def rss_mib() -> float:
    """Return this process's memory in MiB; where the system does not tell, the most it ever was."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most / (1024 * 1024 if sys.platform == "darwin" else 1024)
    return pages * os.sysconf("SC_PAGE_SIZE") / (1024 * 1024)


@contextmanager
def _small() -> Iterator[None]:
    """Let every owner keep few of what ended, so that hours show what weeks would."""
    bounds = (
        (oms, "ORDERS_KEPT_MAX"),
        (ledger, "KEPT_MAX"),
        (register, "ENDED_KEPT"),
        (settling, "TRADES_KEPT"),
        (quotes, "MINUTES_KEPT"),
    )
    with ExitStack() as stack:
        for owner, name in bounds:
            stack.enter_context(patch.object(owner, name, KEPT))
        yield
