"""Watches a run step by step and keeps what its report needs, in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import attrs
import msgspec

from agbot.backtest.calibration import Calibrated
from agbot.backtest.curve import Thinned
from agbot.backtest.markouts import Markouts, Trade
from agbot.backtest.result import Attribution, BacktestResult, Fill, Orders, Point
from agbot.core.engine import Engine
from agbot.core.oms import OrderRecord
from agbot.core.step import Step
from agbot.model.commands import CancelOrder, PlaceOrder
from agbot.model.events import Event, MarketResolved, OrderFilled
from agbot.model.ids import MarketId, StrategyId
from agbot.model.order import Liquidity, OrderState, Side
from agbot.store.codec import GENESIS, chain, encode_output
from agbot.units import NS_PER_S, SCALE, notional

POINTS_MAX: Final = 2048
FILLS_MAX: Final = 4096
MARKETS_DRAWN: Final = 32
"""Markets whose middles are kept: the first ones listed."""

_encode = msgspec.msgpack.Encoder().encode
_Key = tuple[StrategyId, MarketId]
_Row = tuple[Point, tuple[int | None, ...]]


@attrs.define
class _Traded:
    fills: int = 0
    shares: int = 0
    fees: int = 0

    def add(self, fill: OrderFilled, sign: int) -> None:
        self.fills += sign
        self.shares += sign * fill.size
        self.fees += sign * fill.fee


@attrs.frozen(kw_only=True)
class What:
    """What was watched, for its report; see `BacktestResult`."""

    version: str
    source: str
    data: str
    messages: int
    first_ns: int
    seed: int
    queue: str
    latency: str
    rebates: int = 0
    rewards: int = 0


class Watch:
    """Observer of one run. `digest` is over all that was decided, asked and filled, in order, each with its time.

    Args:
        start_ns: when the first second begins; the curve has a point each second, or fewer.
    """

    def __init__(self, engine: Engine, start_ns: int) -> None:
        self.digest = GENESIS
        self.turnover = 0
        self.drawdown = self.drawdown_peak = self.inventory_max = 0
        self.denials: Counter[str] = Counter()
        self.stopped = ""
        self.failed: dict[str, str] = {}
        self.fills: Thinned[Fill] = Thinned(FILLS_MAX)
        self.markouts = Markouts(self._middle2)
        self.calibrated = Calibrated()
        self.engine = engine
        self._peak = engine.settings.capital
        self._commands: Counter[type] = Counter()
        self._ordered = 0
        self._rows: Thinned[_Row] = Thinned(POINTS_MAX)
        self._last: list[_Row] = []
        self._start_ns = self._next_ns = start_ns
        self._drawn: tuple[MarketId, ...] = ()
        self._traded: dict[_Key, _Traded] = {}

    def observe(self, now_ns: int, batch: Sequence[Event], step: Step) -> None:
        """Take in one step right after it was made."""
        if step.fills or step.voided or not step.output.empty:
            self._decided(now_ns, step)
        self.markouts.observe(now_ns, step.touched, [trade_of(self.engine, r, f) for r, f in step.fills])
        for event in batch:
            if type(event) is MarketResolved:
                self._resolved(event)
        for failed in step.failed:
            told = [line.strip() for line in failed.details.strip().splitlines()]
            where = next((line for line in reversed(told) if line.startswith("File ")), "")
            self.failed.setdefault(failed.strategy, f"it raised {told[-1]} ({where})")
        if now_ns >= self._next_ns:
            self._sample(now_ns)
            self._measure()
        elif step.fills or step.voided or not step.output.empty:
            self._measure()

    @property
    def stop_ns(self) -> int:
        """Return when this must look next, whatever happens or does not."""
        return min(self._next_ns, self.markouts.due_ns)

    def refresh(self) -> None:
        """Look at the books as they are, after what nobody told of."""
        self.markouts.refresh()

    def _measure(self) -> None:
        equity = self.engine.portfolio.equity()
        if equity >= self._peak:
            self._peak = equity
        elif self._peak - equity > self.drawdown:
            self.drawdown, self.drawdown_peak = self._peak - equity, self._peak

    def end(self, now_ns: int) -> Watch:
        """Take the last look and return what was watched."""
        self._last.append(self._row(now_ns))
        return self

    def curve(self) -> tuple[tuple[Point, ...], dict[str, tuple[int | None, ...]]]:
        """Return the points of the account, and the middles of markets by name on the same grid."""
        rows = [*self._rows.kept(), *self._last]
        names = [self.engine.markets[m].name for m in self._drawn]
        mids = [tuple(row[i] if i < len(row) else None for _, row in rows) for i in range(len(names))]
        return tuple(point for point, _ in rows), dict(zip(names, mids, strict=True))

    @property
    def stride(self) -> int:
        """Return how many seconds lie between two points."""
        return self._rows.stride

    def orders(self) -> Orders:
        """Return what became of the orders."""
        ended = self.engine.oms.ended
        return Orders(
            placed=self._commands[PlaceOrder],
            filled_whole=ended[OrderState.FILLED],
            cancelled=ended[OrderState.CANCELLED],
            rejected=ended[OrderState.REJECTED],
            expired=ended[OrderState.EXPIRED],
            cancels_sent=self._commands[CancelOrder],
            ordered=self._ordered,
            filled=sum(t.shares for t in self._traded.values()),
        )

    @property
    def trades(self) -> int:
        """Return how many executions stood."""
        return sum(t.fills for t in self._traded.values())

    def attribution(self) -> tuple[Attribution, ...]:
        """Return each strategy's PnL in each market; their sum is the account's to the last 10⁻⁶."""
        pnl = self.engine.portfolio.strategy_pnl()
        none = _Traded()
        return tuple(
            Attribution(
                strategy=key[0],
                market=self.engine.markets[key[1]].name,
                fills=(traded := self._traded.get(key, none)).fills,
                shares=traded.shares,
                fees=traded.fees,
                pnl=pnl[key],
            )
            for key in sorted(pnl)
        )

    def _decided(self, now_ns: int, step: Step) -> None:
        filled = [fill for _, fill in (*step.fills, *step.voided)]
        self.digest = chain(self.digest, now_ns, encode_output(step.output) + _encode(filled))
        for command in step.output.commands:
            self._commands[type(command)] += 1
            if isinstance(command, PlaceOrder):
                self._ordered += command.size
        for decision in step.output.decisions:
            self.denials.update(decision.violated)
        if step.tripped is not None:
            self.stopped = self.stopped or str(step.tripped)
        for record, fill in step.fills:
            self._filled(record, fill, 1)
            self.fills.add(self._fill(record, fill))
        for record, fill in step.voided:
            self._filled(record, fill, -1)

    def _filled(self, record: OrderRecord, fill: OrderFilled, sign: int) -> None:
        command = record.command
        self._traded.setdefault((command.strategy, command.market), _Traded()).add(fill, sign)
        self.turnover += sign * notional(fill.price, fill.size)
        market = self.engine.markets[command.market]
        self.calibrated.bought(market, command.token, command.side, fill.price, sign * fill.size)

    def _fill(self, record: OrderRecord, fill: OrderFilled) -> Fill:
        command = record.command
        market = self.engine.markets[command.market]
        return Fill(
            fill.ts_ns,
            market.name,
            command.token == market.yes,
            command.side is Side.BUY,
            fill.price,
            fill.size,
            fill.fee,
            fill.liquidity is Liquidity.TAKER,
            command.strategy,
        )

    def _resolved(self, event: MarketResolved) -> None:
        if market := self.engine.markets.get(event.market):
            self.calibrated.resolved(market, event.winner)
            self.markouts.resolved(market.id, event.winner == market.yes)

    def _sample(self, now_ns: int) -> None:
        """Take the account as it is for every second that has passed."""
        seconds = (now_ns - self._start_ns) // NS_PER_S + 1
        self._rows.reach(seconds, lambda number: self._row(self._start_ns + number * NS_PER_S))
        self._next_ns = self._start_ns + self._rows.next_kept * NS_PER_S

    def _row(self, now_ns: int) -> _Row:
        if len(self._drawn) < MARKETS_DRAWN:
            self._drawn = tuple(self.engine.markets)[:MARKETS_DRAWN]
        portfolio = self.engine.portfolio
        self.inventory_max = max(self.inventory_max, portfolio.inventory_usd())
        mids = tuple(mid2 // 2 if (mid2 := self._middle2(m)) is not None else None for m in self._drawn)
        return Point(now_ns, portfolio.equity(), portfolio.inventory_usd()), mids

    def _middle2(self, market: MarketId) -> int | None:
        return middle2(self.engine, market)


def trade_of(engine: Engine, record: OrderRecord, fill: OrderFilled) -> Trade:
    """Return a fill as markouts see it."""
    command = record.command
    market = engine.markets[command.market]
    sign = command.side.sign * (1 if command.token == market.yes else -1)
    return Trade(fill.ts_ns, market.id, sign, market.yes_price(command.token, fill.price), fill.size)


def middle2(engine: Engine, market: MarketId) -> int | None:
    """Return bid + ask of a market's YES, twice its middle; None when a side is missing."""
    book = engine.books[engine.markets[market].yes]
    bid, ask = book.best_bid, book.best_ask
    return bid + ask if bid and ask < SCALE else None


def result_of(watch: Watch, what: What) -> BacktestResult:
    """Return what was watched until its end as a result."""
    (points, mids), engine = watch.curve(), watch.engine
    return BacktestResult(
        **attrs.asdict(what),
        strategies=engine.coordinator.strategies,
        markets=len(engine.markets),
        last_ns=points[-1].ts_ns,
        capital=engine.portfolio.initial_equity(),
        equity=engine.portfolio.equity(),
        fees=engine.portfolio.fees,
        turnover=watch.turnover,
        digest=watch.digest.hex(),
        period_ns=watch.stride * NS_PER_S,
        points=points,
        drawdown=watch.drawdown,
        drawdown_peak=watch.drawdown_peak,
        inventory_max=watch.inventory_max,
        orders=watch.orders(),
        trades=watch.trades,
        fills=tuple(watch.fills.kept()),
        mids=mids,
        attribution=watch.attribution(),
        markouts=watch.markouts.told(),
        calibration=watch.calibrated.told(),
        denials=dict(sorted(watch.denials.items())),
        denials_repeated=engine.coordinator.denials_repeated,
        stopped=watch.stopped,
        failed=watch.failed,
    )
