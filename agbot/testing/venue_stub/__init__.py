"""Polymarket on loopback, for tests: HTTP and WebSockets of every host, an honest small venue, faults by script.

    async with venue_stub() as stub:
        stub.set_book(YES, bids=[("0.48", "100")], asks=[("0.52", "100")])
        stub.lose_reply("POST", "/order")            # the order arrives, its answer does not
        stub.reply("GET", "/book", HTML_403, times=1)
        held = stub.hold("DELETE", "/order")         # answered on held.release()
        ...                                          # point the code under test at stub.hosts
        assert stub.asked("POST", "/order")[0].json["orderType"] == "GTC"

One market is listed from the start (`CONDITION`, `YES`, `NO`), one API key is known (`StubKey()`, of `PRIVATE_KEY`).
Signed routes check the HMAC over the bytes that came; orders and wallet claims are checked by their signature.
"""

from agbot.testing.venue_stub.exchange import StubExchange
from agbot.testing.venue_stub.keys import ADDRESS, PRIVATE_KEY, StubKey
from agbot.testing.venue_stub.markets import CONDITION, NO, YES, StubBook, StubMarket
from agbot.testing.venue_stub.script import (
    CANCEL_ONLY,
    DISABLED,
    DUPLICATED,
    HTML_403,
    NOT_EXECUTED,
    RESTARTING,
    TIMED_OUT,
    Held,
    Received,
    Reply,
    error,
    post_only_mode,
    throttled,
)
from agbot.testing.venue_stub.server import VenueStub, venue_stub
from agbot.testing.venue_stub.sockets import StubSocket, StubSockets, no_answers
from agbot.web.server import Break

__all__ = [
    "ADDRESS",
    "CANCEL_ONLY",
    "CONDITION",
    "DISABLED",
    "DUPLICATED",
    "HTML_403",
    "NO",
    "NOT_EXECUTED",
    "PRIVATE_KEY",
    "RESTARTING",
    "TIMED_OUT",
    "YES",
    "Break",
    "Held",
    "Received",
    "Reply",
    "StubBook",
    "StubExchange",
    "StubKey",
    "StubMarket",
    "StubSocket",
    "StubSockets",
    "VenueStub",
    "error",
    "no_answers",
    "post_only_mode",
    "throttled",
    "venue_stub",
]
