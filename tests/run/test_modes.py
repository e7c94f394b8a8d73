"""Paper, shadow and live, whole, against a venue on loopback: what is sent, what is not, what is left at the end."""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest

from agbot.errors import ConfigError, NotFoundError, VenueAuthFailed, VenueUnavailable, leaves
from agbot.run import modes
from agbot.run.lock import exclusive_wallet, wallet_dir
from agbot.run.modes import Trader, look, trade_paper
from agbot.run.spend import FILE_NAME, DaySpend
from agbot.settings import Mode
from agbot.testing.venue_stub import ADDRESS, CONDITION, NO, YES, error
from agbot.units import SCALE, to_units
from agbot.venue.paper import PaperVenue
from agbot.venue.polymarket import stream
from agbot.venue.shadow import ShadowVenue
from tests.run.live_runs import ended, live_run, posted

# ---------------------------------------------------------------- paper and shadow


async def test_paper_trades_live_markets_with_paper_orders(stub, start, running, until):
    run = await running(lambda: trade_paper(start))
    assert isinstance(run.session.venue, PaperVenue)
    assert run.session.facts.mode == "PAPER"
    bid = next(r.command for r in run.resting if r.command.token == YES)
    stub.set_book(YES, bids=[("0.01", "100")], asks=[(str(Decimal(bid.price) / SCALE), "1000")])
    for token in (YES, NO):
        await stub.market_sockets.send(stub.market_sockets.answers.book(token))
    await until(lambda: run.session.summary()["fills"] > 0)
    await ended(run, until)
    assert posted(stub) == []
    assert stub.exchange.trades == []


async def test_shadow_decides_and_sends_nothing(stub, start, running, until, logged):
    log = logged("agbot.venue.shadow")
    shadow = attrs.evolve(start, settings=attrs.evolve(start.settings, mode=Mode.SHADOW))
    run = await running(lambda: trade_paper(shadow))
    assert isinstance(run.session.venue, ShadowVenue)
    assert run.session.facts.mode == "SHADOW"
    assert "shadow.order" in log.events
    await ended(run, until)
    assert posted(stub) == []
    assert [r for r in stub.requests if r.method in ("POST", "DELETE")] == []


async def test_a_lost_market_socket_is_doubted_and_comes_back(stub, start, running, until):
    run = await running(lambda: trade_paper(start))
    stub.market_sockets.drop()
    await until(lambda: not run.session.engine.books[YES].trusted)
    await until(lambda: run.session.engine.books[YES].trusted)
    await ended(run, until)


async def test_a_winner_that_the_socket_does_not_tell_is_asked_for(stub, start, running, until, monkeypatch):
    monkeypatch.setattr(stream, "POLL_S", 0.01)
    known = stub.exchange.markets
    known[CONDITION] = attrs.evolve(known[CONDITION], end_date="2026-01-01T00:00:00Z")
    run = await running(lambda: trade_paper(start))
    stub.exchange.winners[CONDITION] = YES
    await until(lambda: not run.live)
    assert "market resolved" in {record.reason for record in run.session.engine.oms.all()}
    await ended(run, until)


async def test_no_market_named_is_said(start):
    none = attrs.evolve(start, settings=attrs.evolve(start.settings, markets=()))
    with pytest.raises(ConfigError) as caught:
        await trade_paper(none)
    assert (caught.value.id, "agbot markets search" in caught.value.remedy) == ("AGB-140", True)


async def test_an_unknown_market_is_said(start):
    other = attrs.evolve(start, settings=attrs.evolve(start.settings, markets=("will-it-snow",)))
    with pytest.raises(NotFoundError) as caught:
        await trade_paper(other)
    assert caught.value.id == "AGB-414"


async def test_a_strategys_market_that_the_run_does_not_have_is_said(start):
    (strategy,) = start.settings.strategies
    wrong = attrs.evolve(strategy, markets=("will-it-rain", "nosuch"))
    other = attrs.evolve(start, settings=attrs.evolve(start.settings, strategies=(wrong,)))
    with pytest.raises(ConfigError) as caught:
        await trade_paper(other)
    assert (caught.value.id, "'nosuch'" in caught.value.reason) == ("AGB-157", True)
    assert "known are will-it-rain" in caught.value.remedy


# ---------------------------------------------------------------- live


async def test_live_posts_hears_its_fills_and_leaves_nothing(stub, live, running, until):
    run = await running(live, lambda run: len(run.resting) >= 2)
    assert run.session.facts.mode == "LIVE"
    assert run.session.facts.live.wallet == ADDRESS
    assert {row["asset_id"] for row in stub.exchange.live.values()} <= {YES, NO}
    order_id, row = next(iter(stub.exchange.live.items()))
    stub.exchange.fill(order_id, row["original_size"])
    await until(lambda: run.session.summary()["fills"] > 0)
    held = run.session.engine.portfolio.holding(run.session.plan.markets[0])
    assert sum(p.size for p in held.tokens.values()) == to_units(row["original_size"])
    await ended(run, until)
    assert stub.exchange.live == {}
    assert DaySpend(wallet_dir(ADDRESS) / FILE_NAME, run.session.plan.spend.caps, lambda: 10**19).total() == 0


