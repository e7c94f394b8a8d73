"""The whole doctor against a venue on loopback: green, offline, and broken in each way people break it."""

from __future__ import annotations

import re
import time

import attrs
import pytest

from agbot.doctor import Status
from agbot.doctor.world import CHECKS, run_checks
from agbot.settings import PolymarketSettings, Settings
from agbot.testing.venue_stub import (
    ADDRESS,
    HTML_403,
    PRIVATE_KEY,
    Reply,
    StubKey,
    StubMarket,
    error,
    no_answers,
    venue_stub,
)
from agbot.venue.polymarket.hosts import Hosts
from agbot.venue.polymarket.wallets import derive

KEY = StubKey()
SECRETS = (PRIVATE_KEY[2:], KEY.secret, KEY.passphrase, KEY.key)
ENVIRON = {
    "POLYMARKET_PRIVATE_KEY": PRIVATE_KEY,
    "POLYMARKET_API_KEY": KEY.key,
    "POLYMARKET_SECRET": KEY.secret,
    "POLYMARKET_PASSPHRASE": KEY.passphrase,
}
SAFE = derive(ADDRESS).safe
NOWHERE = "127.0.0.1:9"


@pytest.fixture
async def stub():
    async with venue_stub() as stub:
        stub.set_book(StubMarket().yes, bids=[("0.48", "100")], asks=[("0.52", "100")])
        stub.rtds_sockets.answers = lambda socket, text: ['{"topic":"activity","payload":{}}']
        yield stub


@pytest.fixture
def ask(stub, tmp_path):
    """Return a function that runs the doctor and gives the findings by id."""

    async def run(environ=ENVIRON, **options):
        settings = options.pop("settings", Settings(polymarket=PolymarketSettings(hosts=stub.hosts)))
        report = await run_checks(settings, tmp_path, environ=environ, live=options.pop("live", True), **options)
        said = repr(report.json())
        assert not [secret for secret in SECRETS if secret in said]
        return report

    return run


def found(report, check_id):
    return next(row.finding for row in report.rows if row.id == check_id)


def failed(report):
    return [row.id for row in report.failures]


async def test_a_healthy_wallet_is_green(ask):
    report = await ask()
    assert {row.id: row.finding for row in report.rows[:-1] if row.finding.status is not Status.OK} == {}
    assert report.green
    assert [row.id for row in report.rows] == [f"D{n:02}" for n in range(1, 25)]


@pytest.mark.parametrize("name", ["proxy", "safe", "deposit_uups", "deposit_beacon"])
async def test_a_healthy_contract_wallet_is_green(ask, stub, name):
    kind = {"proxy": 1, "safe": 2}.get(name, 3)
    stub.exchange.signature_type = kind
    report = await ask({**ENVIRON, "POLYMARKET_FUNDER": attrs.asdict(derive(ADDRESS))[name]})
    assert failed(report) == []
    assert found(report, "D15").status is Status.OK


async def test_without_credentials_public_things_are_asked(ask, stub):
    report = await ask({}, live=False)
    assert report.green
    skipped = [row.id for row in report.rows if row.finding.status is Status.SKIP]
    assert skipped == ["D06", "D07", "D08", "D09", "D13", "D14", "D15", "D16", "D21", "D24"]
    assert all(received.headers.get("poly_address") is None for received in stub.requests)


async def test_live_without_credentials_is_not_green(ask):
    report = await ask({})
    assert failed(report) == ["D06"]
    assert "POLYMARKET_PASSPHRASE" in found(report, "D06").cause
    assert found(report, "D06").remedy.startswith("for each: export")


# ---------------------------------------------------------------- broken wallets


async def test_wrong_funder(ask):
    dead = "0x000000000000000000000000000000000000dEaD"
    report = await ask({**ENVIRON, "POLYMARKET_FUNDER": dead, "POLYMARKET_SIGNATURE_TYPE": "safe"})
    assert failed(report) == ["D08"]
    assert found(report, "D08").cause == f"{dead} is no wallet of the key {ADDRESS}"
    assert found(report, "D08").remedy.startswith(f"export POLYMARKET_FUNDER={SAFE}")


async def test_revoked_key(ask, stub):
    stub.clob.keyring.keys.clear()
    report = await ask()
    assert failed(report) == ["D13"]
    finding = found(report, "D13")
    assert "the venue does not know this API key" in finding.cause
    assert finding.remedy == 'eval "$(agbot apikey --print)"'
    assert {found(report, each).cause for each in ("D14", "D15", "D16", "D21")} == {"not checked: D13 failed"}
    assert found(report, "D10").status is Status.OK


async def test_key_of_another_wallet(ask, stub):
    stub.reply("GET", "/auth/api-keys", lambda _: error(401, "Unauthorized/Invalid api key"))
    report = await ask()
    assert failed(report) == ["D13"]


async def test_key_that_is_not_listed(ask, stub):
    stub.reply("GET", "/auth/api-keys", Reply(json={"apiKeys": ["another"]}))
    report = await ask()
    assert failed(report) == ["D13"]
    assert found(report, "D13").cause == f"the API key is none of the 1 keys of {ADDRESS}"


