"""What a connection raises when the other side is not there, goes, or does not speak the protocol."""

from __future__ import annotations

from typing import Final

import h11
import trio
from trio_websocket import ConnectionClosed, HandshakeError
from wsproto.utilities import ProtocolError

LOST: Final = (
    ConnectionClosed,
    HandshakeError,
    OSError,
    ProtocolError,
    h11.ProtocolError,  # wsproto lets it through when something else than a WebSocket answers
    trio.BrokenResourceError,
    trio.ClosedResourceError,
    trio.TooSlowError,
)
"""For `except`, and for `except*` where it comes out of a nursery."""
