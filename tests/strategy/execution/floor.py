"""A venue in a script: it shows a strategy what it is told to, does to its orders what it is told to, and keeps count.

Every order that reaches it is held against the terms of the market and the promise of the parent order.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from agbot.core.book import OrderBook
from agbot.core.view import Cancel, Intent, OwnDenial, OwnEnd, OwnFill, OwnOrder, Place, View
from agbot.model.events import Level, TradePrint
from agbot.model.ids import ClientOrderId, TokenId
from agbot.model.market import Market, Outcome
from agbot.model.order import Liquidity, OrderState, Side
from agbot.testing.builders import levels, make_market, shares
from agbot.units import NS_PER_S, complement, on_tick, to_text

T0 = 1_772_000_000 * NS_PER_S
S = OrderState
BIDS = levels(("0.48", "1000"), ("0.47", "1000"), ("0.46", "1000"))
ASKS = levels(("0.52", "1000"), ("0.53", "1000"), ("0.54", "1000"))


@attrs.define
class Resting:
    """One order at the venue, and what is known of it here."""

    place: Place
    name: str
    state: OrderState = S.PENDING_NEW
    filled: int = 0

    @property
    def remaining(self) -> int:
        """Return what may still fill."""
        return 0 if self.state.terminal else self.place.size - self.filled


def shown(intents: Sequence[Intent]) -> list[tuple[str, str, str]]:
    """Return (side, price, size) of what is placed."""
    return [(i.side.value, to_text(i.price), to_text(i.size)) for i in intents if isinstance(i, Place)]


def cancels(intents: Sequence[Intent]) -> list[str]:
    """Return the names of what is cancelled."""
    return [i.client_order_id for i in intents if isinstance(i, Cancel)]


class Floor:
    """One market, one strategy."""

    def __init__(self, *, yes: int = 0, own_yes: int = 0, market: Market | None = None) -> None:
        self.market = market or make_market()
        self.now_ns = T0
        self.bids: Sequence[Level] = BIDS
        self.asks: Sequence[Level] = ASKS
        self.trusted = True
        self.denies: tuple[str, ...] = ()
        self.orders: list[Resting] = []
        self.yes, self.own_yes, self.own_no = yes, own_yes, 0
        self.cash = shares(1_000_000)
        self.fills: list[OwnFill] = []
        self.told: list[OwnFill] = []
        self.ended: list[OwnEnd] = []
        self.denied: list[OwnDenial] = []
        self.prints: list[TradePrint] = []
        self.second = False
        self.placed: list[Place] = []
        self.tried = 0

    # -- what a strategy sees, and what comes of what it says ---------------------------------------------------------

    def view(self) -> View:
        """Return the look of this instant; what is new is told once."""
        market = self.market
        mirrored = [[(complement(p), s) for p, s in side] for side in (self.asks, self.bids)]
        books = {Outcome.YES: OrderBook(market.tick), Outcome.NO: OrderBook(market.tick)}
        books[Outcome.YES].snapshot(self.bids, self.asks, 1)
        books[Outcome.NO].snapshot(mirrored[0], mirrored[1], 1)
        view = View(
            now_ns=self.now_ns,
            market=market,
            books=dict(books),
            yes_size=self.yes,
            no_size=0,
            orders=[self._own(order) for order in self.live],
            cash=self.cash,
            trusted=self.trusted,
            own_yes=self.own_yes,
            own_no=self.own_no,
            fills=self.fills,
            ended=self.ended,
            denied=self.denied,
            prints=self.prints,
            second=self.second,
        )
        self.fills, self.ended, self.denied, self.prints, self.second = [], [], [], [], False
        return view

    def look(self, strategy) -> list[Intent]:
        """Ask once, and take in what it says."""
        intents = list(strategy.decide(self.view()))
        for intent in intents:
            if isinstance(intent, Cancel):
                order = self.named(intent.client_order_id)
                assert order.state in (S.OPEN, S.PARTIALLY_FILLED), "a cancel that the venue would not know"
                order.state = S.PENDING_CANCEL
            else:
                self._place(intent)
        return intents

    def _place(self, place: Place) -> None:
        self.tried += 1
        assert place.why
        assert on_tick(place.price, self.market.tick), to_text(place.price)
        assert place.size >= self.market.min_size, to_text(place.size)
        assert place.size % self.market.size_step == 0, to_text(place.size)
        if self.denies:
            row = OwnDenial(
                token=place.token, side=place.side, price=place.price, size=place.size, violated=self.denies
            )
            self.denied.append(row)
            return
        self.placed.append(place)
        self.orders.append(Resting(place, f"o{len(self.orders) + 1}"))

    def _own(self, order: Resting) -> OwnOrder:
        place = order.place
        return OwnOrder(
            client_order_id=ClientOrderId(order.name),
            token=place.token,
            side=place.side,
            price=place.price,
            remaining=order.remaining,
            state=order.state,
        )

    # -- events -------------------------------------------------------------------------------------------------------

    @property
    def live(self) -> list[Resting]:
        """Return what may still fill, oldest first."""
        return [order for order in self.orders if not order.state.terminal]

    def named(self, name: str) -> Resting:
        """Return one order."""
        return next(order for order in self.orders if order.name == name)

    def working(self, side: Side | None = None) -> int:
        """Return the shares that may still fill."""
        return sum(order.remaining for order in self.live if side in (None, order.place.side))

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now_ns += int(seconds * NS_PER_S)
        self.second = True

    def accept(self) -> None:
        """Acknowledge everything that is on its way."""
        for order in self.live:
            if order.state in (S.PENDING_NEW, S.UNKNOWN):
                order.state = S.PARTIALLY_FILLED if order.filled else S.OPEN

    def fill(self, order: Resting, size: int | None = None, *, price: int | None = None, late: bool = False) -> int:
        """Execute up to `size` of an order, and return how much."""
        size = min(order.place.size - order.filled, order.place.size if size is None else size)
        assert late or not order.state.terminal
        if size <= 0:
            return 0
        order.filled += size
        self._book(order.place, size, 1)
        fill = OwnFill(
            client_order_id=ClientOrderId(order.name),
            token=order.place.token,
            side=order.place.side,
            price=order.place.price if price is None else price,
            size=size,
            fee=0,
            liquidity=Liquidity.MAKER,
            ts_ns=self.now_ns,
        )
        self.fills.append(fill)
        self.told.append(fill)
        if late:
            return size
        if order.filled == order.place.size:
            self._end(order, S.FILLED)
        elif order.state is not S.PENDING_CANCEL:
            order.state = S.PARTIALLY_FILLED
        return size

    def fill_all(self) -> None:
        """Acknowledge and execute everything that is live."""
        self.accept()
        for order in self.live:
            self.fill(order)

    def void(self) -> int:
        """Take the newest fill back, and return how much it was."""
        if not self.told:
            return 0
        fill = self.told.pop()
        order = self.named(fill.client_order_id)
        order.filled -= fill.size
        if order.state is S.FILLED:
            order.state = S.CANCELLED
        self._book(order.place, fill.size, -1)
        self.fills.append(attrs.evolve(fill, voided=True))
        return fill.size

    def cancelled(self) -> None:
        """Let every cancel that is under way succeed."""
        for order in self.live:
            if order.state is S.PENDING_CANCEL:
                self._end(order, S.CANCELLED)

    def lose(self) -> None:
        """Hear nothing of what is on its way."""
        for order in self.live:
            if order.state is S.PENDING_NEW:
                order.state = S.UNKNOWN

    def reject(self) -> None:
        """Say no to what is on its way."""
        for order in self.live:
            if order.state in (S.PENDING_NEW, S.UNKNOWN):
                self._end(order, S.REJECTED, "because")

    def cancel_everything(self) -> None:
        """Take everything off, as a kill switch does."""
        for order in self.live:
            self._end(order, S.CANCELLED)

    def print(self, size: int, price: int = 500_000, token: TokenId | None = None) -> None:
        """Let others trade."""
        self.prints.append(TradePrint(token or self.market.yes, Side.BUY, price, size, self.now_ns))

    def _end(self, order: Resting, state: OrderState, reason: str = "") -> None:
        order.state = state
        place = order.place
        self.ended.append(
            OwnEnd(
                client_order_id=ClientOrderId(order.name),
                token=place.token,
                side=place.side,
                price=place.price,
                size=place.size,
                filled=order.filled,
                state=state,
                reason=reason,
            )
        )

    def _book(self, place: Place, size: int, sign: int) -> None:
        size *= sign * place.side.sign
        if place.token == self.market.yes:
            self.own_yes += size
            self.yes += size
        else:
            self.own_no += size
