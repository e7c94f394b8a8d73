"""What the exchange has to offer when it opens: listings, opening books, tags, and where ids come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Final

import attrs

from agbot.exchange.core.model import Listing
from agbot.model.events import BookSnapshot, Level
from agbot.model.ids import TokenId

_WORD: Final = (1 << 64) - 1
_MIDDLE: Final = 40
"""Bits 40 to 103 of a token id are all zero in Protocol V2 position ids, and in no others."""
_BINARY: Final = 1
_NEG_RISK: Final = 2
_KNOWN_TAGS: Final = {"sports": 1, "politics": 2, "crypto": 21, "economy": 100_328, "finance": 120, "tech": 1_401}


@attrs.frozen
class Tag:
    """A topic that events are filed under; `id` is decimal digits."""

    id: str
    slug: str
    label: str


@attrs.frozen
class OpeningBook:
    """Resting size a market opens with. `token` is its YES token; levels are (YES price, size), best first."""

    token: TokenId
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]

    def snapshot(self, ts_ns: int) -> BookSnapshot:
        """Return it as a message of a recorded background."""
        return BookSnapshot(self.token, self.bids, self.asks, ts_ns)


def _listed(listings: Iterable[Listing]) -> tuple[Listing, ...]:
    return tuple(listings)


@attrs.frozen
class Catalogue:
    """What to open with. `left_out` says why parts of a file were passed over, such as markets without token ids."""

    listings: tuple[Listing, ...] = attrs.field(default=(), converter=_listed)
    books: tuple[OpeningBook, ...] = ()
    tags: Mapping[str, Tag] = attrs.field(factory=dict)
    left_out: tuple[str, ...] = ()

    def tag(self, slug: str) -> Tag:
        """Return the tag with this slug: as recorded, else one whose id follows from the slug."""
        return self.tags.get(slug) or invented_tag(slug)


def invented_tag(slug: str) -> Tag:
    """Return a tag of the venue's own id where it is well known, else of one derived from the slug."""
    number = _KNOWN_TAGS.get(slug) or 200_000 + draw("tag", slug) % 800_000
    return Tag(str(number), slug, slug.replace("-", " ").title())


def draw(*words: object) -> int:
    """Return a number of 256 bits that only `words` decide."""
    return int.from_bytes(sha256("\x1f".join(map(str, words)).encode()).digest(), "big")


def hex32(number: int) -> str:
    """Return a number below 2²⁵⁶ as 0x and 64 hexadecimal digits."""
    return f"0x{number:064x}"


def ctf_ids(*words: object) -> tuple[str, str, str]:
    """Return (condition, YES token, NO token) of a market of Protocol V1."""
    return hex32(draw("condition", *words)), _token("yes", *words), _token("no", *words)


def position_ids(*words: object, neg_risk: bool = False) -> tuple[str, str, str]:
    """Return (condition, YES position, NO position) of Protocol V2: the condition is the YES position's number."""
    module = _NEG_RISK if neg_risk else _BINARY
    body = draw("position", *words) & ~(_WORD << _MIDDLE) & ~0xFF & ((1 << 248) - 1)
    yes = module << 248 | body
    return hex32(yes), str(yes), str(yes | 1)


def is_position(token: str) -> bool:
    """Return whether a token id has the shape of a Protocol V2 position."""
    return not int(token) >> _MIDDLE & _WORD


def _token(*words: object) -> str:
    number = draw("token", *words)
    return str(number if number >> _MIDDLE & _WORD else number | 1 << _MIDDLE)
