"""The read APIs behind the real server and router, asked by the unmodified official client and by our own."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from agbot.exchange.api import Ask
from agbot.exchange.reads import gamma, records
from agbot.exchange.routing import Router
from agbot.model.order import Side
from agbot.units import SCALE
from agbot.venue.polymarket.account import AccountClient
from agbot.venue.polymarket.gamma import GammaClient
from agbot.venue.polymarket.hosts import Hosts
from agbot.venue.polymarket.limits import Limiter
from agbot.venue.polymarket.transport import open_http
from agbot.web.http import Request, Response
from agbot.web.server import Server
from tests.exchange.reading import ANN, BOB, World, traded_world


@asynccontextmanager
async def serving(world: World) -> AsyncIterator[str]:
    """Serve Gamma and the Data API of a world on loopback."""
    sites = {
        "/gamma": Router(gamma.routes(world.core, world.catalogue, world.clock, world.tape)),
        "/data-api": Router(records.routes(world.core, world.book, world.tape, world.clock)),
    }

    def answer(request: Request) -> Response:
        prefix = next(prefix for prefix in sites if request.path.startswith(f"{prefix}/"))
        path = request.path.removeprefix(prefix)
        return sites[prefix](Ask(method=request.method, path=path, query_text=request.query)).response()

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    server = Server(answer, {})
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run, listeners)
        yield f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()
    assert server.faults == 0


async def with_official_client(world: World, use: Callable[[Any], Any]) -> Any:
    """Return what `use` makes of polymarket-client's synchronous client, in a thread of its own."""
    sdk = pytest.importorskip("polymarket")
    environment = pytest.importorskip("polymarket._internal.environment")
    async with serving(world) as base:
        urls = {"gamma_url": f"{base}/gamma", "data_url": f"{base}/data-api"}
        config = dataclasses.replace(environment.PRODUCTION_CONFIG, **urls)

        def run() -> Any:
            with sdk.PublicClient(environment.create_environment(name="box", config=config)) as client:
                return use(client)

        return await trio.to_thread.run_sync(run)


async def test_the_official_client_finds_markets() -> None:
    world = traded_world()
    first, launch = world.listings[0], world.listings[2]

    def use(client: Any) -> None:
        every = [market for page in client.list_markets(page_size=3) for market in page.items]
        assert [market.slug for market in every] == [listing.market.slug for listing in world.listings]
        (one,) = client.list_markets(clob_token_ids=[first.market.yes]).first_page().items
        assert (one.condition_id, one.outcomes.no.token_id) == (first.condition, first.market.no)
        (two,) = client.list_markets(position_ids=[launch.market.no], version="v2").first_page().items
        assert two.outcomes.no.position_id == launch.market.no
        assert client.get_market(id=first.gamma_id).slug == "demo-rate-cut"
        assert client.get_market(slug="demo-coin", include_tag=True).tags[0].slug == "demo"
        assert [tag.slug for tag in client.get_market_tags(first.gamma_id)] == ["demo", "economy"]
        mayor = client.get_event(slug="demo-mayor")
        assert (len(mayor.markets), client.get_event(id=mayor.id).title) == (4, "Demo mayor")
        assert [tag.slug for tag in client.get_event_tags(mayor.id)] == ["demo", "politics"]
        assert [event.slug for event in client.list_events(tag_slug="crypto").first_page().items] == ["demo-coin"]
        assert client.search(q="rocket").first_page().items[0].events[0].slug == "demo-launch"
        assert client.get_tag(slug="sports").id == "1"
        assert len(client.list_tags().first_page().items) == 6
        assert (client.list_series().first_page().items, client.get_sports()) == ((), ())
        assert client.get_public_profile(ANN) is None

    await with_official_client(world, use)


async def test_the_official_client_reads_accounts() -> None:
    world = traded_world()
    coin = world.listings[3]

    def use(client: Any) -> None:
        (position,) = client.list_positions(user=BOB).first_page().items
        assert (position.current_size, position.entry_cost_usdc, position.realized_pnl) == (40, 20, 5)
        trades = [t for page in client.list_trades(user=BOB, taker_only=False, page_size=1) for t in page.items]
        assert [str(trade.side) for trade in trades] == ["SELL", "BUY"]
        kinds = [str(deed.type) for page in client.list_activity(user=ANN) for deed in page.items]
        assert kinds == ["TRADE", "SPLIT", "DEPOSIT"]
        assert client.get_portfolio_value(user=BOB).value == 30
        assert client.get_open_interests(condition_ids=[coin.condition])[0].value == 60
        (yes, no) = client.list_market_holders(condition_ids=[coin.condition]).first_page().items
        assert ([holder.wallet for holder in no.holders], len(yes.holders)) == ([ANN], 2)
        assert len(client.list_price_history(asset_id=coin.market.yes, interval="max").first_page().items) == 1
        assert str(client.get_resolutions(condition_ids=[coin.condition])[0].status) == "posed"
        assert client.get_token_references(asset_ids=[coin.market.no])[0].outcome == "No"
        assert client.get_user_volume(user=BOB).trade_count == 2
        assert client.get_user_pnl(user=BOB, interval="1w", fidelity="1d").points
        assert client.get_user_stats(user="0x" + "9" * 40) is None
        assert client.get_trading_approvals_state(wallet=BOB).is_fully_approved
        assert client.list_trader_leaderboard().first_page().items == ()

    await with_official_client(world, use)


async def test_our_clients_read_all_pages() -> None:
    world = traded_world()
    world.trade(world.listings[0], "0.4", "10")
    world.core.resolve(world.listings[1], world.listings[1].market.yes, world.now)
    async with serving(world) as base, open_http() as http:
        hosts = Hosts(gamma=f"{base}/gamma", data=f"{base}/data-api")
        finder, accounts = (kind(http, hosts, limiter=Limiter()) for kind in (GammaClient, AccountClient))
        found = await finder.by_condition([listing.condition for listing in world.listings])
        assert {market.condition for market in found} == set(world.core.listings)
        position = await finder.by_token([world.listings[2].market.no])
        assert (position[0].version, position[0].positions) == ("v2", world.listings[2].tokens)
        assert await finder.market("none") is None
        assert (await finder.search("ada quill"))[0].slug == "demo-mayor"
        held = await accounts.positions(BOB)
        assert sorted(row.size for row in held) == [10 * SCALE, 40 * SCALE]
        trades = [trade async for page in accounts.trades(BOB) for trade in page]
        assert len(trades) == 3
        assert [t.side async for page in accounts.trades(ANN) for t in page] == [Side.SELL] * 2  # a maker's fills
        assert len(await accounts.market_trades(world.listings[3].condition, limit=1)) == 1
        deeds = [deed.kind async for page in accounts.activity(ANN, kind="SPLIT") for deed in page.items]
        assert deeds == ["SPLIT", "SPLIT"]
        assert await accounts.value(BOB) == 34 * SCALE
