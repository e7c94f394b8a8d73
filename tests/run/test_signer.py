"""The signer: another process's key, its limits, its latch; the bot's side of the wire, and everything wrong on it."""

from __future__ import annotations

import stat

import msgspec
import pytest
import trio

from agbot.core.turnover import NS_PER_DAY
from agbot.errors import ConfigError, VenueRefused, VenueUnavailable
from agbot.latch import Latch
from agbot.model.order import Side
from agbot.run.control import ControlServer
from agbot.run.signer import SignerDesk
from agbot.run.spend import Caps, DayFile
from agbot.run.unwind import Leave, give
from agbot.secrets import Secret
from agbot.testing.venue_stub import PRIVATE_KEY
from agbot.units import SCALE
from agbot.venue.polymarket import signer as client
from agbot.venue.polymarket.contracts import AMOY, POLYGON
from agbot.venue.polymarket.keys import SigningKey
from agbot.venue.polymarket.orders import OrderFields, OrderSigner
from agbot.venue.polymarket.signer import LocalSigner, RemoteSigner, sign_request
from agbot.venue.polymarket.wallets import Account, derive

KEY = SigningKey.parse(Secret(PRIVATE_KEY))
ACCOUNTS = {
    0: Account.of_owner(KEY.address),
    2: Account(KEY.address, derive(KEY.address).safe, 2),
    3: Account(KEY.address, derive(KEY.address).deposit_uups, 3),
}
CAPS = Caps(max_order_usd=10 * SCALE, max_day_usd=25 * SCALE)
DAY = 20_000


def fields(salt=1, usd=5, side=Side.BUY, **changes):
    amounts = (usd * SCALE, 10 * SCALE) if side is Side.BUY else (10 * SCALE, usd * SCALE)
    values = {
        "token_id": 2**255 + 7,
        "maker_amount": amounts[0],
        "taker_amount": amounts[1],
        "side": side,
        "salt": salt,
        "timestamp_ms": 1_790_000_000_000,
    }
    return OrderFields(**{**values, **changes})


class Desk:
    """A signer process's inside: its directory, clock and socket."""

    def __init__(self, directory, kind=0):
        self.now = DAY * NS_PER_DAY
        self.directory = directory
        self.path = directory / "signer.sock"
        self.latch = Latch(directory / "latch")
        self.order_signer = OrderSigner(KEY, ACCOUNTS[kind], POLYGON)
        self.restart()

    def restart(self):
        day = DayFile(self.directory / "day.json", CAPS, lambda: self.now)
        self.desk = SignerDesk(self.order_signer, CAPS, day, self.latch, lambda: self.now)
        self.server = ControlServer(self.path, self.desk.handlers())

    async def ask(self, request):
        """Return the server's answer to one request, without a socket."""
        return await self.server.answer(msgspec.json.encode(request))


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


@pytest.fixture
async def serving(desk, nursery):
    await nursery.start(desk.server.run)
    return desk


@pytest.mark.parametrize("kind", ACCOUNTS)
@pytest.mark.parametrize(("version", "neg_risk"), [(2, False), (2, True), (3, False)])
async def test_a_signature_from_afar_is_the_one_made_here(tmp_path, nursery, kind, version, neg_risk):
    desk = Desk(tmp_path, kind)
    await nursery.start(desk.server.run)
    remote = await RemoteSigner.at(desk.path, POLYGON)
    local = LocalSigner(desk.order_signer)
    for side in Side:
        order = fields(side=side, expiration_s=9, metadata=b"m" * 32, builder=b"b" * 32)
        signed = await remote.sign(order, version=version, neg_risk=neg_risk)
        assert signed == await local.sign(order, version=version, neg_risk=neg_risk)
        assert signed.order_id == remote.order_id(order, version=version, neg_risk=neg_risk)
    assert remote.account == local.account == ACCOUNTS[kind]


async def test_its_socket_is_ours_alone_and_its_hello_holds_no_key(serving):
    assert stat.S_IMODE(serving.path.stat().st_mode) == 0o600
    said = await serving.ask({"op": "hello"})
    assert said["owner"] == KEY.address
    assert PRIVATE_KEY[2:10] not in str(said)


