"""What checks ask: the target's sites and sockets, its markets, two traders, and room in a book for their orders."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, TypeAlias

import attrs
import httpx
import msgspec
import trio

from agbot.errors import AgbotError
from agbot.exchange.conformance.asking import Answer, Site, open_client
from agbot.exchange.conformance.streams import Stream, open_stream
from agbot.exchange.conformance.target import Target, TestKey
from agbot.exchange.conformance.trader import Json, Pitch, Trader, accepted, credentials
from agbot.exchange.conformance.verdict import Failed, Need, Skipped, failed, require
from agbot.model.order import Side
from agbot.units import SCALE, complement, to_units
from agbot.venue.polymarket.orders import Version

CANDIDATES_MAX: Final = 100
BOOKS_MAX: Final = 40
ROOM: Final = 4
"""Free ticks on either side of the middle that trading checks want."""
STOCK: Final = 100_000_000
EDGE: Final = 100_000
BALANCE_S: Final = 8.0
POLL_S: Final = 0.1
Rung: TypeAlias = tuple[int, int]


@attrs.frozen(kw_only=True)
class Listed:
    """A market as the target lists it; `gamma` is Gamma's object, empty when it came from elsewhere."""

    condition: str
    yes: str
    no: str
    tick: int = 10_000
    neg_risk: bool = False
    version: Version = 2
    gamma: Mapping[str, Any] = attrs.field(factory=dict)


