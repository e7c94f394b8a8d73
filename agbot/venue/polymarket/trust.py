"""Whether the book of one token can be believed: pure, with time passed in.

Theory of operation: the feed keeps a book of its own for each token and holds it against everything else it is told.
A doubt is raised by what contradicts it and ended by what can end it: most by the next whole book, a ghost by the end
of the contradiction, a REST disagreement by a REST agreement. What passes by itself within a few messages (a crossed
book between two messages, best prices named a moment early) is no doubt: it must last, in messages or in time.
"""

from __future__ import annotations

from typing import Final, Protocol

import attrs

from agbot.core.book import CURED_BY_SNAPSHOT, OrderBook
from agbot.model.events import BookDelta, BookSnapshot, Doubt, Level, TradePrint
from agbot.units import NS_PER_S, SCALE
from agbot.venue.polymarket.wire import Top

CURED_BY_A_NEW_BOOK: Final = frozenset(Doubt) - {Doubt.UNSUBSCRIBED, Doubt.SILENT}
"""Doubts worth a subscription anew; silence is the socket's and has its own remedy."""
WORTH_A_CHECK: Final = frozenset({Doubt.CROSSED, Doubt.DISAGREES, Doubt.REST, Doubt.GHOST})
"""Doubts that the book over REST can say something about."""


class CheckedBook(Protocol):
    """A book from elsewhere (over REST): levels in any order, prices and sizes in 10⁻⁶, the venue's time of it."""

    @property
    def bids(self) -> tuple[Level, ...]: ...
    @property
    def asks(self) -> tuple[Level, ...]: ...
    @property
    def ts_ns(self) -> int: ...


@attrs.frozen(kw_only=True)
class TrustTerms:
    """How much contradiction is normal.

    Args:
        messages: a crossed or contradicted book is doubted after more than so many messages of its token,
        seconds: or when it lasts longer than this.
        far: 10⁻⁶ usd; best prices within this of 0 and 1 on both sides are far from any trade.
        trades_s: how long a trade between far prices speaks against them.
    """

    messages: int = 5
    seconds: float = 3.0
    far: int = 20_000
    trades_s: float = 60.0


class _Streak:
    """How long something has been wrong without a break."""

    __slots__ = ("_began_messages", "_began_ns")

    def __init__(self) -> None:
        self._began_messages = -1
        self._began_ns = 0

    def lasts(self, wrong: bool, messages: int, now_ns: int, terms: TrustTerms) -> bool:
        """Note how things are now; returns whether they have been wrong for too long."""
        if not wrong:
            self._began_messages = -1
            return False
        if self._began_messages < 0:
            self._began_messages, self._began_ns = messages, now_ns
        too_many = messages - self._began_messages >= terms.messages
        return too_many or now_ns - self._began_ns > terms.seconds * NS_PER_S