async def test_it_refuses_beyond_its_caps_and_counts_what_it_signed(serving):
    remote = await RemoteSigner.at(serving.path, POLYGON)
    with pytest.raises(VenueRefused, match=r"11\.00 usd is over the 10\.00 of one order"):
        await remote.sign(fields(usd=11), version=2, neg_risk=False)
    with pytest.raises(VenueRefused, match="one order"):
        await remote.sign(fields(usd=11, side=Side.SELL), version=2, neg_risk=False)
    for salt in (1, 1, 1, 2):
        await remote.sign(fields(salt, usd=10), version=2, neg_risk=False)
    assert serving.desk.signed_today() == 20 * SCALE
    with pytest.raises(VenueRefused, match=r"30\.00 usd today") as caught:
        await remote.sign(fields(3, usd=10), version=2, neg_risk=False)
    assert caught.value.code == "signer"
    serving.now += NS_PER_DAY
    await remote.sign(fields(3, usd=10), version=2, neg_risk=False)


async def test_a_restart_is_no_way_to_a_second_day(desk):
    for salt in (1, 2):
        await desk.ask(sign_request(fields(salt, usd=10), version=2, neg_risk=False, chain=POLYGON))
    desk.restart()
    said = await desk.ask(sign_request(fields(3, usd=10), version=2, neg_risk=False, chain=POLYGON))
    assert said["error"]["id"] == "AGB-542"


async def test_its_own_latch_stops_every_signature(serving):
    remote = await RemoteSigner.at(serving.path, POLYGON)
    serving.latch.close("fire", "me", 1)
    with pytest.raises(VenueRefused, match="kill switch is on \\(fire\\)"):
        await remote.sign(fields(), version=2, neg_risk=False)
    serving.latch.open("me", "out", 2)
    await remote.sign(fields(), version=2, neg_risk=False)


async def test_a_signer_that_knows_no_names_is_closed_by_any_of_them(serving):
    remote = await RemoteSigner.at(serving.path, POLYGON)
    serving.latch.close_scope("market", "rain", reason="odd", by="me", at_ns=1)
    with pytest.raises(VenueRefused, match="on for market rain: a signer knows no names"):
        await remote.sign(fields(), version=2, neg_risk=False)
    serving.latch.open_scope("market", "rain", reason="fine", by="me", at_ns=2)
    await remote.sign(fields(), version=2, neg_risk=False)


def changed(**changes):
    return {**sign_request(fields(), version=2, neg_risk=False, chain=POLYGON), **changes}


def changed_order(**changes):
    request = changed()
    return {**request, "order": {**request["order"], **changes}}


