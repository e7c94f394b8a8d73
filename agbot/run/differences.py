"""Balances and positions against the venue's figures, every so often and after each reconnect.

Theory of operation. Trades that have not settled are in our figures and may or may not be in the venue's, so ours are
a range; and it is taken before and after the read, for what happens meanwhile. A difference that is there three reads
in a row stops new orders in that market by name (`ReconcileDifference`) until a read agrees again, or a person who has
looked takes the venue's figure over (`accept`). Cash that we do not know of stops nothing; cash that is missing stops
all. A read that fails changes nothing, and is told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import attrs
import trio

from agbot.core.engine import Engine
from agbot.core.lifecycle import PROVISIONAL
from agbot.core.oms import OrderRecord
from agbot.core.step import Step
from agbot.errors import ConfigError, ExecutionError
from agbot.log import get_logger
from agbot.model.events import DifferenceAccepted, Event, ReconcileDifference
from agbot.model.ids import ClientOrderId, MarketId
from agbot.model.market import Market, Outcome
from agbot.model.order import Side
from agbot.run.corrections import SOURCE
from agbot.run.inbox import Inbox
from agbot.run.live import AccountReads, refresh, shares_of
from agbot.units import NS_PER_S, SCALE, to_text, token_value
from agbot.venue.ports import VenueAdapter

PERSISTS: Final = 3
"""Reads in a row that show a difference before it counts."""
SHARES_DUST: Final = SCALE // 100
USD_DUST: Final = SCALE // 100
CASH: Final = MarketId("")
NAMED: Final = 10
CASH_NAME: Final = "cash"
MORE: Final = "a deposit, or a redemption? it is not traded with until it is accepted, or a new start"
LESS: Final = "a withdrawal, or an order from elsewhere? nothing is placed until it is accepted, or a new start"

log = get_logger(__name__)

Key = tuple[MarketId, str]
"""Market and outcome; of the cash, both empty."""


@attrs.frozen
class Figure:
    """What we think, from `low` to `high`, and what the venue holds; 10⁻⁶."""

    low: int
    high: int
    venue: int

    def differs(self, dust: int) -> bool:
        """Return whether the venue's figure is beyond ours by more than dust."""
        return not self.low - dust <= self.venue <= self.high + dust

    @property
    def change(self) -> int:
        """Return how much more than ours the venue holds; 0 within the range."""
        return self.venue - min(max(self.venue, self.low), self.high)

    @property
    def ours(self) -> str:
        """Return what we think, for a person."""
        return to_text(self.low) if self.low == self.high else f"{to_text(self.low)} to {to_text(self.high)}"

    def __str__(self) -> str:
        return f"the venue holds {to_text(self.venue)}, agbot knows of {self.ours}"


