"""Names to markets, Gamma's pages, the account's pages."""

from collections.abc import Callable

import httpx
import pytest

from agbot.errors import NotFoundError, VenueProtocolError, VenueUnavailable
from agbot.testing.venue_stub import ADDRESS, CONDITION, NO, YES, StubMarket, VenueStub, error
from agbot.units import SCALE
from agbot.venue.polymarket.account import AccountClient
from agbot.venue.polymarket.catalogue import find_markets
from agbot.venue.polymarket.gamma import GammaClient
from agbot.venue.polymarket.limits import Limiter
from agbot.venue.polymarket.rest import ClobClient

OTHER = StubMarket(
    condition="0x" + "ab" * 32,
    yes="1" * 70,
    no="2" * 70,
    outcomes=("Lions", "Bears"),
    slug="lions-bears",
    question="Lions or Bears?",
    event_slug="sports-night",
    gamma_id="502",
    tick="0.001",
    min_size="15",
    neg_risk=True,
    version="v2",
    fee_rate="0.05",
    fee_exponent=2,
    gamma={"positionIds": ["8" * 70, "9" * 70]},
)


@pytest.fixture
def gamma(http: httpx.AsyncClient, stub: VenueStub) -> GammaClient:
    stub.add_market(OTHER)
    return GammaClient(http, stub.hosts, limiter=Limiter())


@pytest.fixture
def account(http: httpx.AsyncClient, stub: VenueStub) -> AccountClient:
    return AccountClient(http, stub.hosts, limiter=Limiter())


@pytest.mark.parametrize(
    "name",
    [
        "lions-bears",
        "Lions-Bears",
        " lions-bears ",
        "sports-night",
        OTHER.condition,
        OTHER.condition.upper().replace("X", "x"),
        OTHER.yes,
        OTHER.no,
        "https://polymarket.com/event/sports-night/lions-bears?tid=5",
        "https://polymarket.com/event/sports-night",
        "polymarket.com/market/lions-bears",
        "https://www.polymarket.com/de/event/sports-night/lions-bears#x",
    ],
)
async def test_a_market_by_any_of_its_names(gamma: GammaClient, client: ClobClient, name: str) -> None:
    (market,) = await find_markets(gamma, client, [name, OTHER.condition])
    assert (market.id, market.yes, market.no) == (OTHER.condition, OTHER.yes, OTHER.no)
    assert (market.tick, market.min_size, market.neg_risk) == (1_000, 15 * SCALE, True)
    assert market.size_step == SCALE // 100
    assert (market.fee_rate, market.fee_exponent) == (50_000, 2)
    assert (market.exchange_version, market.venue, market.event_id) == (3, "polymarket", "sports-night")


async def test_markets_come_in_the_order_of_their_names(gamma: GammaClient, client: ClobClient) -> None:
    found = await find_markets(gamma, client, ["lions-bears", "will-it-rain", NO])
    assert [market.name for market in found] == ["lions-bears", "will-it-rain"]
    assert found[1].exchange_version == 2


async def test_tokens_are_those_of_the_book(gamma: GammaClient, client: ClobClient, stub: VenueStub) -> None:
    positions = {"clobTokenIds": "[]", "positionIds": [YES, NO]}
    stub.add_market(StubMarket(gamma=positions))
    (market,) = await find_markets(gamma, client, ["will-it-rain"])
    assert (market.yes, market.no) == (YES, NO)
    stub.add_market(StubMarket(gamma={"clobTokenIds": '["5","6"]'}))
    with pytest.raises(VenueProtocolError, match="other tokens"):
        await find_markets(gamma, client, ["will-it-rain"])


@pytest.mark.parametrize(
    ("name", "error_id", "says"),
    [
        ("will-it-snow", "AGB-414", "did you mean will-it-rain"),
        ("https://polymarket.com/event/nothing", "AGB-414", "copy the address"),
        ("https://example.com/event/sports-night", "AGB-414", "copy the address"),
        ("0x" + "cd" * 32, "AGB-414", "copy the address"),
        ("7" * 70, "AGB-414", "copy the address"),
        ("", "AGB-414", "copy the address"),
        ("a b/../c", "AGB-414", "copy the address"),
        ("weather", "AGB-418", "name one of them: will-it-rain, wet"),
        ("closed-one", "AGB-416", "it is closed"),
        ("no-orders", "AGB-416", "takes no orders"),
        ("no-book", "AGB-416", "no order book"),
    ],
)
async def test_names_that_do_not_trade(
    gamma: GammaClient, client: ClobClient, stub: VenueStub, name: str, error_id: str, says: str
) -> None:
    def market(n: int, slug: str, **more: object) -> None:
        ids = {"condition": f"0x{n:064x}", "yes": f"{n}1", "no": f"{n}2", "gamma_id": str(n)}
        stub.add_market(StubMarket(**(ids | {"slug": slug, "question": "?", "event_slug": slug} | more)))  # type: ignore[arg-type]

    market(1, "wet", event_slug="weather")
    market(2, "closed-one", closed=True)
    market(3, "no-orders", accepting=False)
    market(4, "no-book")
    stub.reply("GET", f"/clob-markets/0x{4:064x}", error(404, "market not found"))
    with pytest.raises(NotFoundError) as caught:
        await find_markets(gamma, client, [name])
    assert (caught.value.id, says in str(caught.value)) == (error_id, True), str(caught.value)


