"""Where Polymarket lives. Every address can be pointed elsewhere, such as at an exchange on this machine."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Hosts:
    """Base addresses without a trailing slash; sockets with their path."""

    clob: str = "https://clob.polymarket.com"
    market_socket: str = "wss://ws-subscriptions-clob.polymarket.com/ws/market"
    user_socket: str = "wss://ws-subscriptions-clob.polymarket.com/ws/user"
    rtds: str = "wss://ws-live-data.polymarket.com"
    realtime: str = "wss://ws-live-v2.polymarket.com/ws"
    gamma: str = "https://gamma-api.polymarket.com"
    data: str = "https://data-api.polymarket.com"
    geoblock: str = "https://polymarket.com/api/geoblock"
