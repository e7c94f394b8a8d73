"""What has to be known before the first order: what the last run left at the venue, told by the venue itself.

Theory of operation. The journal says which orders may exist; their ids follow from it, so each order that rests is ours
or nobody's. Ours are taken off. Then the venue is asked about each order that the journal did not see end, until all is
evidence: its record, its trades, their settlement, or, long enough after it was sent, that there is no such order. What
they filled is folded into what the last run left. The balances come last, and where they say something else than the
journal, the venue's figure is taken over and both are written down. A failed read raises, and nothing is traded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Final

import attrs

from agbot.core.oms import OrderRecord
from agbot.errors import ConfigError, ExecutionError, VenueAmbiguous, VenueUnavailable
from agbot.log import get_logger
from agbot.model.events import OrderCancelled, OrderFilled
from agbot.model.ids import ClientOrderId
from agbot.model.market import Market
from agbot.run.corrections import ROUNDING, Correction, corrections
from agbot.run.explain import OLDER_MAX, Known, Names
from agbot.run.live import Reads, read_account, refresh
from agbot.run.retold import named_as_before
from agbot.run.sweep import cancel_until_none
from agbot.run.venues import Account
from agbot.settings import ReconcileSettings
from agbot.store.carry import Past
from agbot.units import NS_PER_S, to_text
from agbot.venue.pace import TRIO, Pace
from agbot.venue.polymarket.compose import VENUE
from agbot.venue.polymarket.own import DUST
from agbot.venue.polymarket.wire.rest import OpenOrder, Trade
from agbot.words import many

TAKEN_OFF_WITHIN_S: Final = 60.0
LOOK_AGAIN_S: Final = 0.25
AT_ONCE: Final = 100
ASK_AGAIN_S: Final = 0.5
ASK_AGAIN_MAX_S: Final = 2.0
ASK_AGAIN_GROWS: Final = 1.25
SETTLES_WITHIN_S: Final = 60.0
"""Beyond the quiet time: how long trades may take to be told and to settle before the start is given up."""
LATE_NS: Final = 300 * NS_PER_S
"""How long before its end a run may have missed trades of orders that had ended; and what two clocks may differ by."""
LOOK_BACK: Final = 4
"""How many times further back trades are looked for each time that some are missing."""
LOOK_BACK_MAX_NS: Final = 86_400 * NS_PER_S
JUST_NOW_NS: Final = 10 * NS_PER_S
"""How long before its end an ended order is asked about once more: how much of it matched."""
ABSENT_ENOUGH: Final = 3
"""How often in a row the venue must say that it has no such order before it is believed."""
MAY_MATCH: Final = ("LIVE", "DELAYED", "UNMATCHED")
NOT_SENT: Final = "the venue has no such market, or the order could not be signed"
NAMED: Final = 3

log = get_logger(__name__)


@attrs.define(kw_only=True)
class Report:
    """What a start found, and what it did about it."""

    from_run: str = ""
    from_started_ns: int = 0
    cancelled: list[str] = attrs.field(factory=list)
    closed: list[dict[str, str]] = attrs.field(factory=list)
    """Orders that the journal had open and the venue has not: id, how they ended, and the evidence."""
    fills: int = 0
    """Trades that the journal did not have."""
    foreign: list[str] = attrs.field(factory=list)
    """Orders that no journal explains, and that were left."""
    corrections: list[Correction] = attrs.field(factory=list)
    strangers: dict[str, int] | None = None
    """Orders that no journal explains and that traded since the last run began: shares (10⁻⁶) by id. Looked for where
    figures had to be corrected; None when nobody looked, or not all trades could be read."""
    rounding: int = 0
    """Usd (10⁻⁶) that the venue holds beyond the journal's: averages of prices are rounded."""
    allowances: Mapping[str, int] = attrs.field(factory=dict)

    def json(self) -> dict[str, Any]:
        """Return it as plain values."""
        told = attrs.asdict(self, recurse=False)
        corrected = [c.json() for c in self.corrections]
        strangers = {name: to_text(size) for name, size in (self.strangers or {}).items()}
        return {**told, "allowances": len(self.allowances), "corrections": corrected, "strangers": strangers}


