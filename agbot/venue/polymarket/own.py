"""One order of ours as the venue has it, and what messages about it mean. Pure; `ledger.py` holds them all."""

from __future__ import annotations

import enum
from collections import Counter
from typing import Final

import attrs
import msgspec

from agbot.model.events import OrderFilled
from agbot.model.fees import taker_fee
from agbot.model.ids import ClientOrderId, TradeId
from agbot.model.order import Liquidity, Order, OrderState, Settlement, TimeInForce
from agbot.units import NS_PER_S, SCALE, complement
from agbot.venue.polymarket import retry
from agbot.venue.polymarket.wire.rest import OpenOrder, Trade
from agbot.venue.polymarket.wire.user import OrderUpdate, UserEvent

CENT: Final = SCALE // 100
DUST: Final = SCALE // 100
"""Shares: amounts that differ by less are the same to the venue."""
SETTLES_WITHIN_NS: Final = 30 * NS_PER_S
"""A fill that is still provisional after this is asked about."""
_LATE_NS: Final = 300 * NS_PER_S
"""How long a trade may take to appear in the venue's list."""
_APART_NS: Final = 10 * NS_PER_S
"""How far our clock may be ahead of the one that dates trades; the doctor fails one that is 8 s off."""

_RANK: Final = {
    Settlement.MATCHED: 0,
    Settlement.MINED: 1,
    Settlement.RETRYING: 1,
    Settlement.CONFIRMED: 2,
    Settlement.FAILED: 2,
}


class Stage(enum.StrEnum):
    """What is known of an order's existence at the venue."""

    SENDING = "SENDING"
    UNRESOLVED = "UNRESOLVED"
    PLACED = "PLACED"
    ENDED = "ENDED"


@attrs.define(kw_only=True, eq=False)
class OwnOrder:
    """One order of ours. Shares and usd in 10⁻⁶.

    Args:
        order: as the caller gave it.
        order_id: the venue's, known before sending.
        body: the bytes that are posted, and posted again.
        signature: of the order, hexadecimal.
        asked: the shares the caller asked for.
        shares: the shares that were signed; the venue takes two decimals.
        budget: usd a MARKET BUY spends, else 0.
        offered: the maker amount that was signed: usd of a BUY, shares of a SELL.
        fee_rate: of the market, for what we take; with `fee_exponent`.
        sent_ns: when the first post left, or may have.
    """

    order: Order
    order_id: str = ""
    body: bytes = b""
    signature: str = ""
    asked: int
    shares: int
    sent_ns: int
    budget: int = 0
    offered: int = 0
    fee_rate: int = 0
    fee_exponent: int = 1

    stage: Stage = Stage.SENDING
    state: OrderState = OrderState.PENDING_NEW
    alias: str = ""
    matched: int = 0
    """Shares the venue says it matched; trades tell which."""
    counted: bool = False
    """Whether `matched` is the last word. A yes to a cancel says that no more will match, not how much did."""
    closed: OrderState | None = None
    """The end the venue told of, once nothing more will match."""
    reason: str = ""
    trades: dict[str, tuple[int, Settlement, int]] = attrs.Factory(dict)
    """Shares, settlement and time by trade id."""
    names: dict[tuple[str | int, ...], TradeId] = attrs.Factory(dict)
    """What trades are called: by id and who met whom, and by who met whom at what price and size."""
    met: dict[str, tuple[str, ...]] = attrs.Factory(dict)
    """Who met whom in the first trade of an id."""
    last_told: dict[str, Trade] = attrs.Factory(dict)
    """What was folded in last, by the venue's id."""
    final_told: bool = False
    doubtful: bool = False
    unwanted: bool = False
    """Its cancel was asked for, and nobody has said yet that it is off."""
    written_off: bool = False
    told_unknown: bool = False
    """The caller was told that its fate is not known: that it exists must be said again."""
    absent: int = 0
    looks: int = 0
    look_ns: int = 0
    urgent: bool = False
    attempts: Counter[str] = attrs.Factory(Counter)
    """Requests about it so far, by operation."""

    @property
    def name(self) -> ClientOrderId:
        """Return the client order id."""
        return self.order.client_order_id

    @property
    def heard(self) -> int:
        """Return the shares of every trade heard of, whether it settled or not."""
        return sum(size for size, _, _ in self.trades.values())

    @property
    def filled(self) -> int:
        """Return the shares of the trades that stand."""
        return sum(size for size, word, _ in self.trades.values() if word is not Settlement.FAILED)

    @property
    def provisional(self) -> bool:
        """Return whether a trade of it has not settled yet."""
        return any(_RANK[word] < _RANK[Settlement.CONFIRMED] for _, word, _ in self.trades.values())

    @property
    def puzzling(self) -> bool:
        """Return whether the venue must be asked what became of it."""
        if self.stage is Stage.PLACED:
            return self.closed is not None or self.doubtful or self.unwanted
        return self.stage is Stage.UNRESOLVED

    def ask_at(self, now_ns: int, random_unit: float) -> None:
        """Put the next question by the schedule; that of a trade that only has to settle is not urgent."""
        soon_ns = int(retry.ASK_AGAIN.delay_s(self.looks, random_unit) * NS_PER_S)
        self.look_ns = now_ns + (soon_ns if self.puzzling else max(soon_ns, SETTLES_WITHIN_NS))

    def since_ns(self, synced_ns: int) -> int:
        """Return the time from which trades of it may be unknown."""
        unsettled = [ts for _, word, ts in self.trades.values() if _RANK[word] < _RANK[Settlement.CONFIRMED]]
        return min([max(self.sent_ns - _APART_NS, synced_ns - _LATE_NS), *unsettled])

    def knows(self, event: UserEvent) -> bool:
        """Return whether it is a trade that was folded in as it is: each look at the venue's list tells them again."""
        return isinstance(event, Trade) and not self.told_unknown and self.last_told.get(event.id) == event

    def fill_of(self, trade: Trade) -> OrderFilled | None:
        """Return what `trade` is to this order; None when it is not in it.

        As a maker we traded at our own price, as a taker at the makers' prices: the average of them, in this token.
        """
        if trade.taker_order_id in (self.order_id, self.alias) and trade.taker_order_id:
            price, size = _taken_at(trade), trade.size
            fee = taker_fee(size, price, self.fee_rate, self.fee_exponent)
            return self._filled(trade, price, size, fee, Liquidity.TAKER)
        mine = [m for m in trade.maker_orders if m.order_id and m.order_id in (self.order_id, self.alias)]
        if not mine:
            return None
        size = sum(m.matched for m in mine)
        return self._filled(trade, mine[0].price, size, 0, Liquidity.MAKER)

    def note(self, fill: OrderFilled) -> OrderFilled | None:
        """Keep a fill in mind and return it as evidence, marked final when it is; None when it tells nothing new."""
        before = self.trades.get(fill.trade_id)
        if before is not None and _RANK[fill.settlement] < _RANK[before[1]]:
            return None
        if before is not None and fill.settlement is before[1]:
            return None
        self.trades[fill.trade_id] = (fill.size, fill.settlement, fill.ts_ns)
        if not self.budget and self.heard >= self.shares:
            self.closed, self.matched, self.counted = self.closed or OrderState.FILLED, self.heard, True
        if not (self.budget and self.closed is OrderState.FILLED and self.heard > self.matched - DUST):
            return fill
        if before is not None or self.final_told or fill.settlement is Settlement.FAILED:
            return fill
        self.final_told = True
        return msgspec.structs.replace(fill, final=True)

    def _name_of(self, trade: Trade, price: int, size: int) -> TradeId:
        """Return what a trade is called here: its id, unless that is another trade's too.

        The venue was seen to tell several trades of one taker under one id, and later each under its own. Who met whom
        tells them apart: a taker meets a maker once. One that is told again with another size keeps its name: that is
        a contradiction, and is shown as one.
        """
        if not trade.maker_orders:
            return TradeId(trade.id)
        who = (trade.taker_order_id, *sorted(maker.order_id for maker in trade.maker_orders))
        if self.met.setdefault(trade.id, who) == who and (trade.id, *who) in self.names:
            return self.names[trade.id, *who]
        shared = self.met[trade.id] != who
        told = self.names.setdefault(
            (*who, price, size), TradeId(f"{trade.id}/{len(self.names)}" if shared else trade.id)
        )
        return self.names.setdefault((trade.id, *who), told)

    def _filled(self, trade: Trade, price: int, size: int, fee: int, liquidity: Liquidity) -> OrderFilled:
        return OrderFilled(
            client_order_id=self.name,
            trade_id=self._name_of(trade, price, size),
            price=price,
            size=size,
            fee=fee,
            liquidity=liquidity,
            ts_ns=trade.match_ns or trade.updated_ns,
            match=_match(trade, self.order.token),
            settlement=trade.status,
        )


