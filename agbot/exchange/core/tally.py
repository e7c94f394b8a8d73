"""Counts that never forget, by address: what a client's own view is held against when details are long gone."""

from __future__ import annotations

from collections import Counter

from agbot.exchange.core.model import Fact, OrderNews, OrderTold, TradeStatus, TradeTold


class Tallies:
    """`by_address[address][word]`; words are placed, cancelled, trades (legs), matched_size, and trade statuses."""

    def __init__(self) -> None:
        self.by_address: dict[str, Counter[str]] = {}
        self.facts = 0

    def hear(self, fact: Fact) -> None:
        """Count a fact."""
        self.facts += 1
        if isinstance(fact, OrderTold):
            if fact.news is OrderNews.PLACEMENT:
                self._of(fact.order.new.address)["placed"] += 1
            elif fact.news is OrderNews.CANCELLATION:
                self._of(fact.order.new.address)["cancelled"] += 1
        elif isinstance(fact, TradeTold):
            for leg in fact.trade.legs:
                counts = self._of(leg.order.new.address)
                counts[fact.trade.status.lower()] += 1
                if fact.trade.status is TradeStatus.MATCHED:
                    counts["trades"] += 1
                    counts["matched_size"] += leg.size

    def _of(self, address: str) -> Counter[str]:
        counts = self.by_address.get(address)  # an empty Counter is false
        return self.by_address.setdefault(address, Counter()) if counts is None else counts
