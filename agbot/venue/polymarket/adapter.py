"""Polymarket as a venue: the port over placing, cancelling, asking, the user stream and the heartbeat.

An answer is said once: what `place_order` returns or raises is the venue's word on the order and is not repeated on
`evidence`. Fills, cancels and expiries always come on `evidence`, also those that an acknowledgement already shows, and
so does whatever settles a doubt.

New orders need ears: until the user stream has been heard and open orders have been read, and while the heartbeat is
overdue, they are refused as VenueUnavailable; nothing is sent. Cancels always go out.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

import attrs
import trio

from agbot.core.health import Condition
from agbot.errors import (
    ConfigError,
    ExecutionError,
    UnsupportedOrder,
    VenueAmbiguous,
    VenueAuthFailed,
    VenueDuplicate,
    VenueNotFound,
    VenueRefused,
    VenueUnavailable,
)
from agbot.log import get_logger
from agbot.model.events import Health, MarketData, OrderAttempted, OrderEvidence, TickSizeChanged
from agbot.model.ids import MarketId, TokenId, VenueId
from agbot.model.order import CancelAck, Order, OrderAck, OrderState, TimeInForce
from agbot.units import to_decimal, to_units
from agbot.venue.care import Care
from agbot.venue.convert import next_revision
from agbot.venue.pace import TRIO, Pace
from agbot.venue.polymarket.asking import Asking
from agbot.venue.polymarket.auth import API_KEY
from agbot.venue.polymarket.cancelling import Cancelling
from agbot.venue.polymarket.compose import VENUE, Terms
from agbot.venue.polymarket.contracts import POLYGON, Chain
from agbot.venue.polymarket.credentials import PRIVATE_KEY, Credentials
from agbot.venue.polymarket.desk import Desk, Voice
from agbot.venue.polymarket.errors import TradingMode
from agbot.venue.polymarket.heartbeat import Heart
from agbot.venue.polymarket.hosts import Hosts
from agbot.venue.polymarket.ledger import Ledger
from agbot.venue.polymarket.listed import order_of
from agbot.venue.polymarket.orders import OrderSigner
from agbot.venue.polymarket.own import OwnOrder, Stage
from agbot.venue.polymarket.placing import Placing
from agbot.venue.polymarket.rest import ClobClient
from agbot.venue.polymarket.signer import LocalSigner, Signer
from agbot.venue.polymarket.user import Connect, UserStream
from agbot.web.socket import open_socket

TERMS_CODES: Final = ("tick", "min_size")
UNAUTHORIZED: Final = "HTTP 401"
UNAUTHORIZED_MAX: Final = 3

log = get_logger(__name__)


def _own_signer(credentials: Credentials, chain: Chain) -> Signer | None:
    if credentials.key is None or credentials.account is None:
        return None
    return LocalSigner(OrderSigner(credentials.key, credentials.account, chain))


class PolymarketVenue:
    """`VenueAdapter` over the CLOB.

    Args:
        clob: the authenticated client.
        credentials: with private key, API key and account.
        hosts: where the user stream is.
        now_ns: UTC nanoseconds.
        signer: signs instead of the private key among the credentials, which need not be there then.
        heartbeat: arm the venue's own switch, which cancels everything when this bot falls silent.
        pace: what it waits with; `connect`, `dice` and `voice` likewise replace sockets, chance and the way to its ear.

    Raises:
        ConfigError: AGB-420 the credentials are not whole.
    """

    def __init__(
        self,
        clob: ClobClient,
        credentials: Credentials,
        hosts: Hosts,
        now_ns: Callable[[], int],
        *,
        chain: Chain = POLYGON,
        signer: Signer | None = None,
        heartbeat: bool = True,
        pace: Pace = TRIO,
        connect: Connect = open_socket,
        dice: Callable[[], float] = random.random,
        voice: Voice | None = None,
    ) -> None:
        api = credentials.api
        signer = signer or _own_signer(credentials, chain)
        if signer is None or api is None:
            raise ConfigError(
                "orders need a private key and an API key",
                id="AGB-420",
                remedy=f"set {PRIVATE_KEY}, {API_KEY} and the other names that agbot init lists",
            )
        self._clob = clob
        self._now_ns = now_ns
        self._pace = pace
        self._voice = voice or Voice()
        self._ledger = Ledger(now_ns, dice)
        self._desk = Desk(
            clob=clob, ledger=self._ledger, voice=self._voice, now_ns=now_ns, woken=self._wake, pace=pace, dice=dice
        )
        self._asking = Asking(self._desk)
        self._placing = Placing(self._desk, signer, api.key)
        self._cancelling = Cancelling(self._desk, self._placing, self._asking)
        self._user = UserStream(
            hosts.user_socket,
            api,
            hear=lambda event: self._desk.say(self._ledger.hear(event)),
            barrier=self._asking.barrier,
            link=self._linked,
            now_ns=now_ns,
            dice=dice,
            connect=connect,
            pace=pace,
        )
        self._heart = Heart(clob.heartbeat, back=self._asking.barrier, now_ns=now_ns, pace=pace) if heartbeat else None
        self._terms: dict[MarketId, Terms] = {}
        self._market_of: dict[TokenId, MarketId] = {}
        self._closed = ""
        self._restarting = False
        self._unauthorized = 0
        self._deaf = "the user stream is not open yet"
        self.ready = pace.event()
        """Set once orders may be sent for the first time."""

    @property
    def venue_id(self) -> VenueId:
        """Return the venue's name."""
        return VenueId(VENUE)

    @property
    def supported(self) -> frozenset[TimeInForce]:
        """Return the times in force it takes: all; IOC is the venue's FAK."""
        return frozenset(TimeInForce)

    @property
    def closed(self) -> str:
        """Return why no order may be sent now, empty when they may."""
        if self._closed:
            return self._closed
        if self._deaf:
            return f"fills would go unheard: {self._deaf}"
        if self._heart is not None and self._heart.overdue:
            return "the heartbeat is overdue: the venue cancels what is placed"
        return ""

    def condition(self) -> Condition:
        """Return how the venue is: down while no order may be sent."""
        if self.closed:
            return Condition(Health.DOWN, self.closed)
        if self._clob.mode in (TradingMode.CANCEL_ONLY, TradingMode.DISABLED):
            return Condition(Health.DOWN, f"the venue is in {self._clob.mode} mode")
        return self._clob.care.condition()

    @property
    def orders_kept(self) -> int:
        """Return how many orders are remembered, ended ones too."""
        return len(self._ledger)

    @property
    def care(self) -> Care:
        """Return what the answers to orders and cancels have told of the venue."""
        return self._clob.care

    def utilisation(self) -> Mapping[str, float]:
        """Return the used part of each of the venue's limits that is in use."""
        return self._clob.utilisation

    def silent_ns(self) -> int:
        """Return for how long the venue has heard no heartbeat, 0 while that is in order."""
        return self._heart.silent_ns() if self._heart is not None else 0

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen, ask and beat until cancelled; started once orders may be sent."""
        async with self._pace.open_nursery() as nursery:
            nursery.start_soon(self._user.run)
            nursery.start_soon(self._asking.run)
            nursery.start_soon(self._asking.regularly)
            if self._heart is not None:
                nursery.start_soon(self._heart.run)
            await self.ready.wait()
            task_status.started()

    def evidence(self) -> AsyncIterator[OrderEvidence]:
        """Return what happens to our orders, in order; one consumer."""
        return self._voice.receive

    def note_attempts(self, noted: Callable[[OrderAttempted], None]) -> None:
        """Tell every request about an order of ours from now on: when it left, and what came back."""
        self._voice.noted = noted

    def on_market(self, batch: Iterable[MarketData]) -> None:
        """Follow tick changes; a finer tick allows finer prices at once."""
        for event in batch:
            if isinstance(event, TickSizeChanged) and (market := self._market_of.get(event.token)) in self._terms:
                self._terms[market] = attrs.evolve(self._terms[market], tick=event.tick)

    def name_of(self, venue_order_id: str) -> str:
        """Return what we call an order of ours, empty when it is none."""
        own = self._ledger.get(venue_order_id)
        return "" if own is None else own.name

    async def prepare(self, markets: Iterable[MarketId]) -> None:
        """Read the terms of markets before the first order needs them. Raises what the read raises."""
        for market in markets:
            await self._terms_of(market)

    # -- orders ----------------------------------------------------------------------------------------------------

    async def place_order(self, order: Order) -> OrderAck:
        """Send the order, exactly once, and return the venue's word; see the port."""
        await self._pace.sleep(0)
        with self._placing.under_way([order.client_order_id]) as intent:
            own = await self._compose(order)
            if not intent.wanted:
                raise VenueUnavailable("cancelled before it was sent", venue=VENUE)
            try:
                ack = await self._placing.place(own, intent)
            except ExecutionError as e:
                self._learn(order, e)
                raise
        self._taken()
        return ack

    async def place_orders(self, orders: Sequence[Order]) -> list[OrderAck | ExecutionError]:
        """Send orders in batches; one answer each, in their order. One that cannot be composed stops none."""
        answers: dict[int, OrderAck | ExecutionError] = {}
        owns: dict[int, OwnOrder] = {}
        with self._placing.under_way(order.client_order_id for order in orders) as intent:
            for at, order in enumerate(orders):
                try:
                    owns[at] = await self._compose(order)
                except ExecutionError as e:
                    answers[at] = e
            if not intent.wanted:
                raise VenueUnavailable("cancelled before they were sent", venue=VENUE)
            said = await self._placing.place_many(list(owns.values()))
        answers.update(zip(owns, said, strict=True))
        for at, answer in answers.items():
            if isinstance(answer, ExecutionError):
                self._learn(orders[at], answer)
        return [answers[at] for at in range(len(orders))]

    async def cancel_order(self, order_id: str) -> CancelAck:
        """Cancel and return the state the venue shows; see the port. An order under way is waited for first."""
        await self._pace.sleep(0)
        was_under_way = await self._placing.withdrawn(order_id)
        if was_under_way and self._ledger.get(order_id) is None:
            return CancelAck(order_id=order_id, status=OrderState.REJECTED, timestamp=self._now_ns())
        return await self._cancelling.cancel(self._known(order_id))

    async def cancel_all(self) -> Sequence[CancelAck]:
        """Take every order of this key off, ours or not, and return what was taken."""
        return await self._cancelling.cancel_all()

    async def replace_order(self, order_id: str, *, price: Decimal, size: Decimal) -> OrderAck:
        """Cancel, then place as `<order_id>.rN`; never do both rest.

        Nothing is placed unless the cancel took the old order off. What it filled since this call began is taken from
        the new size; VenueRefused (code "filled") when nothing is left.
        """
        own = self._known(order_id)
        before = own.filled
        ack = await self.cancel_order(order_id)
        if ack.status is not OrderState.CANCELLED:
            raise VenueRefused(f"order {order_id} is {ack.status}: nothing to replace", venue=VENUE)
        left = to_units(size) - (await self._matched(own) - before)
        if left <= 0:
            raise VenueRefused(f"order {order_id} filled before its cancel arrived", code="filled", venue=VENUE)
        name = next_revision(own.name)
        new = attrs.evolve(
            own.order, client_order_id=name, id=name, price=price, size=to_decimal(left), created_ns=self._now_ns()
        )
        return await self.place_order(new)

    async def get_order_status(self, order_id: str) -> OrderAck:
        """Return the venue's view of one order; VenueNotFound when it has none."""
        own = self._known(order_id)
        found = await self._clob.order(own.order_id)
        if found is not None:
            self._desk.say(self._ledger.found(own, found))
        elif own.stage is not Stage.ENDED:
            self._ledger.doubt(own)
            await self._asking.ask([own])
        if own.stage is Stage.UNRESOLVED:
            raise VenueAmbiguous(f"order {order_id} was sent, and the venue does not show it yet", venue=VENUE)
        state = own.closed if own.closed is not None and own.stage is not Stage.ENDED else own.state
        filled = max(own.filled, own.matched) if own.stage is not Stage.ENDED else own.filled
        if state is OrderState.OPEN and filled:
            state = OrderState.PARTIALLY_FILLED
        return attrs.evolve(self._desk.ack(own, filled), status=state)

    async def get_open_orders(self) -> Sequence[Order]:
        """Return every resting order of this key, with `size` the remainder; others' are named by the venue's id."""
        return [order_of(found, self._ledger.get(found.id)) for found in await self._clob.open_orders()]

    # -- inside ----------------------------------------------------------------------------------------------------

    async def _compose(self, order: Order) -> OwnOrder:
        if self.closed:
            raise VenueUnavailable(f"no order is sent: {self.closed}", venue=VENUE)
        if not _takes(self._clob.mode, order):
            raise VenueUnavailable(f"no order is sent: the venue is in {self._clob.mode} mode", venue=VENUE)
        self._not_twice(order)
        terms = await self._terms_of(order.market)
        if self._market_of.get(order.token) != order.market:
            raise UnsupportedOrder(f"{order.token} is not an outcome of {order.market}", venue=VENUE)
        stamped = order if order.created_ns else attrs.evolve(order, created_ns=self._now_ns())
        try:
            own = await self._placing.signed(stamped, terms)
        except VenueRefused as e:
            if e.code not in TERMS_CODES:
                raise
            self._terms.pop(order.market, None)  # ours may be old: a tick becomes finer without a word
            own = await self._placing.signed(stamped, await self._terms_of(order.market))
        own.order = order
        return own

    def _not_twice(self, order: Order) -> None:
        if self._ledger.get(order.client_order_id) is not None:
            raise VenueDuplicate(f"order {order.client_order_id} was sent before", venue=VENUE)

    async def _terms_of(self, market: MarketId) -> Terms:
        if market not in self._terms:
            told = await self._clob.market(market)
            self._terms[market] = Terms.of(told)
            self._market_of.update({TokenId(token): market for token, _ in told.tokens})
        return self._terms[market]

    def _learn(self, order: Order, error: ExecutionError) -> None:
        """Draw the consequence of a no.

        Terms that changed are read anew. A wrong wallet, region or version fails with every order: trading ends until a
        person has acted and started again. A 401 comes now and then to good keys too: three in a row are no accident.
        """
        self._restarting |= self._clob.mode is TradingMode.RESTARTING
        code = error.code if isinstance(error, VenueRefused) else ""
        if code in TERMS_CODES:
            self._terms.pop(order.market, None)
        hopeless = isinstance(error, VenueAuthFailed)
        if hopeless and UNAUTHORIZED in error.reason:
            self._unauthorized += 1
            hopeless = self._unauthorized >= UNAUTHORIZED_MAX
        if code == "version" or hopeless:
            self._closed = f"the venue refused one for good ({error.reason})"
            log.critical("venue.closed", reason=error.reason, remedy=error.remedy)

    def _taken(self) -> None:
        """Note that the venue takes orders. After a restart ours are read anew: it may have lost some."""
        self._unauthorized = 0
        if self._restarting:
            self._restarting = False
            for own in self._ledger.live():
                self._ledger.doubt(own)
            self._wake()

    def _known(self, order_id: str) -> OwnOrder:
        own = self._ledger.get(order_id)
        if own is None:
            raise VenueNotFound(f"no order {order_id}", venue=VENUE)
        return own

    async def _matched(self, own: OwnOrder) -> int:
        found = await self._clob.order(own.order_id)
        if found is None:
            await self._asking.read_trades([own])
        return max(own.filled, own.matched, found.size_matched if found else 0)

    def _linked(self, up: bool, reason: str) -> None:
        self._deaf = "" if up else reason or "the user stream is lost"
        if up:
            self.ready.set()

    def _wake(self) -> None:
        self._asking.wake()


def _takes(mode: TradingMode, order: Order) -> bool:
    """Return whether the venue takes this order now. A restart ends without a word: orders find it out."""
    return order.post_only if mode is TradingMode.POST_ONLY else mode in (TradingMode.NORMAL, TradingMode.RESTARTING)