async def test_cash_and_positions_are_the_venues(stub, live, running, until):
    stub.exchange.collateral = to_units("321.5")
    stub.exchange.shares[YES] = to_units("7")
    run = await running(live)
    portfolio = run.session.engine.portfolio
    assert portfolio.initial_cash == to_units("321.5")
    market = run.session.plan.markets[0]
    assert portfolio.holding(market).tokens["YES"].size == to_units("7")
    await ended(run, until)


async def test_the_kill_switch_takes_everything_off_the_venue(stub, live, running, until):
    run = await running(live, lambda run: len(run.resting) >= 2)
    receipt = await run.session.operator().handlers()["killswitch"]({"on": True, "reason": "fire", "by": "me"})
    assert (receipt["verified"], receipt["orders_left"]) == (True, 0)
    assert stub.exchange.live == {}
    count = len(posted(stub))
    await until(lambda: run.session.engine.kill_switch)
    await ended(run, until)
    assert len(posted(stub)) == count


async def test_a_key_that_is_revoked_ends_the_run(stub, live):
    stub.reply("POST", "/order", error(401, "Unauthorized/Invalid api key"))
    with pytest.raises(ExceptionGroup) as caught:
        await live()
    assert {type(error) for error in leaves(caught.value)} == {VenueAuthFailed}
    assert stub.exchange.live == {}


@pytest.mark.parametrize("path", ["/data/orders", "/balance-allowance"])
async def test_what_cannot_be_read_starts_nothing(stub, live, path):
    stub.reset("GET", path, times=None)
    with pytest.raises(VenueUnavailable):
        await live()
    assert posted(stub) == []


async def test_a_user_stream_that_stays_shut_starts_nothing(stub, start, trader, monkeypatch):
    monkeypatch.setattr(modes, "READY_S", 0.5)
    place = start.settings.polymarket
    deaf = attrs.evolve(place, hosts=attrs.evolve(place.hosts, user_socket="ws://127.0.0.1:1/ws/user"))
    trader = attrs.evolve(trader, settings=attrs.evolve(trader.settings, polymarket=deaf))
    with pytest.RaisesGroup(VenueUnavailable, flatten_subgroups=True):
        await live_run(start, trader)()
    assert posted(stub) == []


async def test_the_days_cap_holds_over_restarts(stub, start, trader, running, until):
    small = attrs.evolve(trader, caps=attrs.evolve(trader.caps, max_order_usd=20 * SCALE, max_day_usd=20 * SCALE))
    live = live_run(start, small)
    run = await running(live)
    order_id, row = next(iter(stub.exchange.live.items()))
    stub.exchange.settle(stub.exchange.fill(order_id, row["original_size"]))
    await until(lambda: run.session.summary()["fills"] > 0)
    await ended(run, until)
    spent = run.session.plan.spend.total()
    assert spent > 0
    again = await running(live, lambda run: run.session is not None)
    assert again.session.engine.state.gate.rules[-1].spent_usd == spent
    await ended(again, until)


async def test_what_a_person_is_shown_before_real_money(stub, trader):
    shown = await look(trader)
    assert (shown["wallet"], shown["cash_usd"], shown["positions"]) == (ADDRESS, "1000.00", 0)
    assert (shown["max_order_usd"], shown["max_day_usd"]) == ("20.00", "100.00")
    assert shown["markets"][0][0] == "will-it-rain"
    assert "allowed" in shown["region"]
    assert posted(stub) == []


async def test_a_blocked_region_is_said_plainly(stub, trader):
    stub.sites.blocked = True
    assert "BLOCKED" in (await look(trader))["region"]
    stub.reset("GET", "/api/geoblock", times=None)
    assert "not known" in (await look(trader))["region"]


@pytest.mark.parametrize("missing", ["max_order_usd", "max_day_usd"])
async def test_real_money_needs_both_caps(settings, trader, missing):
    with pytest.raises(ConfigError) as caught:
        Trader.of(attrs.evolve(settings, live=attrs.evolve(settings.live, **{missing: None})), trader.credentials)
    assert (caught.value.id, caught.value.key) == ("AGB-141", "live")


def test_one_writer_per_wallet():
    with exclusive_wallet(ADDRESS) as fence:
        assert fence.directory == wallet_dir(ADDRESS.lower())
        with pytest.raises(ConfigError, match=ADDRESS) as caught, exclusive_wallet(ADDRESS):
            pass
        assert caught.value.id == "AGB-149"
    with exclusive_wallet(ADDRESS):
        pass