class Differences:
    """Reads and compares.

    Args:
        deaf: why the venue's own stream is not heard, empty while it is; a change to empty is a reason to look.
        is_ours: whether a client order id is one of this run's.
    """

    def __init__(
        self,
        reads: AccountReads,
        venue: VenueAdapter,
        engine: Engine,
        inbox: Inbox,
        *,
        is_ours: Callable[[str], bool],
        every_ns: int,
        now_ns: Callable[[], int],
        deaf: Callable[[], str] = lambda: "",
    ) -> None:
        self._reads = reads
        self._venue = venue
        self._engine = engine
        self._inbox = inbox
        self._is_ours = is_ours
        self._every_s = every_ns / NS_PER_S
        self._now_ns = now_ns
        self._deaf = deaf
        self._was_deaf = ""
        self._wanted = trio.Event()
        self._unsettled: dict[ClientOrderId, OrderRecord] = {}
        self._seen: Counter[Key] = Counter()
        self._told: dict[MarketId, str] = {}
        self._counts: Counter[str] = Counter()
        self._figures: dict[Key, Figure] = {}
        self._foreign: list[str] = []
        self._shown: dict[Key, int] = {}
        """What a person was shown: by how much each figure differs."""
        self._checked_ns = 0

    def observe(self, _batch: list[Event], step: Step) -> None:
        """Follow the engine: which orders have trades that are not final."""
        for record in step.changed:
            name = record.command.client_order_id
            if any(fill.settlement in PROVISIONAL for fill in record.trades.values()):
                self._unsettled[name] = record
            else:
                self._unsettled.pop(name, None)

    def second(self) -> None:
        """Look whether the venue is heard again; called each second."""
        deaf = self._deaf()
        if self._was_deaf and not deaf:
            self._wanted.set()
        self._was_deaf = deaf

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Read until cancelled."""
        task_status.started()
        while True:
            with trio.move_on_after(self._every_s):
                await self._wanted.wait()
            self._wanted = trio.Event()
            await self.look()

    async def look(self) -> bool:
        """Read once and draw the consequences; a read that fails has none, and is False."""
        before = self._ours()
        try:
            venue = {key: await read() for key, read in self._questions()}
            resting = [order.client_order_id for order in await self._venue.get_open_orders()]
        except ExecutionError as e:
            self._counts["failed"] += 1
            log.warning("reconcile.unread", error=str(e), failed=self._counts["failed"])
            return False
        after = self._ours()
        self._counts["reads"] += 1
        self._checked_ns = self._now_ns()
        self._strangers([name for name in resting if not self._is_ours(name)])
        for key, held in venue.items():
            (low, high), (low_after, high_after) = before[key], after[key]
            self._figures[key] = Figure(min(low, low_after), max(high, high_after), held)
        self._judge()
        await self._refresh()
        return True

    async def _refresh(self) -> None:
        """Have the venue look at the chain again where it differs: what it keeps of a balance may be old."""
        for market, outcome in tuple(self._seen):
            try:
                await refresh(self._reads, self._engine.markets.get(market), outcome)
            except ExecutionError as e:
                log.warning("reconcile.not_refreshed", error=str(e))

    def report(self) -> dict[str, Any]:
        """Return what the last reads found, for a status."""
        return {
            "reads": self._counts["reads"],
            "failed_reads": self._counts["failed"],
            "checked_ns": self._checked_ns,
            "differences": [{"what": self._named(key), "is": str(self._figures[key])} for key in self._seen],
            "halted": {self._named((market, "")): reason for market, reason in self._told.items()},
            "foreign_orders": len(self._foreign),
            "foreign": self._foreign[:NAMED],
        }

    def shown(self) -> list[dict[str, Any]]:
        """Return what differs, figure by figure; a person who asks for this has looked, and may accept it."""
        self._shown = {key: self._figures[key].change for key in self._seen}
        return [self._row(key) for key in self._seen]

    async def accept(self, name: str, *, by: str, reason: str) -> list[dict[str, Any]]:
        """Take the venue's figures over in a market, or of the "cash", and return them: what they stopped goes on.

        They are read once more before. Journaled with both figures, source, name and reason.

        Raises:
            ConfigError: AGB-549, nothing was changed: nothing differs there, it has not been looked at or lasted long
                enough, it moved since, trades have not settled, or it cannot be read.
        """
        market = CASH if name == CASH_NAME else self._market_of(name)
        seen = {key: change for key, change in self._shown.items() if key[0] == market}
        if not await self.look():
            raise _not_accepted(name, "the venue cannot be read")
        found = {key: self._figures[key] for key in self._seen if key[0] == market}
        if why := self._unfit(found, seen):
            raise _not_accepted(name, why)
        rows = [self._row(key) for key in found]
        for key, figure in found.items():
            self._take_over(key, figure, by, reason)
        self._tell(market, "")
        return rows

    # -- inside ----------------------------------------------------------------------------------------------------

    def _markets(self) -> list[Market]:
        resolved = self._engine.state.resolved
        return [market for market in self._engine.markets.values() if market.id not in resolved]

    def _questions(self) -> Iterator[tuple[Key, Callable[[], Any]]]:
        for market in self._markets():
            for outcome in Outcome:
                yield (market.id, str(outcome)), partial(shares_of, self._reads, market, market.token(outcome))
        yield (CASH, ""), self._cash

    async def _cash(self) -> int:
        return (await self._reads.balance()).balance

    def _ours(self) -> dict[Key, tuple[int, int]]:
        engine = self._engine
        ranges = {(m.id, str(o)): [engine.portfolio.position(m, o).size] * 2 for m in self._markets() for o in Outcome}
        ranges[CASH, ""] = [engine.portfolio.cash] * 2
        for record in self._unsettled.values():
            self._widen(ranges, record)
        return {key: (low, high) for key, (low, high) in ranges.items()}

    def _widen(self, ranges: dict[Key, list[int]], record: OrderRecord) -> None:
        command = record.command
        market = self._engine.markets[command.market]
        outcome = market.outcome(command.token)
        shares, cash = ranges.get((market.id, str(outcome)), [0, 0]), ranges[CASH, ""]
        for fill in record.trades.values():
            if fill.settlement not in PROVISIONAL:
                continue
            value = token_value(fill.price, fill.size, yes=outcome is Outcome.YES)
            if command.side is Side.BUY:
                shares[0] -= fill.size
                cash[1] += value + fill.fee
            else:
                shares[1] += fill.size
                cash[0] -= value - fill.fee

    def _judge(self) -> None:
        reasons: dict[MarketId, list[str]] = {}
        for key, figure in self._figures.items():
            if not self._differs(key, figure):
                self._seen.pop(key, None)
                continue
            self._seen[key] += 1
            log.warning("reconcile.difference", what=self._named(key), figures=str(figure), reads=self._seen[key])
            if self._seen[key] >= PERSISTS and (key[0] or figure.venue < figure.low):
                reasons.setdefault(key[0], []).append(f"{self._named(key)}: {figure}")
        for market in {**self._told, **reasons}:
            self._tell(market, "; ".join(reasons.get(market, ())))

    def _differs(self, key: Key, figure: Figure) -> bool:
        if key[0]:
            return key[0] not in self._engine.state.resolved and figure.differs(SHARES_DUST)
        return not self._engine.state.resolved and figure.differs(USD_DUST)  # what a winner pays comes in its own time

    def _tell(self, market: MarketId, reason: str) -> None:
        if bool(reason) == (market in self._told):
            return
        if reason:
            self._told[market] = reason
            log.error("reconcile.halted", market=self._named((market, "")), reason=reason)
        else:
            del self._told[market]
            log.info("reconcile.agreed", market=self._named((market, "")))
        self._inbox.send_urgent(ReconcileDifference(market, reason, self._now_ns()))

    def _unfit(self, found: dict[Key, Figure], seen: dict[Key, int]) -> str:
        """Return why these differences are not to be accepted now, empty when they are."""
        if not found:
            return "nothing differs there"
        if seen.keys() != found.keys():
            return "not all of what differs there was looked at"
        if any(figure.change != seen[key] for key, figure in found.items()):
            return "the figures have moved since they were looked at"
        if any(figure.low != figure.high for figure in found.values()):
            return "trades have not settled there: until they have, nobody knows what differs"
        short = min(self._seen[key] for key in found)
        return f"{short} of {PERSISTS} reads have shown it so far" if short < PERSISTS else ""

    def _take_over(self, key: Key, figure: Figure, by: str, reason: str) -> None:
        del self._seen[key], self._shown[key]
        now_ns, change = self._now_ns(), figure.change
        log.critical("reconcile.accepted", what=self._named(key), figures=str(figure), by=by, reason=reason)
        said = DifferenceAccepted(*key, change, figure.venue, self._price(key), by, reason, SOURCE, now_ns)
        self._inbox.send_urgent(said)

    def _price(self, key: Key) -> int:
        """Return what new shares are taken to have cost: what they would bring now."""
        market = self._engine.markets.get(key[0])
        if market is None:
            return 0
        return self._engine.books[market.token(Outcome(key[1]))].best_bid or SCALE // 2

    def _row(self, key: Key) -> dict[str, Any]:
        figure = self._figures[key]
        note = "" if key[0] else MORE if figure.change > 0 else LESS
        return {
            "market": self._named((key[0], "")),
            "what": key[1] or "usd",
            "venue": to_text(figure.venue),
            "agbot": figure.ours,
            "difference": ("+" if figure.change > 0 else "") + to_text(figure.change),
            "reads": self._seen[key],
            "halted": key[0] in self._told,
            "note": note,
        }

    def _market_of(self, name: str) -> MarketId:
        """Return a market's id by its name or id; one that is not known differs in nothing."""
        return next((m.id for m in self._engine.markets.values() if name in (m.id, m.slug, m.name)), MarketId(name))

    def _strangers(self, names: list[str]) -> None:
        for name in sorted(set(names) - set(self._foreign)):
            log.warning("reconcile.foreign_order", order_id=name, remedy="agbot cancel --all takes off all of the key")
        self._foreign = names

    def _named(self, key: Key) -> str:
        market = self._engine.markets.get(key[0])
        return f"{market.name if market else 'cash'} {key[1]}".strip()


def _not_accepted(name: str, why: str) -> ConfigError:
    return ConfigError(
        f"the difference in {name!r} was not accepted: {why}",
        id="AGB-549",
        remedy="look again: agbot reconcile",
    )
