"""The exchange without its wires: listings, orders, matching, settlement, the ledger. Pure: time is an argument.

Price-time priority on one book a market, in YES price; BUY NO at q is SELL YES at 1 − q, so both tokens share it and
two buyers mint a pair, two sellers merge one. A match is provisional: usd and shares move when it is mined.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from agbot.exchange.core.ledger_view import ledger_view
from agbot.exchange.core.model import (
    Fact,
    Listed,
    Listing,
    NewOrder,
    Order,
    OrderStatus,
    Placed,
    Refused,
    Resolved,
    TickChanged,
    Trade,
    TradeStatus,
)
from agbot.exchange.core.recorded import Recorded
from agbot.exchange.core.register import Orders
from agbot.exchange.core.settling import Settlement
from agbot.exchange.core.tally import Tallies
from agbot.exchange.core.terms import Terms
from agbot.exchange.core.trading import ARRIVE, EXPIRE, SETTLE, Floor, Trading
from agbot.exchange.core.treasury import Treasury
from agbot.matching.book import ConditionBook
from agbot.matching.checks import NO_BOOK
from agbot.matching.clearing import Ledger
from agbot.model.events import BookDelta, BookSnapshot, Level, TradePrint
from agbot.model.ids import TokenId
from agbot.model.order import Side

NOT_FOUND: Final = "order can't be found - already canceled or matched"
DELAYED: Final = "order is delayed and can't be canceled"
REDEEM: Final = "redeem"
DUE_MIN: Final = 10_000
"""So many due things are kept before those of orders that ended are looked for."""


def _none(new: NewOrder) -> str:  # noqa: ARG001 - an order like any other
    return ""


class Exchange:
    """All markets, accounts and orders. Every call that changes something takes the time and tells `listeners`.

    Args:
        terms: how it behaves.
        seed: decides the ids of trades, and fates where the terms give rates.
    """

    def __init__(self, terms: Terms | None = None, *, seed: int = 0) -> None:
        self.terms = terms or Terms()
        self.seed = seed
        self.listeners: list[Callable[[Fact], None]] = []
        self.listings: dict[str, Listing] = {}
        """By condition id, in the order they were listed."""
        self.accounts = Ledger()
        self.orders = Orders()
        self.settlement = Settlement(self.accounts, self.terms, seed, self.tell)
        self.treasury = Treasury(self.accounts, self.terms.grant_usd, self.tell)
        self.tallies = Tallies()
        self.objection: Callable[[NewOrder], str] = _none
        """Why an order is refused before it is looked at; empty for no reason."""
        self.now_ns = 0
        self.due: list[tuple[int, int, str, str]] = []
        self.books: dict[str, ConditionBook] = {}
        self._seq = 0
        self._due_max = DUE_MIN
        self._by_token: dict[str, Listing] = {}
        self.trading = Trading(
            Floor(
                terms=self.terms,
                accounts=self.accounts,
                orders=self.orders,
                settlement=self.settlement,
                books=self.books,
                tell=self.tell,
                schedule=self.schedule,
            )
        )
        self._recorded = Recorded(self.books, self.orders, self.trading)

    def tell(self, fact: Fact) -> None:
        """Let everybody hear a fact."""
        self.tallies.hear(fact)
        for listener in self.listeners:
            listener(fact)

    # ---------------------------------------------------------------- listings

    def list_market(self, listing: Listing, now_ns: int) -> None:
        """Open a market."""
        self.listings[listing.condition] = listing
        for token in listing.tokens:
            self._by_token[token] = listing
        self.books[listing.condition] = ConditionBook()
        self.accounts.list_market(listing.market)
        self.tell(Listed(listing, now_ns))

    def of_token(self, token: str) -> Listing | None:
        """Return the market of a token."""
        return self._by_token.get(token)

    def levels(self, listing: Listing, side: Side) -> list[Level]:
        """Return (YES price, size) of BUY (bids) or SELL (asks), best first."""
        book = self.books[listing.condition]
        return [(price, book.size(side, price)) for price in book.prices(side)]

    def best(self, listing: Listing, side: Side) -> Level | None:
        """Return the best of `levels`, None when there is none."""
        return self.books[listing.condition].best(side)

    def set_tick(self, listing: Listing, tick: int, now_ns: int) -> None:
        """Make a market's tick finer; nothing happens when it is no finer."""
        old = listing.market.tick
        if tick < old:
            listing.market = msgspec.structs.replace(listing.market, tick=tick)
            self.tell(TickChanged(listing, old, tick, now_ns))

    def resolve(self, listing: Listing, winner: str, now_ns: int) -> None:
        """Cancel the market's orders and name its winner, a token; Refused when it is none or was named before."""
        if winner not in listing.tokens or listing.winner is not None:
            raise Refused("market is resolved already" if listing.winner else "the winner is none of the market's")
        self.advance(now_ns)
        for order in self.orders.in_market(listing):
            self.trading.take_off(order, OrderStatus.CANCELED_MARKET_RESOLVED, "market resolved", now_ns)
        self.trading.flush(listing, now_ns)
        listing.accepting, listing.winner, listing.resolved_ns = False, TokenId(winner), now_ns
        self.accounts.resolve(listing.market.id, TokenId(winner))
        self.treasury.redeem_all(listing, now_ns, owing_only=True)
        if self.terms.redeem_after_ns >= 0:
            self.schedule(now_ns + self.terms.redeem_after_ns, REDEEM, listing.condition)
        self.tell(Resolved(listing, now_ns))

    # ---------------------------------------------------------------- orders

    def place(self, new: NewOrder, now_ns: int) -> Placed:
        """Take an order, or raise Refused with the venue's text; a refused order leaves nothing behind."""
        if objection := self.objection(new):
            raise Refused(objection)
        self.advance(now_ns)
        listing = self._by_token.get(new.token)
        if listing is None or listing.winner is not None:
            raise Refused(NO_BOOK, 404)
        if self.orders.used(new.id):
            raise Refused(f"order {new.id} is invalid. Duplicated.")
        self.treasury.see(new.maker, now_ns)
        return self.trading.place(new, listing, now_ns)

    def cancel(
        self, address: str, ids: Iterable[str], now_ns: int, *, reason: str = ""
    ) -> tuple[list[str], dict[str, str]]:
        """Cancel orders of one EOA; return those cancelled, and why the others were not."""
        self.advance(now_ns)
        canceled, not_canceled = list[str](), dict[str, str]()
        touched: dict[str, Listing] = {}
        for order_id in dict.fromkeys(ids):
            order = self.orders.get(order_id)
            if order is None or order.new.address != address or not order.living:
                not_canceled[order_id] = NOT_FOUND
            elif order.status is OrderStatus.DELAYED:
                not_canceled[order_id] = DELAYED
            else:
                self.trading.take_off(order, OrderStatus.CANCELED, reason, now_ns)
                canceled.append(order_id)
                touched[order.listing.condition] = order.listing
        for listing in touched.values():
            self.trading.flush(listing, now_ns)
        return canceled, not_canceled

    def open_orders(self, address: str) -> Sequence[Order]:
        """Return an EOA's living orders, oldest first."""
        return self.orders.living(address)

    def order(self, order_id: str) -> Order | None:
        """Return an order, living or ended (a bounded tail of those)."""
        return self.orders.get(order_id)

    def trades_of(self, address: str) -> Sequence[Trade]:
        """Return trades with a leg of this EOA, oldest first (a bounded tail)."""
        return self.settlement.of(address)

    # ---------------------------------------------------------------- time

    def schedule(self, at_ns: int, kind: str, name: str) -> None:
        """Let something happen at a time; at one instant in the order of these calls."""
        self._seq += 1
        heapq.heappush(self.due, (at_ns, self._seq, kind, name))
        if len(self.due) > self._due_max:
            self._forget_ended()

    def _forget_ended(self) -> None:
        """Drop the expiries of orders that ended before: a quoter's are due in days, and made again each second."""
        self.due[:] = [due for due in self.due if due[2] != EXPIRE or self._lives(due[3])]
        heapq.heapify(self.due)
        self._due_max = max(DUE_MIN, 2 * len(self.due))

    def _lives(self, order_id: str) -> bool:
        order = self.orders.get(order_id)
        return order is not None and order.living

    def next_due(self) -> int | None:
        """Return when `advance` next has something to do."""
        return self.due[0][0] if self.due else None

    def advance(self, now_ns: int) -> None:
        """Let everything happen that is due: delayed orders, expiries, settlements.

        A clock that was set back moves with it what waits for a span of time; an expiry is a time of day.
        """
        if now_ns < self.now_ns:
            self._set_back(now_ns)
        while self.due and self.due[0][0] <= now_ns:
            at_ns, _, kind, name = heapq.heappop(self.due)
            self.now_ns = max(self.now_ns, at_ns)
            self._happen(kind, name, self.now_ns)
        self.now_ns = now_ns

    def _set_back(self, now_ns: int) -> None:
        back_ns = self.now_ns - now_ns
        self.due[:] = [(at - (kind != EXPIRE) * back_ns, seq, kind, name) for at, seq, kind, name in self.due]
        heapq.heapify(self.due)
        self.now_ns = now_ns

    def settle_all(self, now_ns: int) -> int:
        """Bring every trade under way to the end decided for it, in the order they were made; return how many."""
        self.advance(now_ns)
        count = len(self.settlement.under_way)
        while self.settlement.under_way:
            for trade_id in list(self.settlement.under_way):
                self._settle(trade_id, self.now_ns)
        return count

    def _happen(self, kind: str, name: str, now_ns: int) -> None:
        if kind == SETTLE:
            self._settle(name, now_ns)
        elif kind == REDEEM:
            self.treasury.redeem_all(self.listings[name], now_ns)
        elif (order := self.orders.get(name)) is not None and order.living:
            if kind == ARRIVE:
                self.trading.arrive(order, now_ns)
            else:
                self.trading.take_off(order, OrderStatus.CANCELED_EXPIRED_ORDER, "expired", now_ns)
            self.trading.flush(order.listing, now_ns)

    # ---------------------------------------------------------------- money

    def deposit(self, wallet: str, usd: int, now_ns: int) -> None:
        """Credit (or, negative, debit) pUSD from outside."""
        self.treasury.see(wallet, now_ns)
        self.treasury.deposit(wallet, usd, now_ns)

    def split(self, wallet: str, listing: Listing, size: int, now_ns: int | None = None) -> None:
        """Turn usd into pairs."""
        self.treasury.split(wallet, listing, size, self._time(now_ns))

    def merge(self, wallet: str, listing: Listing, size: int, now_ns: int | None = None) -> None:
        """Turn pairs into usd."""
        self.treasury.split(wallet, listing, -size, self._time(now_ns))

    def convert(self, wallet: str, listings: Sequence[Listing], size: int, now_ns: int | None = None) -> None:
        """Neg-risk conversion: `size` NO of each chosen question into usd and YES of the event's others."""
        event = listings[0].event if listings else None
        chosen = {listing.condition for listing in listings}
        others = [x for x in self.listings.values() if x.event == event and x.condition not in chosen]
        if any(listing.event != event for listing in listings) or len(chosen) < len(listings):
            raise Refused("conversion needs NO shares of questions of one neg-risk event")
        self.treasury.convert(wallet, listings, others, size, self._time(now_ns))

    def redeem(self, wallet: str, listing: Listing, now_ns: int | None = None) -> int:
        """Pay a resolved market's shares out; return the usd."""
        return self.treasury.redeem(wallet, listing, self._time(now_ns))

    def balance(self, wallet: str, token: str = "") -> int:
        """Return settled usd, or shares of a token; a wallet that is new gets its grant."""
        self.treasury.see(wallet, self.now_ns)
        return self.accounts.holding(wallet).of(TokenId(token) if token else None)

    def background(self, event: BookSnapshot | BookDelta | TradePrint, now_ns: int) -> None:
        """Apply a recorded message of the YES token: one aggregated participant per level."""
        self.advance(now_ns)
        listing = self._by_token.get(event.token)
        if listing is not None and listing.winner is None:
            self._recorded.apply(listing, event, now_ns)

    def ledger(self) -> dict[str, Any]:
        """Return accounts, pots, fees, living orders, tallies and faults; all amounts as text, for people and tests."""
        return {
            "now_ns": self.now_ns,
            **ledger_view(self.accounts, self.listings.values(), self.orders.all()),
            "unsettled": list(self.settlement.under_way),
            "trades": self.settlement.count,
            "tallies": {address: dict(counts) for address, counts in self.tallies.by_address.items()},
        }

    def _settle(self, trade_id: str, now_ns: int) -> None:
        stepped = self.settlement.step(trade_id, now_ns)
        if stepped is None:
            return
        trade, more = stepped
        mined = trade.status is TradeStatus.MINED
        if more:
            after_ns = self.terms.confirmed_after_ns if mined else self.terms.mined_after_ns
            self.schedule(now_ns + after_ns, SETTLE, trade.id)
        if mined and trade.listing.winner is not None:
            self.treasury.redeem_all(trade.listing, now_ns, owing_only=self.terms.redeem_after_ns < 0)

    def _time(self, now_ns: int | None) -> int:
        return self.now_ns if now_ns is None else now_ns
