"""The same backtest, fast: what `VirtualLoop` does, with its quiet stretches in C (native/include/agbot/ag_replay.h).

Theory of operation: an instant in which nothing happens but plain market data, or a second that passes, is done in C:
the venue's book, the strategies' books, and the question to each strategy, whose view is made once and kept current in
place. As soon as a strategy says anything, an order has news, or anything else comes up, that instant is done by the
engine as always, with the answers that were given already (`Script`). It may find the group in its books: rows hold
absolute sizes, so that applying them again changes nothing. So every order passes the same gate and the same books of
account as live, and `VirtualLoop` over the same messages takes the same decisions, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

import attrs
import numpy as np

from agbot._book import Book
from agbot._replay import Replay
from agbot.backtest.columns import Columns
from agbot.backtest.loop import QUIET_INSTANTS_MAX, Moment, Stepper, submit
from agbot.backtest.woken import Script, Woken
from agbot.core.book import OrderBook
from agbot.core.coordinator import FAILED_SCOPE
from agbot.core.engine import Engine
from agbot.core.marks import mark
from agbot.core.step import Step
from agbot.core.turnover import utc_day
from agbot.core.view import View
from agbot.matching.native import NativeBook
from agbot.matching.paper import PaperMatcher
from agbot.model.events import (
    BookDelta,
    BookSnapshot,
    Event,
    HaltRequested,
    MarketListed,
    Source,
    Timer,
    TradePrint,
    said_by,
)
from agbot.model.ids import MarketId
from agbot.model.market import Market
from agbot.model.order import Side
from agbot.units import NS_PER_S

NEVER: Final = 2**63 - 1
NS_PER_DAY: Final = 86_400 * NS_PER_S
_PLAIN: Final = {BookDelta, BookSnapshot, TradePrint, Timer}


class Onlooker(Protocol):
    """Who wants to look in between, at what nothing came of."""

    @property
    def stop_ns(self) -> int:
        """When a stretch must have ended: the first instant from then on goes through the engine."""
        ...

    def refresh(self) -> None:
        """Look now, at the end of a stretch."""
        ...


class FastLoop:
    """Runs columns against a paper venue.

    It is as slow as `VirtualLoop`, and as right, where columns are not `plain`, the matcher's books are not
    `NativeBook`s, or triggers watch an equity that is not known.

    Args:
        engine: it asks `strategies`, in this order, and no others.
        strategies: each says when it is asked.
        matcher: the paper venue; its books should be those of `agbot.matching.native.native_books`.
        columns: the market data; its markets are listed at the first timestamp.
        step: journals and steps the engine; `engine.step` unless given.
        onlooker: looks at the end of each stretch, and says when one must end.
    """

    def __init__(
        self,
        engine: Engine,
        strategies: Sequence[Woken],
        matcher: PaperMatcher,
        columns: Columns,
        *,
        step: Stepper | None = None,
        onlooker: Onlooker | None = None,
    ) -> None:
        self._onlooker = onlooker
        self.engine = engine
        self.columns = columns
        self.now_ns = 0
        self._matcher = matcher
        self._step = step or engine.step
        self._feed_ns = matcher.terms.feed_latency_ns
        self._ts, self._bounds, self._groups = columns.rows["ts_ns"], columns.bounds, len(columns.bounds) - 1
        self._venue = self._sight = self._instants = 0
        self._timer_ns = self._time(0) + NS_PER_S if self._groups else 0
        self._quiet: _Quiet | None = None
        if columns.plain and self._groups:
            self._quiet = _Quiet(engine, strategies, matcher, columns, onlooker)

    def run(self) -> Iterator[Moment]:
        """Yield (virtual now, batch, step) of the instants that went through the engine, until the columns end."""
        while self._next() is not None:
            if self._sight:
                self._stretch()
            at_ns = self._next()
            moment = None if at_ns is None else self._instant(at_ns)
            if moment is not None:
                yield moment

    def finish(self, reason: str) -> Iterator[Moment]:
        """Halt the core and yield the steps until the venue has nothing more to say."""
        yield self._carry(self.now_ns, [HaltRequested(reason, self.now_ns)])
        yield from self.run()

    def _stretch(self) -> None:
        """Let C go on as far as it can."""
        if self._quiet is not None and self._quiet.can_run():
            stands = (self._venue, self._sight, self._timer_ns, self.now_ns)
            self._venue, self._sight, self._timer_ns, now_ns = self._quiet.run(*stands)
            if self._sight == self._groups:  # it was to stop later: time ends with what there was
                now_ns = min(now_ns, self._time(self._groups - 1) + self._feed_ns)
            self.now_ns = max(self.now_ns, now_ns)
            if self._onlooker is not None:
                self._onlooker.refresh()

    def _next(self) -> int | None:
        """Return when something happens next; the timer alone is nothing, once there is no more to come."""
        times = [] if (due_ns := self._matcher.next_due()) is None else [due_ns]
        if self._venue < self._groups:
            times.append(self._time(self._venue))
        if self._sight < self._venue:
            times.append(self._time(self._sight) + self._feed_ns)
        return max(self.now_ns, min(*times, self._timer_ns)) if times else None

    def _instant(self, at_ns: int) -> Moment | None:
        """Do one instant as `VirtualLoop` does it."""
        self._instants += 1
        assert self._instants < QUIET_INSTANTS_MAX, f"{QUIET_INSTANTS_MAX} instants between two messages: a loop"
        self.now_ns = at_ns
        if self._venue < self._groups and self._time(self._venue) <= at_ns:
            self._publish(at_ns)
        batch: list[Event] = []
        while self._sight < self._venue and self._time(self._sight) + self._feed_ns <= at_ns:
            batch.extend(self._messages(self._sight))
            self._sight += 1
        batch.extend(said_by(Source.SIMULATED, evidence) for evidence in self._matcher.advance(at_ns))
        if self._timer_ns <= at_ns:
            batch.append(Timer("second", self._timer_ns))
            self._timer_ns += NS_PER_S
        return self._carry(at_ns, batch) if batch else None

    def _publish(self, at_ns: int) -> None:
        for message in self._messages(self._venue):
            self._matcher.on_market(at_ns, message)
        self._venue += 1
        self._instants = 0

    def _time(self, group: int) -> int:
        return int(self._ts[self._bounds[group]])

    def _messages(self, group: int) -> list[Any]:
        low, high = self._bounds[group : group + 2].tolist()
        found: list[Any] = self.columns.messages(low, high)
        if group == 0:
            return [MarketListed(market, self._time(0)) for market in self.columns.markets] + found
        return found

    def _carry(self, at_ns: int, batch: list[Event]) -> Moment:
        step = self._step(at_ns, batch)
        for command in step.output.commands:
            submit(self._matcher, at_ns, command)
        if self._quiet is not None:
            self._quiet.learn(batch, step)
        return at_ns, batch, step


@attrs.frozen
class _Around:
    """What else there is at the present instant of a stretch; `agbot.core.view.Around`."""

    quiet: _Quiet
    strategy: Woken

    @property
    def markets(self) -> Sequence[Market]:
        return self.quiet.engine.coordinator.markets_of(self.strategy.id)

    @property
    def equity(self) -> int:
        self.quiet.mark()
        return self.quiet.engine.portfolio.equity()

    def see(self, market: MarketId) -> View | None:
        coordinator = self.quiet.engine.coordinator
        known = coordinator.state.markets.get(market)
        if known is None or not coordinator.follows(self.strategy.id, known):
            return None
        return self.quiet.view(known, self.strategy)


class _Quiet:
    """Keeps C told of what the engine knows, and the engine of what C counted."""

    def __init__(
        self,
        engine: Engine,
        strategies: Sequence[Woken],
        matcher: PaperMatcher,
        columns: Columns,
        onlooker: Onlooker | None,
    ) -> None:
        self.engine = engine
        self._onlooker = onlooker
        self._matcher = matcher
        self._columns = columns
        if engine.coordinator.strategies != tuple(strategy.id for strategy in strategies):
            raise ValueError("the engine asks other strategies, or in another order")
        self._strategies = strategies
        self._places = {market.id: i for i, market in enumerate(columns.markets)}
        self._tokens = tuple(token for market in columns.markets for token in (market.yes, market.no))
        self._arounds = [_Around(self, strategy) for strategy in self._strategies]
        self._script = Script()
        self._core = Replay(
            columns.rows.view(np.uint8),
            columns.bounds,
            columns.flags,
            matcher.terms.feed_latency_ns,
            len(self._strategies),
            self._matched,
            self._refresh,
            TradePrint,
            tuple(Side),
            self._tokens,
        )
        for i, strategy in enumerate(self._strategies):
            strategy.script = self._script
            seen = strategy.bind([market.id for market in columns.markets])
            self._core.bind_strategy(i, strategy.strategy.decide, int(strategy.wake), seen)
        self._grids: list[tuple[Book, bool] | None] = [None] * len(self._tokens)
        self._native = True
        self._asking = True
        self._follows: object = None
        self._repeated = 0

    # -- a stretch -------------------------------------------------------------------------------------------------

    def can_run(self) -> bool:
        """Return whether C may do anything: figures that are watched and not known are the engine's to look at."""
        triggers = self.engine.triggers
        return self._native and (not triggers.watching or (triggers.known is not None and self._believed()))

    def run(self, venue: int, sight: int, timer_ns: int, now_ns: int) -> tuple[int, int, int, int]:
        """Go on from the venue's group, the strategies' and the timer; return where they stand then, and when it is."""
        triggers, oms = self.engine.triggers, self.engine.oms
        beats = triggers.watching and triggers.limits.heartbeat_ns is not None
        timers = not beats and len(self.engine.markets) == len(self._places)
        timers = timers and not any(record.cancel_ns for record in oms.all_live())
        midnight = (utc_day(now_ns) + 1) * NS_PER_DAY if triggers.watching else NEVER
        self._core.resume(venue, sight, timer_ns, self._asking, timers, triggers.watching)
        said = self._core.run(midnight, self._due_ns())
        if said is not None:
            silent, answer, raised = said
            self._script.write(silent, answer, raised=raised)
        self._count()
        self.mark()
        return self._core.stands()

    def mark(self) -> None:
        """Mark what is held by the books of this moment, where that is another mark."""
        for place in self._core.stale():
            market = self.engine.markets[self._columns.markets[place].id]
            mark(self.engine.portfolio, market, self._book(2 * place), self._book(2 * place + 1))

    def view(self, market: Market, strategy: Woken) -> View:
        """Return what a strategy sees now."""
        return self.engine.coordinator.view(self._core.stands()[3], market, strategy.id)

    def _refresh(self, strategy: int, place: int) -> tuple[View, bool]:
        woken = self._strategies[strategy]
        view = self.view(self.engine.markets[self._columns.markets[place].id], woken)
        object.__setattr__(view, "around", self._arounds[strategy])  # one that lives as long as the view does
        return view, woken.has_news(view)

    def _matched(self, place: int, matches: list[tuple[int, int, int]]) -> int:
        market = self._columns.markets[place].id
        book = self._matcher.book(market)
        assert isinstance(book, NativeBook)
        self._matcher.matched(market, book.named(matches), self._core.stands()[3])
        return self._due_ns()

    def _due_ns(self) -> int:
        due_ns = self._matcher.next_due()
        times = (NEVER if due_ns is None else due_ns, NEVER if self._onlooker is None else self._onlooker.stop_ns)
        return min(times)

    def _count(self) -> None:
        for token, deltas, snapshots, locked, crossed, updated_ns in self._core.counted():
            book = self._book(token)
            book.deltas += deltas
            book.snapshots += snapshots
            book.locked_states += locked
            book.crossed_states += crossed
            book.updated_ns = updated_ns

    # -- what the engine did ---------------------------------------------------------------------------------------

    def learn(self, batch: Sequence[Event], step: Step) -> None:
        """Take over what a step of the engine changed."""
        plain = {type(event) for event in batch} <= _PLAIN
        if not plain:
            self._bind_conditions()
        if not plain or step.changed or step.output.commands or step.fills or step.voided:
            self._core.forget()
        for market_id in self._places if not plain else step.touched:
            self._bind_market(self._places.get(market_id))
        for market_id in step.touched:
            if (place := self._places.get(market_id)) is not None:
                self._core.meet(place, True)
        self._doubt(step)
        self._bind_follows()

    def _bind_market(self, place: int | None) -> None:
        if place is None or self._columns.markets[place].id not in self.engine.markets:
            return
        market = self.engine.markets[self._columns.markets[place].id]
        for token in (2 * place, 2 * place + 1):
            book = self._book(token)
            bound = (book.grid, book.trusted)
            if self._grids[token] != bound:
                self._core.bind_book(token, *bound)
                self._grids[token] = bound
        sizes = self.engine.portfolio.sizes(market)
        self._core.hold(place, sizes if any(yes or no for yes, no in sizes) else [])

    def _doubt(self, step: Step) -> None:
        """Leave the next look to the engine where a strategy has something to be told that C does not tell."""
        asking = not (self.engine.halted or self.engine.kill_switch)
        repeated = self.engine.coordinator.denials_repeated
        if (asking and not self._asking) or repeated != self._repeated:
            for place in self._places.values():
                self._core.meet(place, False)
        for decision in step.output.decisions:
            if not decision.allowed and decision.market in self._places:
                self._core.meet(self._places[decision.market], False)
        self._asking, self._repeated = asking, repeated

    def _bind_conditions(self) -> None:
        books = [self._matcher.book(market) for market in self._places]
        self._native = all(book is None or isinstance(book, NativeBook) for book in books)
        for place, book in enumerate(books):
            self._core.bind_condition(place, book.condition if isinstance(book, NativeBook) else None)

    def _bind_follows(self) -> None:
        engine, scopes = self.engine, self.engine.state.gate.scopes
        stopped = [(FAILED_SCOPE, strategy.id) in scopes for strategy in self._strategies]
        now = (stopped, len(engine.markets))
        if now == self._follows:
            return
        self._follows = now
        for i, strategy in enumerate(self._strategies):
            for market_id, place in self._places.items():
                known = engine.markets.get(market_id)
                follows = known is not None and engine.coordinator.follows(strategy.id, known)
                self._core.follow(i, place, follows and not stopped[i])

    def _book(self, token: int) -> OrderBook:
        return self.engine.books[self._tokens[token]]

    def _believed(self) -> bool:
        engine, resolved = self.engine, self.engine.state.resolved
        open_markets = [market for market in engine.markets.values() if market.id not in resolved]
        trusted = (engine.books[token].trusted for market in open_markets for token in (market.yes, market.no))
        return not open_markets or any(trusted)
