"""RTDS as a pure session: frames in, items and texts to send out. No clock, no socket, no task.

Theory of operation: the server acknowledges nothing, answers no ping, and stops delivering without a word, so each
topic is judged by the age of its data. One unknown topic silently ends all subscriptions of its frame: each frame has
one. They are sent one after the other, so that a refusal (a body with a status, naming nothing) is blamed on the last.
What a person narrowed to a symbol or slug is narrowed here again: the server's filters are replaced, or yield nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import attrs
import msgspec

from agbot.core.backoff import Backoff
from agbot.units import NS_PER_S
from agbot.venue.polymarket.auth import ApiCredentials, shown_key, to_json
from agbot.venue.polymarket.topics import MARKET_TOPIC, PRICE_TOPICS, RTDS, USER_TOPIC, Topic
from agbot.venue.polymarket.watch import TopicNews, TopicState, TopicWatch, news
from agbot.venue.polymarket.wire.counted import SILENT
from agbot.venue.polymarket.wire.prices import Quote
from agbot.venue.polymarket.wire.rtds import Activity, Comment, Refusal, RtdsDecoder, RtdsFrame, RtdsItem

PING: Final = "ping"
FAULTS_KEPT: Final = 20
_encode: Final = msgspec.json.encode


@attrs.frozen(kw_only=True)
class RtdsTerms:
    """Deadlines in seconds.

    Args:
        ping_s: between text pings, which nobody answers.
        dead_s: without any data, while a topic that should deliver is subscribed, the socket is dead.
        again: how long a doubted topic waits between subscriptions anew.
        reopen: how long a lost socket waits.
    """

    ping_s: float = 5.0
    dead_s: float = 60.0
    again: Backoff = attrs.field(factory=lambda: Backoff(first_s=30.0, longest_s=600.0))
    reopen: Backoff = attrs.field(factory=lambda: Backoff(first_s=1.0, longest_s=300.0))


class RtdsSession:
    """The topics of one socket.

    Attributes:
        dead: why the socket must be closed and opened anew, empty while it need not.
        ended: why it must not be opened again; RTDS has no such reason.
        unasked: items of topics or types that nobody subscribed to.
        faults: the last `FAULTS_KEPT` sentences about frames that were not understood.
    """

    name: Final = "rtds"

    def __init__(
        self,
        topics: Iterable[Topic],
        terms: RtdsTerms | None = None,
        *,
        tokens: Sequence[str] = (),
        credentials: ApiCredentials | None = None,
    ) -> None:
        """Plan to subscribe `topics`.

        Args:
            topics: what to subscribe; several keys of one topic share a subscription.
            terms: deadlines.
            tokens: what clob_market is about; it needs some.
            credentials: what clob_user needs; they are in its frame only.

        Raises:
            ValueError: clob_user without credentials.
        """
        self.dead = self.ended = ""
        self.unasked = 0
        self.faults: list[str] = []
        self.decoder = RtdsDecoder()
        self._terms = terms or RtdsTerms()
        self._watches = {topic: TopicWatch(topic, RTDS[topic.name]) for topic in topics}
        self._tokens = tuple(tokens)
        self._credentials = credentials
        self._names = tuple(dict.fromkeys(topic.name for topic in self._watches))
        if USER_TOPIC in self._names and credentials is None:
            raise ValueError(f"{USER_TOPIC} needs the API key")
        self._texts: list[bytes | str] = []
        self._queue: deque[str] = deque()
        self._suspect = ""
        self._open = False
        self._ping_ns = self._data_ns = self._ticked_ns = 0

    @property
    def tick_s(self) -> float:
        """Return how soon `tick` has something to do."""
        return 1.0

    def take_texts(self) -> list[bytes | str]:
        """Return what must be sent now, once. The frame of clob_user holds a secret: send it, show it to nobody."""
        texts, self._texts = self._texts, []
        return texts

    def reopen_s(self, _code: int, attempt: int, random_unit: float) -> float:
        """Return how long to wait before a lost socket is opened again."""
        return self._terms.reopen.delay_s(attempt, random_unit)

    # -- the link --------------------------------------------------------------------------------------------------

    def opened(self, now_ns: int) -> None:
        """Note a new socket; subscriptions follow one after the other."""
        self._open, self.dead, self._suspect = True, "", ""
        self._data_ns = self._ticked_ns = now_ns
        self._ping_ns = now_ns + _ns(self._terms.ping_s)
        self._texts = [PING]
        self._queue = deque(self._names)
        for watch in self._watches.values():
            watch.opened()
        self._ask_next(now_ns)

    def lost(self) -> None:
        """Note that the socket is gone."""
        self._open = False
        self._texts.clear()
        self._queue.clear()
        for watch in self._watches.values():
            watch.lost()

    def _ask_next(self, now_ns: int) -> None:
        if not self._queue:
            return
        name = self._suspect = self._queue.popleft()
        again = max(watch.asked_again for watch in self._of(name))
        if again:
            self._texts.append(_operation("unsubscribe", {"topic": name, "type": "*"}))
        self._texts.append(_operation("subscribe", self._subscription(name, narrowed=not again)))
        for watch in self._of(name):
            watch.asked(now_ns)

    def _subscription(self, name: str, *, narrowed: bool) -> dict[str, Any]:
        """Return a subscription; one that brought nothing is asked for again without its filter."""
        wanted: dict[str, Any] = {"topic": name, "type": "*"}
        if name == MARKET_TOPIC:
            wanted["filters"] = _encode(self._tokens).decode()
        elif name == USER_TOPIC and self._credentials:
            creds = self._credentials
            wanted["clob_auth"] = {"key": creds.key, **shown_key(creds)}
        elif narrowed and (narrow := _filter(name, [watch.topic.key for watch in self._of(name)])):
            wanted["filters"] = _encode(narrow).decode()
        return wanted

    def _of(self, name: str) -> list[TopicWatch]:
        return [watch for topic, watch in self._watches.items() if topic.name == name]

    # -- what comes in ---------------------------------------------------------------------------------------------

    def received(self, raw: Iterable[bytes], now_ns: int) -> list[RtdsFrame]:
        """Return what one read said, narrowed to what was asked for."""
        said = (self._frame(frame, now_ns) for frame in raw if frame not in SILENT)
        return [frame for frame in said if frame.items or frame.faults]

    def _frame(self, raw: bytes, now_ns: int) -> RtdsFrame:
        frame = self.decoder.decode(raw)
        if frame.faults:
            self.faults = (self.faults + frame.faults)[-FAULTS_KEPT:]
        kept: list[RtdsItem] = []
        for item in frame.items:
            if isinstance(item, Refusal):
                self._blame(item, now_ns)
            elif self._take(frame, item, now_ns):
                kept.append(item)
        return frame._replace(items=kept)

    def _take(self, frame: RtdsFrame, item: RtdsItem, now_ns: int) -> bool:
        """Count an item for the topics it belongs to; returns whether anybody asked for it."""
        name = item.source if isinstance(item, Quote) else frame.topic
        mine = [watch for watch in self._of(name) if _belongs(item, watch.topic.key)]
        if self._of(name):
            self._data_ns = now_ns
            self._suspect = "" if self._suspect == name else self._suspect
        backfill = isinstance(item, Quote) and item.backfill
        ts_ns = getattr(item, "ts_ns", 0) or frame.ts_ns or now_ns
        for watch in mine:
            watch.note(ts_ns, now_ns, backfill=backfill)
        self.unasked += not mine
        return bool(mine)

    def _blame(self, refusal: Refusal, now_ns: int) -> None:
        """Blame the subscription that was sent last and has not delivered; without one, all that are doubted."""
        suspects = self._of(self._suspect) or [w for w in self._watches.values() if w.doubt(now_ns)]
        self._suspect = ""
        for watch in suspects:
            watch.refuse(f"{refusal.status} {refusal.text}".strip())
            self._wait(watch, now_ns)

    def _wait(self, watch: TopicWatch, now_ns: int) -> None:
        watch.again_ns = now_ns + _ns(self._terms.again.delay_s(watch.asked_again, 1.0))

    # -- time ------------------------------------------------------------------------------------------------------

    def tick(self, now_ns: int) -> list[TopicNews]:
        """Do what is due; returns the topics whose doubt changed."""
        if not self._open:
            return []
        if now_ns >= self._ping_ns:
            self._texts.append(PING)
            self._ping_ns = now_ns + _ns(self._terms.ping_s)
        elapsed_s = max(now_ns - self._ticked_ns, 1) / NS_PER_S
        self._ticked_ns = now_ns
        for watch in self._watches.values():
            watch.measure(elapsed_s)
            if watch.wants_asking(now_ns) and watch.topic.name not in self._queue:
                watch.asked_again += 1
                self._wait(watch, now_ns)
                self._queue.append(watch.topic.name)
        self._ask_next(now_ns)
        lively = any(w.silent_s and w.silent_s <= self._terms.dead_s for w in self._watches.values())
        if lively and now_ns - self._data_ns > _ns(self._terms.dead_s):
            self.dead = f"no data for {self._terms.dead_s:g} s"
        return list(news(self._watches.values(), now_ns))

    def states(self, now_ns: int) -> Iterator[TopicState]:
        """Yield how each topic is doing."""
        for watch in self._watches.values():
            yield watch.state(self.name, now_ns)


def _filter(name: str, keys: list[str]) -> dict[str, Any]:
    """Return what the server may narrow by: one filter a topic is all it keeps, and those of activity yield nothing."""
    if len(keys) != 1 or not keys[0]:
        return {}
    if name in PRICE_TOPICS:
        return {"symbol": keys[0]}
    if name == "comments" and keys[0].isdigit():
        return {"parentEntityID": int(keys[0]), "parentEntityType": "Event"}
    return {}


def _belongs(item: RtdsItem, key: str) -> bool:
    if not key:
        return True
    if isinstance(item, Quote):
        return item.symbol == key
    if isinstance(item, Activity):
        return key in (item.slug, item.event_slug, item.token, item.condition)
    if isinstance(item, Comment):
        return key == item.parent_id
    return key in (getattr(item, "token", ""), getattr(item, "market", ""))


def _operation(action: str, subscription: dict[str, Any]) -> bytes:
    return to_json({"action": action, "subscriptions": [subscription]})


def _ns(seconds: float) -> int:
    return int(seconds * NS_PER_S)
