"""Frames of realtime v2 (PolyBolt): acknowledgements with a request id, and reference prices with sequence numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

import msgspec

from agbot.venue.polymarket.wire.counted import Counted
from agbot.venue.polymarket.wire.fields import Fields, from_json
from agbot.venue.polymarket.wire.prices import Quote, quotes


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


class RealtimeDecoder(Counted):
    """Turns realtime v2 frames into messages; counts as `Counted` says."""

    def decode(self, raw: bytes | str) -> RealtimeFrame:
        """Return what `raw` says. Never raises on bad input: a bad message is a fault."""
        out = RealtimeFrame([], [])
        kind = ""
        try:
            f = Fields(from_json(raw))
            kind = f.text("op", default="data" if "channel" in f else "")
            if kind not in _READERS:
                self._count_unknown(kind)
                return out
            out.messages.append(_READERS[kind](f))
        except ValueError as e:
            self._fault(out.faults, f"{kind or 'frame'}: {e}")
            return out
        self._understood[kind] += 1
        return out


def _ack(f: Fields) -> Ack:
    return Ack(f.name("op"), f.text("rid", default=""), f.text("channel", default=""))


def _error(f: Fields) -> OpError:
    text = f.text("message", "error", default="")[:300]
    return OpError(f.text("rid", default=""), f.name("code"), f.text("channel", default=""), text)


def _prices(f: Fields) -> Prices:
    if (version := f.whole("v", default=1)) != 1:
        raise ValueError(f"version {version} of the frames is not known")
    payload = f.nested("payload")
    if payload is None:
        raise ValueError("payload is missing")
    channel = f.name("channel")
    return Prices(
        channel,
        f.whole("seq"),
        f.time("ts"),
        quotes(payload, channel),
        snapshot=f.flag("snapshot", default=False),
        dropped=f.whole("dropped", default=0),
        market_status=payload.text("market_status", default=""),
    )


_READERS: Final[dict[str, Callable[[Fields], RealtimeMessage]]] = {
    "authed": _ack,
    "subscribed": _ack,
    "unsubscribed": _ack,
    "error": _error,
    "pong": lambda _: Pong(),
    "data": _prices,
}
