"""Selling everything that is held, slice by slice, while the kill switch is on.

Theory of operation: each position is sold in limit orders that never rest (FAK), at no less than a fraction of the best
bid it had when this began, each no larger than what the book shows down to there. They take the one order path: gate,
journal, gateway. The closed switch lets them pass because they only ever sell what is held and settled: the gate checks
that when they are decided, `allows` once more right before they are sent, and only while this runs.

What cannot be sold stays, and is told with its reason. Of pairs of YES and NO both halves are sold, although merging
them brings 1 usd each: that takes a call on the chain, by the wallet, and a kill switch has to work without one. So it
is told, with what either way brings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs
import trio

from agbot.core.admission import FLATTEN, NOBODY
from agbot.core.coordinator import FAILED_SCOPE
from agbot.core.engine import Engine
from agbot.core.rules import OrderCap
from agbot.errors import AgbotError, ConfigError
from agbot.log import get_logger
from agbot.model.commands import PlaceOrder
from agbot.model.ids import ClientOrderId, StrategyId, TokenId
from agbot.model.market import Market
from agbot.model.order import Order, OrderState, Side, TimeInForce
from agbot.run.execution import LocalExecution
from agbot.units import SCALE, notional, tick_up, to_decimal, to_text, to_units, usd_text

PATIENCE_S: Final = 5.0
"""A position that could not be sold further for this long stays."""
LOOK_S: Final = 0.25
SLICES_MAX: Final = 1000
MISSES_MAX: Final = 5
"""Slices in a row that sold nothing, although the book showed bids."""
RESOLVED: Final = "the market is resolved: it is redeemed, not sold"
SHORT: Final = "short: that would take a buy"
DUST: Final = "less than the smallest size the market takes"
OPEN: Final = "its switch was opened: it trades again"
FINAL: Final = frozenset({RESOLVED, SHORT, DUST, OPEN, ""})
"""Reasons that waiting does not change."""
PLANNED: Final = ("market", "pairs", "bids_usd", "merged_usd")
"""What is known of pairs when it begins."""

log = get_logger(__name__)


@attrs.define(kw_only=True)
class Unwound:
    """What became of one position. Sizes and prices in 10⁻⁶; `why` is empty once nothing is left.

    `left` is what the account, or the `strategy` where one is named, holds now: a late fill counts as well.
    """

    market: Market
    token: TokenId
    strategy: StrategyId = NOBODY
    held: int = 0
    floor: int = 0
    left: int = 0
    sold: int = 0
    usd: int = 0
    slices: int = 0
    why: str = ""

    def json(self) -> dict[str, Any]:
        """Return it as plain values."""
        average = self.usd * SCALE // self.sold if self.sold else 0
        return {
            "market": self.market.name,
            "outcome": str(self.market.outcome(self.token)),
            "held": to_text(self.held),
            "sold": to_text(self.sold),
            "left": to_text(self.left),
            "floor": to_text(self.floor),
            "average": to_text(average),
            "usd": usd_text(self.usd),
            "slices": self.slices,
            "why": self.why,
            "dust": self.why == DUST,
        }


@attrs.frozen(kw_only=True)
class Pairs:
    """Pairs of which both halves are sold. `bids` is what the books gave for them when it began (10⁻⁶ usd)."""

    halves: tuple[Unwound, Unwound]
    bids: int

    def json(self) -> dict[str, str]:
        """Return it as plain values: what the bids gave, what merging makes, and what was sold of both for how much."""
        held, sold, left = (min(getattr(half, name) for half in self.halves) for name in ("held", "sold", "left"))
        brought = sum(half.usd * sold // half.sold for half in self.halves) if sold else 0
        return {
            "market": self.halves[0].market.name,
            "pairs": to_text(held),
            "bids_usd": usd_text(self.bids),
            "merged_usd": usd_text(held),
            "sold": to_text(sold),
            "sold_usd": usd_text(brought),
            "left": to_text(max(left, 0)),
        }


class Flattener:
    """Unwinds the account's positions when asked to; a service of the run."""

    def __init__(self, engine: Engine, execution: LocalExecution, now_ns: Callable[[], int]) -> None:
        self._engine = engine
        self._execution = execution
        self._now_ns = now_ns
        self._asked = trio.Event()
        self._idle = trio.Event()
        self._rows: list[Unwound] = []
        self._pairs: list[Pairs] = []
        self._slices: list[dict[str, Any]] = []
        self._running = False
        self._over = False

    def begin(self, floor: str, market: str = "", strategy: str = "") -> None:
        """Start unwinding; `floor` is a fraction of each position's best bid now.

        All that is held, or what is held in a `market`, or what a `strategy` bought and has not sold.

        While it is under way it goes on as it began.

        Raises:
            ConfigError: AGB-516, the floor is no fraction.
        """
        fraction = _fraction(floor)
        if self._running:
            return
        self._rows, self._slices = list(self._positions(fraction, market, strategy)), []
        self._pairs = list(self._both_halves())
        self._over, self._running = False, True
        self._asked.set()

    async def sell(self, floor: str, strategy: str) -> None:
        """Unwind what a strategy bought and has not sold, once nothing else is being unwound."""
        while self._running:
            await self._idle.wait()
        self.begin(floor, strategy=strategy)

    def progress(self, seen: int = 0) -> dict[str, Any]:
        """Return the slices after the first `seen`, the positions, the pairs among them, and whether it is over."""
        return {
            "slices": self._slices[seen:],
            "positions": [row.json() for row in self._rows],
            "pairs": [pairs.json() for pairs in self._pairs],
            "over": self._over,
        }

    def allows(self, command: PlaceOrder) -> bool:
        """Return whether the closed switch lets an order pass: it is ours, and sells what is held and settled."""
        market = self._engine.markets.get(command.market)
        ours = self._running and command.strategy == FLATTEN and command.side is Side.SELL
        if not ours or market is None or not command.time_in_force.immediate:
            return False
        live = (r for r in self._engine.oms.live(market.id) if r.command.token == command.token)
        offered = sum(r.remaining for r in live if r.command.side is Side.SELL)  # this one among them
        return max(offered, command.size) <= self._engine.admission.settled(market, command.token)

    async def run(self) -> None:
        """Unwind whenever asked, until cancelled."""
        while True:
            await self._asked.wait()
            self._asked = trio.Event()
            log.critical("flatten.began", positions=len(self._rows))
            for pairs in self._pairs:
                log.warning("flatten.pairs", **{name: pairs.json()[name] for name in PLANNED})
            async with trio.open_nursery() as nursery:
                for row in self._rows:
                    nursery.start_soon(self._unwind, row)
            self._running, self._over = False, True
            self._idle.set()
            self._idle = trio.Event()
            self._told()

    def _positions(self, fraction: int, market: str, strategy: str) -> Iterator[Unwound]:
        for found, holding in self._engine.portfolio.holdings():
            if market and market not in (found.slug, found.id):
                continue
            for outcome in holding.tokens:
                token = found.token(outcome)
                row = Unwound(market=found, token=token, strategy=StrategyId(strategy))
                row.held = row.left = self._held(row)
                if row.held and (book := self._engine.books.get(token)):
                    row.floor = max(book.tick, tick_up(notional(book.best_bid, fraction), book.tick))
                    yield row

    def _both_halves(self) -> Iterator[Pairs]:
        markets = {row.market.id for row in self._rows}
        for market in sorted(markets):
            match [row for row in self._rows if row.market.id == market and row.held > 0]:
                case [one, other]:
                    size = min(one.held, other.held)
                    bids = sum(self._engine.books[row.token].proceeds(size)[0] for row in (one, other))
                    yield Pairs(halves=(one, other), bids=bids)

    def _told(self) -> None:
        """Log what became of each position, then of all."""
        for row in self._rows:
            log.critical("flatten.position", **row.json())
        left = sum(bool(row.left) for row in self._rows)
        usd = usd_text(sum(row.usd for row in self._rows))
        log.critical("flatten.over", positions=len(self._rows), left=left, usd=usd)

    def _held(self, row: Unwound) -> int:
        portfolio, outcome = self._engine.portfolio, row.market.outcome(row.token)
        held = portfolio.position(row.market, outcome).size
        return min(held, portfolio.holders(row.market.id, outcome).get(row.strategy, 0)) if row.strategy else held

    async def _unwind(self, row: Unwound) -> None:
        deadline, misses = trio.current_time() + PATIENCE_S, 0
        while row.slices < SLICES_MAX and misses < MISSES_MAX:
            size, row.why = self._next(row)
            if not size and row.why in FINAL:
                return
            if size and await self._sell(row, size):
                deadline, misses = trio.current_time() + PATIENCE_S, 0
                continue
            misses += bool(size)
            if trio.current_time() >= deadline:
                return
            await trio.sleep(LOOK_S)

    def _ended(self, row: Unwound) -> str | None:
        """Return why nothing more of a position is to be sold, empty when all is; None while there is more."""
        state = self._engine.state
        if row.strategy and (FAILED_SCOPE, row.strategy) not in state.gate.scopes:
            return OPEN
        if row.market.id in state.resolved:
            return RESOLVED
        return (SHORT if row.left else "") if row.left <= 0 else None

    def _next(self, row: Unwound) -> tuple[int, str]:
        """Return the size of the next slice, or 0 and why there is none."""
        engine, market = self._engine, row.market
        row.left = self._held(row)
        if (over := self._ended(row)) is not None:
            return 0, over
        book = engine.books[row.token]
        visible = book.size_down_to(row.floor)
        settled = engine.admission.sellable(market, row.token)
        if settled <= 0:
            return 0, "its trades have not settled"
        if not visible:
            return 0, f"no bid at {to_text(row.floor)} or above" if book.best_bid else "no bid"
        cap = min((r.max_usd for r in engine.state.gate.rules if isinstance(r, OrderCap)), default=None)
        most = visible if cap is None else min(visible, cap * SCALE // max(book.best_bid, row.floor))
        size = min(settled, most, row.left) // market.size_step * market.size_step
        if not size:
            return 0, DUST
        denied = self._execution.denied(self._order(row, size), reduce_only=True)
        return (0, f"denied by {', '.join(denied)}") if denied else (size, "")

    async def _sell(self, row: Unwound, size: int) -> int:
        """Send one slice and return what it sold."""
        row.slices += 1
        try:
            ack = await self._execution.submit_order(self._order(row, size), reduce_only=True)
            ack = await self._execution.known(ack) if ack.status is OrderState.UNKNOWN else ack
            row.why, sold, usd = "", to_units(ack.filled), self._execution.spent(ack.order_id)
            said = str(ack.status)
        except AgbotError as e:
            row.why, sold, usd, said = e.reason, 0, 0, e.reason
        row.sold += sold
        row.usd += usd
        row.left -= sold
        self._note(row, size, sold, usd, said)
        log.info("flatten.slice", **self._slices[-1])
        return sold

    def _note(self, row: Unwound, size: int, sold: int, usd: int, said: str) -> None:
        self._slices.append(
            {
                "market": row.market.name,
                "outcome": str(row.market.outcome(row.token)),
                "size": to_text(size),
                "limit": to_text(row.floor),
                "sold": to_text(sold),
                "usd": usd_text(usd),
                "left": to_text(row.left),
                "said": said,
            }
        )

    def _order(self, row: Unwound, size: int) -> Order:
        return Order(
            client_order_id=ClientOrderId(f"flatten-{self._now_ns()}"),
            venue=row.market.venue,
            market=row.market.id,
            token=row.token,
            side=Side.SELL,
            price=to_decimal(row.floor),
            size=to_decimal(size),
            time_in_force=TimeInForce.FAK,
        )


def _fraction(text: str) -> int:
    try:
        fraction = to_units(text)
    except ValueError as e:
        raise _no_floor(text) from e
    if not 0 < fraction <= SCALE:
        raise _no_floor(text)
    return fraction


def _no_floor(text: str) -> ConfigError:
    return ConfigError(f"the floor {text!r} is no fraction of the bid", id="AGB-516", remedy="above 0, at most 1: 0.80")
