"""Why a run came to what it did and not to what it could have: from live to ideal, one difference after the other.

Each part of the gap is the difference of two runs that follow each other, so the parts add up to the gap exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs
import msgspec

from agbot.backtest.again import Again
from agbot.backtest.lived import Lived, lived
from agbot.backtest.loop import Moment, VirtualLoop
from agbot.backtest.queues import QUEUES
from agbot.backtest.result import BacktestResult
from agbot.backtest.run import REASON
from agbot.backtest.source import Opened
from agbot.backtest.turns import AT_THE_BOT, messages, turns
from agbot.backtest.watch import Watch, What, result_of
from agbot.backtest.words import told as ways
from agbot.core.limits import OFF
from agbot.core.step import Decision, Output
from agbot.matching.checks import Terms
from agbot.matching.paper import PaperMatcher
from agbot.model.commands import CancelAll, CancelOrder, PlaceOrder
from agbot.store.rebuild import engine_of


@attrs.frozen(kw_only=True)
class Part:
    """One part of the gap, 10⁻⁶ usd, and what it is."""

    name: str
    usd: int
    words: str


@attrs.frozen
class Told:
    """A decision or a cancel, and when."""

    now_ns: int
    what: Decision | CancelOrder | CancelAll


@attrs.frozen(kw_only=True)
class Difference:
    """The first decision that is another one; a side is None where nothing more was decided."""

    number: int
    live: Told | None
    other: Told | None


@attrs.frozen(kw_only=True)
class Comparison:
    """A run as it was, simulated with the delays it met, and without any delay.

    Attributes:
        parts: of `gap`, in the order of the runs between live and ideal; they add up to it.
        drift: where the simulation first decides otherwise than the run did, None when it never does.
        drift_ideal: where the ideal run does.
        decisions: of the live run, cancels among them.
    """

    live: BacktestResult
    simulated: BacktestResult
    ideal: BacktestResult
    parts: tuple[Part, ...]
    drift: Difference | None
    drift_ideal: Difference | None
    decisions: int

    @property
    def gap(self) -> int:
        """Return what the ideal run made more than the live one, 10⁻⁶ usd."""
        return self.ideal.pnl - self.live.pnl


def compare(path: Path, *, queue: str, data: Opened | None = None) -> Comparison:
    """Return why the run of a journal made what it made.

    Args:
        queue: where resting orders stand in the runs that are simulated, a name in `QUEUES`.
        data: all the market data of the time, where more is known than the run saw.

    Raises:
        StoreError: the journal cannot be read, AGB-588 nothing happened in it.
    """
    run = lived(path)
    sent, _ = _again(run, queue, decides=False)
    simulated, drift = _again(run, queue)
    whole = simulated if data is None else _on(data, run, queue)
    ideal, drift_ideal = _again(run, queue, ideal=True) if data is None else (_on(data, run, queue, ideal=True), None)
    modelled = run.result.pnl + run.result.fees - run.modelled_fees
    missed = "not measured: --data names nothing to hold the run against" if data is None else f"on {data.name}"
    chain = (
        ("fees", modelled, "fills as they were, at the market's fee formula"),
        ("queue", sent.pnl, "the same orders at the same times, filled by the simulated book"),
        ("decision drift", simulated.pnl, "strategies decide again on those fills"),
        ("missed data", whole.pnl, missed),
        ("latency", ideal.pnl, "orders, answers and market data without delay"),
    )
    before, parts = run.result.pnl, []
    for name, pnl, words in chain:
        parts.append(Part(name=name, usd=pnl - before, words=words))
        before = pnl
    return Comparison(
        live=run.result,
        simulated=simulated,
        ideal=ideal,
        parts=tuple(parts),
        drift=drift,
        drift_ideal=drift_ideal,
        decisions=sum(1 for _ in _journaled(path)),
    )


def _again(
    run: Lived, queue: str, *, decides: bool = True, ideal: bool = False
) -> tuple[BacktestResult, Difference | None]:
    """Return the run once more, and where it first decides otherwise."""
    header = run.header if decides else msgspec.structs.replace(run.header, strategies=(), chosen=(), limits=OFF)
    engine = engine_of(header)
    again = Again(
        run,
        engine,
        turns(run.path),
        messages(run.path, at_the_bot=ideal or header.mode in AT_THE_BOT),
        queue=QUEUES[queue](),
        decides=decides,
        there=None if ideal else run.there.settle(),
        back=None if ideal else run.back.settle(),
    )
    watch, first = Watch(engine, header.started_ns), _First(_journaled(run.path))
    for now_ns, batch, step in again.run():
        watch.observe(now_ns, batch, step)
        first.look(now_ns, step.output)
    first.end()
    what = _what(run, queue, "none" if ideal else run.result.latency)
    return result_of(watch.end(again.now_ns), what), first.found


def _on(data: Opened, run: Lived, queue: str, *, ideal: bool = False) -> BacktestResult:
    """Return the run's strategies on other market data, with the usual delays of the run or with none."""
    engine = engine_of(run.header)
    terms = Terms() if ideal else Terms(order_latency_ns=run.there.usual_ns, feed_latency_ns=run.back.usual_ns)
    matcher = PaperMatcher(run.header.capital, terms=terms, queue_rule=QUEUES[queue]())
    loop, watch = (
        VirtualLoop(engine.step, matcher, data.source.markets, data.source.groups()),
        Watch(engine, run.header.started_ns),
    )
    for moment in _whole(loop):
        watch.observe(*moment)
    return result_of(watch.end(loop.now_ns), _what(run, queue, ways(matcher.delays)))


def _whole(loop: VirtualLoop) -> Iterable[Moment]:
    yield from loop.run()
    yield from loop.finish(REASON)


def _what(run: Lived, queue: str, latency: str) -> What:
    result = run.result
    return What(
        version=result.version,
        source=result.source,
        data=result.data,
        messages=result.messages,
        first_ns=result.first_ns,
        seed=result.seed,
        queue=queue,
        latency=latency,
    )


def _journaled(path: Path) -> Iterator[Told]:
    return (told for turn in turns(path) for told in _decided(turn.now_ns, turn.output))


def _decided(now_ns: int, output: Output) -> Iterator[Told]:
    """Yield what a step decided: cancels, and each wish with risk's answer; an order is in its wish."""
    for command in output.commands:
        if not isinstance(command, PlaceOrder):
            yield Told(now_ns, command)
    for decision in output.decisions:
        yield Told(now_ns, decision)


class _First:
    """Holds decisions against those of the journal, one by one, until they differ; when they came is no difference."""

    def __init__(self, journaled: Iterator[Told]) -> None:
        self.found: Difference | None = None
        self._journaled = journaled
        self._number = 0

    def look(self, now_ns: int, output: Output) -> None:
        """Compare what a step decided."""
        for told in _decided(now_ns, output):
            self._compare(told)

    def end(self) -> None:
        """Say that nothing more will be decided."""
        self._compare(None)

    def _compare(self, told: Told | None) -> None:
        if self.found is None:
            self._number += 1
            expected = next(self._journaled, None)
            if (expected and expected.what) != (told and told.what):
                self.found = Difference(number=self._number, live=expected, other=told)
