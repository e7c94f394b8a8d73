"""Realtime v2 (PolyBolt) as a pure session: frames in, prices and texts to send out. No clock, no socket, no task.

Theory of operation: sign in, then one filter per operation, at least `spacing_s` apart, so that each acknowledgement or
refusal belongs to exactly one filter by its request id. Messages carry a number per channel and connection: what is
missing between two of them was lost, and so was what `dropped` counts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Final

import attrs
import msgspec

from agbot.core.backoff import Backoff
from agbot.units import NS_PER_S
from agbot.venue.polymarket.auth import ApiCredentials, shown_key, to_json
from agbot.venue.polymarket.topics import REALTIME, REALTIME_TOPICS_MAX, Topic
from agbot.venue.polymarket.watch import TopicNews, TopicState, TopicWatch, news
from agbot.venue.polymarket.wire.prices import Quote
from agbot.venue.polymarket.wire.realtime import Ack, OpError, Prices, RealtimeDecoder, RealtimeMessage

FAULTS_KEPT: Final = 20
CLOSED_FOR_GOOD: Final = {4001: "the API key was not accepted", 4008: "the venue's policy"}
CLOSED_DRAINING: Final = 4003
DRAINING_S: Final = 10.0
REOPEN_MAX_S: Final = 30.0
_BAD_KEY: Final = ("auth_invalid", "auth_attempts")
_SIGN_IN_AGAIN: Final = ("auth_expired", "auth_required", "auth_unavailable")


@attrs.frozen(kw_only=True)
class RealtimeTerms:
    """Deadlines in seconds.

    Args:
        spacing_s: between two operations.
        ack_s: until an operation is answered.
        ping_s: between pings; without any frame for `stale_s` the socket is dead.
        again: how long a filter waits between subscriptions anew.
    """

    spacing_s: float = 0.11
    ack_s: float = 10.0
    ping_s: float = 30.0
    stale_s: float = 90.0
    again: Backoff = attrs.field(factory=lambda: Backoff(first_s=10.0, longest_s=600.0))


@attrs.frozen
class _Operation:
    op: str
    watch: TopicWatch | None = None
    asked_ns: int = 0


class RealtimeSession:
    """The filters of one socket.

    Attributes:
        dead: why the socket must be closed and opened anew, empty while it need not.
        ended: why it must not be opened again, empty while it may: a person must act.
        lost_messages: by channel, from gaps in the numbers; `dropped` what the server said it left out.
        disordered: messages whose number was not higher than the one before.
        unasked: prices that nobody subscribed to.
        faults: the last `FAULTS_KEPT` sentences about frames that were not understood.
    """

    name: Final = "realtime"

    def __init__(
        self, topics: Iterable[Topic], credentials: ApiCredentials, terms: RealtimeTerms | None = None
    ) -> None:
        self.dead = self.ended = ""
        self.dropped = self.disordered = self.unasked = 0
        self.faults: list[str] = []
        self.decoder = RealtimeDecoder()
        self._terms = terms or RealtimeTerms()
        self._watches = {topic: TopicWatch(topic, REALTIME[topic.name]) for topic in topics}
        if len(self._watches) > REALTIME_TOPICS_MAX:
            raise ValueError(f"{len(self._watches)} filters; a socket takes {REALTIME_TOPICS_MAX}")
        self._credentials = credentials
        self._texts: list[bytes | str] = []
        self._queue: deque[_Operation] = deque()
        self._waiting: dict[str, _Operation] = {}
        self._numbers: dict[str, int] = {}
        self._rid = 0
        self._open = False
        self._free_ns = self._ping_ns = self._heard_ns = self._ticked_ns = 0

    @property
    def tick_s(self) -> float:
        """Return how soon `tick` has something to do."""
        return self._terms.spacing_s if self._queue else 1.0

    def take_texts(self) -> list[bytes | str]:
        """Return what must be sent now, once. The first one holds a secret: send it, show it to nobody."""
        texts, self._texts = self._texts, []
        return texts

    def reopen_s(self, code: int, attempt: int, random_unit: float) -> float:
        """Return how long to wait after a close with `code` (0: without one); `ended` says whether to open at all."""
        if code in CLOSED_FOR_GOOD:
            self.ended = f"closed with {code}: {CLOSED_FOR_GOOD[code]}"
        if code == CLOSED_DRAINING:
            return DRAINING_S * random_unit
        return min(2.0 ** min(attempt, 16), REOPEN_MAX_S) * random_unit

    # -- the link --------------------------------------------------------------------------------------------------

    def opened(self, now_ns: int) -> None:
        """Note a new socket; its first frame signs in."""
        self._open, self.dead = True, ""
        self._queue.clear()
        self._waiting.clear()
        self._numbers.clear()
        self._heard_ns = self._ticked_ns = now_ns
        self._ping_ns = now_ns + _ns(self._terms.ping_s)
        self._free_ns = 0
        self._texts = []
        for watch in self._watches.values():
            watch.opened()
        self._queue.append(_Operation("auth"))
        self._send_next(now_ns)

    def lost(self) -> None:
        """Note that the socket is gone."""
        self._open = False
        self._texts.clear()
        self._queue.clear()
        for watch in self._watches.values():
            watch.lost()

    def _send_next(self, now_ns: int) -> None:
        if not self._queue or now_ns < self._free_ns:
            return
        operation = attrs.evolve(self._queue.popleft(), asked_ns=now_ns)
        self._free_ns = now_ns + _ns(self._terms.spacing_s)
        self._rid += 1
        rid = str(self._rid)
        if operation.op != "ping":
            self._waiting[rid] = operation
        self._texts.append(to_json({"op": operation.op, **self._body(operation), "rid": rid}))

    def _body(self, operation: _Operation) -> dict[str, Any]:
        if operation.op == "auth":
            creds = self._credentials
            return {"auth": {"apiKey": creds.key, **shown_key(creds)}}
        if operation.watch is None:
            return {}
        topic = operation.watch.topic
        window = {"window_seconds": 60} if topic.name.endswith(".twap") else {}
        return {"subscriptions": [{"channel": topic.name, "filter": {"symbol": topic.key, **window}}]}

    # -- what comes in ---------------------------------------------------------------------------------------------

    def received(self, raw: Iterable[bytes], now_ns: int) -> list[Prices]:
        """Return the prices of one read, narrowed to what was asked for."""
        out: list[Prices] = []
        for frame in raw:
            self._heard_ns = now_ns
            said = self.decoder.decode(frame)
            if said.faults:
                self.faults = (self.faults + said.faults)[-FAULTS_KEPT:]
            for message in said.messages:
                out.extend(self._message(message, now_ns))
        return out

    def _message(self, message: RealtimeMessage, now_ns: int) -> Iterator[Prices]:
        if isinstance(message, Prices):
            yield from self._prices(message, now_ns)
        elif isinstance(message, Ack):
            self._answered(message, now_ns)
        elif isinstance(message, OpError):
            self._refused(message, now_ns)

    def _answered(self, ack: Ack, now_ns: int) -> None:
        operation = self._waiting.pop(ack.rid, None)
        if operation is None:
            return
        if operation.op == "auth":
            self._queue.extend(_Operation("subscribe", watch) for watch in self._watches.values() if not watch.given_up)
        elif operation.op == "subscribe" and operation.watch:
            operation.watch.asked(now_ns)
            operation.watch.refuse("")

    def _refused(self, error: OpError, now_ns: int) -> None:
        operation = self._waiting.pop(error.rid, None)
        if error.code in _BAD_KEY:
            self.dead = self.ended = f"the API key was not accepted ({error.code})"
        elif error.code in _SIGN_IN_AGAIN or (operation and operation.op == "auth"):
            self.dead = f"not signed in ({error.code})"
        elif operation and operation.watch and operation.op == "subscribe":
            passing = error.code == "rate_limited"
            operation.watch.asked(now_ns)
            operation.watch.refuse(f"{error.code} {error.text}".strip(), final=not passing)
            self._wait(operation.watch, now_ns)
        else:
            self.faults = [*self.faults, f"refused: {error.code} {error.text}".strip()][-FAULTS_KEPT:]

    def _prices(self, message: Prices, now_ns: int) -> Iterator[Prices]:
        watches = [watch for topic, watch in self._watches.items() if topic.name == message.channel]
        lost = self._missing(message) + message.dropped
        self.dropped += message.dropped
        for watch in watches:
            watch.gaps += lost
        kept: list[Quote] = []
        for quote in message.quotes:
            mine = self._watches.get(Topic(message.channel, quote.symbol))
            if mine is None:
                self.unasked += 1
                continue
            mine.note(quote.ts_ns, now_ns, backfill=quote.backfill)
            kept.append(quote)
        if kept:
            yield msgspec.structs.replace(message, quotes=tuple(kept))

    def _missing(self, message: Prices) -> int:
        last = self._numbers.get(message.channel)
        if last is not None and message.seq <= last:
            self.disordered += 1
            return 0
        self._numbers[message.channel] = message.seq
        return 0 if last is None else message.seq - last - 1

    def _wait(self, watch: TopicWatch, now_ns: int) -> None:
        watch.again_ns = now_ns + _ns(self._terms.again.delay_s(watch.asked_again, 1.0))

    # -- time ------------------------------------------------------------------------------------------------------

    def tick(self, now_ns: int) -> list[TopicNews]:
        """Do what is due; returns the filters whose doubt changed."""
        if not self._open:
            return []
        if now_ns - self._heard_ns > _ns(self._terms.stale_s):
            self.dead = f"no frame for {self._terms.stale_s:g} s"
        if now_ns >= self._ping_ns:
            self._queue.appendleft(_Operation("ping"))
            self._ping_ns = now_ns + _ns(self._terms.ping_s)
        self._look_for_answers(now_ns)
        elapsed_s = max(now_ns - self._ticked_ns, 1) / NS_PER_S
        self._ticked_ns = now_ns
        for watch in self._watches.values():
            watch.measure(elapsed_s)
            if watch.wants_asking(now_ns):
                watch.asked_again += 1
                self._wait(watch, now_ns)
                self._queue += [_Operation("unsubscribe", watch), _Operation("subscribe", watch)]
        self._send_next(now_ns)
        return list(news(self._watches.values(), now_ns))

    def _look_for_answers(self, now_ns: int) -> None:
        for rid, operation in tuple(self._waiting.items()):
            if now_ns - operation.asked_ns <= _ns(self._terms.ack_s):
                continue
            del self._waiting[rid]
            if operation.op == "auth":
                self.dead = f"no answer to the API key within {self._terms.ack_s:g} s"
            elif operation.op == "subscribe" and operation.watch:
                operation.watch.asked(now_ns)
                operation.watch.refuse(f"no answer within {self._terms.ack_s:g} s")
                self._wait(operation.watch, now_ns)

    def states(self, now_ns: int) -> Iterator[TopicState]:
        """Yield how each filter is doing."""
        for watch in self._watches.values():
            yield watch.state(self.name, now_ns)


def _ns(seconds: float) -> int:
    return int(seconds * NS_PER_S)