def end_of(own: OwnOrder, told: OrderUpdate | OpenOrder) -> OrderState | None:
    """Return how an order ended by the venue's word for it, None while it may still match.

    A cancellation is one whatever its status says: kills and a game's start come with odd words.
    """
    word = told.status
    cancelled = word.startswith("CANCEL") or word == "INVALID" or getattr(told, "kind", "") == "CANCELLATION"
    if cancelled and ("EXPIRED" in word or _outlived(own, told)):
        return OrderState.EXPIRED
    if cancelled:
        return OrderState.CANCELLED
    if word == "MATCHED" and (own.order.time_in_force.immediate or 0 < told.original_size < told.size_matched + DUST):
        return OrderState.FILLED
    return None


def _outlived(own: OwnOrder, told: OrderUpdate | OpenOrder) -> bool:
    """Return whether a cancellation is a GTD order's end. The venue gives no word of its own for it on the stream."""
    if own.order.time_in_force is not TimeInForce.GTD or not isinstance(told, OrderUpdate):
        return False
    return not own.unwanted and told.ts_ns >= own.order.expire_ns - NS_PER_S


def _taken_at(trade: Trade) -> int:
    makers = trade.maker_orders
    if not makers or sum(m.matched for m in makers) != trade.size or not all(0 < m.price < SCALE for m in makers):
        return trade.price
    usd = sum(m.matched * (m.price if m.token in ("", trade.token) else complement(m.price)) for m in makers)
    return (2 * usd + trade.size) // (2 * trade.size)


def _match(trade: Trade, token: str) -> str:
    """Return how it matched: both sides in one token, or a new pair made (mint) or taken out of the world (merge)."""
    if trade.token == token:
        return (
            "normal"
            if not trade.maker_orders or any(m.token in ("", token) for m in trade.maker_orders)
            else ("mint" if trade.side.sign > 0 else "merge")
        )
    return "mint" if trade.side.sign > 0 else "merge"
