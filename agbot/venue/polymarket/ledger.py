"""Our orders at the venue: evidence from any source, in any order and more than once, becomes each fact once.

Theory of operation. An order is SENDING while its post is under way, PLACED once the venue is known to have it,
UNRESOLVED when it was sent and nobody knows, ENDED when nothing more of it can match.

* While it is SENDING, what the user stream says of it is held: the reply comes first, then the rest in order. When no
  reply came, it is held until the next message or question: the caller hears of the doubt before it hears the answer.
* An end is told after the fills it includes. The venue says how much matched, trades say what: until every matched
  share was heard of, the end waits, and the venue is asked for the trades. A yes to a cancel does not say how much:
  the stream or a read does. Told before, the order's risk would be free for another while a fill of it is on its way.
* Fills are keyed by (trade id, own order id) and say how final they are. Which side was ours follows from the order,
  never from the trade's own side.
* Each fact says who told it: the reply to a request, the user stream, a read, or us who gave up asking.
* UNRESOLVED ends by evidence only. An order that was written off because the venue, asked again and again, has no such
  order, and that shows up all the same, is among `orphans`: to be cancelled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from agbot.model.events import OrderAccepted, OrderCancelled, OrderEvidence, OrderExpired, Source, said_by
from agbot.model.ids import VenueOrderId
from agbot.model.order import OrderState
from agbot.venue.polymarket.own import DUST, OwnOrder, Stage, end_of
from agbot.venue.polymarket.wire.rest import OpenOrder, Trade
from agbot.venue.polymarket.wire.user import OrderUpdate, UserEvent

KEPT_MAX: Final = 100_000
HELD_MAX: Final = 1_000
"""Messages about one order that wait for the reply to its post; what comes beyond is found by asking."""


class Ledger:
    """Every order of ours by client order id and by the venue's id; bounded, ended ones go first."""

    def __init__(self, now_ns: Callable[[], int], dice: Callable[[], float]) -> None:
        self._now_ns = now_ns
        self._dice = dice
        self._by_name: dict[str, OwnOrder] = {}
        self._by_id: dict[str, OwnOrder] = {}
        self._asking: dict[str, OwnOrder] = {}
        self._held: dict[str, list[tuple[UserEvent, Source]]] = {}
        self.orphans: list[OwnOrder] = []
        self.synced_ns = 0
        self.foreign = 0
        """Messages about orders of this account that are not of this bot."""

    def __len__(self) -> int:
        return len(self._by_name)

    def __iter__(self) -> Iterator[OwnOrder]:
        return iter(tuple(self._by_name.values()))

    def get(self, order_id: str) -> OwnOrder | None:
        """Return an order by either id."""
        return self._by_name.get(order_id) or self._by_id.get(order_id)

    def live(self) -> list[OwnOrder]:
        """Return every order that may rest or match, those under way and unresolved included."""
        return [own for own in self if own.stage is not Stage.ENDED]

    def add(self, own: OwnOrder) -> None:
        """Remember an order before it is sent."""
        assert own.name not in self._by_name, own.name
        self._by_name[own.name] = self._by_id[own.order_id] = own
        if len(self._by_name) > KEPT_MAX:
            oldest = next((o for o in self._by_name.values() if o.stage is Stage.ENDED and not o.provisional), None)
            if oldest is not None:
                self.forget(oldest)

    def forget(self, own: OwnOrder) -> None:
        """Drop an order that never reached the venue, or that ended long ago."""
        self._by_name.pop(own.name, None)
        self._held.pop(own.name, None)
        self._asking.pop(own.name, None)
        for order_id in (own.order_id, own.alias):
            self._by_id.pop(order_id, None)

    def also_known_as(self, own: OwnOrder, order_id: str) -> None:
        """Note that the venue calls an order by another id than ours."""
        own.alias = order_id
        self._by_id[order_id] = own

    # -- the reply to a post ---------------------------------------------------------------------------------------

    def accepted(
        self, own: OwnOrder, *, matched: int = 0, closed: OrderState | None = None, doubtful: bool = False
    ) -> list[OrderEvidence]:
        """Fold in the venue's yes and return what was held. `closed` when nothing more will match, `matched` shares."""
        own.stage, own.doubtful, own.body = Stage.PLACED, doubtful, b""
        own.matched = max(own.matched, matched)
        own.closed, own.counted = own.closed or closed, own.counted or closed is not None
        return _stamped(Source.REPLY, self._released(own))

    def refused(self, own: OwnOrder, reason: str) -> list[OrderEvidence]:
        """Fold in the venue's no; what was held is passed on and will be met as a contradiction, if it is one."""
        own.stage, own.state, own.reason, own.body = Stage.ENDED, OrderState.REJECTED, reason, b""
        return _stamped(Source.REPLY, self._released(own))

    def unresolved(self, own: OwnOrder, reason: str) -> None:
        """Note that the order was sent and nobody knows."""
        own.stage, own.state, own.reason = Stage.UNRESOLVED, OrderState.UNKNOWN, reason
        self._schedule(own)

    def release(self, own: OwnOrder) -> list[OrderEvidence]:
        """Return what was held of an order whose post got no answer."""
        return [] if own.stage is Stage.SENDING else _stamped(Source.SOCKET, self._released(own))

    def _released(self, own: OwnOrder) -> list[OrderEvidence]:
        held = self._held.pop(own.name, ())
        said = [evidence for event, source in held for evidence in _stamped(source, self._apply(own, event))]
        return said + self._after(own)

    # -- evidence --------------------------------------------------------------------------------------------------

    def hear(self, event: UserEvent, source: Source = Source.SOCKET) -> list[OrderEvidence]:
        """Fold in one message of the user stream, or one trade of the venue's list."""
        owns = [self._by_id[i] for i in _ids(event) if i in self._by_id]
        if not owns:
            self.foreign += 1
        said: list[OrderEvidence] = []
        for own in dict.fromkeys(owns):
            if own.stage is Stage.SENDING:
                self._hold(own, event, source)
            elif not own.knows(event):
                said += self._released(own) + self._apply(own, event)
        return _stamped(source, said)

    def found(self, own: OwnOrder, order: OpenOrder) -> list[OrderEvidence]:
        """Fold in the venue's record of one order."""
        if own.stage is Stage.SENDING:
            return []
        said = self._released(own) + self._exists(own)
        own.doubtful, own.absent = False, 0
        return _stamped(Source.READ, said + self._told(own, order, self._now_ns()))

    def doubt(self, own: OwnOrder, *, told_unknown: bool = False) -> None:
        """Note that the venue must be asked about an order that was thought to rest."""
        own.doubtful = True
        own.told_unknown |= told_unknown
        self._schedule(own)

    def want(self, own: OwnOrder, *, wanted: bool) -> None:
        """Note whether an order is to rest; one that is not is asked about, and cancelled again, until it does not."""
        own.unwanted = not wanted
        self._schedule(own)

    def gone(
        self, own: OwnOrder, state: OrderState, reason: str, *, counted: bool = False, source: Source = Source.REPLY
    ) -> list[OrderEvidence]:
        """Fold in that nothing more of it can match; told at once when all that did is `counted` and heard of."""
        if own.stage is Stage.ENDED:
            return []
        said = self._exists(own)
        own.closed, own.reason = own.closed or state, own.reason or reason
        own.counted |= counted
        return _stamped(source, said + self._after(own))

    def write_off(self, own: OwnOrder, reason: str) -> list[OrderEvidence]:
        """End an order that the venue does not have, or whose last trades it never told."""
        own.written_off, own.matched, own.counted, own.reason = True, own.heard, True, reason
        own.closed = own.closed or OrderState.CANCELLED
        own.stage = Stage.PLACED
        return _stamped(Source.OURS, self._after(own))

    def _hold(self, own: OwnOrder, event: UserEvent, source: Source) -> None:
        held = self._held.setdefault(own.name, [])
        if len(held) < HELD_MAX:
            held.append((event, source))
        else:
            own.doubtful = True

    def _apply(self, own: OwnOrder, event: UserEvent) -> list[OrderEvidence]:
        said = self._exists(own)
        if isinstance(event, OrderUpdate):
            return said + self._told(own, event, event.ts_ns)
        return said + self._traded(own, event)

    def _exists(self, own: OwnOrder) -> list[OrderEvidence]:
        if own.stage is Stage.ENDED or (own.stage is Stage.PLACED and not own.told_unknown):
            return []
        own.told_unknown = False
        own.stage, own.state, own.body, own.doubtful = Stage.PLACED, OrderState.OPEN, b"", True
        return [OrderAccepted(own.name, VenueOrderId(own.order_id), self._now_ns())]

    def _told(self, own: OwnOrder, told: OrderUpdate | OpenOrder, ts_ns: int) -> list[OrderEvidence]:
        own.matched = max(own.matched, told.size_matched)
        end = end_of(own, told)
        if end is None or own.stage is Stage.ENDED:
            if end is None:
                self._risen(own)
            return self._after(own, ts_ns)
        if end is OrderState.FILLED and own.budget and not own.matched:
            own.matched = own.heard
        own.closed, own.counted, own.reason = own.closed or end, True, own.reason or told.reason or told.status
        return self._after(own, ts_ns)

    def _traded(self, own: OwnOrder, trade: Trade) -> list[OrderEvidence]:
        fill = own.fill_of(trade)
        if fill is None:
            return []
        own.last_told[trade.id] = trade
        noted = own.note(fill)
        if noted is None:
            return []
        self._risen(own)
        return [noted, *self._after(own, noted.ts_ns)]

    def _risen(self, own: OwnOrder) -> None:
        if own.stage is Stage.ENDED and own.written_off and own not in self.orphans:
            self.orphans.append(own)

    def _after(self, own: OwnOrder, ts_ns: int = 0) -> list[OrderEvidence]:
        """Return the order's end if it has come, and keep the list of open questions."""
        said: list[OrderEvidence] = []
        if own.closed and own.counted and own.stage is Stage.PLACED and own.heard > own.matched - DUST:
            said = self._end(own, ts_ns or self._now_ns())
        elif own.stage is Stage.PLACED:
            own.state = OrderState.PARTIALLY_FILLED if own.filled else OrderState.OPEN
        self._schedule(own)
        return said

    def _schedule(self, own: OwnOrder) -> None:
        if not (own.puzzling or own.provisional):
            self._asking.pop(own.name, None)
            own.urgent = False
            return
        if own.name not in self._asking or (own.puzzling and not own.urgent):
            own.looks = 0
            own.ask_at(self._now_ns(), self._dice())
        own.urgent = own.puzzling
        self._asking[own.name] = own

    def _end(self, own: OwnOrder, ts_ns: int) -> list[OrderEvidence]:
        assert own.closed is not None
        own.stage, own.body = Stage.ENDED, b""
        whole = own.final_told if own.budget else own.filled >= own.asked
        full = whole or own.filled > own.shares - DUST or (bool(own.budget) and own.closed is OrderState.FILLED)
        own.state = OrderState.FILLED if full else OrderState.CANCELLED
        if whole:
            return []
        if own.closed is OrderState.EXPIRED:
            own.state = OrderState.EXPIRED
            return [OrderExpired(own.name, ts_ns)]
        return [OrderCancelled(own.name, own.reason or "the rest is not worth an order", ts_ns)]

    # -- open questions --------------------------------------------------------------------------------------------

    def due(self, now_ns: int) -> list[OwnOrder]:
        """Return the orders the venue must be asked about now."""
        return [own for own in tuple(self._asking.values()) if own.look_ns <= now_ns]

    def next_due(self) -> int | None:
        """Return when the next question is due, None when there is none."""
        return min((own.look_ns for own in self._asking.values()), default=None)

    def asked(self, own: OwnOrder) -> None:
        """Note that the venue was asked; if a question remains, it is put again by the schedule."""
        own.looks += 1
        own.ask_at(self._now_ns(), self._dice())


def _stamped(source: Source, said: Iterable[OrderEvidence]) -> list[OrderEvidence]:
    """Return facts with who said them."""
    return [said_by(source, evidence) for evidence in said]


def _ids(event: UserEvent) -> Iterator[str]:
    if isinstance(event, OrderUpdate):
        yield event.id
    else:
        yield event.taker_order_id
        yield from (maker.order_id for maker in event.maker_orders)