class TokenTrust:
    """One token as its feed knows it: the book, and what speaks against it.

    Attributes:
        book: what the stream said, applied.
        live: whether a whole book has come since the last subscription to a new socket.
        messages: books and deltas so far.
    """

    def __init__(self, tick: int, terms: TrustTerms | None = None) -> None:
        self.book = OrderBook(tick)
        self.live = False
        self.messages = 0
        self._terms = terms or TrustTerms()
        self._causes: set[Doubt] = {Doubt.NO_SNAPSHOT}
        self._crossed = _Streak()
        self._contradicted = _Streak()
        self._print = (0, 0)
        self._mismatch_ns = 0

    @property
    def cause(self) -> Doubt | None:
        """Return the first doubt that holds, in the order of `Doubt`; None when the book is believed."""
        causes = self._causes
        return next(doubt for doubt in Doubt if doubt in causes) if causes else None

    @property
    def wants_a_new_book(self) -> bool:
        """Return whether subscribing anew could end a doubt."""
        return not self._causes.isdisjoint(CURED_BY_A_NEW_BOOK)

    @property
    def wants_a_check(self) -> bool:
        """Return whether the book over REST could tell more."""
        return bool(self._mismatch_ns) or not self._causes.isdisjoint(WORTH_A_CHECK)

    # -- what the stream says --------------------------------------------------------------------------------------

    def snapshot(self, event: BookSnapshot) -> bool:
        """Replace the book; returns whether it could be applied."""
        self.messages += 1
        if not self.book.snapshot(event.bids, event.asks, event.ts_ns):
            self._causes.add(Doubt.IMPOSSIBLE)
            return False
        self.live = True
        self._causes -= CURED_BY_SNAPSHOT
        return True

    def delta(self, event: BookDelta) -> bool:
        """Apply changes; returns whether they could be applied."""
        self.messages += 1
        return self.book.delta(event.changes, event.ts_ns)

    def retick(self, tick: int) -> None:
        """Follow a tick change: until the next whole book nobody knows which levels were moved."""
        if tick != self.book.tick:
            self.book.retick(tick)
            self._causes.add(Doubt.TICK)

    def print(self, event: TradePrint, now_ns: int) -> None:
        """Remember the last trade."""
        self._print = (event.price, now_ns)

    def doubt(self, cause: Doubt) -> None:
        """Raise a doubt that came from outside."""
        self._causes.add(cause)

    def silent(self, silent: bool) -> None:
        """Note whether the socket is silent."""
        if silent:
            self._causes.add(Doubt.SILENT)
        else:
            self._causes.discard(Doubt.SILENT)

    def lost(self) -> None:
        """Note that the link is gone: what is missed from here on is not known."""
        if self.live:
            self._causes = {Doubt.GAP}
        self.live = False

    # -- what speaks against the book ------------------------------------------------------------------------------

    def look(self, now_ns: int, claimed: Top | None, other: OrderBook | None = None) -> None:
        """Hold the book against the best prices the venue names, the last trade and the other outcome's live book."""
        if not self.live:
            return
        book, terms, messages = self.book, self._terms, self.messages
        if self._crossed.lasts(book.crossed, messages, now_ns, terms):
            self._causes.add(Doubt.CROSSED)
        wrong = claimed is not None and (claimed.bid != book.best_bid or claimed.ask != book.best_ask)
        if self._contradicted.lasts(wrong, messages, now_ns, terms):
            self._causes.add(Doubt.DISAGREES)
        if self._is_far(book) and self._trades_elsewhere(now_ns, claimed, other):
            self._causes.add(Doubt.GHOST)
        else:
            self._causes.discard(Doubt.GHOST)

    def _is_far(self, book: OrderBook) -> bool:
        return book.best_bid <= self._terms.far and book.best_ask >= SCALE - self._terms.far

    def _trades_elsewhere(self, now_ns: int, claimed: Top | None, other: OrderBook | None) -> bool:
        near, end = self._terms.far, SCALE - self._terms.far
        price, at_ns = self._print
        return (
            (near < price < end and now_ns - at_ns <= self._terms.trades_s * NS_PER_S)
            or (claimed is not None and (claimed.bid > near or claimed.ask < end))
            or (other is not None and not self._is_far(other))
        )

    def checked(self, found: CheckedBook) -> None:
        """Hold the book against one from elsewhere.

        It speaks against ours only when it is newer, its best prices are others, and a second one says so while ours
        has not moved: else a message may simply have been under way.
        """
        book = self.book
        best = (
            max((p for p, size in found.bids if size), default=0),
            min((p for p, size in found.asks if size), default=SCALE),
        )
        if best == (book.best_bid, book.best_ask) or found.ts_ns <= book.updated_ns:
            self._mismatch_ns = 0
            self._causes.discard(Doubt.REST)
        elif self._mismatch_ns == book.updated_ns:
            self._causes.add(Doubt.REST)
        else:
            self._mismatch_ns = book.updated_ns
