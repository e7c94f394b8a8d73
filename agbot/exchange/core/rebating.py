"""Maker rebates: what part of a market's taker fees goes back to its makers, once a UTC day.

A market's pool is its `rebate_rate` of the day's taker fees; makers share it by the fee their own fills would have
paid as a taker's. Parts under one usd are not paid. Settled trades count, on the day they were mined.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import Fact, Listing, TradeStatus, TradeTold
from agbot.matching.clearing import OWING
from agbot.model.fees import taker_fee
from agbot.units import NS_PER_S, SCALE

DAY_NS: Final = 86_400 * NS_PER_S
LEAST: Final = SCALE
"""The smallest rebate that is paid, 10⁻⁶ usd."""


class Rebating:
    """Hears settled trades and pays at the end of each day; an act of the pacer."""

    def __init__(self) -> None:
        self._fees: Counter[str] = Counter()
        self._shares: dict[str, Counter[str]] = {}
        self._day = -1

    def hear(self, fact: Fact) -> None:
        """Count a trade that was mined."""
        if not isinstance(fact, TradeTold) or fact.trade.status is not TradeStatus.MINED or not fact.trade.taker.fee:
            return
        trade, market = fact.trade, fact.trade.listing.market
        self._fees[trade.listing.condition] += trade.taker.fee
        shares = self._shares.setdefault(trade.listing.condition, Counter())
        for leg in trade.makers:
            if leg.order.new.maker not in OWING:
                shares[leg.order.new.maker] += taker_fee(leg.size, leg.price, market.fee_rate, market.fee_exponent)

    def step(self, core: Exchange, now_ns: int) -> int:
        """Pay when a day has ended, and return when the next one does."""
        day = now_ns // DAY_NS
        if self._day not in (-1, day):
            self.pay(core, now_ns)
        self._day = day
        return (day + 1) * DAY_NS

    def pay(self, core: Exchange, now_ns: int) -> int:
        """Pay everybody what is due since the last time; return the usd."""
        paid = 0
        for condition, fees in self._fees.items():
            listing = core.listings[condition]
            for wallet, usd in self._parts(listing, fees):
                core.treasury.rebate(wallet, usd, now_ns, listing)
                paid += usd
        self._fees.clear()
        self._shares.clear()
        return paid

    def snapshot(self) -> dict[str, Any]:
        """Return what is due so far as plain values."""
        return {"day": self._day, "fees": dict(self._fees), "shares": {c: dict(x) for c, x in self._shares.items()}}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take over what `snapshot` gave."""
        self._day, self._fees = saved["day"], Counter(saved["fees"])
        self._shares = {condition: Counter(shares) for condition, shares in saved["shares"].items()}

    def _parts(self, listing: Listing, fees: int) -> list[tuple[str, int]]:
        shares = self._shares[listing.condition]
        total, pool = sum(shares.values()), fees * listing.rebate_rate // SCALE
        parts = [(wallet, pool * share // total) for wallet, share in shares.items()] if total else []
        return [(wallet, usd) for wallet, usd in parts if usd >= LEAST]