class World:
    """See the module. Checks run one after another and share it."""

    def __init__(self, target: Target, client: httpx.AsyncClient, skew_s: float, without: Collection[Need]) -> None:
        self.target = target
        self.clob = Site(client, target.hosts.clob)
        self.gamma = Site(client, target.hosts.gamma)
        self.data = Site(client, target.hosts.data)
        self.skew_s = skew_s
        self.traders: list[Trader] = []
        self._without = frozenset(without)
        self._listed: list[Listed] | None = None
        self._reading: Listed | None = None
        self._playing: Listed | None = None

    # ------------------------------------------------------------ what it offers

    def lacks(self, needs: Collection[Need]) -> str:
        """Return why checks with these needs cannot be asked, "" when they can."""
        if left_out := sorted(str(need) for need in self._without.intersection(needs)):
            return f"left out: {', '.join(left_out)}"
        if Need.TRADE in needs and self.target.real:
            return "it changes things: never at the real venue"
        if Need.TRADE in needs and len(self.traders) < 2:
            return "two funded test keys are needed: --ready, or --key and --second-key"
        return ""

    @property
    def trades(self) -> bool:
        """Return whether orders may be sent."""
        return not self.lacks((Need.TRADE,))

    @property
    def one(self) -> Trader:
        """Return the first trader."""
        return self.traders[0]

    @property
    def two(self) -> Trader:
        """Return the second trader."""
        return self.traders[1]

    def third(self) -> Trader:
        """Return another trader; Skipped when there is none."""
        if len(self.traders) < 3:
            raise Skipped("a third funded key is needed, as in a ready line")
        return self.traders[2]

    @property
    def now_s(self) -> float:
        """Return the target's time."""
        return time.time() + self.skew_s

    def market_stream(self) -> AbstractAsyncContextManager[Stream]:
        """Connect to the CLOB's market socket."""
        return open_stream(self.target.hosts.market_socket)

    @asynccontextmanager
    async def user_stream(self, trader: Trader, **more: object) -> AsyncIterator[Stream]:
        """Connect to the CLOB's user socket and sign in."""
        async with open_stream(self.target.hosts.user_socket) as stream:
            await stream.send({"type": "user", "auth": trader.auth, **more})
            await stream.pong()
            yield stream

    # ------------------------------------------------------------ markets

    async def listed(self) -> list[Listed]:
        """Return open markets; Skipped when none is found."""
        if self._listed is None:
            self._listed = await self._find()
        if not self._listed:
            raise Skipped("the target lists no open market")
        return self._listed

    async def some(self, what: str, **wanted: object) -> Listed:
        """Return a market with these attributes; Skipped when there is none."""
        for listed in await self.listed():
            if all(getattr(listed, name) == value for name, value in wanted.items()):
                return listed
        raise Skipped(f"the target lists no market with {what}")

    async def market(self) -> Listed:
        """Return the market for reads: the one with the most levels."""
        if self._reading is None:
            self._reading = await self._named() or (await self._by_depth())[-1]
        return self._reading

    async def two_sided(self) -> Listed:
        """Return a market whose book has two levels on each side, placing some orders if need be."""
        listed = await self.market()
        if _shallow(await self.book(listed.yes)):
            if not self.trades:
                raise Skipped("no book has two levels on each side")
            pitch = await self.pitch(2)
            for step in (1, 2):
                for token, price in ((pitch.yes, pitch.at(-step)), (pitch.no, complement(pitch.at(step)))):
                    await self.one.place(pitch, token, Side.BUY, price, pitch.size)
            self._reading = listed = await self.playing()
        return listed

    async def book(self, token: str) -> Any:
        """Return a token's book as it is told."""
        return (await self.clob.get("/book", token_id=token)).ok()

    async def _named(self) -> Listed | None:
        if not self.target.market:
            return None
        for listed in await self.listed():
            if self.target.market in (listed.condition, listed.gamma.get("slug")):
                return listed
        raise Skipped(f"the market {self.target.market} is not among the first {CANDIDATES_MAX}")

    async def _by_depth(self) -> list[Listed]:
        found = {listed.yes: listed for listed in (await self.listed())[:BOOKS_MAX]}
        books = (await self.clob.post("/books", [{"token_id": token} for token in found])).ok()
        depth = {book["asset_id"]: len(book["bids"]) + len(book["asks"]) for book in books}
        return sorted((found[token] for token in depth), key=lambda listed: depth[listed.yes])

    async def _find(self) -> list[Listed]:
        if Need.GAMMA not in self._without:
            told = (await self.gamma.get("/markets/keyset", limit=CANDIDATES_MAX, closed="false")).ok()["markets"]
            return [_from_gamma(row) for row in told if _open(row)]
        rows = (await self.clob.get("/simplified-markets")).ok()["data"]
        open_rows = [row for row in rows if row.get("accepting_orders") and len(row.get("tokens", ())) == 2]
        return [_from_clob(row) for row in open_rows][:CANDIDATES_MAX]

    # ------------------------------------------------------------ room to trade

    async def playing(self) -> Listed:
        """Return the market for orders: the named one, else of version 2 without neg risk the emptiest."""
        if self._playing is None:
            plain = [m for m in await self._by_depth() if m.version == 2 and not m.neg_risk]
            if not plain:
                raise Skipped("no plain market of version 2 to trade in")
            self._playing = await self._named() or plain[0]
        return self._playing

    async def pitch(self, room: int = ROOM, listed: Listed | None = None) -> Pitch:
        """Cancel what the traders have open, and return a market with free prices; Skipped when it is too narrow."""
        await self.clear()
        listed = listed or await self.playing()
        terms = (await self.clob.get(f"/clob-markets/{listed.condition}")).ok()
        book = await self.book(listed.yes)
        tick, fee = to_units(str(terms["mts"])), terms.get("fd") or {}
        bids, asks = rungs(book["bids"]), rungs(book["asks"])
        pitch = Pitch(
            condition=listed.condition,
            yes=listed.yes,
            no=listed.no,
            tick=tick,
            min_size=to_units(str(terms["mos"])),
            low=max([EDGE, tick, *(price + tick for price, _ in bids)]),
            high=min([SCALE - max(EDGE, tick), *(price - tick for price, _ in asks)]),
            neg_risk=bool(terms.get("nr", False)),
            version=listed.version,
            rate=to_units(str(fee.get("r", 0))),
            exponent=int(fee.get("e", 1)),
        )
        if pitch.room < room:
            where = f"fewer than {room} free ticks on either side of the middle of {listed.condition[:12]}…"
            raise Skipped(f"{where}: stop the target's own traders, or name a quiet market (--market)")
        return pitch

    async def clear(self) -> None:
        """Cancel every order the traders may have open."""
        for trader in self.traders:
            if trader.dirty:
                await trader.cancel_all()

    async def stock(self, pitch: Pitch, size: int = STOCK) -> None:
        """Let both traders hold at least `size` of both tokens, minting them between each other."""
        for buyer, other in ((self.one, self.two), (self.two, self.one)):
            if min(await buyer.shares(pitch, pitch.yes), await other.shares(pitch, pitch.no)) >= size:
                continue
            if min(await buyer.usd(), await other.usd()) < size:
                raise Skipped("a test key holds too little pUSD to mint shares")
            await buyer.place(pitch, pitch.yes, Side.BUY, pitch.at(), size)
            told = await other.place(pitch, pitch.no, Side.BUY, complement(pitch.at()), size)
            await other.settled(told.get("tradeIDs") or [])
            await self.until_shares(buyer, pitch, pitch.yes, size)
            await self.until_shares(other, pitch, pitch.no, size)

    async def until_shares(self, trader: Trader, pitch: Pitch, token: str, size: int) -> None:
        """Wait until a balance shows at least `size` shares; Failed when it does not in time."""
        held = await trader.shares(pitch, token)
        for _ in range(round(BALANCE_S / POLL_S)):
            if held >= size:
                return
            await trio.sleep(POLL_S)
            held = await trader.shares(pitch, token)
        raise failed(f"{held} units after settlement", f"at least {size} units of shares")

    async def pause(self, seconds: float) -> None:
        """Wait by this machine's clock."""
        await trio.sleep(seconds)

    async def add_trader(self, key: TestKey) -> None:
        """Sign in with a key, creating or deriving its API key when it has none.

        Raises:
            AgbotError: AGB-883 the target gives none.
        """
        creds = key.creds
        if creds is None:
            bare = Trader(self.clob, key.key, key.account, _NOBODY, self.skew_s)
            creds = credentials(await _api_key(self.clob, bare))
        trader = Trader(self.clob, key.key, key.account, creds, self.skew_s)
        trader.dirty = True  # an earlier run may have been broken off
        self.traders.append(trader)

    async def rest(self, trader: Trader, pitch: Pitch, steps: int, size: int = 0, side: Side = Side.BUY) -> str:
        """Let a YES order rest `steps` ticks from the middle; return its id."""
        told = await trader.place(pitch, pitch.yes, side, pitch.at(steps), size or pitch.size)
        require(told["status"] == "live", told, "an order that rests")
        return str(told["orderID"])