@pytest.mark.parametrize(
    ("ahead_s", "status"), [(1, Status.OK), (-5, Status.WARN), (9, Status.FAIL), (45, Status.FAIL)]
)
async def test_skewed_clock(ask, ahead_s, status):
    report = await ask(now_s=lambda: time.time() + ahead_s)
    finding = found(report, "D10")
    assert finding.status is status
    if status is not Status.OK:
        assert "ahead of" in finding.cause if ahead_s > 0 else "behind" in finding.cause
        assert finding.remedy.startswith("timedatectl")


async def test_a_refusal_by_the_clock_is_not_a_revoked_key(ask, stub):
    stub.reply("GET", "/auth/api-keys", lambda _: error(401, "Unauthorized/Invalid api key"))
    report = await ask(now_s=lambda: time.time() - 90)
    assert failed(report) == ["D10", "D13"]
    assert re.search(r"because this clock is (89|90|91) s wrong", found(report, "D13").cause)
    assert found(report, "D13").remedy.startswith("timedatectl")


async def test_wrong_signature_type(ask, stub):
    stub.exchange.signature_type = 2
    report = await ask()
    assert failed(report) == ["D15"]
    finding = found(report, "D15")
    assert finding.cause == (
        "the EOA, the key's own address (type 0) holds no pUSD, the safe of a browser wallet (type 2) holds 1000.00"
    )
    assert finding.remedy.startswith("export POLYMARKET_SIGNATURE_TYPE=2")


async def test_an_empty_wallet_is_a_warning(ask, stub):
    stub.exchange.collateral = 0
    report = await ask()
    assert report.green
    assert found(report, "D15").status is Status.WARN


async def test_missing_allowance(ask, stub):
    first, second = stub.exchange.allowances
    stub.exchange.allowances = {first: 0, second: 2**256 - 1}
    report = await ask()
    assert failed(report) == ["D16"]
    finding = found(report, "D16")
    assert finding.cause == "no permission for exchange_v2 (pUSD), exchange_v2 (shares)"
    assert "agbot allowances" in finding.remedy
    assert [line.split()[1] for line in finding.details] == ["none", "unlimited"] * 2


async def test_closed_only(ask, stub):
    stub.clob.closed_only = True
    assert failed(await ask()) == ["D14"]


async def test_blocked_region(ask, stub):
    stub.sites.blocked = True
    report = await ask()
    assert failed(report) == ["D11"]
    assert "(PT 11)" in found(report, "D11").cause


@pytest.mark.parametrize(("version", "status"), [(2, Status.OK), (3, Status.WARN), (4, Status.FAIL)])
async def test_order_version(ask, stub, version, status):
    stub.clob.version = version
    assert found(await ask(), "D12").status is status


async def test_ticks_that_differ(ask, stub):
    stub.reply("GET", "/tick-size", Reply(json={"minimum_tick_size": 0.001}))
    finding = found(await ask(), "D18")
    assert finding.status is Status.WARN
    assert "0.001, 0.01" in finding.cause


async def test_a_price_off_the_tick(ask, stub):
    stub.set_book(StubMarket().yes, bids=[("0.485", "100")])
    report = await ask()
    assert failed(report) == ["D18"]
    assert "0.485" in found(report, "D18").cause


async def test_the_configured_market_is_looked_at(ask, stub):
    other = stub.add_market(
        StubMarket(condition="0x" + "ab" * 32, yes="11", no="12", slug="other", gamma_id="7", tick="0.001")
    )
    settings = Settings(polymarket=PolymarketSettings(hosts=stub.hosts), markets=(other.slug,))
    report = await ask(settings=settings)
    assert found(report, "D17").cause == "other: tick 0.001, at least 5 shares"


async def test_every_configured_market_is_looked_at(ask, stub):
    first = StubMarket()
    other = stub.add_market(
        StubMarket(condition="0x" + "ab" * 32, yes="11", no="12", slug="other", gamma_id="7", tick="0.001")
    )
    stub.set_book(other.yes, bids=[("0.4855", "100")])
    names = (first.slug, "no-such-market", other.slug)
    report = await ask(settings=Settings(polymarket=PolymarketSettings(hosts=stub.hosts), markets=names))
    assert failed(report) == ["D17", "D18"]
    assert found(report, "D17").cause == "[AGB-414] no market is called 'no-such-market' (1 of 3 markets)"
    assert [line.partition(":")[0] for line in found(report, "D17").details] == [first.slug, "other"]
    assert found(report, "D18").cause == "other: 0.4855 in the book is not on the tick 0.001 (1 of 2 markets)"


async def test_a_closed_market_is_told_as_the_run_would(ask, stub):
    closed = stub.add_market(
        StubMarket(condition="0x" + "ab" * 32, yes="11", no="12", slug="over", gamma_id="7", closed=True)
    )
    names = (StubMarket().slug, closed.slug)
    report = await ask(settings=Settings(polymarket=PolymarketSettings(hosts=stub.hosts), markets=names))
    assert failed(report) == ["D17"]
    assert "over cannot be traded" in found(report, "D17").cause


