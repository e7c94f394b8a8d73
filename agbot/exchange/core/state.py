"""The core's whole state as plain values and back: what a snapshot holds, and what the next start goes on with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any, Final, TypeAlias

import msgspec

from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import Leg, Listing, NewOrder, Order, OrderStatus, Trade, TradeStatus
from agbot.exchange.core.terms import Terms
from agbot.matching.clearing import HOUSE, Holding
from agbot.matching.crossing import Taker
from agbot.model.ids import ClientOrderId, MarketId, TokenId
from agbot.model.order import Side

ORDERS_SAVED: Final = 2_000
"""Orders that ended, the latest; those that live, or that a saved trade names, are saved beside."""
TRADES_SAVED: Final = 2_000
"""Trades, the latest; those under way are saved however old they are."""
Row: TypeAlias = dict[str, Any]
_encode: Final = msgspec.json.Encoder().encode


def dump(core: Exchange) -> Row:
    """Return an exchange's state once; see `Dumper`."""
    return Dumper(core).dump()


class Dumper:
    """Makes dumps of one exchange, again and again: of what can change no more a row is made once.

    A dump, for msgspec to encode, has all but the terms, a recorded background, and history beyond the bounds above.
    """

    def __init__(self, core: Exchange) -> None:
        self._core = core
        self._numbers = count()
        self._orders: dict[Order, tuple[int, msgspec.Raw | None]] = {}
        self._trades: dict[str, msgspec.Raw] = {}

    def dump(self) -> Row:
        """Return the state of now as values that JSON knows."""
        core, known = self._core, self._orders
        rows: list[tuple[int, msgspec.Raw]] = []
        self._orders = {}

        def number(order: Order) -> int:
            """Return an order's number, which it keeps; the first time its row goes to `rows`."""
            if order not in self._orders:
                own, row = known.get(order) or (next(self._numbers), None)
                row = row or _raw(_order_row(order))
                rows.append((own, row))
                self._orders[order] = own, None if order.living and order.new.maker != HOUSE else row
            return self._orders[order][0]

        return {
            "now_ns": core.now_ns,
            "seed": core.seed,
            "trade_count": core.settlement.count,
            "listings": [msgspec.to_builtins(listing) for listing in core.listings.values()],
            "ledger": _ledger_row(core),
            "ids": core.orders.ids.parts(),
            "remembered": [number(order) for order in core.orders.latest(ORDERS_SAVED)],
            "resting": [number(order) for order in _by_priority(core)],
            "trades": self._trade_rows(number),
            "orders": rows,
            "under_way": {trade.id: fate for trade, fate in core.settlement.under_way.values()},
            "due": sorted(core.due),
            "tallies": {address: dict(counts) for address, counts in core.tallies.by_address.items()},
        }

    def _trade_rows(self, number: Callable[[Order], int]) -> list[msgspec.Raw]:
        settlement, known, found = self._core.settlement, self._trades, list[msgspec.Raw]()
        self._trades = {}
        for trade in settlement.latest(TRADES_SAVED):
            numbers = [number(leg.order) for leg in trade.legs]
            row = known.get(trade.id) or _raw(_trade_row(trade, numbers))
            found.append(row)
            if trade.id not in settlement.under_way:
                self._trades[trade.id] = row
        return found


def load(saved: Row, terms: Terms | None = None) -> Exchange:
    """Return an exchange that goes on where `saved` was; nobody listens to it yet.

    Raises:
        KeyError, TypeError, ValueError, msgspec.ValidationError: it is no such state.
    """
    core = Exchange(terms, seed=saved["seed"])
    core.now_ns = saved["now_ns"]
    for row in saved["listings"]:
        core.list_market(msgspec.convert(row, Listing), core.now_ns)
    core.orders.ids.remember(msgspec.convert(saved["ids"], list[bytes]))
    orders = {number: _order(row, core) for number, row in saved["orders"]}
    for number in saved["remembered"]:
        core.orders.add(orders[number])
    for number in saved["resting"]:
        _rest(core, orders[number])
    _restore_ledger(core, saved["ledger"])
    core.settlement.count = saved["trade_count"]
    for row in saved["trades"]:
        trade = _trade(row, orders, core)
        core.settlement.remember(trade)
        if trade.id in saved["under_way"]:
            core.settlement.under_way[trade.id] = (trade, saved["under_way"][trade.id])
    for at_ns, _, kind, name in saved["due"]:
        core.schedule(at_ns, kind, name)
    core.tallies.by_address = {address: Counter(counts) for address, counts in saved["tallies"].items()}
    return core


