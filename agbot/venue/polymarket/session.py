"""One market socket as a pure session: bytes in, facts and texts to send out. No clock, no socket, no task.

Theory of operation: the shell calls `opened`, then `received` for every read and `tick` about once a second, and sends
what `take_texts` gives. There are no sequence numbers and no replay on this wire, so everything rests on whole books:
deltas count only after one, a doubt asks for one (unsubscribe and subscribe bring a fresh book), a lost link doubts
every book until the next one. PONG says that somebody is there, only data says that the data flows: a socket without
data is first asked for a book, then doubted, then given up (`dead`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import attrs
import msgspec

from agbot.core.backoff import Backoff
from agbot.core.book import OrderBook
from agbot.core.ticks import TickWatch
from agbot.model.events import (
    BookDelta,
    BookSnapshot,
    BookTrust,
    Doubt,
    MarketData,
    MarketListed,
    MarketResolved,
    TickSizeChanged,
    TradePrint,
)
from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market
from agbot.units import NS_PER_S
from agbot.venue.polymarket.subscription import Subscription, TokenState
from agbot.venue.polymarket.trust import CheckedBook, TrustTerms
from agbot.venue.polymarket.wire import FrameDecoder

PING: Final = "PING"
PONG: Final = b"PONG"
FAULTS_KEPT: Final = 20
TOKENS_IN_FAULT: Final = re.compile(rb'"([0-9]{1,80})"')

_OF_A_TOKEN: Final = (BookDelta, BookSnapshot, TradePrint, TickSizeChanged)
_encode: Final = msgspec.json.encode


@attrs.frozen(kw_only=True)
class SessionTerms:
    """Deadlines in seconds, from polymarket.md §5 and the traps of §9.

    Args:
        ping_s: between text PINGs.
        pong_s: without a PONG the socket is dead.
        probe_s: without data one book is asked for, as a sign of life.
        silent_s: without data every book is doubted.
        dead_s: without data the socket is dead.
        book_s: a subscription must bring its book in this time, else it is asked for again.
        again: how long a token waits between subscriptions anew; `calm_s` without a doubt forgives.
        check_s: between checks of one book over REST, the tokens in turn.
    """

    ping_s: float = 10.0
    pong_s: float = 30.0
    probe_s: float = 20.0
    silent_s: float = 30.0
    dead_s: float = 45.0
    book_s: float = 10.0
    again: Backoff = attrs.field(factory=lambda: Backoff(first_s=10.0, longest_s=300.0))
    calm_s: float = 60.0
    check_s: float = 2.0
    trust: TrustTerms = attrs.field(factory=TrustTerms)


class MarketSession:
    """The market channel of one socket.

    Attributes:
        dead: why the socket must be closed and opened anew, empty while it need not.
        faults: the last `FAULTS_KEPT` sentences about messages that were not understood.
        early: deltas that came before their book and were dropped.
    """

    def __init__(self, markets: Iterable[Market] = (), terms: SessionTerms | None = None) -> None:
        self.dead = ""
        self.faults: list[str] = []
        self.early = 0
        self._terms = terms or SessionTerms()
        self._tokens: dict[TokenId, Subscription] = {}
        self._ended: set[MarketId] = set()
        self._watch = TickWatch()
        self._decoder = FrameDecoder()
        self._texts: list[str | bytes] = []
        self._checks: dict[TokenId, None] = {}
        self._open = False
        self._opened_ns = self._ping_ns = self._pong_ns = self._data_ns = self._ticked_ns = self._checked_ns = 0
        self._probed = False
        self._turn = 0
        for market in markets:
            list(self._list(market))

    @property
    def tokens(self) -> Sequence[TokenId]:
        """Return the tokens this session is for."""
        return tuple(self._tokens)

    @property
    def decoder(self) -> FrameDecoder:
        """Return the decoder, for its counts."""
        return self._decoder

    def take_texts(self) -> list[str | bytes]:
        """Return what must be sent now, once."""
        texts, self._texts = self._texts, []
        return texts

    def take_checks(self) -> list[TokenId]:
        """Return the tokens whose book should be compared with REST, once each; answer with `checked`."""
        checks, self._checks = list(self._checks), {}
        return checks

    # -- the link --------------------------------------------------------------------------------------------------

    def opened(self, now_ns: int) -> None:
        """Note a new socket: everything is subscribed in its first frame."""
        self._open, self.dead, self._probed = True, "", False
        self._opened_ns = self._pong_ns = self._data_ns = self._ticked_ns = now_ns
        self._ping_ns = now_ns + _ns(self._terms.ping_s)
        self._texts = [_first_frame(self._tokens)]
        for token in self._tokens.values():
            token.again_ns = now_ns + _ns(self._terms.book_s)

    def lost(self, now_ns: int) -> list[MarketData]:
        """Note that the socket is gone; returns the doubts."""
        self._open = False
        self._texts.clear()
        self._checks.clear()
        for token in self._tokens.values():
            token.trust.lost()
        return list(self._news(self._tokens, now_ns))

    def subscribe(self, markets: Iterable[Market], now_ns: int) -> None:
        """Add markets, on a running socket too."""
        added = [token for market in markets for token in self._list(market)]
        if self._open and added:
            self._texts.append(_operation("subscribe", added))
            for token in added:
                self._tokens[token].again_ns = now_ns + _ns(self._terms.book_s)

    def unsubscribe(self, markets: Iterable[Market], now_ns: int) -> list[MarketData]:
        """Take markets off; returns that their books are no longer kept."""
        named = dict.fromkeys(token for market in markets for token in (market.yes, market.no))
        gone = [token for token in named if token in self._tokens]
        if self._open and gone:
            self._texts.append(_operation("unsubscribe", gone))
        for token in gone:
            del self._tokens[token]
            self._checks.pop(token, None)
        return [BookTrust(token, Doubt.UNSUBSCRIBED, now_ns) for token in gone]

    def _list(self, market: Market) -> Iterator[TokenId]:
        list(self._watch.announce([MarketListed(market, 0)]))
        for token in (market.yes, market.no):
            if token not in self._tokens:
                self._tokens[token] = Subscription(market, token, self._terms.trust)
                yield token

    # -- what comes in ---------------------------------------------------------------------------------------------

    def received(self, frames: Iterable[bytes], now_ns: int) -> list[MarketData]:
        """Return what one read said, in order, and what it means for the books' trust."""
        out: list[MarketData] = []
        touched: dict[TokenId, None] = {}
        for frame in frames:
            if frame == PONG:
                self._pong_ns = now_ns
                continue
            self._data_ns, self._probed = now_ns, False
            decoded = self._decoder.decode(frame)
            for event in decoded.events:
                self._take(event, now_ns, out, touched)
            if decoded.faults:
                self._blame(frame, decoded.faults, touched)
        for name in touched:
            self._look(name, now_ns)
        out.extend(self._news(touched, now_ns))
        return out

    def _take(self, event: MarketData, now_ns: int, out: list[MarketData], touched: dict[TokenId, None]) -> None:
        if isinstance(event, MarketResolved):
            out.extend(self.resolved(event))
            return
        assert isinstance(event, _OF_A_TOKEN), "the decoder yields nothing else"
        token = self._tokens.get(event.token)
        if token is None:  # in flight while it was taken off
            return
        token.note(event.ts_ns, now_ns)
        touched[event.token] = None
        if isinstance(event, BookDelta):
            if not token.trust.live:
                self.early += 1
            elif token.trust.delta(event):
                out.append(event)
            else:
                out.extend(self._retried(token, event))
        elif isinstance(event, TradePrint):
            token.trust.print(event, now_ns)
            out.append(event)
        else:
            out.extend(self._announced(token, event))

    def _retried(self, token: Subscription, event: BookDelta) -> Iterator[MarketData]:
        """Apply a delta that did not fit: on a finer tick that nobody announced, or not at all."""
        applied = False
        for said in self._watch.announce([event]):
            if isinstance(said, TickSizeChanged):
                token.trust.retick(said.tick)
                applied = token.trust.delta(event)
            yield said
        if not applied:
            token.faults += 1
            token.trust.doubt(Doubt.IMPOSSIBLE)

    def _announced(self, token: Subscription, event: BookSnapshot | TickSizeChanged) -> Iterator[MarketData]:
        for said in self._watch.announce([event]):
            if isinstance(said, TickSizeChanged):
                token.trust.retick(said.tick)
            elif isinstance(said, BookSnapshot):
                token.faults += not token.trust.snapshot(said)
                self._decoder.forget_top(said.token)
            yield said

    def _blame(self, frame: bytes, faults: list[str], touched: dict[TokenId, None]) -> None:
        """Doubt the tokens that a message names which could not be understood: it may have been about their books."""
        self.faults = (self.faults + faults)[-FAULTS_KEPT:]
        for name in map(bytes.decode, TOKENS_IN_FAULT.findall(frame)):
            token = self._tokens.get(TokenId(name))
            if token is not None and token.trust.live:
                token.faults += 1
                token.trust.doubt(Doubt.IMPOSSIBLE)
                touched[TokenId(name)] = None

    def has_ended(self, market: MarketId) -> bool:
        """Return whether the market's end was told."""
        return market in self._ended

    def resolved(self, event: MarketResolved) -> list[MarketData]:
        """Note a market's end, from the stream or from elsewhere; returns the event the first time."""
        if event.market in self._ended:
            return []
        self._ended.add(event.market)
        return [event]

    def checked(self, name: TokenId, found: CheckedBook, now_ns: int) -> list[MarketData]:
        """Take the answer to a wish of `take_checks`."""
        token = self._tokens.get(name)
        if token is None:
            return []
        token.trust.checked(found)
        return list(self._news((name,), now_ns))

    def _look(self, name: TokenId, now_ns: int) -> None:
        token = self._tokens[name]
        token.trust.look(now_ns, self._decoder.top(name), self._live_book(token.other))

    def _live_book(self, name: TokenId) -> OrderBook | None:
        token = self._tokens.get(name)
        return token.trust.book if token and token.trust.live else None

    def _news(self, names: Iterable[TokenId], now_ns: int) -> Iterator[MarketData]:
        for name in names:
            token = self._tokens[name]
            cause = token.trust.cause or ""
            if cause != token.told:
                if cause or token.told != Doubt.NO_SNAPSHOT:
                    yield BookTrust(name, cause, now_ns)
                token.told = cause

    # -- time ------------------------------------------------------------------------------------------------------

    def tick(self, now_ns: int, *, stalled: bool = False) -> list[MarketData]:
        """Do what is due, about once a second. `stalled` says that our own reader waits, so silence is no sign."""
        if not self._open:
            return []
        if now_ns >= self._ping_ns:
            self._texts.append(PING)
            self._ping_ns = now_ns + _ns(self._terms.ping_s)
        if stalled:
            self._data_ns = self._pong_ns = now_ns
        elapsed_s = max(now_ns - self._ticked_ns, 1) / NS_PER_S
        self._ticked_ns = now_ns
        for token in self._tokens.values():
            token.measure(elapsed_s)
        active = [name for name, token in self._tokens.items() if token.market not in self._ended]
        probe = self._silence(active, now_ns)
        for name in active:
            self._look(name, now_ns)
        calm_ns = _ns(self._terms.calm_s)
        due = [name for name in active if self._tokens[name].is_due(now_ns, calm_ns)]
        self._ask_again(due or probe, now_ns)
        self._wish(active, now_ns)
        return list(self._news(active, now_ns))

    def _silence(self, active: list[TokenId], now_ns: int) -> list[TokenId]:
        """Look at the age of PONG and data; returns whose book to ask for as a sign of life."""
        terms = self._terms
        if now_ns - self._pong_ns > _ns(terms.pong_s):
            self.dead = f"no PONG for {terms.pong_s:g} s"
        age = now_ns - self._data_ns if active else 0
        if age > _ns(terms.dead_s):
            self.dead = f"no data for {terms.dead_s:g} s"
        silent = age > _ns(terms.silent_s)
        for name in active:
            self._tokens[name].trust.silent(silent)
        if age <= _ns(terms.probe_s) or self._probed:
            return []
        self._probed = True
        return active[:1]

    def _ask_again(self, names: list[TokenId], now_ns: int) -> None:
        for name in names:
            token = self._tokens[name]
            token.again_ns = now_ns + _ns(self._terms.again.delay_s(token.asked, 1.0))
            token.asked += 1
        if names:
            self._texts += [_operation("unsubscribe", names), _operation("subscribe", names)]

    def _wish(self, active: list[TokenId], now_ns: int) -> None:
        if not active or now_ns < self._checked_ns + _ns(self._terms.check_s):
            return
        self._checked_ns = now_ns
        self._turn += 1
        in_turn = active[self._turn // 2 % len(active)]
        urgent = (name for name in active if self._tokens[name].trust.wants_a_check)
        self._checks[in_turn if self._turn % 2 else next(urgent, in_turn)] = None

    # -- for people ------------------------------------------------------------------------------------------------

    def states(self, now_ns: int) -> Iterator[TokenState]:
        """Yield how each token's feed is doing."""
        for name, token in self._tokens.items():
            yield token.state(name, now_ns)


def _first_frame(tokens: Mapping[TokenId, object]) -> bytes:
    return _encode({"type": "market", "assets_ids": list(tokens), "custom_feature_enabled": True})


def _operation(operation: str, tokens: Sequence[TokenId]) -> bytes:
    flag = {"custom_feature_enabled": True} if operation == "subscribe" else {}
    return _encode({"operation": operation, "assets_ids": tokens, **flag})


def _ns(seconds: float) -> int:
    return int(seconds * NS_PER_S)
