"""Makes a statement: follows an account through its journals, and looks at it at every UTC midnight of the period."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import attrs

from agbot import __version__
from agbot.backtest.account import Account, Key, Standing, Traded
from agbot.backtest.diary import Diary
from agbot.backtest.statement import Day, Row, Span, Statement, day_of
from agbot.backtest.turns import Fate, turns
from agbot.errors import NotFoundError, StoreError
from agbot.store.journal import Header, JournalReader


@attrs.frozen(kw_only=True)
class Run:
    """One journal of an account."""

    path: Path
    header: Header
    last_ns: int


def runs_of(paths: Sequence[Path], mode: str = "") -> list[Run]:
    """Return the runs of one mode, oldest first; of the newest run's mode when none is named.

    Journals without a header never traded and are left out.

    Raises:
        StoreError: a journal that did trade cannot be read.
    """
    found = [run for run in map(_run, paths) if run is not None]
    found.sort(key=lambda run: run.header.started_ns)
    if not found:
        return []
    wanted = mode or found[-1].header.mode
    return [run for run in found if run.header.mode == wanted]


def _run(path: Path) -> Run | None:
    with closing(JournalReader(path)) as reader:
        try:
            return Run(path=path, header=reader.header(), last_ns=reader.last_ns())
        except StoreError as e:
            if e.id == "AGB-606":
                return None
            raise


def state(
    runs: Sequence[Run], period: str, span: Span, progress: Callable[[float], None] = lambda _fraction: None
) -> Statement:
    """Return the statement of an account over `span`.

    Args:
        runs: of one account, oldest first; those that ended before the run before `span` are not read.
        period: how the span is called.
        progress: told the part that is done, 0–1, now and then.

    Raises:
        NotFoundError: AGB-926, no run began before the end of the span.
        StoreError: a journal cannot be read.
    """
    begun = [run for run in runs if run.header.started_ns < span.end_ns]
    needed = [run for run in begun if run.last_ns >= span.start_ns]
    before = [run for run in begun if run.last_ns < span.start_ns][-1:]
    if not begun:
        remedy = "agbot replay --list shows the runs; --profile NAME and --mode MODE say whose, --end DATE until when"
        raise NotFoundError("no run began before the end of this period", id="AGB-926", remedy=remedy)
    maker = _Maker(span)
    for number, run in enumerate(chosen := [*before, *needed]):
        maker.follow(run, newest=run is runs[-1])
        progress((number + 1) / len(chosen))
    return maker.statement(period, [run for run in needed if run.last_ns in span or run.header.started_ns in span])


class _Maker:
    def __init__(self, span: Span) -> None:
        self._span = span
        self._account = Account()
        self._diary = Diary(span, self._account)
        self._midnights = span.midnights
        self._standings: list[Standing] = []

    def follow(self, run: Run, *, newest: bool) -> None:
        """Take in one run, as far as it is not after the span."""
        fate, last_ns = Fate(), run.header.started_ns
        if self._account.told is not None:
            self._look(run.header.started_ns)
        told = self._account.begin(run.header)
        for turn in turns(run.path, fate):
            self._look(turn.now_ns)
            if not self._midnights:
                return
            step = told.step(turn)
            self._account.observe(step)
            self._diary.observe(turn, step)
            last_ns = turn.now_ns
        self._diary.ended(run.path.stem, fate, last_ns, newest=newest)
        if last_ns in self._span:
            self._diary.point(last_ns)

    def _look(self, now_ns: int) -> None:
        """Look at the account as it was at each midnight up to now."""
        while self._midnights and self._midnights[0] <= now_ns:
            self._standings.append(self._account.standing())
            self._midnights.pop(0)

    def statement(self, period: str, runs: Sequence[Run]) -> Statement:
        """Return what was found."""
        assert self._account.told is not None
        self._look(self._span.end_ns)
        first, last, diary = self._standings[0], self._standings[-1], self._diary
        named = zip(self._span.midnights, pairwise(self._standings), strict=False)
        days = [(day_of(start_ns).isoformat(), *ends) for start_ns, ends in named]
        return Statement(
            version=__version__,
            mode=self._account.told.header.mode,
            period=period,
            start_ns=self._span.start_ns,
            end_ns=self._span.end_ns,
            runs=tuple(run.path.stem for run in runs),
            opening=first.equity,
            brought=last.brought - first.brought,
            closing=last.equity,
            unrealised=last.unrealised,
            orders=diary.orders,
            cancels=diary.cancels,
            rejected=diary.rejected,
            unknown=diary.unknown,
            days=tuple(_day(*each) for each in days),
            rows=tuple(row for each in days for row in _rows(*each)),
            points=tuple(diary.points),
            markouts=diary.markouts.told(),
            calibration=diary.calibrated.told(),
            denials=diary.denials(),
            incidents=diary.incidents(),
        )


def _day(day: str, before: Standing, after: Standing) -> Day:
    return Day(
        day=day,
        opening=before.equity,
        pnl=sum(after.pnl.values()) - sum(before.pnl.values()),
        brought=after.brought - before.brought,
        closing=after.equity,
    )


def _rows(day: str, before: Standing, after: Standing) -> list[Row]:
    keys: list[Key] = sorted({*after.pnl, *after.traded})
    none = Traded()
    rows = []
    for key in keys:
        traded = after.traded.get(key, none).less(before.traded.get(key, none))
        pnl = after.pnl.get(key, 0) - before.pnl.get(key, 0)
        if pnl or any(attrs.astuple(traded)):
            rows.append(Row(day=day, strategy=key[0], market=key[1], **attrs.asdict(traded), pnl=pnl))
    return rows