_NOBODY: Final = credentials({"apiKey": "-", "secret": "AAAA", "passphrase": "-"})


def rungs(levels: Sequence[Mapping[str, Any]]) -> list[Rung]:
    """Return levels as (price, size) in 10⁻⁶."""
    return [(to_units(level["price"]), to_units(level["size"])) for level in levels]


def _shallow(book: Any) -> bool:
    return min(len(book["bids"]), len(book["asks"])) < 2


def _open(row: Json) -> bool:
    flags = row.get("acceptingOrders") and row.get("enableOrderBook") and not row.get("closed")
    return bool(flags and row.get("clobTokenIds"))


def _from_gamma(row: Json) -> Listed:
    tokens = row["clobTokenIds"]
    version: Version = 3 if row.get("version") == "v2" else 2
    if version == 3 and row.get("positionIds"):
        tokens = row["positionIds"]
    yes, no = msgspec.json.decode(tokens) if isinstance(tokens, str) else tokens
    return Listed(
        condition=row["conditionId"],
        yes=yes,
        no=no,
        tick=to_units(str(row.get("orderPriceMinTickSize", "0.01"))),
        neg_risk=bool(row.get("negRisk")),
        version=version,
        gamma=row,
    )


def _from_clob(row: Json) -> Listed:
    yes, no = (token["token_id"] for token in row["tokens"])
    return Listed(condition=row["condition_id"], yes=yes, no=no)


async def _api_key(site: Site, trader: Trader) -> Json:
    for method, path in (("POST", "/auth/api-key"), ("GET", "/auth/derive-api-key")):
        answer = await site.ask(method, path, headers=trader.claim())
        if answer.status == 200:
            told: Json = answer.json
            return told
    reason = f"the target gives no API key to {trader.key.address}: HTTP {answer.status} {answer.text}"
    raise AgbotError(reason, id="AGB-883", remedy="name keys that the target knows, or leave them out: reads only")


async def _skew_s(site: Site) -> float:
    """Return how far the target's clock is ahead; AgbotError AGB-882 when nothing fitting answers."""
    remedy = "start one: agbot exchange --json prints its address; then --target URL"
    try:
        answer = await site.get("/time")
    except (httpx.TransportError, httpx.InvalidURL) as e:
        raise AgbotError(f"nothing answers at {site.base}: {e or type(e).__name__}", id="AGB-882", remedy=remedy) from e
    text = answer.body.decode(errors="replace").strip().strip('"')
    if answer.status != 200 or not text.isdigit():
        reason = f"what answers at {site.base} is no CLOB: /time says HTTP {answer.status} {answer.text!r}"
        raise AgbotError(reason, id="AGB-882", remedy=remedy)
    stamp = int(text)
    return stamp + 0.5 - time.time() if abs(stamp - time.time()) > 2 else 0.0


@asynccontextmanager
async def open_world(target: Target, *, without: Collection[Need] = ()) -> AsyncIterator[World]:
    """Connect to a target and sign in with its keys (never at the real venue); cancel what is left at the end.

    Raises:
        AgbotError: AGB-882 nothing fitting answers; AGB-883 it gives no API key.
    """
    async with open_client() as client:
        world = World(target, client, await _skew_s(Site(client, target.hosts.clob)), without)
        for key in () if target.real else target.keys[:3]:
            await world.add_trader(key)
        yield world
        try:
            await world.clear()
        except (Failed, httpx.TransportError):
            return  # the report says what it does to cancels


__all__ = ["Answer", "Listed", "Rung", "World", "accepted", "open_world", "rungs"]
