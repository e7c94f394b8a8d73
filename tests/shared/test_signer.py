"""The process that holds the key reads the shared switch too: a bot gone wrong gets no signature."""

from __future__ import annotations

import pytest

from agbot.errors import VenueRefused
from agbot.run.control import ControlServer
from agbot.run.signer import SignerDesk
from agbot.run.spend import DayFile
from agbot.secrets import Secret
from agbot.shared.link import Link
from agbot.shared.watch import STALE_S, Shared
from agbot.venue.polymarket.contracts import POLYGON
from agbot.venue.polymarket.signer import RemoteSigner
from tests.run.test_signer import CAPS, Desk, fields

WHO = {"by": "me", "at_ns": 7}


async def test_the_shared_switch_stops_every_signature_and_so_does_a_redis_that_is_silent(server, tmp_path, nursery):
    now = [1000.0]
    shared = Shared(Link(Secret(server.url)), "desk", who="signer", row="s", monotonic=lambda: now[0])
    shared.switch.move(on=False, reason="begin", **WHO)
    desk = Desk(tmp_path)
    day = DayFile(tmp_path / "day.json", CAPS, lambda: desk.now)
    inside = SignerDesk(desk.order_signer, CAPS, day, desk.latch, lambda: desk.now, shared=shared)
    await nursery.start(ControlServer(desk.path, inside.handlers()).run)
    remote = await RemoteSigner.at(desk.path, POLYGON)
    with pytest.raises(VenueRefused, match="was not read yet"):
        await remote.sign(fields(), version=2, neg_risk=False)
    await shared.look()
    await remote.sign(fields(), version=2, neg_risk=False)
    shared.switch.move(on=True, reason="drill", **WHO)
    await shared.look()
    with pytest.raises(VenueRefused, match="shared switch desk: drill"):
        await remote.sign(fields(), version=2, neg_risk=False)
    shared.switch.move(on=False, reason="fine", **WHO)
    await shared.look()
    await remote.sign(fields(), version=2, neg_risk=False)
    now[0] += STALE_S + 1
    with pytest.raises(VenueRefused, match="cannot be read"):
        await remote.sign(fields(), version=2, neg_risk=False)
    shared._link.close()
