"""A recorded stream as the background of one market: what was on the book then is there now, and orders queue in it."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from agbot._keccak import keccak256
from agbot.errors import ConfigError, RecordingError
from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import Event, Listing
from agbot.model.events import (
    ASK,
    BID,
    BookDelta,
    BookSnapshot,
    MarketData,
    MarketResolved,
    TickSizeChanged,
    TradePrint,
)
from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market
from agbot.store.importers import open_recording
from agbot.store.recording import Recording
from agbot.store.terms import Terms
from agbot.units import NS_PER_S, complement

NEVER: Final = 2**62
"""A time that does not come."""
_GROUPS_AT_ONCE: Final = 50
"""Instants of the recording played in one step; who is further behind comes back at once for more."""
_LOOP_PAUSE_NS: Final = NS_PER_S
_STEP_BACK_NS: Final = NS_PER_S


class AtEnd(enum.StrEnum):
    """What happens when the recording is over."""

    HOLD = "hold"
    """Its last book stays."""
    CLEAR = "clear"
    """The background disappears; orders of traders stay."""
    LOOP = "loop"
    """It begins again, a second later."""


class Replay:
    """Plays one market of a recording into a listing, at the pace it was recorded.

    Deterministic: recording, settings and the times of the steps decide what is played when. A market that the
    recording resolves is resolved, unless it loops.

    Attributes:
        listing: the market it plays into; list it on the exchange before the first step.
        ended: whether nothing more will be played.
        fault: why the recording ended before its end, empty when it is whole.
        rounds: how often it was played to the end.

    Args:
        speed: recorded seconds in one second of the exchange.
        start_ns: how far into the recording to begin; its book of that moment is there at once.
    """

    def __init__(
        self,
        recording: Recording,
        recorded: Market,
        listing: Listing,
        *,
        speed: float = 1.0,
        start_ns: int = 0,
        at_end: AtEnd = AtEnd.HOLD,
    ) -> None:
        if not (speed > 0 and math.isfinite(speed)) or start_ns < 0:
            raise ValueError(f"cannot replay from {start_ns} ns at speed {speed}")
        self.listing = listing
        self.ended = False
        self.fault = ""
        self.rounds = 0
        self._recording = recording
        self._recorded = recorded
        self._speed = speed
        self._skip_ns = start_ns
        self._at_end = at_end
        self._groups: Iterator[tuple[int, list[MarketData]]] = iter(())
        self._next: tuple[int, list[MarketData]] | None = None
        self._first_ns = 0
        self._begun_ns = -1
        self._over_ns = self._last_ns = 0

    @property
    def next_ns(self) -> int:
        """Return when `step` next has something to do."""
        if self.ended:
            return NEVER
        return 0 if self._begun_ns < 0 else self._due()

    def step(self, core: Exchange, now_ns: int) -> int:
        """Play what is due, at most a bounded part of it, and return when to come back."""
        if self._begun_ns < 0:
            self._begin(core, now_ns)
        if now_ns < self._last_ns - _STEP_BACK_NS:
            self._begun_ns -= self._last_ns - now_ns
            self._over_ns = min(self._over_ns, now_ns)
        self._last_ns = now_ns
        for _ in range(_GROUPS_AT_ONCE):
            if self.ended or self._due() > now_ns:
                break
            if self._next is None:
                self._finish(core, now_ns)
            else:
                self._play(core, self._next[1], now_ns)
                self._next = self._read()
        return self.next_ns

    def _due(self) -> int:
        if self._next is None:
            return self._over_ns + (_LOOP_PAUSE_NS if self._at_end is AtEnd.LOOP else 0)
        return self._begun_ns + int((self._next[0] - self._first_ns) / self._speed)

    # ---- reading
    def _begin(self, core: Exchange, now_ns: int) -> None:
        """Start at the top, or with the book of `start_ns` later."""
        self._groups = self._recording.groups()
        self._begun_ns = self._last_ns = now_ns
        self._next = self._read()
        self._first_ns = (self._next[0] if self._next else 0) + self._skip_ns
        sides: dict[int, dict[int, int]] = {BID: {}, ASK: {}}
        tick = 0
        while self._next is not None and self._next[0] < self._first_ns:
            for message in self._next[1]:
                tick = _fold(message, self._recorded.yes, sides) or tick
            self._next = self._read()
        if tick:
            core.set_tick(self.listing, tick, now_ns)
        if self._skip_ns:
            bids, asks = (tuple(sides[side].items()) for side in (BID, ASK))
            core.background(BookSnapshot(self.listing.market.yes, bids, asks, now_ns), now_ns)

    def _read(self) -> tuple[int, list[MarketData]] | None:
        try:
            group = next(self._groups, None)
        except RecordingError as e:
            self.fault, group = str(e), None
        if group is None:
            self._over_ns = self._last_ns
        return group

    # ---- playing
    def _play(self, core: Exchange, messages: Sequence[MarketData], now_ns: int) -> None:
        for message in messages:
            if isinstance(message, BookSnapshot | BookDelta | TradePrint):
                event = _as_yes(message, self._recorded, self.listing.market.yes)
                if event is not None:
                    core.background(event, now_ns)
            elif isinstance(message, TickSizeChanged) and message.token == self._recorded.yes:
                core.set_tick(self.listing, message.tick, now_ns)
            elif isinstance(message, MarketResolved) and message.market == self._recorded.id:
                self._resolve(core, message, now_ns)

    def _resolve(self, core: Exchange, message: MarketResolved, now_ns: int) -> None:
        if self._at_end is not AtEnd.LOOP and self.listing.winner is None:
            won = message.winner == self._recorded.yes
            core.resolve(self.listing, self.listing.tokens[0 if won else 1], now_ns)
            self.ended = True

    def _finish(self, core: Exchange, now_ns: int) -> None:
        self.rounds += 1
        if self._at_end is AtEnd.LOOP:
            self._begin(core, now_ns)
            self.ended = self._next is None
            return
        self.ended = True
        if self._at_end is AtEnd.CLEAR and self.listing.winner is None:
            core.background(BookSnapshot(self.listing.market.yes, (), (), now_ns), now_ns)


def open_replay(
    path: str | Path,
    *,
    market: str = "",
    terms: Terms | None = None,
    speed: float = 1.0,
    start_s: float = 0.0,
    at_end: AtEnd = AtEnd.HOLD,
) -> Replay:
    """Open a recording of any format that agbot reads, for the replay of one of its markets.

    Args:
        market: its id or slug; may be empty when the recording is about one market.
        terms: what the recording does not say, or says wrongly; see `docs/history.md`.
        start_s: recorded seconds to leave out at the beginning.

    Raises:
        ConfigError: AGB-201 … AGB-205 the file or its terms cannot be read, AGB-207 it is not told which market, or
            speed or start are impossible.
    """
    try:
        recording = open_recording(path, terms)
    except RecordingError as e:
        raise ConfigError(e.reason, id=e.id, path=e.path, line=e.line, key=e.key, remedy=e.remedy) from e
    found = [each for each in recording.markets if not market or market in (each.id, each.slug)]
    if len(found) != 1:
        names = ", ".join(each.slug or each.id for each in recording.markets[:20])
        what = f"has no market {market!r}" if market and not found else "holds several markets"
        raise ConfigError(f"the recording {what}", id="AGB-207", path=path, key="market", remedy=f"name one of {names}")
    try:
        return Replay(
            recording, found[0], listed(found[0]), speed=speed, start_ns=int(start_s * NS_PER_S), at_end=at_end
        )
    except (ValueError, OverflowError) as e:
        raise ConfigError(str(e), id="AGB-207", path=path, key="speed", remedy="speed over 0, start from 0 s") from e


def listed(recorded: Market) -> Listing:
    """Return the listing of a recorded market, open without end. Ids that clients could not use are replaced."""
    condition, yes, no = recorded.id, recorded.yes, recorded.no
    if not _is_condition(condition):
        condition = MarketId("0x" + keccak256(f"condition {recorded.id}".encode()).hex())
    if not (yes.isascii() and yes.isdigit() and no.isascii() and no.isdigit()):
        yes, no = (TokenId(str(_token(token))) for token in (recorded.yes, recorded.no))
    slug = recorded.slug or f"recorded-{condition[2:10]}"
    question = recorded.question or slug
    market = msgspec.structs.replace(recorded, id=condition, yes=yes, no=no, slug=slug, question=question, end_ns=0)
    number = int(condition[2:10], 16)
    event = Event(id=str(3_000_000_000 + number), slug=slug, title=question, tags=("recorded",))
    return Listing(market=market, gamma_id=str(number), event=event, description="Replayed from a recording.")


def _is_condition(text: str) -> bool:
    return len(text) == 66 and text.startswith("0x") and all(c in "0123456789abcdef" for c in text[2:])


def _token(name: str) -> int:
    """Return a token id of the second protocol: those of the third have bits 40 to 103 clear."""
    return int.from_bytes(keccak256(f"token {name}".encode()), "big") | 1 << 255 | 1 << 64


def _as_yes(
    message: BookSnapshot | BookDelta | TradePrint, recorded: Market, token: TokenId
) -> BookSnapshot | BookDelta | TradePrint | None:
    """Return a recorded message as one of the listing's YES token; None of another market's, or a mirrored book."""
    if message.token == recorded.yes:
        return msgspec.structs.replace(message, token=token)
    if message.token == recorded.no and isinstance(message, TradePrint):
        return TradePrint(token, message.side.other, complement(message.price), message.size, message.ts_ns)
    return None


def _fold(message: MarketData, yes: TokenId, sides: dict[int, dict[int, int]]) -> int:
    """Apply a message that is left out to the book it would have made; return the tick it sets, 0 for none."""
    if isinstance(message, TickSizeChanged) and message.token == yes:
        return message.tick
    if isinstance(message, BookSnapshot) and message.token == yes:
        sides[BID], sides[ASK] = dict(message.bids), dict(message.asks)
    elif isinstance(message, BookDelta) and message.token == yes:
        for side, price, size in message.changes:
            if size:
                sides[side][price] = size
            else:
                sides[side].pop(price, None)
    return 0