async def test_what_to_type_for_a_key_names_the_configuration(ask, stub, tmp_path):
    settings = Settings(polymarket=PolymarketSettings(hosts=stub.hosts), path=tmp_path / "a b.yaml")
    report = await ask({"POLYMARKET_PRIVATE_KEY": PRIVATE_KEY}, settings=settings)
    assert failed(report) == ["D06"]
    assert found(report, "D06").remedy == f"eval \"$(agbot apikey --print --config '{tmp_path}/a b.yaml')\""


async def test_a_configured_market_that_does_not_exist(ask, stub):
    settings = Settings(polymarket=PolymarketSettings(hosts=stub.hosts), markets=("no-such-market",))
    report = await ask(settings=settings)
    assert failed(report) == ["D17"]
    assert [found(report, each).status for each in ("D18", "D20")] == [Status.SKIP, Status.SKIP]


async def test_a_page_instead_of_json_is_not_the_keys_fault(ask, stub):
    stub.reply("GET", "/auth/api-keys", HTML_403)
    report = await ask()
    assert failed(report) == ["D13"]
    assert "AGB-410" in found(report, "D13").cause


# ---------------------------------------------------------------- sockets


async def test_a_user_socket_that_refuses_the_key(ask, stub):
    stub.user_sockets.answers = lambda socket, text: socket.drop() or ()
    report = await ask()
    assert failed(report) == ["D21"]
    assert found(report, "D21").remedy.endswith("see D13")


async def test_sockets_that_say_nothing(ask, stub):
    for sockets in (stub.market_sockets, stub.user_sockets, stub.rtds_sockets):
        sockets.answers = no_answers
    report = await ask(deadline_s=1.0)
    assert failed(report) == ["D20", "D21"]
    assert found(report, "D22").status is Status.WARN
    assert found(report, "D20").cause.startswith(f"cannot reach {stub.hosts.market_socket}: no answer within")


# ---------------------------------------------------------------- no network


async def test_offline_names_each_host_it_could_not_reach(ask):
    real = attrs.asdict(Hosts()).items()
    hosts = Hosts(
        **{
            name: f"{'ws' if url.startswith('ws') else 'http'}://127.0.0.{at}:9/{name}"
            for at, (name, url) in enumerate(real, 1)
        }
    )
    report = await ask(settings=Settings(polymarket=PolymarketSettings(hosts=hosts)))
    asked = {check.id: getattr(hosts, check.host) for check in CHECKS if check.host}
    skipped = {"D12", "D13", "D14", "D15", "D16", "D18", "D20"}
    named = {row.id: row.finding for row in report.rows if row.id in asked and row.id not in skipped}
    assert all(f"cannot reach {asked[each]}" in finding.cause for each, finding in named.items() if each != "D22")
    assert found(report, "D22").status is Status.WARN
    assert asked["D22"] in found(report, "D22").cause
    assert {found(report, each).status for each in skipped} == {Status.SKIP}
    assert found(report, "D12").cause == "not checked: D10 failed"
    assert found(report, "D07").status is Status.OK


async def test_an_exchange_that_is_down_is_told_once(ask):
    hosts = Hosts(
        **{name: url.partition(":")[0][:-1] + f"://{NOWHERE}/{name}" for name, url in attrs.asdict(Hosts()).items()}
    )
    report = await ask(settings=Settings(polymarket=PolymarketSettings(hosts=hosts)))
    assert failed(report) == ["D10"]
    assert "agbot exchange" in found(report, "D10").remedy
    others = {found(report, check.id).cause for check in CHECKS if check.host and check.id != "D10"}
    assert others == {"not checked: D10 failed", "not checked: no market, see D17"}


async def test_a_gamma_that_never_answers_costs_one_deadline_and_is_the_one_that_is_named(ask, stub):
    stub.hold("GET", "/gamma/markets/keyset", times=None)
    report = await ask(deadline_s=1.0)
    assert failed(report) == ["D17"]
    assert found(report, "D17").cause == f"cannot reach {stub.hosts.gamma}: no answer within 1 s"
    assert found(report, "D16").status is Status.OK
    assert [found(report, each).status for each in ("D18", "D20")] == [Status.SKIP, Status.SKIP]


async def test_the_offline_option_asks_nobody(ask, stub):
    report = await ask(offline=True)
    assert report.green
    assert [row.id for row in report.rows] == [*(f"D{n:02}" for n in range(1, 10)), "D24"]
    assert stub.requests == []


# ---------------------------------------------------------------- the page


def test_each_check_has_one_section(root):
    text = (root / "docs" / "doctor.md").read_text(encoding="utf-8")
    parts = re.split(r"^### (D\d\d)$", text, flags=re.MULTILINE)[1:]
    assert parts[::2] == [check.id for check in CHECKS]
    assert [section for section in parts[1::2] if len(section.strip()) < 40] == []
    assert f"asks {len(CHECKS)} questions" in text