async def test_closed_markets_are_found_when_asked_for(gamma: GammaClient, client: ClobClient, stub: VenueStub) -> None:
    stub.add_market(StubMarket(closed=True, accepting=False))
    (market,) = await find_markets(gamma, client, [CONDITION], tradable=False)
    assert market.name == "will-it-rain"


async def test_a_search_that_fails_does_not_hide_the_answer(
    gamma: GammaClient, client: ClobClient, stub: VenueStub
) -> None:
    stub.reply("GET", "/gamma/public-search", error(500, "down"))
    with pytest.raises(NotFoundError, match="AGB-414"):
        await find_markets(gamma, client, ["nothing"])
    stub.reply("GET", "/gamma/markets/slug/*", error(500, "down"))
    with pytest.raises(VenueUnavailable):
        await find_markets(gamma, client, ["will-it-rain"])


async def test_names_are_asked_for_in_chunks(
    gamma: GammaClient, stub: VenueStub, ids: Callable[[int], StubMarket]
) -> None:
    for n in range(250):
        stub.add_market(ids(n))
    assert len(await gamma.by_token([f"{n}1" for n in range(10, 130)])) == 120
    assert await gamma.market("nothing") is None
    assert await gamma.event("nothing") is None


async def test_the_account_is_read_to_the_end(account: AccountClient, stub: VenueStub) -> None:
    stub.sites.positions = [position(n) for n in range(1100)]
    assert len(await account.positions(ADDRESS, status="OPEN")) == 1100
    asked = stub.asked("GET", "/data-api/v2/positions")
    assert [(r.query["user"], r.query["status"], r.query.get("cursor")) for r in asked] == [
        (ADDRESS, "OPEN", None),
        (ADDRESS, "OPEN", "500"),
        (ADDRESS, "OPEN", "1000"),
    ]
    assert await account.value(ADDRESS) == 1100 * 5 * SCALE
    stub.sites.trades = [trade(n) for n in range(3)]
    assert [len(page) async for page in account.trades(ADDRESS)] == [3]
    assert stub.asked("GET", "/data-api/v2/trades")[0].query["taker_only"] == "false"
    stub.sites.activity = [trade(n) | {"type": "TRADE", "usdc_size": 5} for n in range(2)]
    deeds = [page async for page in account.activity(ADDRESS, kind="TRADE")]
    assert [row.kind for page in deeds for row in page.items] == ["TRADE", "TRADE"]
    stub.reply("GET", "/data-api/v2/positions", error(500, "down"))
    with pytest.raises(VenueUnavailable):
        await account.positions(ADDRESS)


@pytest.fixture
def ids() -> Callable[[int], StubMarket]:
    def make(n: int) -> StubMarket:
        names = {"slug": f"s{n}", "event_slug": f"e{n}", "gamma_id": f"9{n}"}
        return StubMarket(condition=f"0x{n:064x}", yes=f"{n}1", no=f"{n}2", **names)

    return make


def trade(n: int) -> dict[str, object]:
    return {
        "proxy_wallet": ADDRESS,
        "token_id": YES,
        "condition_id": CONDITION,
        "side": "BUY",
        "size": 10,
        "price": 0.5,
        "timestamp": 1_790_000_000 + n,
        "transaction_hash": "0x" + "cd" * 32,
    }


def position(n: int) -> dict[str, object]:
    return {
        "proxy_wallet": ADDRESS,
        "token_id": str(n),
        "condition_id": CONDITION,
        "current_size": 10,
        "avg_price": 0.4,
        "entry_cost_usdc": 4,
        "total_cost_usdc": 4,
        "current_price": 0.5,
        "current_value": 5,
        "realized_pnl": 0,
        "unrealized_pnl": 1,
        "status": "OPEN",
        "redeemable": False,
        "mergeable": False,
        "negative_risk": False,
        "outcome": "Yes",
        "outcome_index": 0,
    }