WRONG = {
    "another chain": (changed(chain_id=80002), "AGB-543"),
    "another contract": (changed(contract="0x" + "12" * 20), "AGB-543"),
    "the other exchange's contract": (changed(neg_risk=True), "AGB-543"),
    "no such version": (changed(version=1), "AGB-543"),
    "an unknown key": (changed(extra=1), "AGB-544"),
    "a key of the order too many": (changed_order(taker="0x"), "AGB-544"),
    "a side that is none": (changed_order(side="HOLD"), "AGB-544"),
    "a token that is no number": (changed_order(token_id="x"), "AGB-544"),
    "an amount as text": (changed_order(maker_amount="5000000"), "AGB-544"),
    "a fraction": (changed_order(maker_amount=0.5), "AGB-544"),
    "metadata that is no hex": (changed_order(metadata="zz"), "AGB-544"),
    "short metadata": (changed_order(metadata="00"), "AGB-409"),
    "a salt of more than 53 bits": (changed_order(salt=2**53), "AGB-409"),
    "a token beyond 256 bits": (changed_order(token_id=str(2**256)), "AGB-409"),
    "nothing to pay": (changed_order(maker_amount=0), "AGB-409"),
    "no order": ({"op": "sign"}, "AGB-544"),
    "a login": ({"op": "clob_auth"}, "AGB-532"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_no_order_for_a_known_exchange_is_not_signed(desk, name):
    request, error_id = WRONG[name]
    said = await desk.ask(request)
    assert (said["ok"], said["error"]["id"]) == (False, error_id)
    assert desk.desk.signed_today() == 0


async def test_a_full_disk_signs_nothing(desk):
    (desk.directory / "day.new").mkdir()
    said = await desk.ask(changed())
    assert said["error"]["id"] == "AGB-542"
    assert "cannot be written" in said["error"]["reason"]


async def test_what_it_remembers_is_bounded(desk, monkeypatch):
    monkeypatch.setattr("agbot.run.signer.SIGNED_KEPT", 1)
    for salt in (1, 2, 1):
        await desk.ask(sign_request(fields(salt), version=2, neg_risk=False, chain=POLYGON))
    assert desk.desk.signed_today() == 15 * SCALE


async def test_no_signer_is_said_at_the_start(tmp_path):
    with pytest.raises(ConfigError, match="No such file") as caught:
        await RemoteSigner.at(tmp_path / "none.sock", POLYGON)
    assert (caught.value.id, caught.value.key) == ("AGB-148", "live.signer")


async def test_a_signer_of_another_chain_is_said_at_the_start(serving):
    with pytest.raises(ConfigError, match="signs for chain 137, the configuration says 80002"):
        await RemoteSigner.at(serving.path, AMOY)


async def test_a_signer_that_was_restarted_is_found_again(desk, nursery):
    async with trio.open_nursery() as first:
        await first.start(desk.server.run)
        remote = await RemoteSigner.at(desk.path, POLYGON)
        await remote.sign(fields(), version=2, neg_risk=False)
        first.cancel_scope.cancel()
    with pytest.raises(VenueUnavailable):
        await remote.sign(fields(), version=2, neg_risk=False)
    await nursery.start(desk.server.run)
    await remote.sign(fields(), version=2, neg_risk=False)


LIES = {
    b'{"ok": true, "order_id": "0x12", "signature": "0x00"}\n': "signed something else",
    b'{"ok": true}\n': "signed something else",
    b"[]\n": "is not a reply",
    b"\xff\xfe\n": "is not a reply",
    b'{"ok": false}\n': "without a reason",
}


@pytest.mark.parametrize("answer", LIES, ids=lambda a: a[:20].decode("ascii", "replace"))
async def test_an_answer_that_is_none_sends_nothing(tmp_path, nursery, answer):
    path = tmp_path / "liar.sock"
    remote = RemoteSigner(path, ACCOUNTS[0], POLYGON)
    await nursery.start(liar, path, answer)
    with pytest.raises(VenueRefused, match=LIES[answer]):
        await remote.sign(fields(), version=2, neg_risk=False)


async def test_silence_is_an_end(tmp_path, nursery, monkeypatch):
    monkeypatch.setattr(client, "SIGNATURE_S", 0.05)
    path = tmp_path / "mute.sock"
    remote = RemoteSigner(path, ACCOUNTS[0], POLYGON)
    await nursery.start(liar, path, b"")
    with pytest.raises(VenueUnavailable, match="no answer within"):
        await remote.sign(fields(), version=2, neg_risk=False)


async def liar(path, answer, task_status=trio.TASK_STATUS_IGNORED):
    """Serve one socket that answers everything alike; empty is silence."""
    with trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM) as listener:
        await listener.bind(str(path))
        listener.listen(5)
        task_status.started()
        while True:
            peer, _ = await listener.accept()
            async with trio.SocketStream(peer) as stream:
                await stream.receive_some(65_536)
                if not answer:
                    await trio.sleep_forever()
                await stream.send_all(answer)


# ---------------------------------------------------------------- a leave for unwinding


def leave(desk, **changes):
    """Give a leave now: 10 shares at 0.10 or more, for a minute."""
    values = {"until_ns": desk.now + 60 * 10**9, "shares": 10 * SCALE, "floor": SCALE // 10, "by": "ann", "reason": "r"}
    give(desk.latch, Leave(**{"given_ns": desk.now, **values, **changes}))


def sale(salt=1, shares=5, usd=2, **changes):
    amounts = {"maker_amount": shares * SCALE, "taker_amount": usd * SCALE}
    return fields(salt, side=Side.SELL, **{**amounts, **changes})


async def signed(desk, order):
    """Return why an order is not signed, empty when it is."""
    said = await desk.ask(sign_request(order, version=2, neg_risk=False, chain=POLYGON))
    return "" if said["ok"] else said["error"]["reason"]


@pytest.fixture
def closed(desk):
    desk.latch.close("fire", "me", desk.now - 1)
    return desk


async def test_a_closed_signer_sells_what_its_leave_is_for_and_counts_it(closed):
    assert await signed(closed, sale()) == "the kill switch is on (fire)"
    leave(closed)
    assert [await signed(closed, sale(salt)) for salt in (1, 1, 2)] == ["", "", ""]
    assert "for 10 shares, and 10 of them are signed for" in await signed(closed, sale(3, shares=1, usd=1))
    closed.restart()
    assert "10 of them are signed for" in await signed(closed, sale(3, shares=1, usd=1))
    closed.now += 1
    leave(closed)
    assert await signed(closed, sale(3)) == ""
    assert [line["by"] for line in history(closed) if line.get("unwind")] == ["ann", "ann"]


def history(desk):
    return [msgspec.json.decode(line) for line in (desk.directory / "latch.log").read_bytes().splitlines()]


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (fields(), "sales at once"),
        (sale(expiration_s=9), "sales at once"),
        (sale(taker_amount=4 * SCALE // 10), "0.1 usd a share or more"),
        (sale(shares=11), "for 10 shares"),
    ],
)
async def test_a_leave_is_for_nothing_else(closed, order, why):
    leave(closed)
    assert why in await signed(closed, order)
    assert closed.desk.signed_today() == 0


async def test_the_signers_caps_hold_under_a_leave(closed):
    leave(closed, shares=100 * SCALE)
    assert "one order" in await signed(closed, sale(shares=20, usd=11))


async def test_a_leave_ends(closed):
    leave(closed)
    closed.now += 60 * 10**9
    assert "the leave is over" in await signed(closed, sale())
    closed.now -= 61 * 10**9  # a clock that was put back brings none
    assert "the leave is over" in await signed(closed, sale())


async def test_closing_anew_ends_a_leave(closed):
    leave(closed)
    closed.latch.open("me", "out", closed.now)
    closed.now += 1
    closed.latch.close("fire again", "me", closed.now)
    assert "before the kill switch was closed" in await signed(closed, sale())


async def test_a_scope_that_is_closed_later_ends_a_leave(closed):
    leave(closed)
    closed.now += 1
    closed.latch.close_scope("market", "rain", reason="odd", by="me", at_ns=closed.now)
    assert "before the kill switch was closed" in await signed(closed, sale())


async def test_what_cannot_be_read_is_no_leave(closed):
    leave(closed)
    (closed.directory / "unwind").write_bytes(b"{")
    assert "cannot be read" in await signed(closed, sale())
    leave(closed)
    assert await signed(closed, sale()) == ""
    (closed.directory / "unwind-signed").write_bytes(b"")
    assert "cannot be read" in await signed(closed, sale(2))
    closed.latch.path.write_bytes(b"torn")
    leave(closed)
    (closed.directory / "unwind-signed").unlink()
    assert "torn" in await signed(closed, sale(3))


async def test_a_sale_that_cannot_be_counted_is_not_signed(closed):
    leave(closed)
    (closed.directory / "unwind-signed").mkdir()
    assert await signed(closed, sale()) != ""


async def test_a_leave_cannot_be_given_over_the_socket(closed):
    for op in ("unwind", "leave", "killswitch"):
        assert (await closed.ask({"op": op, "shares": 1, "by": "bot"}))["error"]["id"] == "AGB-532"


async def test_with_the_switch_off_a_leave_changes_nothing(desk):
    leave(desk, shares=1)
    assert await signed(desk, sale(shares=9)) == ""
    assert not (desk.directory / "unwind-signed").exists()
