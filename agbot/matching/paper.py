"""The paper venue's core: orders, account and books on one virtual clock. Pure: time comes in as an argument.

Commands take effect one order delay after they are given and their evidence is due one answer delay after the effect;
at one instant things happen in the order they were handed over. A market event takes effect at the time it is handed
over, never later: held back, it would show a strategy the future of the venue it trades on. Who replays a recording
delays the *strategy's* copy by the feed delay instead.

Every order ends with exactly one of: OrderRejected, an OrderFilled that is `final`, OrderCancelled, OrderExpired.
A fill that did not settle at once is told again when it does: CONFIRMED, or FAILED and taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import attrs

from agbot.matching.account import Account, trade_value
from agbot.matching.book import ConditionBook, MakerMatch
from agbot.matching.checks import NO_BALANCE, NO_BOOK, NOT_FOUND, SELF_TRADE, Terms, shape_refusal, taking_refusal
from agbot.matching.conditions import Conditions
from agbot.matching.fills import Fills
from agbot.matching.latency import Constant, Delays
from agbot.matching.listings import BookOf, Listing, Listings, PaperBook
from agbot.matching.outages import NEVER_ARRIVED, WIPED
from agbot.matching.queue import QueueRule
from agbot.matching.register import Register, Ticket
from agbot.matching.rewards import Earnings
from agbot.matching.takers import Taking, seen_from_yes
from agbot.matching.transit import Transit
from agbot.model.commands import CancelOrder, PlaceOrder
from agbot.model.events import (
    BookDelta,
    BookSnapshot,
    CancelRejected,
    Level,
    MarketData,
    MarketListed,
    MarketResolved,
    OrderAccepted,
    OrderCancelled,
    OrderEvidence,
    OrderExpired,
    OrderRejected,
    TickSizeChanged,
    TradePrint,
)
from agbot.model.ids import ClientOrderId, MarketId, TokenId, VenueOrderId
from agbot.model.market import Market
from agbot.model.order import Liquidity, OrderState, Side, TimeInForce
from agbot.units import to_text


@attrs.frozen(kw_only=True)
class PaperOrder:
    """What the paper venue knows of one order. `filled` in 10⁻⁶ shares, `ahead` the size queued before it."""

    order: PlaceOrder
    state: OrderState
    filled: int
    ahead: int
    ts_ns: int

    @property
    def remaining(self) -> int:
        """Return the shares that can still trade; 0 once the order ended."""
        return 0 if self.state.terminal else self.order.size - self.filled


class PaperMatcher:
    """One account trading against the markets' background, with latency, fees and queue position.

    Args:
        cash: 10⁻⁶ usd at the start.
        positions: shares held at the start, by token.
        terms: latencies, fees and bounds.
        queue_rule: how the size ahead of a resting order moves; `BackOfQueue` unless given.
        conditions: what makes the venue less than ideal; nothing unless given.
        book_of: makes the books, with a queue rule of their own, in place of those of Python.
    """

    def __init__(
        self,
        cash: int,
        *,
        positions: Mapping[TokenId, int] | None = None,
        terms: Terms | None = None,
        queue_rule: QueueRule | None = None,
        conditions: Conditions | None = None,
        book_of: BookOf | None = None,
    ) -> None:
        self.terms = terms or Terms()
        self.conditions = conditions or Conditions()
        order, feed = Constant(self.terms.order_latency_ns), Constant(self.terms.feed_latency_ns)
        self.delays = self.conditions.delays or Delays(order=order, answer=feed, feed=feed)
        """Of the three ways; the feed's is for who replays market data."""
        self.earnings = Earnings(self.conditions.incentives) if self.conditions.incentives else None
        """Estimates of what makers are paid beside their trades, None when nobody asked for them."""
        self._account = Account(cash, positions)
        self._listings = Listings(book_of or (lambda _market: ConditionBook(queue_rule)))
        self._register = Register()
        self._transit = Transit(self.conditions, self.delays)
        self._watched = bool(self.conditions.outages or self.earnings)
        """Whether something happens by the mere passing of time."""
        self._fills = Fills(self.conditions, self._account, self._listings, self._transit, self.earnings)

    def submit(self, now_ns: int, order: PlaceOrder) -> int:
        """Send an order and return when it arrives; its answer is OrderAccepted or OrderRejected.

        Raises:
            VenueDuplicate: the id was used before; the earlier order is what it was.
        """
        return self._transit.send(now_ns, partial(self._arrive, self._register.add(order, now_ns)))

    def cancel(self, now_ns: int, command: CancelOrder) -> int:
        """Send a cancel and return when it arrives; its answer is OrderCancelled or CancelRejected."""
        return self._transit.send(now_ns, partial(self._cancel, command))

    def cancel_all(self, now_ns: int, reason: str = "cancel all") -> int:
        """Take every order off that rests when this arrives, and return when that is."""
        return self._transit.send(now_ns, partial(self._cancel_all, reason))

    def on_market(self, now_ns: int, event: MarketData) -> None:
        """Hand over a market event; books come from the YES stream, prints from both tokens."""
        self._transit.schedule(now_ns, partial(self._apply, event))

    def next_due(self) -> int | None:
        """Return when `advance` next has something to do, None when nothing is under way."""
        return self._transit.next_due()

    @property
    def told_ns(self) -> int:
        """Return when everything that the venue has said so far is heard."""
        return self._transit.told_ns

    def deaf(self, now_ns: int) -> str:
        """Return why no request gets through now, empty when it does."""
        return "the venue is down" if self._transit.down(now_ns) else ""

    def cancels_from(self, now_ns: int) -> int:
        """Return when a cancel is taken again after an outage, `now_ns` when it is now."""
        return self._transit.cancels_from(now_ns)

    def advance(self, now_ns: int) -> list[OrderEvidence]:
        """Let everything happen that is due by `now_ns` and return the evidence that reaches us by then, in order.

        Time never runs backwards: a clock that steps back counts as one that stands still.
        """
        transit = self._transit
        end_ns = max(now_ns, transit.now_ns)
        for at_ns, action in transit.actions(end_ns):
            if self._watched:
                self._pass_time(at_ns)
            transit.now_ns = at_ns
            action(at_ns)
        if self._watched:
            self._pass_time(end_ns)
        transit.now_ns = end_ns
        return transit.heard()

    def book(self, market: MarketId) -> PaperBook | None:
        """Return the book of a market that trades, None for others. Who changes it tells `matched` what it filled."""
        listing = self._listings.get(market)
        return listing.book if listing is not None else None

    def matched(self, market: MarketId, matches: Sequence[MakerMatch], now_ns: int) -> None:
        """Book fills of our resting orders that a change of `book` caused; their evidence is due as always."""
        if listing := self._listings.get(market):
            self._fill_makers(listing, matches, now_ns)

    @property
    def cash(self) -> int:
        """Return all cash, reserved or not, in 10⁻⁶ usd, as of the last `advance` like every other answer."""
        return self._account.cash

    @property
    def reserved_cash(self) -> int:
        """Return the cash that our resting buys would cost."""
        return sum(self._reserve(ticket) for ticket in self._register.live())

    @property
    def fees_paid(self) -> int:
        """Return all fees so far in 10⁻⁶ usd."""
        return self._account.fees_paid

    @property
    def positions(self) -> dict[TokenId, int]:
        """Return shares by token, without the empty ones."""
        return self._account.positions

    def reserved_shares(self, token: TokenId) -> int:
        """Return the shares of `token` that our resting sells would deliver."""
        return self._register.reserved_shares(token)

    def status(self, order_id: ClientOrderId) -> PaperOrder | None:
        """Return one order, None when the venue never saw it (or `register.ENDED_KEPT` others ended since)."""
        ticket = self._register.get(order_id)
        return None if ticket is None else self._view(ticket)

    def open_orders(self) -> Sequence[PaperOrder]:
        """Return every resting order, oldest first."""
        return tuple(self._view(ticket) for ticket in self._register.live())

    def pending_ids(self) -> Sequence[ClientOrderId]:
        """Return the ids of all orders that have not ended, in flight or resting."""
        return tuple(self._register.pending())

    def _pass_time(self, until_ns: int) -> None:
        while (wiped := self._transit.next_wipe(until_ns)) is not None:
            if live := self._register.live():  # else it may be long past when the run begins
                self._pass_time(wiped)
                self._transit.now_ns = wiped
            for ticket in live:
                self._take_off(ticket, WIPED, wiped)
        if self.earnings is not None:
            for minute_ns in self.earnings.minutes(until_ns):
                self._listings.each(partial(self.earnings.sample, minute_ns, since=self._register.accepted_ns))

    def _arrive(self, ticket: Ticket, asked_ns: int, now_ns: int) -> None:
        outage = self._transit.outage(now_ns)
        if self._transit.down(now_ns):
            self._after_outage(asked_ns, now_ns, ticket.id, partial(self._never_arrived, ticket))
            return
        refusal = (outage and outage.refuses_order(ticket.order)) or self._judged(ticket, asked_ns, now_ns)
        if refusal:
            self._close(ticket, OrderState.REJECTED, now_ns)
            self._transit.tell(OrderRejected(ticket.id, refusal, now_ns), asked_ns)

    def _after_outage(self, asked_ns: int, now_ns: int, name: ClientOrderId, then: Callable[[int], None]) -> None:
        """Leave a request unanswered, and let what became of it be known when the venue can be asked again."""
        gave_up = self._transit.silence(name, asked_ns)
        outage = self._transit.down(now_ns)
        self._transit.schedule(max(gave_up, outage.to_ns if outage else now_ns), then)

    def _never_arrived(self, ticket: Ticket, now_ns: int) -> None:
        self._close(ticket, OrderState.REJECTED, now_ns)
        self._transit.tell(OrderRejected(ticket.id, NEVER_ARRIVED, now_ns))

    def _found(self, name: ClientOrderId, now_ns: int) -> None:
        """Say what a look at the venue shows of an order whose cancel was lost; an end is told anyway."""
        ticket = self._register.get(name)
        if ticket is None:
            self._transit.tell(CancelRejected(name, NOT_FOUND, now_ns))
        elif ticket.live:
            self._transit.tell(OrderAccepted(name, VenueOrderId(name), now_ns))

    def _judged(self, ticket: Ticket, asked_ns: int, now_ns: int) -> str | None:
        listing = self._listings.get(ticket.order.market)
        if listing is None:
            return NO_BOOK
        refusal = shape_refusal(ticket.order, listing.market, now_ns, self.terms)
        return refusal or self._match(ticket, listing, asked_ns, now_ns)

    def _match(self, ticket: Ticket, listing: Listing, asked_ns: int, now_ns: int) -> str | None:
        order, book = ticket.order, listing.book
        side, limit = seen_from_yes(listing.market, order)
        if book.crosses_own(side, limit):
            return SELF_TRADE
        levels = book.reachable(side, limit)
        taking = Taking(market=listing.market, order=order, rounding=self.terms.fee_rounding, levels=levels)
        fills = taking.fills()
        refusal = taking_refusal(order, bool(fills), taking.complete(fills), self.terms)
        refusal = refusal or self._funds_refusal(taking, limit, fills)
        if refusal is None:
            book.take(side, fills)
            self._register.accept(ticket, now_ns)
            self._transit.tell(OrderAccepted(ticket.id, VenueOrderId(ticket.id), now_ns), asked_ns)
            self._trade_now(ticket, taking, fills, now_ns)
            self._keep_rest(ticket, listing, now_ns)
        return refusal

    def _trade_now(self, ticket: Ticket, taking: Taking, fills: Sequence[Level], now_ns: int) -> None:
        for i, (price, size) in enumerate(fills, start=1):
            ended = i == len(fills) and (ticket.order.budget > 0 or size == ticket.remaining)
            fee = taking.fee(price, size)
            self._fill(ticket, taking.market, (price, size), fee, now_ns, liquidity=Liquidity.TAKER, ended=ended)

    def _keep_rest(self, ticket: Ticket, listing: Listing, now_ns: int) -> None:
        order = ticket.order
        if ticket.state.terminal:
            return
        if order.time_in_force.immediate:
            self._take_off(ticket, "the rest of an immediate order never rests", now_ns)
            return
        side, limit = seen_from_yes(listing.market, order)
        listing.book.rest(ticket.id, side, limit, ticket.remaining)
        if order.time_in_force is TimeInForce.GTD:
            self._transit.schedule(order.expire_ns - self.terms.gtd_early_ns, partial(self._expire, ticket))

    def _fill(
        self, ticket: Ticket, market: Market, at: Level, fee: int, now_ns: int, *, liquidity: Liquidity, ended: bool
    ) -> None:
        self._fills.add(ticket, market, at, fee, now_ns, liquidity=liquidity, ended=ended)
        if ended:
            self._close(ticket, OrderState.FILLED, now_ns)

    def _close(self, ticket: Ticket, state: OrderState, now_ns: int) -> None:
        self._register.close(ticket, state, now_ns)
        if listing := self._listings.get(ticket.order.market):
            listing.book.remove(ticket.id)

    def _take_off(self, ticket: Ticket, reason: str, now_ns: int, asked_ns: int | None = None) -> None:
        self._close(ticket, OrderState.CANCELLED, now_ns)
        self._transit.tell(OrderCancelled(ticket.id, reason, now_ns), asked_ns)

    def _expire(self, ticket: Ticket, now_ns: int) -> None:
        if not ticket.state.terminal:
            self._close(ticket, OrderState.EXPIRED, now_ns)
            self._transit.tell(OrderExpired(ticket.id, now_ns))

    def _cancel(self, command: CancelOrder, asked_ns: int, now_ns: int) -> None:
        name, outage = command.client_order_id, self._transit.outage(now_ns)
        ticket = self._register.get(name)
        if self._transit.down(now_ns):
            self._after_outage(asked_ns, now_ns, name, partial(self._found, name))
        elif refusal := (outage and outage.refuses_cancel()) or _cancel_refusal(ticket):
            self._transit.tell(CancelRejected(name, refusal, now_ns), asked_ns)
        elif ticket is not None:
            self._take_off(ticket, command.reason, now_ns, asked_ns)

    def _cancel_all(self, reason: str, asked_ns: int, now_ns: int) -> None:
        if self._transit.cancels_from(now_ns) > now_ns:
            return  # what it asked for is named by nobody's answer: who asked looks, and asks again
        for ticket in self._register.live():
            self._take_off(ticket, reason, now_ns, asked_ns)
        self._transit.reply(now_ns)

    def _reserve(self, ticket: Ticket) -> int:
        order, listing = ticket.order, self._listings.get(ticket.order.market)
        if order.side is Side.SELL or listing is None:
            return 0
        _, limit = seen_from_yes(listing.market, order)
        return trade_value(listing.market, order.token, limit, ticket.remaining)

    def _funds_refusal(self, taking: Taking, limit: int, fills: Sequence[Level]) -> str | None:
        order = taking.order
        free = self._account.spendable - self.reserved_cash
        if order.side is Side.SELL:
            held = self._account.sellable(order.token) - self.reserved_shares(order.token)
            if held < order.size:
                return f"{NO_BALANCE}: {to_text(held)} shares free, the order sells {to_text(order.size)}"
        needed = taking.cash_needed(limit, fills)
        if needed > free:
            return f"{NO_BALANCE}: {to_text(free)} usd free, the order needs {to_text(needed)}"
        return None

    def _apply(self, event: MarketData, now_ns: int) -> None:
        match event:
            case MarketListed(market=market):
                self._listings.add(market)
            case MarketResolved():
                self._resolve(event, now_ns)
            case BookSnapshot() | BookDelta() | TradePrint() | TickSizeChanged():
                # A token nobody listed cannot be traded, so its book is of no interest.
                if listing := self._listings.of_token(event.token):
                    self._fill_makers(listing, listing.apply(event), now_ns)
            case _:
                pass  # a lost link changes what we may trust, not what the venue does

    def _fill_makers(self, listing: Listing, matches: Iterable[MakerMatch], now_ns: int) -> None:
        for match in matches:
            ticket = self._register.get(match.id)
            if ticket is None or ticket.state.terminal:
                raise AssertionError(f"order {match.id} matched but is not live")
            ended, at = match.size == ticket.remaining, (match.price, match.size)
            self._fill(ticket, listing.market, at, 0, now_ns, liquidity=Liquidity.MAKER, ended=ended)
            # Each fill of a NO buy rounds up by itself, so the last 10⁻⁶ can be missing for the rest of the order.
            if not ended and self.reserved_cash > self.cash:
                self._take_off(ticket, NO_BALANCE, now_ns)

    def _resolve(self, event: MarketResolved, now_ns: int) -> None:
        listing = self._listings.get(event.market)
        if listing is None or event.winner not in (listing.market.yes, listing.market.no):
            return  # whoever watches the market says so; nothing is paid on a claim that cannot be true
        for ticket in self._register.live(event.market):
            self._take_off(ticket, "market resolved", now_ns)
        self._listings.resolve(event.market, event.winner)
        self._account.redeem(listing.market, event.winner)

    def _view(self, ticket: Ticket) -> PaperOrder:
        listing = self._listings.get(ticket.order.market)
        resting = listing.book.get(ticket.id) if listing else None
        ahead = resting.ahead if resting else 0
        return PaperOrder(order=ticket.order, state=ticket.state, filled=ticket.filled, ahead=ahead, ts_ns=ticket.ts_ns)


def _cancel_refusal(ticket: Ticket | None) -> str:
    # A cancel sent before its order arrives before it: the venue has not seen the order yet.
    if ticket is None or ticket.state is OrderState.PENDING_NEW:
        return NOT_FOUND
    return f"order is already {ticket.state}" if ticket.state.terminal else ""
