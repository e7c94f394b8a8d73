"""A market's book as its facts tell it: what subscribers have seen so far, whatever the core did since."""

from __future__ import annotations

from collections.abc import Iterable

from agbot.model.events import BID, Change, Level
from agbot.units import SCALE


class Mirror:
    """One book in YES prices. `bid` is 0 when there is none, `ask` 1 usd, as the venue writes it."""

    def __init__(self, bids: Iterable[Level] = (), asks: Iterable[Level] = ()) -> None:
        self._bids = dict(bids)
        self._asks = dict(asks)
        self.bid = max(self._bids, default=0)
        self.ask = min(self._asks, default=SCALE)

    def apply(self, changes: Iterable[Change]) -> None:
        """Set levels to their new sizes."""
        for side, price, size in changes:
            if side == BID:
                self._set_bid(price, size)
            else:
                self._set_ask(price, size)

    def bids(self) -> list[Level]:
        """Return the bids, best first."""
        return sorted(self._bids.items(), reverse=True)

    def asks(self) -> list[Level]:
        """Return the asks, best first."""
        return sorted(self._asks.items())

    def _set_bid(self, price: int, size: int) -> None:
        if size:
            self._bids[price] = size
            self.bid = max(self.bid, price)
        elif self._bids.pop(price, 0) and price == self.bid:
            self.bid = max(self._bids, default=0)

    def _set_ask(self, price: int, size: int) -> None:
        if size:
            self._asks[price] = size
            self.ask = min(self.ask, price)
        elif self._asks.pop(price, 0) and price == self.ask:
            self.ask = min(self._asks, default=SCALE)
