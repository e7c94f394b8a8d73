"""Placing an order exactly once.

Theory of operation. The id follows from the order, so it is known, and in the ledger, before a byte leaves; the bytes
are made once. After an answer that leaves a doubt the venue is asked for that id, and only the identical bytes are
posted again, by the table in `retry.py`: the venue takes an id once, so two copies are one order. Bytes are posted
again within the call only, never later. What stays in doubt is UNRESOLVED and is settled by `asking.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import attrs

from agbot.errors import (
    ExecutionError,
    VenueAmbiguous,
    VenueDuplicate,
    VenueProtocolError,
    VenueThrottled,
    VenueUnavailable,
)
from agbot.log import get_logger
from agbot.model.ids import ClientOrderId
from agbot.model.order import Order, OrderAck, OrderState, Side, TimeInForce
from agbot.venue.pace import Event
from agbot.venue.polymarket.compose import VENUE, Composed, Terms, compose
from agbot.venue.polymarket.desk import POST, Desk
from agbot.venue.polymarket.errors import TradingMode, order_refusal
from agbot.venue.polymarket.orders import post_body
from agbot.venue.polymarket.own import CENT, DUST, OwnOrder, Stage
from agbot.venue.polymarket.retry import pause_s
from agbot.venue.polymarket.signer import Signer
from agbot.venue.polymarket.wire.rest import OrderReply

BATCH_MAX: Final = 15

log = get_logger(__name__)


@attrs.define
class UnderWay:
    """Orders between their composition and the answer. `wanted` turns false when somebody wants them off meanwhile."""

    over: Event
    wanted: bool = True


class Placing:
    """Signs and posts.

    Args:
        signer: of the account.
        api_key: the key's name, which the body carries as the order's owner.
    """

    def __init__(self, desk: Desk, signer: Signer, api_key: str) -> None:
        self._desk = desk
        self._signer = signer
        self._api_key = api_key
        self._under_way: dict[ClientOrderId, UnderWay] = {}

    @contextmanager
    def under_way(self, names: Iterable[ClientOrderId]) -> Iterator[UnderWay]:
        """Hold the names of orders from before they are signed until their posts are answered.

        Raises:
            VenueDuplicate: one of them is under way already.
        """
        held, intent = list(names), UnderWay(self._desk.pace.event())
        for name in held:
            if name in self._under_way or held.count(name) > 1:
                raise VenueDuplicate(f"order {name} is being sent", venue=VENUE)
        self._under_way.update(dict.fromkeys(held, intent))
        try:
            yield intent
        finally:
            for name in held:
                del self._under_way[name]
            intent.over.set()

    async def withdrawn(self, name: str) -> bool:
        """Send no copy more of this order, and return once its posts are answered; False when it is not under way."""
        intent = self._under_way.get(ClientOrderId(name))
        if intent is None:
            return False
        intent.wanted = False
        await intent.over.wait()
        return True

    def withdraw_all(self) -> list[ClientOrderId]:
        """Send nothing more of what is under way; returns the names."""
        for intent in self._under_way.values():
            intent.wanted = False
        return list(self._under_way)

    async def all_settled(self) -> None:
        """Return once none of the posts that are under way now still is."""
        for intent in tuple(self._under_way.values()):
            await intent.over.wait()

    async def signed(self, order: Order, terms: Terms) -> OwnOrder:
        """Return an order as it will be posted, under the id that follows from it.

        Raises:
            VenueRefused: by its terms; and such, see `compose`.
            ExecutionError: of the signer, which signed nothing.
        """
        composed = compose(order, terms)
        own = _own(order, composed, terms, self._desk.now_ns())
        own.order_id = self._signer.order_id(composed.fields, version=terms.version, neg_risk=terms.neg_risk)
        made = await self._signer.sign(composed.fields, version=terms.version, neg_risk=terms.neg_risk)
        if made.order_id != own.order_id:
            raise VenueUnavailable(f"the signer signed {made.order_id} instead of {own.order_id}", venue=VENUE)
        own.signature = "0x" + made.signature.hex()
        own.body = post_body(made, owner=self._api_key, order_type=composed.order_type, post_only=order.post_only)
        return own

    async def place(self, own: OwnOrder, intent: UnderWay) -> OrderAck:
        """Post an order and return the venue's word. However this ends, the ledger knows what is known."""
        self._desk.ledger.add(own)
        try:
            return await self._post(own, intent)
        finally:
            self._no_answer(own)  # if so: cancelled, or an error that nobody foresaw

    def _no_answer(self, own: OwnOrder) -> None:
        if own.stage is Stage.SENDING:
            self._desk.ledger.unresolved(own, "no answer")
            self._desk.woken()

    async def place_many(self, owns: Sequence[OwnOrder]) -> list[OrderAck | ExecutionError]:
        """Post orders in batches; one answer each, in their order. What stays in doubt is asked about at once."""
        said: list[OrderAck | ExecutionError] = []
        for start in range(0, len(owns), BATCH_MAX):
            said += await self._batch(owns[start : start + BATCH_MAX])
        return said

    async def _batch(self, owns: Sequence[OwnOrder]) -> list[OrderAck | ExecutionError]:
        desk = self._desk
        for own in owns:
            desk.ledger.add(own)
        try:
            try:
                with desk.attempt(POST, owns) as attempt:
                    replies = await desk.clob.submit_batch([own.body for own in owns])
                    attempt.said = f"answered in a batch of {len(owns)}"
            except ExecutionError as e:
                return [await self._doubted(own, e) for own in owns]
            return [await self._item(own, reply) for own, reply in zip(owns, replies, strict=True)]
        finally:
            for own in owns:
                self._no_answer(own)

    async def _item(self, own: OwnOrder, reply: OrderReply) -> OrderAck | ExecutionError:
        refused = order_refusal(reply)
        return await self._doubted(own, refused) if refused else self._accepted(own, reply)

    async def _doubted(self, own: OwnOrder, error: ExecutionError) -> OrderAck | ExecutionError:
        try:
            return await self._after_error(own, error, first=True) or self._in_doubt(own, error)
        except ExecutionError as e:
            return e

    async def _post(self, own: OwnOrder, intent: UnderWay) -> OrderAck:
        began_s, doubtful, tries = self._desk.pace.current_time(), False, 0
        while True:
            tries += 1
            own.sent_ns = self._desk.now_ns()
            try:
                with self._desk.attempt(POST, [own]) as attempt:
                    reply = await self._desk.clob.submit(own.body)
                    attempt.said = reply.status
            except ExecutionError as e:
                if isinstance(e, VenueDuplicate | VenueAmbiguous | VenueProtocolError):
                    ack = await self._after_error(own, e, first=not doubtful)
                    if ack is not None:
                        return ack
                    doubtful = True
                if await self._again(e, tries, began_s, intent):
                    continue
                if doubtful:  # the first copy may have landed, and filled: a no is about the last one
                    raise self._in_doubt(own, e) from None
                self._nothing_rests(own, e)
                raise
            return self._accepted(own, reply)

    async def _again(self, error: ExecutionError, tries: int, began_s: float, intent: UnderWay) -> bool:
        """Wait as long as the table says, and return whether the same bytes are to be posted again."""
        desk = self._desk
        if isinstance(error, VenueUnavailable) and desk.clob.mode is not TradingMode.NORMAL:
            return False
        pause = pause_s(error, tries, desk.pace.current_time() - began_s, desk.dice())
        if pause is None:
            return False
        await desk.pace.sleep(pause)
        return intent.wanted

    async def _after_error(self, own: OwnOrder, error: ExecutionError, *, first: bool) -> OrderAck | None:
        """Return the ack when the order is there all the same, None when the same bytes may be posted again.

        Raises:
            ExecutionError: the venue's no, or the doubt that remains.
        """
        desk = self._desk
        if isinstance(error, VenueDuplicate):
            return await self._landed(own, error)
        if not isinstance(error, VenueAmbiguous | VenueProtocolError):
            if first:
                self._nothing_rests(own, error)
                raise error
            # The first copy may have landed, and filled: this no is about the second.
            raise self._in_doubt(own, error)
        try:
            found = await desk.look(own)
        except ExecutionError as e:
            raise self._in_doubt(own, error) from e
        if found is None:
            return None
        desk.say(desk.ledger.accepted(own, doubtful=True))
        desk.say(desk.ledger.found(own, found))
        return desk.ack(own, own.matched)

    async def _landed(self, own: OwnOrder, error: VenueDuplicate) -> OrderAck:
        """Return the ack of an order whose earlier copy the venue has."""
        desk = self._desk
        desk.say(desk.ledger.accepted(own, doubtful=True))
        own.state = OrderState.OPEN if own.state is OrderState.PENDING_NEW else own.state
        try:
            found = await desk.look(own)
        except ExecutionError as e:
            log.warning("venue.duplicate_not_shown", client_order_id=own.name, error=str(e), first=error.reason)
            return desk.ack(own, own.matched)
        if found is not None:
            desk.say(desk.ledger.found(own, found))
        return desk.ack(own, own.matched)

    def _nothing_rests(self, own: OwnOrder, error: ExecutionError) -> None:
        desk = self._desk
        desk.say(desk.ledger.refused(own, error.reason))
        if isinstance(error, VenueUnavailable | VenueThrottled):  # may be tried again, with the same id and bytes
            desk.ledger.forget(own)

    def _in_doubt(self, own: OwnOrder, error: ExecutionError) -> VenueAmbiguous:
        if own.stage is Stage.SENDING:
            self._desk.ledger.unresolved(own, error.reason)
            self._desk.woken()
        return VenueAmbiguous(f"sent, and not known whether it arrived: {error.reason}", venue=VENUE)

    def _accepted(self, own: OwnOrder, reply: OrderReply) -> OrderAck:
        desk = self._desk
        if reply.order_id != own.order_id:
            log.critical("venue.other_order_id", client_order_id=own.name, ours=own.order_id, theirs=reply.order_id)
            desk.ledger.also_known_as(own, reply.order_id)
        making, taking = reply.matched(own.offered)
        shares, usd = (taking, making) if own.order.side is Side.BUY else (making, taking)
        closed = _closed_by(own, reply.status, shares, usd)
        immediate = own.order.time_in_force.immediate
        desk.say(desk.ledger.accepted(own, matched=shares, closed=closed, doubtful=immediate and closed is None))
        if reply.status == "delayed":
            desk.ledger.doubt(own)
        ack = desk.ack(own, max(shares, own.filled))
        if closed is OrderState.FILLED:
            ack = _as(ack, OrderState.FILLED)
        elif shares:
            ack = _as(ack, OrderState.PARTIALLY_FILLED)
        return ack


def _closed_by(own: OwnOrder, status: str, shares: int, usd: int) -> OrderState | None:
    """Return how the reply to a post ended the order; None while it may still match, or when it does not say."""
    if status != "matched" or not shares:
        return None
    full = usd > own.budget - CENT if own.budget else shares > own.shares - DUST
    if full or own.order.time_in_force is TimeInForce.FOK:
        return OrderState.FILLED
    return OrderState.CANCELLED if own.order.time_in_force.immediate else None


def _as(ack: OrderAck, status: OrderState) -> OrderAck:
    return OrderAck(
        order_id=ack.order_id,
        status=status,
        timestamp=ack.timestamp,
        filled=ack.filled,
        venue_order_id=ack.venue_order_id,
    )


def _own(order: Order, composed: Composed, terms: Terms, now_ns: int) -> OwnOrder:
    return OwnOrder(
        order=order,
        asked=composed.asked,
        shares=composed.shares,
        sent_ns=now_ns,
        budget=composed.budget,
        offered=composed.fields.maker_amount,
        fee_rate=terms.fee_rate,
        fee_exponent=terms.fee_exponent,
    )
