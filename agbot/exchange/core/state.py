"""The core's whole state as plain values and back: what a snapshot holds, and what the next start goes on with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import Leg, Listing, NewOrder, Order, OrderStatus, Trade, TradeStatus
from agbot.exchange.core.terms import Terms
from agbot.matching.clearing import HOUSE, Holding
from agbot.matching.crossing import Taker
from agbot.model.ids import ClientOrderId, MarketId, TokenId
from agbot.model.order import Side

_encode: Final = msgspec.json.Encoder().encode


class Dumper:
    """Dumps a core again and again: orders keep their numbers, and what has ended, nearly all, is encoded once."""

    def __init__(self, core: Exchange) -> None:
        self._core = core
        self._count = 0
        self._numbers: dict[Order, int] = {}
        self._orders: dict[Order, msgspec.Raw] = {}
        self._trades: dict[Trade, msgspec.Raw] = {}

    def dump(self) -> dict[str, Any]:
        """Return everything but the terms and a recorded background as values that JSON knows; none changes later."""
        core = self._core
        known, self._numbers = self._numbers, {}
        for order in core.orders.all():
            self._number(order, known)
        resting = [self._number(order, known) for order in _by_priority(core)]
        trades = [self._trade(trade, known) for trade in core.settlement.all()]
        told = {
            "now_ns": core.now_ns,
            "seed": core.seed,
            "trade_count": core.settlement.count,
            "listings": [msgspec.to_builtins(listing) for listing in core.listings.values()],
            "ledger": _ledger_row(core),
            "ids": core.orders.ids(),
            "orders": [self._order(order, number) for order, number in self._numbers.items()],
            "remembered": [self._numbers[order] for order in core.orders.all()],
            "resting": resting,
            "trades": trades,
            "under_way": {trade.id: fate for trade, fate in core.settlement.under_way.values()},
            "due": sorted(core.due),
            "tallies": {address: dict(counts) for address, counts in core.tallies.by_address.items()},
        }
        self._orders = {order: row for order, row in self._orders.items() if order in self._numbers}
        self._trades = {trade: row for trade in core.settlement.all() if (row := self._trades.get(trade)) is not None}
        return told

    def _number(self, order: Order, known: dict[Order, int]) -> int:
        """Return an order's number, a new one for an order that has none: trades hold orders forgotten otherwise."""
        number = self._numbers.get(order)
        if number is None:
            number = known.get(order)
            if number is None:
                number = self._count = self._count + 1
            self._numbers[order] = number
        return number

    def _order(self, order: Order, number: int) -> msgspec.Raw | list[Any]:
        row = self._orders.get(order)
        if row is not None:
            return row
        told = [number, _order_row(order)]
        if order.living and order.new.maker != HOUSE:
            return told
        row = self._orders[order] = msgspec.Raw(_encode(told))
        return row

    def _trade(self, trade: Trade, known: dict[Order, int]) -> msgspec.Raw | dict[str, Any]:
        numbers = [self._number(leg.order, known) for leg in trade.legs]
        row = self._trades.get(trade)
        if row is not None:
            return row
        told = _trade_row(trade, numbers)
        if trade.status not in (TradeStatus.CONFIRMED, TradeStatus.FAILED):
            return told
        row = self._trades[trade] = msgspec.Raw(_encode(told))
        return row


def load(saved: dict[str, Any], terms: Terms | None = None) -> Exchange:
    """Return an exchange that goes on where `saved` was; nobody listens to it yet.

    Raises:
        KeyError, TypeError, ValueError, msgspec.ValidationError: it is no such state.
    """
    core = Exchange(terms, seed=saved["seed"])
    core.now_ns = saved["now_ns"]
    for row in saved["listings"]:
        core.list_market(msgspec.convert(row, Listing), core.now_ns)
    core.orders.remember(saved["ids"])
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


def _by_priority(core: Exchange) -> list[Order]:
    found: list[Order] = []
    for book in core.books.values():
        resting = sorted((r for side in Side for r in book.resting(side)), key=lambda r: r.seq)
        found += [order for r in resting if (order := core.orders.get(r.id)) is not None]
    return found


def _order_row(order: Order) -> dict[str, Any]:
    plain = ("price", "size", "created_ns", "matched", "reason", "reserve", "budget")
    return {
        "new": msgspec.to_builtins(order.new),
        "listing": order.listing.condition,
        "status": str(order.status),
        "trades": list(order.trades),
        **{name: getattr(order, name) for name in plain},
    }


def _order(row: dict[str, Any], core: Exchange) -> Order:
    more = {name: value for name, value in row.items() if name not in ("new", "listing", "status")}
    new = msgspec.convert(row["new"], NewOrder)
    return Order(new=new, listing=core.listings[row["listing"]], status=OrderStatus(row["status"]), **more)


def _rest(core: Exchange, order: Order) -> None:
    at = (order.new.side, order.price)
    taker = Taker.of(order.listing.market, TokenId(order.new.token), at, size=order.remaining)
    book = core.books[order.listing.condition]
    book.rest(ClientOrderId(order.id), taker.side, taker.limit, order.remaining)


def _trade_row(trade: Trade, numbers: Sequence[int]) -> dict[str, Any]:
    plain = ("id", "matched_ns", "updated_ns", "tx_hash")
    return {
        "listing": trade.listing.condition,
        "status": str(trade.status),
        "taker": _leg_row(trade.taker, numbers[0]),
        "makers": [_leg_row(leg, number) for leg, number in zip(trade.makers, numbers[1:], strict=True)],
        **{name: getattr(trade, name) for name in plain},
    }


def _leg_row(leg: Leg, number: int) -> dict[str, Any]:
    plain = ("token", "price", "size", "value", "fee", "kind")
    return {"order": number, "side": str(leg.side), **{name: getattr(leg, name) for name in plain}}


def _trade(row: dict[str, Any], orders: Mapping[int, Order], core: Exchange) -> Trade:
    makers = tuple(_leg(leg, orders) for leg in row["makers"])
    plain = {name: row[name] for name in ("id", "matched_ns", "updated_ns", "tx_hash")}
    return Trade(
        listing=core.listings[row["listing"]],
        status=TradeStatus(row["status"]),
        taker=_leg(row["taker"], orders),
        makers=makers,
        **plain,
    )


def _leg(row: dict[str, Any], orders: Mapping[int, Order]) -> Leg:
    return Leg(**{**row, "order": orders[row["order"]], "side": Side(row["side"])})


def _ledger_row(core: Exchange) -> dict[str, Any]:
    accounts = core.accounts
    return {
        "holdings": {wallet: msgspec.to_builtins(holding) for wallet, holding in accounts.holdings.items()},
        "pots": dict(accounts.pots),
        "fees": accounts.fees,
        "deposited": accounts.deposited,
    }


def _restore_ledger(core: Exchange, row: dict[str, Any]) -> None:
    accounts = core.accounts
    accounts.holdings = {wallet: msgspec.convert(holding, Holding) for wallet, holding in row["holdings"].items()}
    accounts.pots.update({MarketId(market): pot for market, pot in row["pots"].items()})
    accounts.fees, accounts.deposited = row["fees"], row["deposited"]
    for listing in core.listings.values():
        if listing.winner is not None:
            accounts.resolve(listing.market.id, listing.winner)
