"""The history's shell: rows of what happened, and of every metric once a second, written by one thread behind it all.

Nothing here holds trading up: a step leaves its rows in memory, a metric leaves nothing at all. A disk that does not
take them is told, counted and tried again; meanwhile metrics beyond a bound are dropped, executions are not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, islice, product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import trio

from agbot.core.engine import Engine
from agbot.core.oms import OrderRecord
from agbot.core.portfolio import Position
from agbot.core.step import Step
from agbot.errors import StoreError
from agbot.log import get_logger
from agbot.model.events import DifferenceAccepted, Event, MarketListed, MarketResolved, OrderFilled
from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market, Outcome
from agbot.model.order import OrderState
from agbot.run.history_stores import Sinks, address
from agbot.settings import HistorySettings
from agbot.store.carry import Left
from agbot.store.embedded import EmbeddedStore
from agbot.store.embedded.executions import ExecutionRow
from agbot.store.embedded.schema import HISTORY
from agbot.store.rows import FillRow, MetricRow, OrderRow, PositionRow
from agbot.telemetry.instruments import Counter
from agbot.telemetry.registry import Registry
from agbot.units import NS_PER_S

if TYPE_CHECKING:
    from agbot.run.session import RunPlan

LATER_S: Final = 0.01
"""A sample is taken so long after the second it is stamped with: two clocks tell the time."""
WRITE_S: Final = 1.0
METRICS_EVERY: Final = 15
"""One of so many writes takes metrics along: each such write touches a page or two of every series."""
AGAIN_S: Final = 5.0
"""After a write that failed."""
LAST_WRITE_S: Final = 3.0
PRUNE_EVERY_NS: Final = 3600 * 10**9
BATCH: Final = 5_000
CUT_OFF: Final = "its run was cut off, and the simulated venue with it"
METRICS_WAIT_MAX: Final = 200_000
"""Observations that wait to be written; further ones are dropped and counted."""
EXECUTIONS_WAIT_MAX: Final = 100_000
"""Orders, fills and positions that wait; beyond, the oldest go, are counted and told. The journal has them all."""

log = get_logger(__name__)


@attrs.define
class _Waiting:
    """What is to be written. An order is here once, as it was last heard of; so its memory has the orders' bound."""

    orders: dict[str, OrderRow] = attrs.field(factory=dict)
    fills: dict[tuple[str, str], FillRow] = attrs.field(factory=dict)
    positions: list[PositionRow] = attrs.field(factory=list)

    def __len__(self) -> int:
        return len(self.orders) + len(self.fills) + len(self.positions)

    def rows(self) -> list[ExecutionRow]:
        return list(chain(self.orders.values(), self.fills.values(), self.positions))

    def shed(self, most: int) -> int:
        """Let go of the oldest beyond `most`, positions before fills before orders. Return how many went."""
        over = max(0, len(self) - most)
        left = max(0, over - len(self.positions))
        del self.positions[:over]
        later: tuple[dict[Any, Any], ...] = (self.fills, self.orders)
        for rows in later:
            oldest = list(islice(rows, left))
            for key in oldest:
                del rows[key]
            left -= len(oldest)
        return over

    def after(self, earlier: _Waiting) -> _Waiting:
        """Return both; of an order or a fill that is in both, this one's."""
        return _Waiting(
            {**earlier.orders, **self.orders}, {**earlier.fills, **self.fills}, earlier.positions + self.positions
        )


@attrs.define
class _Stored:
    """How far a write came."""

    executions: bool = False
    metrics: bool = False
    failed: StoreError | None = None


