"""What ``/notifications`` tells an account: its cancels and fills, markets that opened and that were resolved."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

import attrs

from agbot.exchange.clob.market_json import record_json
from agbot.exchange.clob.wire import Json, text
from agbot.exchange.core.model import (
    Fact,
    Leg,
    Listed,
    Listing,
    Order,
    OrderNews,
    OrderTold,
    Resolved,
    Trade,
    TradeStatus,
    TradeTold,
)
from agbot.units import NS_PER_S

CANCELED: Final = 1
FILLED: Final = 2
LISTED: Final = 3
RESOLVED: Final = 4
FILL_FAILED: Final = 8
KEPT: Final = 100
"""Notices of one account; the oldest are forgotten."""
ACCOUNTS_MAX: Final = 10_000


@attrs.frozen
class _Notice:
    id: int
    kind: int
    ts_ns: int
    about: Order | Listing
    matched: int = 0
    trade: Trade | None = None


class Notices:
    """Notices of accounts that have joined.

    Args:
        fair: what YES of a market is worth, 10⁻⁶ usd.
    """

    def __init__(self, fair: Callable[[Listing], int]) -> None:
        self._fair = fair
        self._of: dict[str, deque[_Notice]] = {}
        self._count = 0

    def join(self, address: str) -> None:
        """Keep notices for an address (EOA) from now on."""
        if address not in self._of and len(self._of) < ACCOUNTS_MAX:
            self._of[address] = deque(maxlen=KEPT)

    def hear(self, fact: Fact) -> None:
        """Take a fact of the exchange."""
        match fact:
            case OrderTold(order=order, news=OrderNews.CANCELLATION, ts_ns=ts_ns):
                self._note(order.new.address, CANCELED, ts_ns, order, order.matched)
            case TradeTold(trade=trade, ts_ns=ts_ns) if trade.status in _FILLS:
                for leg in trade.legs:
                    self._filled(trade, leg, ts_ns)
            case Listed(listing=listing, ts_ns=ts_ns):
                self._everybody(LISTED, ts_ns, listing)
            case Resolved(listing=listing, ts_ns=ts_ns):
                self._everybody(RESOLVED, ts_ns, listing)

    def told(self, address: str, key: str) -> list[Json]:
        """Return the notices of an address, oldest first; `key` owns those that are about no order."""
        return [self._json(notice, key) for notice in self._of.get(address, ())]

    def drop(self, address: str, ids: Iterable[str]) -> None:
        """Forget notices; ids that are none are passed over."""
        unwanted = set(ids)
        mine = self._of.get(address)
        if mine is not None:
            self._of[address] = deque((n for n in mine if str(n.id) not in unwanted), maxlen=KEPT)

    def _filled(self, trade: Trade, leg: Leg, ts_ns: int) -> None:
        self._note(leg.order.new.address, _FILLS[trade.status], ts_ns, leg.order, leg.order.matched, trade)

    def _everybody(self, kind: int, ts_ns: int, listing: Listing) -> None:
        for address in self._of:
            self._note(address, kind, ts_ns, listing)

    def _note(  # noqa: PLR0917 - the fields of a notice
        self,
        address: str,
        kind: int,
        ts_ns: int,
        about: Order | Listing,
        matched: int = 0,
        trade: Trade | None = None,
    ) -> None:
        if address in self._of:
            self._count += 1
            self._of[address].append(_Notice(self._count, kind, ts_ns, about, matched, trade))

    def _json(self, notice: _Notice, key: str) -> Json:
        about = notice.about
        payload = record_json(about, self._fair(about)) if isinstance(about, Listing) else _order_json(notice, about)
        owner = key if isinstance(about, Listing) else about.new.owner
        return {
            "id": notice.id,
            "type": notice.kind,
            "owner": owner,
            "timestamp": notice.ts_ns // NS_PER_S,
            "payload": payload,
        }


_FILLS: Final = {TradeStatus.MATCHED: FILLED, TradeStatus.FAILED: FILL_FAILED}


def _order_json(notice: _Notice, order: Order) -> Json:
    listing, token = order.listing, order.new.token
    return {
        "asset_id": token,
        "market": listing.condition,
        "order_id": order.id,
        "side": str(order.new.side),
        "type": str(order.new.order_type),
        "price": text(order.price),
        "original_size": text(order.size),
        "matched_size": text(notice.matched),
        "remaining_size": text(max(0, order.size - notice.matched)),
        "outcome": listing.outcome_name(token),
        "outcome_index": 0 if token == listing.market.yes else 1,
        "transaction_hash": notice.trade.tx_hash if notice.trade else "",
        "trade_id": notice.trade.id if notice.trade else "",
        "question": listing.market.question,
        "market_slug": listing.market.slug,
        "icon": "",
        "image": "",
        "eventSlug": listing.event.slug,
        "seriesSlug": "",
    }
