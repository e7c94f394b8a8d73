"""What the two real-time sockets can be asked for, as a person names it, and how long each topic may be silent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

import attrs

from agbot.units import NS_PER_S

_DAY_S: Final = 86_400.0
_LONGEST_WEEKEND_S: Final = 4 * _DAY_S
PRICES_END_NS: Final = int(datetime(2026, 10, 23, tzinfo=UTC).timestamp()) * NS_PER_S
"""From when the venue announced that RTDS has no prices any more; realtime v2 has them."""
MARKET_TOPIC: Final = "clob_market"
USER_TOPIC: Final = "clob_user"
REALTIME_TOPICS_MAX: Final = 64
"""The venue's bound for one socket."""

_SYMBOL: Final = re.compile(r"[a-z0-9]+usd", re.ASCII)


@attrs.frozen
class Topic:
    """A topic of RTDS or a channel of realtime v2; `key` narrows it to a symbol, slug, token or comment's parent."""

    name: str
    key: str = ""

    def __str__(self) -> str:
        return f"{self.name}:{self.key}" if self.key else self.name


@attrs.frozen
class Limit:
    """`silent_s` without a message is too long (None: silence is normal); from `ends_ns` on nothing may come at all."""

    silent_s: float | None
    ends_ns: int = 0


RTDS: Final[Mapping[str, Limit]] = {
    "activity": Limit(30.0),
    "comments": Limit(3_600.0),
    "crypto_prices": Limit(30.0, PRICES_END_NS),
    "crypto_prices_chainlink": Limit(30.0, PRICES_END_NS),
    "crypto_prices_twap_thirty": Limit(60.0, PRICES_END_NS),
    "crypto_prices_twap_sixty": Limit(90.0, PRICES_END_NS),
    "equity_prices": Limit(_LONGEST_WEEKEND_S, PRICES_END_NS),
    MARKET_TOPIC: Limit(60.0),
    USER_TOPIC: Limit(None),
}
REALTIME: Final[Mapping[str, Limit]] = {
    "price.crypto": Limit(30.0),
    "price.crypto.twap": Limit(90.0),
    "price.equity": Limit(_LONGEST_WEEKEND_S),
    "price.equity.twap": Limit(_LONGEST_WEEKEND_S),
}


def rtds_topic(text: str) -> Topic:
    """Return the topic a person named: ``crypto_prices``, or ``crypto_prices:btcusdt`` for one symbol.

    Raises:
        ValueError: RTDS has no such topic; the text lists what it has.
    """
    name, _, key = text.partition(":")
    if name not in RTDS:
        raise ValueError(f"{text!r} is no topic of RTDS; there are {', '.join(RTDS)}")
    return Topic(name, key.lower() if name in PRICE_TOPICS else key)


def realtime_topic(text: str) -> Topic:
    """Return the channel and symbol a person named: ``btcusd``, or ``price.equity:aaplusd``.

    Raises:
        ValueError: no such channel, or a symbol that does not end in usd; the text says what is right.
    """
    name, colon, key = text.rpartition(":")
    name, key = name if colon else "price.crypto", key.lower()
    if name not in REALTIME:
        raise ValueError(f"{text!r} is no price of realtime v2; its channels are {', '.join(REALTIME)}")
    if not _SYMBOL.fullmatch(key):
        raise ValueError(f"{text!r} is no price of realtime v2; symbols are like btcusd")
    return Topic(name, key)


def needs_socket(topics: Iterable[Topic]) -> tuple[Topic, ...]:
    """Return the topics that only RTDS has: books and own orders come from the CLOB's own sockets."""
    return tuple(topic for topic in topics if topic.name not in (MARKET_TOPIC, USER_TOPIC))


PRICE_TOPICS: Final = tuple(name for name, limit in RTDS.items() if limit.ends_ns)
