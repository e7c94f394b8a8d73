"""The user stream without a socket: what is sent when, what is held, and when a link counts as lost."""

from __future__ import annotations

import msgspec
import pytest

from agbot.errors import LinkLost, VenueUnavailable
from agbot.secrets import Secret
from agbot.units import NS_PER_S
from agbot.venue.polymarket import user
from agbot.venue.polymarket.auth import ApiCredentials
from agbot.venue.polymarket.user import UserSession

API = ApiCredentials(key="the-key", secret=Secret("c2VjcmV0"), passphrase=Secret("open-sesame"))


def frame(order_id="0xo", kind="PLACEMENT"):
    return msgspec.json.encode(
        {
            "event_type": "order",
            "id": order_id,
            "type": kind,
            "status": "LIVE",
            "owner": "the-key",
            "market": "m",
            "asset_id": "1",
            "side": "BUY",
            "price": "0.5",
            "original_size": "10",
            "size_matched": "0",
            "timestamp": "1790000000123",
        }
    )


@pytest.fixture
def session():
    return UserSession(API, 0)


def test_the_first_frame_signs_in_for_all_markets(session):
    assert msgspec.json.decode(session.first_frame()) == {
        "type": "user",
        "auth": {"apiKey": "the-key", "secret": "c2VjcmV0", "passphrase": "open-sesame"},
    }


def test_events_are_held_until_the_barrier_is_passed_and_keep_their_order(session):
    assert session.received(0, frame("0xa")) == []
    assert session.received(0, b"[" + frame("0xb") + b"," + frame("0xc") + b"]") == []
    assert [e.id for e in session.release()] == ["0xa", "0xb", "0xc"]
    assert [e.id for e in session.received(0, frame("0xd"))] == ["0xd"]
    assert session.release() == []


def test_too_much_to_hold_is_a_link_to_begin_anew(session, monkeypatch):
    monkeypatch.setattr(user, "HELD_MAX", 2)
    session.received(0, frame())
    session.received(0, frame())
    with pytest.raises(VenueUnavailable, match="more than 2 messages"):
        session.received(0, frame())


def test_ping_every_ten_seconds(session):
    sent = []
    for second in range(31):
        session.received(second * NS_PER_S, b"PONG")
        if session.ping(second * NS_PER_S):
            sent.append(second)
    assert sent == [10, 20, 30]


@pytest.mark.parametrize(("last_pong_s", "lost_s"), [(0, 30), (7, 37)])
def test_a_link_without_pongs_is_lost_whatever_else_it_says(last_pong_s, lost_s, session):
    session.release()
    session.received(last_pong_s * NS_PER_S, b"PONG")
    for second in range(last_pong_s + 1, lost_s):
        session.received(second * NS_PER_S, frame())
        session.ping(second * NS_PER_S)
    with pytest.raises(LinkLost, match="no PONG for 30 s"):
        session.ping(lost_s * NS_PER_S)


def test_what_is_not_understood_is_kept_to_be_said_and_the_rest_is_read(session):
    session.release()
    events = session.received(0, b'[{"event_type":"order","id":"x"},' + frame() + b"]")
    assert [e.id for e in events] == ["0xo"]
    assert len(session.faults) == 1
    assert session.received(0, b"\xff not json") == []
    assert len(session.faults) == 2
