"""Reference prices of a run: from the configuration to feeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from agbot.core.backoff import Backoff
from agbot.settings import Settings
from agbot.store.received import REALTIME, RTDS
from agbot.units import NS_PER_S
from agbot.venue.polymarket.credentials import API, load_credentials
from agbot.venue.polymarket.realtime import RealtimeSession
from agbot.venue.polymarket.reference_feed import OpenSocket, ReferenceFeed
from agbot.venue.polymarket.rtds import RtdsSession, RtdsTerms
from agbot.venue.polymarket.topics import needs_socket, realtime_topic, rtds_topic
from agbot.web.socket import open_socket

LONGEST_S: Final = 300.0
"""Between two attempts at a socket that does not deliver."""


def reference_feeds(
    settings: Settings,
    now_ns: Callable[[], int],
    environ: Mapping[str, str] | None = None,
    *,
    opens: Callable[[str], OpenSocket] = lambda _name: open_socket,
) -> tuple[ReferenceFeed, ...]:
    """Return the feeds that `rtds.subscribe_topics` and `realtime` ask for; nothing is connected yet.

    Args:
        opens: how the socket of a name, ``"rtds"`` or ``"realtime"``, is opened.

    The topics clob_market and clob_user open no socket of RTDS: the CLOB's own sockets have them.

    Raises:
        ConfigError: AGB-135, realtime needs the API key, which is not there.
    """
    hosts = settings.polymarket.hosts
    feeds = []
    topics = [rtds_topic(text) for text in settings.rtds.subscribe_topics]
    wanted = needs_socket(topics)
    if wanted:
        first_s = settings.rtds.reconnect_delay_ns / NS_PER_S
        reopen = Backoff(first_s=first_s, longest_s=max(LONGEST_S, first_s))
        terms = RtdsTerms(ping_s=settings.rtds.ping_interval_ns / NS_PER_S, reopen=reopen)
        feeds.append(ReferenceFeed(RtdsSession(wanted, terms), hosts.rtds, now_ns, open_=opens(RTDS)))
    if settings.realtime:
        api = load_credentials(environ, required=API).api
        assert api is not None
        session = RealtimeSession([realtime_topic(text) for text in settings.realtime], api)
        feeds.append(ReferenceFeed(session, hosts.realtime, now_ns, open_=opens(REALTIME)))
    return tuple(feeds)
