"""Frames of realtime v2 (PolyBolt): acknowledgements with a request id, and reference prices with sequence numbers."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import msgspec

from agbot.venue.polymarket.wire.rtds import Quote


class Ack(msgspec.Struct, frozen=True):
    """`op` is authed, subscribed or unsubscribed; `rid` is the request it answers."""

    op: str
    rid: str
    channel: str = ""


class OpError(msgspec.Struct, frozen=True):
    """A request was refused: `code` such as bad_channel, sub_limit, rate_limited, auth_expired."""

    rid: str
    code: str
    channel: str = ""
    text: str = ""


class Prices(msgspec.Struct, frozen=True):
    """One message of a channel. `seq` counts per channel and connection; `dropped` messages were lost before it."""

    channel: str
    seq: int
    ts_ns: int
    quotes: tuple[Quote, ...]
    snapshot: bool = False
    dropped: int = 0
    market_status: str = ""


class Pong(msgspec.Struct, frozen=True):
    """The answer to our ping."""


RealtimeMessage: TypeAlias = Ack | OpError | Prices | Pong


class RealtimeFrame(NamedTuple):
    """What one frame said, and one sentence for each message that could not be understood."""

    messages: list[RealtimeMessage]
    faults: list[str]
