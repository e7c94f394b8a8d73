"""The exchange without its wires: listings, orders, matching, settlement, the ledger. Pure: time is an argument."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs

from agbot.exchange.model import Fact, Listing, NewOrder, Order, Placed, Trade
from agbot.model.events import BookDelta, BookSnapshot, Level, TradePrint
from agbot.model.order import Side


@attrs.frozen(kw_only=True)
class Terms:
    """How the exchange behaves."""

    mined_after_ns: int = 500_000_000
    confirmed_after_ns: int = 1_000_000_000
    retry_rate: float = 0.0
    fail_rate: float = 0.0
    self_trade: str = "refuse"
    grant_usd: int = 1_000_000_000
    """What a wallet gets, 10⁻⁶ usd, when it is seen for the first time."""


class Exchange:
    """All markets, accounts and orders. Every call that changes something takes the time and tells `listeners`."""

    def __init__(self, terms: Terms | None = None, *, seed: int = 0) -> None:
        self.terms = terms or Terms()
        self.listeners: list[Callable[[Fact], None]] = []
        self.listings: dict[str, Listing] = {}
        """By condition id, in the order they were listed."""

    # ---- listings
    def list_market(self, listing: Listing, now_ns: int) -> None:
        """Open a market."""
        raise NotImplementedError

    def of_token(self, token: str) -> Listing | None:
        """Return the market of a token."""
        raise NotImplementedError

    def levels(self, listing: Listing, side: Side) -> list[Level]:
        """Return (YES price, size) of BUY (bids) or SELL (asks), best first."""
        raise NotImplementedError

    def set_tick(self, listing: Listing, tick: int, now_ns: int) -> None:
        """Make a market's tick finer."""
        raise NotImplementedError

    def resolve(self, listing: Listing, winner: str, now_ns: int) -> None:
        """Cancel the market's orders and name its winner (a token); redeeming is the holders' own call."""
        raise NotImplementedError

    # ---- orders
    def place(self, new: NewOrder, now_ns: int) -> Placed:
        """Take an order, or raise Refused with the venue's text."""
        raise NotImplementedError

    def cancel(self, address: str, ids: Iterable[str], now_ns: int) -> tuple[list[str], dict[str, str]]:
        """Cancel orders of one EOA; return those cancelled, and why the others were not."""
        raise NotImplementedError

    def open_orders(self, address: str) -> Sequence[Order]:
        """Return an EOA's living orders, oldest first."""
        raise NotImplementedError

    def order(self, order_id: str) -> Order | None:
        """Return an order, living or ended (a bounded tail of those)."""
        raise NotImplementedError

    def trades_of(self, address: str) -> Sequence[Trade]:
        """Return trades with a leg of this EOA, oldest first."""
        raise NotImplementedError

    # ---- time
    def advance(self, now_ns: int) -> None:
        """Let everything happen that is due: delayed orders, expiries, settlements."""
        raise NotImplementedError

    def next_due(self) -> int | None:
        """Return when `advance` next has something to do."""
        raise NotImplementedError

    # ---- money
    def deposit(self, wallet: str, usd: int, now_ns: int) -> None:
        """Credit (or, negative, debit) pUSD from outside."""
        raise NotImplementedError

    def split(self, wallet: str, listing: Listing, size: int) -> None:
        """Turn usd into pairs."""
        raise NotImplementedError

    def merge(self, wallet: str, listing: Listing, size: int) -> None:
        """Turn pairs into usd."""
        raise NotImplementedError

    def convert(self, wallet: str, listings: Sequence[Listing], size: int) -> None:
        """Neg-risk conversion: `size` NO of each chosen question into usd and YES of the others."""
        raise NotImplementedError

    def redeem(self, wallet: str, listing: Listing) -> int:
        """Pay a resolved market's shares out; return the usd."""
        raise NotImplementedError

    def balance(self, wallet: str, token: str = "") -> int:
        """Return settled usd, or shares of a token."""
        raise NotImplementedError

    # ---- a recorded background
    def background(self, event: BookSnapshot | BookDelta | TradePrint, now_ns: int) -> None:
        """Apply a recorded message of the YES token: one aggregated participant per level."""
        raise NotImplementedError

    def ledger(self) -> dict[str, Any]:
        """Return everything for a person or a test: accounts, pots, fees, orders, trades; all amounts as text."""
        raise NotImplementedError
