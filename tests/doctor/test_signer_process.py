"""The doctor where another process holds the key."""

from __future__ import annotations

import pytest

from agbot.doctor import Status
from agbot.doctor.world import run_checks
from agbot.latch import Latch
from agbot.run.control import ControlServer
from agbot.run.signer import SignerDesk
from agbot.run.spend import Caps, DayFile
from agbot.secrets import Secret
from agbot.settings import LiveSettings, PolymarketSettings, Settings
from agbot.testing.venue_stub import ADDRESS, PRIVATE_KEY, StubKey, StubMarket, venue_stub
from agbot.units import SCALE
from agbot.venue.polymarket.contracts import POLYGON
from agbot.venue.polymarket.keys import SigningKey
from agbot.venue.polymarket.orders import OrderSigner
from agbot.venue.polymarket.wallets import Account, SignatureType, derive

CAPS = Caps(max_order_usd=10 * SCALE, max_day_usd=25 * SCALE)
KEY = StubKey()
API_ONLY = {
    "POLYMARKET_API_KEY": KEY.key,
    "POLYMARKET_SECRET": KEY.secret,
    "POLYMARKET_PASSPHRASE": KEY.passphrase,
}


@pytest.fixture
async def socket(tmp_path, nursery):
    """Serve a signer of the stub's key with a safe; return its socket."""
    key = SigningKey.parse(Secret(PRIVATE_KEY))
    signer = OrderSigner(key, Account(ADDRESS, derive(ADDRESS).safe, SignatureType.SAFE), POLYGON)
    day = DayFile(tmp_path / "day.json", CAPS, lambda: 0)
    desk = SignerDesk(signer, CAPS, day, Latch(tmp_path / "latch"), lambda: 0)
    await nursery.start(ControlServer(tmp_path / "signer.sock", desk.handlers()).run)
    return tmp_path / "signer.sock"


async def ask(stub, path, tmp_path):
    place = PolymarketSettings(hosts=stub.hosts)
    settings = Settings(polymarket=place, live=LiveSettings(signer=path))
    report = await run_checks(settings, tmp_path, environ=API_ONLY, live=True)
    return {row.id: row.finding for row in report.rows}


async def test_a_signer_process_is_green(socket, tmp_path):
    async with venue_stub() as stub:
        stub.set_book(StubMarket().yes, bids=[("0.48", "100")])
        stub.exchange.signature_type = 2
        found = await ask(stub, socket, tmp_path)
    assert [each for each, finding in found.items() if finding.status is Status.FAIL] == []
    assert found["D06"].cause == "the signer process holds the key, the API key is there"
    assert found["D07"].cause == f"the signer process at {socket} answers, and signs as {ADDRESS}"
    assert [found[each].status for each in ("D08", "D09", "D13", "D15", "D16")] == [Status.OK] * 5


async def test_no_signer_process(tmp_path):
    async with venue_stub() as stub:
        found = await ask(stub, tmp_path / "absent.sock", tmp_path)
    assert found["D06"].status is Status.FAIL
    assert "[AGB-148]" in found["D06"].cause
    assert found["D06"].remedy.startswith("start it: agbot signer")
