"""What placing, cancelling and asking share: the client's calls, the ledger, and the voice that tells evidence."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import attrs
import trio

from agbot.errors import ExecutionError, VenueProtocolError
from agbot.model.events import OrderAttempted, OrderEvidence
from agbot.model.ids import VenueOrderId
from agbot.model.order import CancelAck, OrderAck
from agbot.units import to_decimal, to_text
from agbot.venue.care import word_for
from agbot.venue.pace import TRIO, Pace
from agbot.venue.polymarket.compose import VENUE
from agbot.venue.polymarket.ledger import Ledger
from agbot.venue.polymarket.own import OwnOrder, Stage
from agbot.venue.polymarket.rest import ClobClient
from agbot.venue.polymarket.wire.rest import CancelReply, OpenOrder

POST: Final = "post"
CANCEL: Final = "cancel"
LOOK: Final = "look"
SAID_MAX: Final = 200
EVIDENCE_MAX: Final = 100_000
"""Evidence that waits for its reader. One more is a reader that is gone: the stream is closed."""


class Voice:
    """Tells evidence in order to its one reader, and attempts to whoever set `noted`."""

    noted: Callable[[OrderAttempted], None] = staticmethod(lambda _: None)

    def __init__(self) -> None:
        self._send, self.receive = trio.open_memory_channel[OrderEvidence](EVIDENCE_MAX)

    def say(self, said: Iterable[OrderEvidence]) -> None:
        """Pass evidence on. VenueProtocolError when nobody reads it."""
        for evidence in said:
            try:
                self._send.send_nowait(evidence)
            except (trio.WouldBlock, trio.ClosedResourceError):
                self._send.close()
                reason = f"nobody reads the evidence: {EVIDENCE_MAX} pieces wait"
                raise VenueProtocolError(reason, venue=VENUE) from None


@attrs.define
class Attempt:
    """A request under way; `said` is what came back, in a few words."""

    said: str = "no answer"


def _attempted(own: OwnOrder, operation: str, said: str, began_ns: int, now_ns: int) -> OrderAttempted:
    own.attempts[operation] += 1
    number = own.attempts[operation]
    signature = own.signature if operation == POST and number == 1 else ""
    return OrderAttempted(
        own.name, operation, number, said[:SAID_MAX], now_ns - began_ns, began_ns, VenueOrderId(own.order_id), signature
    )


def not_cancelled(reply: CancelReply, own: OwnOrder) -> str:
    """Return why the venue did not cancel an order, in its words."""
    return reply.not_canceled.get(own.order_id, "not in the reply")


@attrs.frozen(kw_only=True)
class Desk:
    """Shared by the parts of the adapter."""

    clob: ClobClient
    ledger: Ledger
    voice: Voice
    now_ns: Callable[[], int]
    woken: Callable[[], None] = lambda: None
    """Told when there may be a new open question."""
    pace: Pace = TRIO
    dice: Callable[[], float] = random.random

    @contextmanager
    def attempt(self, operation: str, owns: Iterable[OwnOrder]) -> Iterator[Attempt]:
        """Note one request about orders: when it left, how long it took, and what came, also when nothing did."""
        began_ns, attempt = self.now_ns(), Attempt()
        try:
            yield attempt
        except ExecutionError as e:
            attempt.said = f"{word_for(e) or 'not found'}: {e.reason}"
            raise
        finally:
            for own in owns:
                self.voice.noted(_attempted(own, operation, attempt.said, began_ns, self.now_ns()))

    async def look(self, own: OwnOrder) -> OpenOrder | None:
        """Return the venue's record of an order, None when it has none; noted. Raises what the read raises."""
        with self.attempt(LOOK, [own]) as attempt:
            found = await self.clob.order(own.order_id)
            attempt.said = f"{found.status}, {to_text(found.size_matched)} matched" if found else "no such order"
        return found

    async def cancel(self, own: OwnOrder) -> CancelReply:
        """Ask the venue once to take an order off, and return what it says; noted. Raises what the request raises."""
        with self.attempt(CANCEL, [own]) as attempt:
            reply = await self.clob.cancel(own.order_id)
            off = {own.order_id, own.alias} & set(reply.canceled)
            attempt.said = "cancelled" if off else f"not cancelled: {not_cancelled(reply, own)}"
        return reply

    def say(self, said: Iterable[OrderEvidence]) -> None:
        """Tell evidence, and wake who asks open questions."""
        self.voice.say(said)
        self.woken()

    def ack(self, own: OwnOrder, filled: int | None = None) -> OrderAck:
        """Return what is known of an order."""
        return OrderAck(
            order_id=own.name,
            status=own.state,
            timestamp=self.now_ns(),
            filled=to_decimal(own.filled if filled is None else filled),
            venue_order_id=own.order_id,
        )

    def cancel_ack(self, own: OwnOrder) -> CancelAck:
        """Return the state an order is in, or will be once its last trades are told."""
        told = own.closed is None or own.stage is Stage.ENDED
        return CancelAck(order_id=own.name, status=own.closed or own.state, timestamp=self.now_ns(), told=told)
