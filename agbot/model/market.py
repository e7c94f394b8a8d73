"""What can be traded: a market (condition) with its two outcome tokens."""

from __future__ import annotations

import enum

import msgspec

from agbot.model.ids import MarketId, TokenId, VenueId
from agbot.units import SCALE, TICKS, complement


class Outcome(enum.StrEnum):
    """One of the two tokens of a binary market."""

    YES = "YES"
    NO = "NO"

    __hash__ = str.__hash__  # an Enum's own is Python, and every look at a book or a holding asks for it

    @property
    def other(self) -> Outcome:
        """Return the opposite outcome."""
        return Outcome.NO if self is Outcome.YES else Outcome.YES


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """A binary market. Prices and sizes are integers of 10⁻⁶; see `agbot.units`.

    The taker fee of C shares at price p is ``C · fee_rate · (p(1−p))^fee_exponent``; makers pay none. `end_ns` is the
    UTC time its question is due, 0 when nobody said. `exchange_version` is the version of Polymarket's exchange whose
    orders it takes; other venues pass over it. Sizes, and the usd of a market BUY, are multiples of `size_step`: the
    venue would cut the rest off in silence.
    """

    id: MarketId
    yes: TokenId
    no: TokenId
    tick: int = 10_000
    min_size: int = 5 * SCALE
    size_step: int = 1
    fee_rate: int = 0
    fee_exponent: int = 1
    slug: str = ""
    question: str = ""
    venue: VenueId = VenueId("paper")
    event_id: str = ""
    neg_risk: bool = False
    price_scale: int = SCALE
    size_scale: int = SCALE
    exchange_version: int = 2
    end_ns: int = 0

    def __post_init__(self) -> None:
        if self.yes == self.no:
            raise ValueError(f"market {self.id}: both outcomes have token {self.yes}")
        if self.tick not in TICKS:
            raise ValueError(f"market {self.id}: tick {self.tick} is not one of {TICKS}")
        if self.size_step < 1:
            raise ValueError(f"market {self.id}: size_step {self.size_step} is not positive")
        if self.min_size < 0 or self.fee_rate < 0 or self.fee_exponent < 0:
            raise ValueError(f"market {self.id}: min_size, fee_rate and fee_exponent are not negative")

    @property
    def name(self) -> str:
        """Return what a person calls it."""
        return self.slug or self.id

    def token(self, outcome: Outcome) -> TokenId:
        """Return the token of `outcome`."""
        return self.yes if outcome is Outcome.YES else self.no

    def outcome(self, token: TokenId) -> Outcome:
        """Return which outcome `token` is; KeyError when it is neither."""
        if token == self.yes:
            return Outcome.YES
        if token == self.no:
            return Outcome.NO
        raise KeyError(token)

    def yes_price(self, token: TokenId, price: int) -> int:
        """Return `price` of `token` seen from YES: NO at q is YES at 1 − q."""
        return price if token == self.yes else complement(price)
