"""Trades from match to the end of their settlement: MATCHED → MINED → CONFIRMED, or RETRYING and then either way."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import islice
from typing import Final

from agbot.exchange.core.model import Fact, Leg, Trade, TradeStatus, TradeTold
from agbot.exchange.core.terms import Terms
from agbot.matching.clearing import Ledger, ShortfallError, Transfer
from agbot.model.ids import TokenId

TRADES_KEPT: Final = 5_000
"""Trades that can still be asked for."""
CONFIRM: Final = "confirm"
RETRY: Final = "retry"
FAIL: Final = "fail"
NEXT: Final = {
    (CONFIRM, TradeStatus.MATCHED): TradeStatus.MINED,
    (RETRY, TradeStatus.MATCHED): TradeStatus.RETRYING,
    (FAIL, TradeStatus.MATCHED): TradeStatus.RETRYING,
    (RETRY, TradeStatus.RETRYING): TradeStatus.MINED,
    (FAIL, TradeStatus.RETRYING): TradeStatus.FAILED,
    (CONFIRM, TradeStatus.MINED): TradeStatus.CONFIRMED,
    (RETRY, TradeStatus.MINED): TradeStatus.CONFIRMED,
}
"""What comes after a status, by a trade's fate."""


class Settlement:
    """All trades that are remembered, and what is to become of those under way.

    Args:
        seed: decides ids, hashes and, by the rates of `terms`, fates; each follows from the seed and a counter alone.
        tell: hears each new status.
    """

    def __init__(self, ledger: Ledger, terms: Terms, seed: int, tell: Callable[[Fact], None]) -> None:
        self.fate: Callable[[Trade], str] = self.drawn_fate
        """Decides a new trade's end: `CONFIRM`, `RETRY` or `FAIL`."""
        self.lag_ns: Callable[[Trade], int] = _none
        """Decides how much longer than the terms say a new trade waits to be mined."""
        self.release_matched = True
        """Whether the balance gate stops counting a trade that was mined."""
        self.count = 0
        self.under_way: dict[str, tuple[Trade, str]] = {}
        self._ledger = ledger
        self._terms = terms
        self._seed = seed
        self._tell = tell
        self._all: dict[str, Trade] = {}
        self._by_address: dict[str, deque[Trade]] = {}

    def name(self) -> str:
        """Return the next trade's id."""
        self.count += 1
        return str(uuid.UUID(bytes=self._draw("trade", str(self.count))[:16], version=4))

    def begin(self, trade: Trade) -> None:
        """Take in a new trade; its parties' usd and shares are promised from here on."""
        self._ledger.promise(transfers(trade))
        self.under_way[trade.id] = (trade, self.fate(trade))
        self.remember(trade)
        self._tell(TradeTold(trade, trade.matched_ns))

    def remember(self, trade: Trade) -> None:
        """Make a trade one that its lasting orders' owners can ask for."""
        parties = _parties(trade)
        if not parties:
            return
        self._all[trade.id] = trade
        for address in parties:
            self._by_address.setdefault(address, deque()).append(trade)
        if len(self._all) > TRADES_KEPT:
            oldest = self._all.pop(next(iter(self._all)))
            for address in _parties(oldest):
                self._by_address[address].popleft()

    def step(self, trade_id: str, now_ns: int) -> tuple[Trade, bool] | None:
        """Move a trade one status on; return it and whether more is to come, None when it is at its end already."""
        if trade_id not in self.under_way:
            return None
        trade, fate = self.under_way[trade_id]
        trade.status, trade.updated_ns = NEXT[fate, trade.status], now_ns
        if trade.status is TradeStatus.MINED and not self._mined(trade):
            trade.status = TradeStatus.FAILED
        if trade.status is TradeStatus.FAILED:
            self._ledger.release(transfers(trade))
        final = trade.status in (TradeStatus.CONFIRMED, TradeStatus.FAILED)
        if final:
            del self.under_way[trade_id]
        self._tell(TradeTold(trade, now_ns))
        return trade, not final

    def get(self, trade_id: str) -> Trade | None:
        """Return a trade that is remembered."""
        return self._all.get(trade_id)

    def of(self, address: str) -> Sequence[Trade]:
        """Return trades with a leg of an address, oldest first."""
        return tuple(self._by_address.get(address, ()))

    def latest(self, most: int) -> list[Trade]:
        """Return at most so many trades, and before them those under way that are older: oldest first."""
        latest = list(islice(reversed(self._all.values()), most))[::-1]
        names = {trade.id for trade in latest}
        return [*(trade for trade, _ in self.under_way.values() if trade.id not in names), *latest]

    def drawn_fate(self, trade: Trade) -> str:
        """Return a fate by the rates of the terms."""
        dice = int.from_bytes(self._draw("fate", trade.id)[:4], "big") / 2**32
        if dice < self._terms.fail_rate:
            return FAIL
        return RETRY if dice < self._terms.fail_rate + self._terms.retry_rate else CONFIRM

    def _mined(self, trade: Trade) -> bool:
        """Move what a trade promised; False, and nothing moves, when somebody no longer has it."""
        parts = transfers(trade)
        try:
            self._ledger.settle(trade.listing.market.id, parts)
        except ShortfallError:
            return False
        trade.tx_hash = "0x" + self._draw("tx", trade.id).hex()
        if not self.release_matched:
            for part in parts:
                token, amount = part.gives
                stuck = self._ledger.holding(part.wallet).stuck_amounts
                stuck[token or ""] = stuck.get(token or "", 0) + amount
        return True

    def _draw(self, *words: str) -> bytes:
        return sha256("|".join((str(self._seed), *words)).encode()).digest()


def _none(trade: Trade) -> int:  # noqa: ARG001 - a trade like any other
    return 0


def transfers(trade: Trade) -> list[Transfer]:
    """Return what each party of a trade gives and gets."""
    return [_transfer(leg) for leg in trade.legs]


def _transfer(leg: Leg) -> Transfer:
    return Transfer(
        wallet=leg.order.new.maker,
        token=TokenId(leg.token),
        side=leg.side,
        size=leg.size,
        value=leg.value,
        fee=leg.fee,
    )


def _parties(trade: Trade) -> list[str]:
    return list(dict.fromkeys(leg.order.new.address for leg in trade.legs if leg.order.new.lasting))