class Reconcile:
    """One start.

    Args:
        pasts: earlier runs of this state directory, the newest first; read as far as they are needed.
        settings: what to do with what rests, and how long a "no such order" is not believed.
        last_holder: who traded with the wallet last, if it was from another state directory.
        pace: what it waits with.
    """

    def __init__(
        self,
        access: Reads,
        names: Names,
        pasts: Iterable[Past],
        settings: ReconcileSettings,
        now_ns: Callable[[], int],
        *,
        last_holder: str = "",
        pace: Pace = TRIO,
    ) -> None:
        self._access = access
        self._pace = pace
        self._began_s = pace.current_time()
        self._last_holder = last_holder
        self._clob = access.clob
        self._names = names
        self._pasts = iter(pasts)
        self._settings = settings
        self._now_ns = now_ns
        self._past = next(self._pasts, None)
        ahead_ns = self._past.last_ns - now_ns() if self._past else 0
        self._back_ns = LATE_NS if ahead_ns <= 0 else LOOK_BACK_MAX_NS + ahead_ns
        self._known: dict[str, Known] = {}
        self._absent: Counter[ClientOrderId] = Counter()
        self._matched: dict[ClientOrderId, int] = {}
        """Shares of each order of ours that was listed."""
        self._sure: set[ClientOrderId] = set()
        self._trades: set[str] = set()
        self._filled: dict[ClientOrderId, None] = {}
        """Orders with trades that the journal did not have."""
        header = self._past.header if self._past else None
        self.report = Report(
            from_run=header.run_id if header else "", from_started_ns=header.started_ns if header else 0
        )

    async def account(self, wallet: str, markets: Sequence[Market]) -> Account:
        """Return the account as it is once nothing of the last run is open.

        Raises:
            ConfigError: AGB-144, orders rest that may not.
            VenueUnavailable: AGB-401, not all became known in time. ExecutionError: a read failed.
        """
        open_before = self._open_names()
        await self._clear()
        await self._until_known()
        carry = self._past.carry() if self._past else None
        known = carry.positions if carry else ()
        found = await read_account(self._clob, self._access.data, wallet, markets, known)
        if carry is not None and (rows := corrections(carry, found, markets)):
            for row in rows:
                await refresh(self._clob, next((m for m in markets if m.id == row.market), None), row.what)
            found = await read_account(self._clob, self._access.data, wallet, markets, known)
        if carry is not None:
            self.report.corrections = corrections(carry, found, markets)
            if self.report.corrections and self._past is not None:
                self.report.strangers = await self._strangers(self._past, wallet)
            off = found.balance - carry.cash
            self.report.rounding = off if abs(off) <= ROUNDING else 0
        self.report.allowances = found.allowances
        self._tell()
        if self._past is None:
            return found
        left = self._past.left([*open_before, *self._filled])
        return attrs.evolve(found, requests=self._past.requests(venue_ended=False), left=left)

    def _open_names(self) -> list[ClientOrderId]:
        records = (*self._past.live(), *self._past.unsettled()) if self._past else ()
        return [record.command.client_order_id for record in records]

    async def _strangers(self, past: Past, wallet: str) -> dict[str, int] | None:
        """Return what traded that no journal explains: all pages of trades since the last run began are read for it."""
        sizes: Counter[str] = Counter()
        unread = "not within the time"
        with self._pace.move_on_after(SETTLES_WITHIN_S):
            try:
                for trade in await self._clob.trades(after_s=past.header.started_ns // NS_PER_S):
                    for order_id, size in _legs(trade, wallet):
                        sizes[order_id] += size
                ours = await self._names.known(reversed(past.sent()), sizes)
                for order_id in ours.keys() | self._known.keys():
                    sizes.pop(order_id, None)
                unread = ""
            except ExecutionError as e:  # it would only explain what is corrected anyway
                unread = str(e)
        if unread:
            log.warning("reconcile.trades_unread", error=unread)
            return None
        return dict(sizes)

    def _tell(self) -> None:
        if self._past is not None and self._past.set_aside:
            log.critical("run.carried_in_part", from_run=self.report.from_run, set_aside=self._past.set_aside)
        each_told = {"closed": len(self.report.closed), "corrections": len(self.report.corrections)}
        log.info("reconcile.start", **self.report.json() | each_told)
        for correction in self.report.corrections:
            log.warning("reconcile.corrected", **correction.json())

    # -- what rests ------------------------------------------------------------------------------------------------

    async def _clear(self) -> None:
        listed = await self._clob.open_orders()
        if self._past is not None:
            lately = self._past.ended_within(LATE_NS)
            self._known = await self._names.known([*self._past.live(), *self._past.unsettled(), *lately])
        if self._unexplained(listed):
            await self._look_further(listed)
        foreign, ours = self._unexplained(listed), [o.id for o in listed if o.id in self._known]
        if ours and self._settings.on_start == "refuse":
            raise _not_ours(listed, "they are the last run's, and reconcile.on_start is refuse")
        self._note_matched(listed)
        await self._take_off(ours)
        if foreign and self._settings.on_start_foreign == "refuse":
            last = f"; the last to trade with this wallet was {self._last_holder}" if self._last_holder else ""
            raise _not_ours(foreign, f"no journal here explains them{last}")
        self.report.foreign = [order.id for order in foreign]
        for order in foreign:
            log.warning("reconcile.foreign_order", order_id=order.id, market=order.market, side=str(order.side))

    def _unexplained(self, listed: Iterable[OpenOrder]) -> list[OpenOrder]:
        return [order for order in listed if order.id not in self._known]

    async def _look_further(self, listed: Sequence[OpenOrder]) -> None:
        """Look through every order of the last run, then of runs before it, until all that rests is explained."""
        for past in islice(chain(filter(None, [self._past]), self._pasts), OLDER_MAX):
            if not (wanted := [order.id for order in self._unexplained(listed)]):
                return
            self._known |= await self._names.known(reversed(past.sent()), wanted)

    async def _take_off(self, ours: Sequence[str]) -> None:
        if not ours:
            return
        left = await cancel_until_none(
            self._ours_listed,
            self._cancel,
            first=ours,
            within_s=TAKEN_OFF_WITHIN_S,
            again_s=LOOK_AGAIN_S,
            pace=self._pace,
        )
        if left is None:
            raise VenueUnavailable("whether orders of the last run still rest is not known", venue=VENUE)
        if left:
            raise VenueAmbiguous(f"{many(len(left), 'cancelled order')} of the last run still there", venue=VENUE)
        self.report.cancelled = [self._known[order_id].own.name for order_id in ours]

    async def _ours_listed(self) -> list[str]:
        listed = await self._clob.open_orders()
        self._note_matched(listed)
        return [order.id for order in listed if order.id in self._known]

    def _note_matched(self, listed: Iterable[OpenOrder]) -> None:
        """Keep what of ours had matched: the venue may forget an order before it tells its last trade."""
        self._matched |= {self._known[o.id].own.name: o.size_matched for o in listed if o.id in self._known}

    async def _cancel(self, ids: Sequence[str]) -> None:
        for start in range(0, len(ids), AT_ONCE):
            await self._clob.cancel_many(ids[start : start + AT_ONCE])

    # -- what became of the rest -----------------------------------------------------------------------------------

    async def _until_known(self) -> None:
        if self._past is None:
            return
        patience = SETTLES_WITHIN_S + self._settings.quiet_ns / NS_PER_S
        doubts, again_s = ["the venue was not asked yet"], ASK_AGAIN_S
        with self._pace.move_on_after(patience):
            while doubts:
                doubts = await self._ask(self._past)
                await self._pace.sleep(again_s if doubts else 0)
                again_s = min(ASK_AGAIN_GROWS * again_s, ASK_AGAIN_MAX_S)
        if doubts:
            raise VenueUnavailable(
                f"what the last run left is not known after {patience:.0f} s: {'; '.join(doubts[:NAMED])}",
                venue=VENUE,
                remedy="nothing was sent; start again: agbot run",
            )

    async def _ask(self, past: Past) -> list[str]:
        """Ask about everything once; returns what is still not known."""
        by_name: dict[ClientOrderId, list[Known]] = {}
        for known in self._known.values():
            by_name.setdefault(known.own.name, []).append(known)
        if not (by_name or past.live()):
            return []
        self._fold(past, await self._clob.trades(after_s=self._since_s(past)))
        doubts = [f"trades of {record.command.client_order_id} have not settled" for record in past.unsettled()]
        for record in past.live():
            name = record.command.client_order_id
            if doubt := await self._ask_about(past, record, by_name.get(name, [])):
                doubts.append(f"{name}: {doubt}")
        for record in past.ended_within(JUST_NOW_NS):
            name = record.command.client_order_id
            if doubt := await self._ask_again(record, by_name.get(name, [])):
                doubts.append(f"{name}: {doubt}")
        return doubts

    async def _ask_again(self, record: OrderRecord, candidates: Sequence[Known]) -> str:
        """Return what is not known of an order that ended just before the run: its cancel may have outrun a fill."""
        if record.command.client_order_id in self._sure:
            return ""
        for known in candidates:
            found = await self._clob.order(known.own.order_id)
            if found is not None and (missing := self._untold(record, found.size_matched)):
                return missing
        self._sure.add(record.command.client_order_id)
        return ""

    def _since_s(self, past: Past) -> int:
        open_since = [record.command.created_ns for record in (*past.live(), *past.unsettled())]
        return max(0, (min([*open_since, past.first_end_ns]) - self._back_ns) // NS_PER_S)

    def _fold(self, past: Past, trades: Iterable[Trade]) -> None:
        for known, fill in sorted(self._fills_of(trades), key=lambda told: told[1].ts_ns):
            before = known.record.trades.get(fill.trade_id)
            past.event(self._now_ns(), fill)
            if before is None and fill.trade_id in known.record.trades and fill.trade_id not in self._trades:
                self._trades.add(fill.trade_id)
                self._filled[fill.client_order_id] = None
                self.report.fills += 1

    def _fills_of(self, trades: Iterable[Trade]) -> Iterator[tuple[Known, OrderFilled]]:
        told: dict[str, list[OrderFilled]] = {}
        for trade in trades:
            ids = dict.fromkeys([trade.taker_order_id, *(maker.order_id for maker in trade.maker_orders)])
            for order_id in (order_id for order_id in ids if order_id in self._known):
                if (fill := self._known[order_id].own.fill_of(trade)) is not None:
                    told.setdefault(order_id, []).append(fill)
        for order_id, fills in told.items():
            known = self._known[order_id]
            yield from ((known, fill) for fill in named_as_before(fills, known.record.trades))

    async def _ask_about(self, past: Past, record: OrderRecord, candidates: Sequence[Known]) -> str:
        """Return what is not known of an order, empty once it is closed by evidence."""
        for known in candidates:
            found = await self._clob.order(known.own.order_id)
            if found is not None:
                return await self._shown(past, known.record, found)
        name = record.command.client_order_id
        self._absent[name] += 1
        there = record.acknowledged or name in self._matched
        if candidates and (self._absent[name] < ABSENT_ENOUGH or not (there or self._quiet(past))):
            return "the venue does not show it; it may still arrive"
        if missing := self._untold(record, self._matched.get(name, 0)):
            return missing
        return self._close(past, record, "the venue has no such order" if candidates else NOT_SENT)

    async def _shown(self, past: Past, record: OrderRecord, found: OpenOrder) -> str:
        if found.status in MAY_MATCH:
            await self._clob.cancel(found.id)
            return "it rests, and is cancelled"
        if missing := self._untold(record, found.size_matched):
            return missing
        return self._close(past, record, f"the venue says {found.status}, {to_text(found.size_matched)} matched")

    def _untold(self, record: OrderRecord, matched: int) -> str:
        missing = matched - sum(fill.size for fill in record.trades.values())
        if missing < DUST:
            return ""
        # Our clock may have been ahead of the venue's when it was sent.
        self._back_ns = max(self._back_ns, min(LOOK_BACK * self._back_ns, LOOK_BACK_MAX_NS))
        return f"{to_text(missing)} of its shares matched in no trade told yet"

    def _quiet(self, past: Past) -> bool:
        """Return whether what was on its way when the last run ended has arrived by now, or never will.

        By the wall clock; or, where that was put back, because this start alone has waited for so long.
        """
        waited_ns = int((self._pace.current_time() - self._began_s) * NS_PER_S)
        return max(waited_ns, self._now_ns() - past.last_ns) >= self._settings.quiet_ns

    def _close(self, past: Past, record: OrderRecord, evidence: str) -> str:
        name, was = record.command.client_order_id, record.state
        past.event(self._now_ns(), OrderCancelled(name, evidence, self._now_ns()))
        if name not in self.report.cancelled:
            closed = {"order_id": name, "was": str(was), "evidence": evidence}
            self.report.closed.append(closed)
            log.info("reconcile.closed", **closed)
        return ""


def _legs(trade: Trade, wallet: str) -> Iterator[tuple[str, int]]:
    """Yield order id and shares (10⁻⁶) of what is the wallet's in a trade."""
    if trade.trader_side == "TAKER":
        yield trade.taker_order_id, trade.size
    for maker in trade.maker_orders:
        if maker.maker_address.lower() == wallet.lower():
            yield maker.order_id, maker.matched


def _not_ours(resting: Sequence[OpenOrder], why: str) -> ConfigError:
    named = ", ".join(order.id for order in resting[:NAMED])
    more = f" and {len(resting) - NAMED} more" if len(resting) > NAMED else ""
    return ConfigError(
        f"this account has {many(len(resting), 'resting order')} already: {named}{more}; {why}",
        id="AGB-144",
        remedy="when no bot elsewhere watches them: agbot cancel --all --config FILE; or on_start_foreign: leave",
    )
