"""How the topics of a real-time socket are doing, each by itself: liveness is the age of its data, never a pong."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import attrs

from agbot.units import NS_PER_MS, NS_PER_S
from agbot.venue.polymarket.topics import Limit, Topic

RATE_S: Final = 10.0
"""The time constant of the smoothed rate."""
LAGS_KEPT: Final = 1024


class TopicDoubt(enum.StrEnum):
    """Why a topic is not to be relied on; a refusal is told in the server's words instead."""

    LINK = "the link is down"
    WAITING = "no data yet"
    NEVER = "never delivered"
    ENDED = "never delivered; its end was announced for 2026-10-23"
    SILENT = "silent"


EXPECTED: Final = frozenset({"", TopicDoubt.LINK, TopicDoubt.WAITING})
"""What is no news about a topic itself."""
REMEDIES: Final[Mapping[str, str]] = {
    TopicDoubt.ENDED: "take prices from realtime v2: realtime: [btcusd] in the configuration",
    TopicDoubt.NEVER: "agbot feeds shows what does come",
}


@attrs.frozen(kw_only=True)
class TopicState:
    """One topic at a moment. `lag_ms` is the source's time to ours, `age_s` that of the data, `gaps` lost messages.

    `doubt` is empty while the topic delivers; `lag_p50_ms` and `lag_p99_ms` are over the last `LAGS_KEPT` messages.
    """

    source: str
    topic: str
    rate: float
    lag_ms: float
    lag_p50_ms: float
    lag_p99_ms: float
    age_s: float
    doubt: str
    messages: int
    gaps: int
    doubts: int
    asked_again: int


class TopicWatch:
    """One topic.

    Attributes:
        asked_again: subscriptions anew since it last delivered; `again_ns` is the earliest time for the next.
        given_up: the refusal is final: asking again would bring it again.
        gaps: messages that the server or the way lost; `doubts` how often it was doubted.
    """

    def __init__(self, topic: Topic, limit: Limit) -> None:
        self.topic = topic
        self.messages = self.gaps = self.doubts = self.asked_again = 0
        self.again_ns = 0
        self.refused = ""
        self.given_up = False
        self.told: str = TopicDoubt.WAITING
        self._limit = limit
        self._up = False
        self._since_ns = self._heard_ns = self._lag_ns = 0
        self._counted = 0
        self._rate = 0.0
        self._lags: deque[int] = deque(maxlen=LAGS_KEPT)

    def opened(self) -> None:
        """Note a new socket, on which nothing is subscribed yet."""
        self._up, self._since_ns = True, 0
        if not self.given_up:
            self.refused = ""

    def lost(self) -> None:
        """Note that the socket is gone."""
        self._up = False

    def asked(self, now_ns: int) -> None:
        """Note a subscription; silence counts from the first on a socket."""
        self._since_ns = self._since_ns or now_ns

    def note(self, ts_ns: int, now_ns: int, *, backfill: bool = False) -> None:
        """Count a message; the lag of history means nothing."""
        self.messages += 1
        self._heard_ns = now_ns
        self.asked_again, self.refused, self.given_up = 0, "", False
        if not backfill:
            self._lag_ns = now_ns - ts_ns
            self._lags.append(self._lag_ns)

    def refuse(self, why: str, *, final: bool = False) -> None:
        """Note that the server said no."""
        self.refused, self.given_up = why, final

    def measure(self, elapsed_s: float) -> None:
        """Follow the rate, `elapsed_s` after the last time."""
        self._rate += ((self.messages - self._counted) / elapsed_s - self._rate) * min(1.0, elapsed_s / RATE_S)
        self._counted = self.messages

    @property
    def silent_s(self) -> float | None:
        """Return how long it may be silent, None when silence is normal."""
        return self._limit.silent_s

    def doubt(self, now_ns: int) -> str:
        """Return why it is not to be relied on, empty while it delivers."""
        if not self._up:
            return TopicDoubt.LINK
        if self.refused:
            return f"refused: {self.refused}"
        return "" if self.silent_s is None else self._silence(now_ns, self.silent_s)

    def _silence(self, now_ns: int, silent_s: float) -> str:
        if not self._since_ns:
            return TopicDoubt.WAITING
        if now_ns - max(self._since_ns, self._heard_ns) <= silent_s * NS_PER_S:
            return "" if self._heard_ns >= self._since_ns else TopicDoubt.WAITING
        if self.messages:
            return TopicDoubt.SILENT
        return TopicDoubt.ENDED if 0 < self._limit.ends_ns <= now_ns else TopicDoubt.NEVER

    def wants_asking(self, now_ns: int) -> bool:
        """Return whether to subscribe anew now."""
        wants = not self.given_up and bool(self._since_ns) and self.doubt(now_ns) not in EXPECTED
        return wants and now_ns >= self.again_ns

    def state(self, source: str, now_ns: int) -> TopicState:
        """Return how it is doing."""
        lags = sorted(self._lags)
        return TopicState(
            source=source,
            topic=str(self.topic),
            rate=self._rate,
            lag_ms=self._lag_ns / NS_PER_MS,
            lag_p50_ms=percentile(lags, 50) / NS_PER_MS,
            lag_p99_ms=percentile(lags, 99) / NS_PER_MS,
            age_s=(now_ns - self._heard_ns) / NS_PER_S if self._heard_ns else float("inf"),
            doubt=self.doubt(now_ns),
            messages=self.messages,
            gaps=self.gaps,
            doubts=self.doubts,
            asked_again=self.asked_again,
        )


@attrs.frozen
class TopicNews:
    """A topic is doubted from here on, or (`doubt` empty) delivers again."""

    topic: str
    doubt: str
    remedy: str = ""


def news(watches: Iterable[TopicWatch], now_ns: int) -> Iterator[TopicNews]:
    """Yield what changed since the last time, once; a lost link is the link's news, not the topic's."""
    for watch in watches:
        doubt = watch.doubt(now_ns)
        if doubt == watch.told or (doubt and doubt in EXPECTED):
            continue
        watch.doubts += bool(doubt)
        if doubt or watch.told not in EXPECTED:
            yield TopicNews(str(watch.topic), doubt, REMEDIES.get(doubt, ""))
        watch.told = doubt


def percentile(ordered: list[int], percent: int) -> int:
    """Return a percentile by nearest rank; 0 of nothing."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)] if ordered else 0