class HistoryShell:
    """Observer of the engine, and the service that writes what it saw into the state directory's history."""

    def __init__(
        self,
        engine: Engine,
        registry: Registry,
        directory: Path,
        settings: HistorySettings,
        *,
        run_id: str,
        mode: str,
        now_ns: Callable[[], int],
    ) -> None:
        self._engine = engine
        self._registry = registry
        self._directory = directory
        self._settings = settings
        self._run = (run_id, mode)
        self._now_ns = now_ns
        self._waiting = _Waiting()
        self._metrics: list[MetricRow] = []
        self._dropped: Counter | None = None
        self._held: dict[tuple[str, str], tuple[int, int, int]] = {}
        self._last_ns = 0
        self._pruned_ns = 0
        self._failing = self._shedding = False
        self._sinks = Sinks(directory, address(settings))
        self._thread = trio.CapacityLimiter(1)

    @classmethod
    def of(
        cls,
        plan: RunPlan,
        engine: Engine,
        registry: Registry,
        run_id: str,
        now_ns: Callable[[], int],
        *,
        left: Iterable[Left] = (),
    ) -> HistoryShell | None:
        """Return a run's history, None where the configuration wants none. Raises as `address`.

        Args:
            left: orders of the run before, whose last state its own history may not have.
        """
        settings, directory = plan.settings.history, plan.state_dir / HISTORY
        if not settings.enabled:
            return None
        shell = cls(engine, registry, directory, settings, run_id=run_id, mode=plan.mode, now_ns=now_ns)
        shell.take_over(left)
        return shell

    @property
    def backlog(self) -> int:
        """Return how many rows wait to be written."""
        return len(self._waiting) + len(self._metrics)

    def observe(self, batch: list[Event], step: Step) -> None:
        """Keep the rows of one step; never waits, never fails."""
        self._last_ns = max(step.now_ns, self._last_ns + 1)  # later than before, also where the clock stands
        for record in step.changed:
            self._waiting.orders[record.command.client_order_id] = self._order(record)
        filled = [heard.event for heard in step.heard if heard.news and isinstance(heard.event, OrderFilled)]
        for event in filled:
            told = self._engine.oms.get(event.client_order_id)
            if told is not None and (fill := told.trades.get(event.trade_id)):
                self._waiting.fills[fill.trade_id, fill.client_order_id] = self._fill(told, fill)
        moved = {record.command.market for record, _ in (*step.fills, *step.voided)}
        moved |= {event.market.id for event in batch if isinstance(event, MarketListed)}
        moved |= {event.market for event in batch if isinstance(event, MarketResolved | DifferenceAccepted)}
        for market in sorted(moved & self._engine.markets.keys()):
            self._positions(self._engine.markets[market])

    def take_over(self, left: Iterable[Left]) -> None:
        """Keep what became of an earlier run's orders: a killed run's history ends before its orders do."""
        for each in left:
            record, run_id, outcome = each.record, each.run_id, each.outcome
            updated_ns = max(self._now_ns(), record.changed_ns + 1)
            told = self._order(record)._replace(run_id=run_id, outcome=outcome, updated_ns=updated_ns)
            if not record.state.terminal:
                told = told._replace(state=str(OrderState.CANCELLED), reason=CUT_OFF)
            self._waiting.orders[told.client_order_id] = told
            for fill in record.trades.values():
                self._waiting.fills[fill.trade_id, fill.client_order_id] = self._fill(record, fill)._replace(
                    run_id=run_id, outcome=outcome
                )

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Sample and write until cancelled, then once more under a shield. A disk that hangs holds nothing up."""
        self._registry.observe_singly()
        self._dropped = self._registry.counter("agbot.history.dropped")
        task_status.started()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._sampling)
                await self._writing()
        finally:
            with trio.move_on_after(LAST_WRITE_S, shield=True):
                self._sample()
                await self._write(metrics=True)
                await trio.to_thread.run_sync(self._sinks.close, limiter=self._thread, abandon_on_cancel=True)

    async def _sampling(self) -> None:
        """Sample right after each whole second, however long a write takes."""
        while True:
            await trio.sleep((NS_PER_S - self._now_ns() % NS_PER_S) / NS_PER_S + LATER_S)
            self._sample()

    async def _writing(self) -> None:
        await self._write(metrics=False)  # what a killed run left is known now, and to no later start
        while True:
            for turn in range(METRICS_EVERY):
                await trio.sleep(AGAIN_S if self._failing else WRITE_S)
                await self._write(metrics=turn == 0 or self._failing)

    def _sample(self) -> None:
        rows = self._registry.sample(self._now_ns())
        room = METRICS_WAIT_MAX - len(self._metrics)
        self._metrics += rows[:room]
        if len(rows) > room and self._dropped is not None:
            self._dropped.add(len(rows) - room)
        if lost := self._waiting.shed(EXECUTIONS_WAIT_MAX):
            self._registry.counter("agbot.history.executions_dropped").add(lost)
            if not self._shedding:
                log.error("history.executions_dropped", rows=lost, remedy="mend the history; the journal has all")
            self._shedding = True

    async def _write(self, *, metrics: bool) -> None:
        """Hand over what waits. What could not be written waits on."""
        if not (len(self._waiting) or metrics):
            return
        executions, self._waiting = self._waiting, _Waiting()
        observations = list(self._metrics) if metrics else []
        stored = _Stored()
        try:
            stored = await trio.to_thread.run_sync(
                self._put, executions.rows(), observations, limiter=self._thread, abandon_on_cancel=True
            )
        finally:
            if not stored.executions:  # a row that is written twice is one row
                self._waiting = self._waiting.after(executions)
        if stored.metrics:
            del self._metrics[: len(observations)]
        self._tell(stored.failed)

    def _put(self, executions: Sequence[ExecutionRow], observations: Sequence[MetricRow]) -> _Stored:
        """Write, in the thread that alone has the store; one that fails is opened anew the next time."""
        stored = _Stored()
        try:
            sinks = self._sinks.opened()
            for sink in sinks:
                sink.store_executions(executions)
            stored.executions = True
            for sink, first in product(sinks, range(0, len(observations), BATCH)):
                sink.insert_metrics_batch(observations[first : first + BATCH])
            stored.metrics = True
            if self._sinks.embedded is not None:
                self._tidy(self._sinks.embedded)
        except StoreError as e:
            stored.failed = e
            self._sinks.close()
        return stored

    def _tidy(self, store: EmbeddedStore) -> None:
        store.pack()
        now_ns = self._now_ns()
        if now_ns - self._pruned_ns >= PRUNE_EVERY_NS:
            kept = self._settings
            store.prune(now_ns, metrics_ns=kept.metrics_ns, executions_ns=kept.executions_ns)
            self._pruned_ns = now_ns

    def _tell(self, failed: StoreError | None) -> None:
        if failed is not None and not self._failing:
            log.error("history.not_written", reason=failed.reason, id=failed.id, remedy=failed.remedy)
        elif failed is None and self._failing:
            log.warning("history.written_again", path=str(self._directory))
            self._shedding = False
        self._failing = failed is not None

    def _order(self, record: OrderRecord) -> OrderRow:
        command = record.command
        return OrderRow(
            client_order_id=command.client_order_id,
            run_id=self._run[0],
            mode=self._run[1],
            venue=command.venue,
            strategy=command.strategy,
            market=command.market,
            token=command.token,
            outcome=self._outcome(command.market, command.token),
            side=str(command.side),
            price=command.price,
            size=command.size,
            filled=record.filled,
            state=str(record.state),
            reason=_text(record.reason),
            why=_text(command.why),
            created_ns=record.opened_ns,
            updated_ns=self._last_ns,
        )

    def _fill(self, record: OrderRecord, fill: OrderFilled) -> FillRow:
        command = record.command
        return FillRow(
            venue=command.venue,
            trade_id=fill.trade_id,
            client_order_id=fill.client_order_id,
            run_id=self._run[0],
            mode=self._run[1],
            strategy=command.strategy,
            market=command.market,
            token=command.token,
            outcome=self._outcome(command.market, command.token),
            side=str(command.side),
            price=fill.price,
            size=fill.size,
            fee=fill.fee,
            liquidity=str(fill.liquidity),
            settlement=str(fill.settlement),
            ts_ns=fill.ts_ns,
        )

    def _positions(self, market: Market) -> None:
        """Keep what has changed of each strategy's holding."""
        for strategy, outcome, position in self._engine.portfolio.shares(market.id):
            token = market.yes if outcome is Outcome.YES else market.no
            now = (position.size, position.cost, position.realised)
            if self._held.get((strategy, token), (0, 0, 0)) == now:
                continue
            self._held[strategy, token] = now
            self._waiting.positions.append(self._position(market, strategy, outcome, position))

    def _position(self, market: Market, strategy: str, outcome: Outcome, position: Position) -> PositionRow:
        return PositionRow(
            ts_ns=self._last_ns,
            run_id=self._run[0],
            mode=self._run[1],
            strategy=strategy,
            market=market.id,
            token=market.yes if outcome is Outcome.YES else market.no,
            outcome=str(outcome),
            size=position.size,
            cost=position.cost,
            realised=position.realised,
        )

    def _outcome(self, market_id: MarketId, token: TokenId) -> str:
        market = self._engine.markets.get(market_id)
        return str(market.outcome(token)) if market is not None else ""


def _text(said: str) -> str:
    """Return what a strategy or a venue said as text that can be stored."""
    return said.encode("utf-8", "replace").decode()
