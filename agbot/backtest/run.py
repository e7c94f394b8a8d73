"""Runs a backtest: the live core against the paper venue in virtual time; no trio, no wall clock, no disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, Protocol

import attrs
import msgspec

from agbot import __version__
from agbot.backtest.columns import Columns
from agbot.backtest.fast import FastLoop
from agbot.backtest.loop import Moment, Stepper, VirtualLoop
from agbot.backtest.queues import HIGHEST, LOWEST, QUEUES
from agbot.backtest.result import BacktestResult, Report
from agbot.backtest.source import Group, Opened, Source, open_data
from agbot.backtest.spec import BacktestSpec
from agbot.backtest.watch import Watch, What, result_of
from agbot.backtest.woken import Wake, Woken
from agbot.backtest.words import told
from agbot.core.engine import Engine
from agbot.core.step import Step
from agbot.core.view import Strategy
from agbot.errors import ConfigError
from agbot.matching.checks import Terms
from agbot.matching.conditions import Conditions
from agbot.matching.native import native_books
from agbot.matching.paper import PaperMatcher
from agbot.model.events import Event
from agbot.model.market import Market
from agbot.store.journal import Header, Journal
from agbot.store.rebuild import engine_of, header_of

RUN_ID: Final = "backtest"
MODE: Final = "BACKTEST"
REASON: Final = "end of data"
PROGRESS_EVERY: Final = 1024
COMMIT_EVERY: Final = 1000

Progress = Callable[[float], None]


class Loop(Protocol):
    """What drives a backtest: see `VirtualLoop`."""

    @property
    def now_ns(self) -> int: ...

    def run(self) -> Iterator[Moment]: ...

    def finish(self, reason: str) -> Iterator[Moment]: ...


LoopMaker = Callable[[Stepper, PaperMatcher, Sequence[Market], Iterable[Group]], Loop]


def run(
    spec: BacktestSpec,
    progress: Progress | None = None,
    *,
    journal: Path | None = None,
    make_loop: LoopMaker | None = None,
) -> BacktestResult:
    """Return what the backtest came to: the same for the same spec and data, whoever runs it where.

    Args:
        progress: told the part that was read, 0–1, now and then.
        journal: a file to keep every batch and decision in, as a live run does; None for none.
        make_loop: what drives it; None for `FastLoop` where the data are columns and nothing needs each instant, else
            `VirtualLoop`. All of them decide the same.

    Raises:
        ConfigError: strategies or policies are wrong, AGB-586 there is no market data.
        RecordingError: a recording cannot be read.
    """
    data = open_data(spec.data)
    header = _header(spec, data)
    columns = None if journal or make_loop else _quick(spec, data)
    strategies: list[Woken] = []
    wake = Wake[spec.wake.upper()]
    sleeps = columns is not None or wake is not Wake.EVERY
    engine = engine_of(header, lambda each: _woken(each, wake, strategies)) if sleeps else engine_of(header)
    watch, read = Watch(engine, header.started_ns), _Read(data.source)
    matcher = _matcher(spec, native=columns is not None)

    def drive(step: Stepper) -> int:
        if columns is not None:
            loop: Loop = FastLoop(engine, strategies, matcher, columns, onlooker=watch)
        else:
            loop = (make_loop or VirtualLoop)(step, matcher, data.source.markets, read.groups())
        for count, moment in enumerate(loop.run()):
            watch.observe(*moment)
            if progress and count % PROGRESS_EVERY == 0:
                progress(data.fraction)
        for moment in loop.finish(REASON):
            watch.observe(*moment)
        return loop.now_ns

    if journal is None:
        ended_ns = drive(engine.step)
    else:
        with closing(_Journaled(engine, journal, header)) as record:
            ended_ns = drive(record.step)
            record.end(ended_ns, REASON)
    earnings = matcher.earnings
    return result_of(
        watch.end(ended_ns),
        What(
            version=__version__,
            source=data.name,
            data=data.hash,
            messages=read.messages if columns is None else columns.messages_held,
            first_ns=header.started_ns,
            seed=spec.settings.seed,
            queue=spec.queue,
            latency=told(matcher.delays) + ("" if wake is Wake.EVERY else f"; strategies asked: {spec.wake}"),
            rebates=earnings.rebates if earnings else 0,
            rewards=earnings.rewards if earnings else 0,
        ),
    )


def report(spec: BacktestSpec, progress: Progress | None = None, *, journal: Path | None = None) -> Report:
    """Return the backtest beside the same under the queue rules that fill least and most."""
    told = progress or (lambda _part: None)
    names = [spec.queue, *dict.fromkeys(name for name in (LOWEST, HIGHEST) if name != spec.queue)]
    found = {
        name: run(
            attrs.evolve(spec, queue=name),
            lambda part, done=done: told((done + part) / len(names)),  # type: ignore[misc]
            journal=journal if name == spec.queue else None,
        )
        for done, name in enumerate(names)
    }
    return Report(chosen=found[spec.queue], lower=found[LOWEST], upper=found[HIGHEST])


def _header(spec: BacktestSpec, data: Opened) -> Header:
    first = next(iter(data.source.groups()), None)
    if first is None:
        raise ConfigError(f"{data.name} holds no market data", id="AGB-586", remedy="name another recording")
    settings = spec.settings
    return header_of(
        settings,
        run_id=RUN_ID,
        mode=MODE,
        started_ns=first[0],
        source=data.name,
        capital=settings.capital_usd,
        limits=msgspec.structs.replace(settings.killswitch, heartbeat_ns=None),  # virtual time misses no beat
    )


class _Read:
    """Counts what is read of a source."""

    def __init__(self, source: Source) -> None:
        self.messages = 0
        self._source = source

    def groups(self) -> Iterator[Group]:
        for ts_ns, messages in self._source.groups():
            self.messages += len(messages)
            yield ts_ns, messages


def _quick(spec: BacktestSpec, data: Opened) -> Columns | None:
    """Return columns that the fast loop takes with this paper venue, None where each instant has to be gone through."""
    ideal = attrs.evolve(spec.settings.paper.conditions, seed=0) == Conditions()
    return data.source if isinstance(data.source, Columns) and ideal else None


def _woken(strategy: Strategy, wake: Wake, asked: list[Woken]) -> Strategy:
    asked.append(Woken(strategy, wake))
    return asked[-1]


def _matcher(spec: BacktestSpec, *, native: bool) -> PaperMatcher:
    paper = spec.settings.paper
    return PaperMatcher(
        spec.settings.capital_usd,
        terms=Terms(order_latency_ns=paper.order_latency_ns, feed_latency_ns=paper.feed_latency_ns),
        queue_rule=QUEUES[spec.queue](),
        book_of=native_books(QUEUES[spec.queue]()) if native else None,
        conditions=attrs.evolve(paper.conditions, seed=spec.settings.seed),
    )


class _Journaled:
    """Steps the core and keeps the journal of it that `agbot replay --verify` and `agbot explain` read."""

    def __init__(self, engine: Engine, path: Path, header: Header) -> None:
        from agbot.run.engine import Recorder  # noqa: PLC0415 - brings the nursery library along

        self._journal = Journal(path, durable=False)
        self._recorder = Recorder(engine, self._journal, header)

    def step(self, now_ns: int, batch: list[Event]) -> Step:
        step, _ = self._recorder.step(now_ns, batch)
        if self._journal.backlog >= COMMIT_EVERY:
            self._journal.commit()
        return step

    def end(self, now_ns: int, reason: str) -> None:
        self._recorder.end(now_ns, reason)

    def close(self) -> None:
        self._journal.close()