def _raw(row: Row) -> msgspec.Raw:
    """Return a row encoded: it is then copied, not made again, and nothing for the garbage collector to look at."""
    return msgspec.Raw(_encode(row))


def _by_priority(core: Exchange) -> list[Order]:
    found: list[Order] = []
    for book in core.books.values():
        resting = sorted((r for side in Side for r in book.resting(side)), key=lambda r: r.seq)
        found += [order for r in resting if (order := core.orders.get(r.id)) is not None]
    return found


def _order_row(order: Order) -> Row:
    plain = ("price", "size", "created_ns", "matched", "reason", "reserve", "budget")
    return {
        "new": msgspec.to_builtins(order.new),
        "listing": order.listing.condition,
        "status": str(order.status),
        "trades": list(order.trades),
        **{name: getattr(order, name) for name in plain},
    }


def _order(row: Row, core: Exchange) -> Order:
    more = {name: value for name, value in row.items() if name not in ("new", "listing", "status")}
    new = msgspec.convert(row["new"], NewOrder)
    return Order(new=new, listing=core.listings[row["listing"]], status=OrderStatus(row["status"]), **more)


def _rest(core: Exchange, order: Order) -> None:
    at = (order.new.side, order.price)
    taker = Taker.of(order.listing.market, TokenId(order.new.token), at, size=order.remaining)
    book = core.books[order.listing.condition]
    book.rest(ClientOrderId(order.id), taker.side, taker.limit, order.remaining)


def _trade_row(trade: Trade, orders: Sequence[int]) -> Row:
    plain = ("id", "matched_ns", "updated_ns", "tx_hash")
    return {
        "listing": trade.listing.condition,
        "status": str(trade.status),
        "taker": _leg_row(trade.taker, orders[0]),
        "makers": [_leg_row(leg, order) for leg, order in zip(trade.makers, orders[1:], strict=True)],
        **{name: getattr(trade, name) for name in plain},
    }


def _leg_row(leg: Leg, order: int) -> Row:
    plain = ("token", "price", "size", "value", "fee", "kind")
    return {"order": order, "side": str(leg.side), **{name: getattr(leg, name) for name in plain}}


def _trade(row: Row, orders: Mapping[int, Order], core: Exchange) -> Trade:
    makers = tuple(_leg(leg, orders) for leg in row["makers"])
    plain = {name: row[name] for name in ("id", "matched_ns", "updated_ns", "tx_hash")}
    return Trade(
        listing=core.listings[row["listing"]],
        status=TradeStatus(row["status"]),
        taker=_leg(row["taker"], orders),
        makers=makers,
        **plain,
    )


def _leg(row: Row, orders: Mapping[int, Order]) -> Leg:
    return Leg(**{**row, "order": orders[row["order"]], "side": Side(row["side"])})


def _ledger_row(core: Exchange) -> Row:
    accounts = core.accounts
    return {
        "holdings": {wallet: msgspec.to_builtins(holding) for wallet, holding in accounts.holdings.items()},
        "pots": dict(accounts.pots),
        "fees": accounts.fees,
        "deposited": accounts.deposited,
    }


def _restore_ledger(core: Exchange, row: Row) -> None:
    accounts = core.accounts
    accounts.holdings = {wallet: msgspec.convert(holding, Holding) for wallet, holding in row["holdings"].items()}
    accounts.pots.update({MarketId(market): pot for market, pot in row["pots"].items()})
    accounts.fees, accounts.deposited = row["fees"], row["deposited"]
    for listing in core.listings.values():
        if listing.winner is not None:
            accounts.resolve(listing.market.id, listing.winner)
