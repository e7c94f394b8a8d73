"""The only package that knows Polymarket's JSON. Everything that leaves it has exact integers and UTC nanoseconds.

One module per surface: `market` and `user` (the CLOB's sockets), `rtds` and `realtime` (reference prices and more),
`rest` (the CLOB's replies), `gamma` (discovery), `account` (the Data API). What cannot be read is `VenueProtocolError`
in a reply and a counted fault in a stream; it is never 0 and never skipped in silence.
"""

from __future__ import annotations

from agbot.venue.polymarket.wire.counted import UNKNOWN_NAMES
from agbot.venue.polymarket.wire.market import Decoded, FrameDecoder, NewMarket, Top
from agbot.venue.polymarket.wire.numbers import exact_ms, exact_price, exact_units

__all__ = [
    "UNKNOWN_NAMES",
    "Decoded",
    "FrameDecoder",
    "NewMarket",
    "Top",
    "exact_ms",
    "exact_price",
    "exact_units",
]
