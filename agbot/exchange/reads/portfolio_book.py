"""Who holds what and what it cost: kept from the core's facts, in exact integers of 10⁻⁶.

A trade counts when it is mined. Cost is the average cost and leaves fees out, as the venue tells it: for each wallet

    cash = deposits − withdrawals + income + Σ realized − Σ cost − Σ fees    (over all tokens it ever held)

to the last 10⁻⁶. A split costs half a usd on each side and a merge brings as much; a conversion carries the cost of
the NO shares, less the usd it pays, over to the YES shares.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from operator import attrgetter
from typing import Any, Final

import attrs

from agbot.exchange.core.model import Fact, Leg, Listing, Move, Moved, Trade, TradeStatus, TradeTold
from agbot.exchange.markets.offer import draw, hex32
from agbot.model.order import Side
from agbot.units import NS_PER_S, SCALE

DEEDS_KEPT: Final = 1_000
"""Of each wallet."""
DEEDS_SAVED: Final = 100
"""Of each wallet, in a snapshot."""
ALL_SAVED: Final = 2_000
"""Of everybody, in a snapshot."""
PRINTS_KEPT: Final = 10_000
"""Legs of everybody's trades."""
POINTS_KEPT: Final = 744
"""Hours of each wallet's profit: a month."""
TRADES_KNOWN: Final = 10_000
HOUR_NS: Final = 3_600 * NS_PER_S


@attrs.define(eq=False, kw_only=True)
class Entry:
    """One wallet's account of one token. `cost` is that of the shares held; `realized` leaves fees out."""

    wallet: str
    listing: Listing
    token: str
    size: int = 0
    cost: int = 0
    realized: int = 0
    fees: int = 0
    buy_fees: int = 0
    bought: int = 0
    bought_usd: int = 0
    given_cost: int = 0
    """Cost of the shares that were sold, merged or redeemed."""
    first_ns: int = 0
    last_ns: int = 0

    @property
    def average(self) -> int:
        """Return the average price of the shares held, else of all that were bought."""
        usd, size = (self.cost, self.size) if self.size > 0 else (self.bought_usd, self.bought)
        return usd * SCALE // size if size else 0

    def take(self, size: int, usd: int, ts_ns: int) -> None:
        """Add shares that cost `usd`."""
        self.size += size
        self.cost += usd
        self.bought += size
        self.bought_usd += usd
        self._touch(ts_ns)

    def give(self, size: int, usd: int, ts_ns: int) -> int:
        """Take shares away that brought `usd` and return what they had cost."""
        cost = self.cost if size >= self.size else self.cost * size // self.size
        self.size -= size
        self.cost -= cost
        self.given_cost += cost
        self.realized += usd - cost
        self._touch(ts_ns)
        return cost

    def _touch(self, ts_ns: int) -> None:
        self.first_ns = self.first_ns or ts_ns
        self.last_ns = ts_ns


@attrs.frozen(kw_only=True)
class Deed:
    """Something a wallet did. `usd` is what changed hands, fee included; `seq` counts all deeds."""

    seq: int
    kind: str
    wallet: str
    ts_ns: int
    usd: int
    size: int = 0
    listing: Listing | None = None
    token: str = ""
    side: Side | None = None
    price: int = 0
    tx_hash: str = ""
    taker: bool = False


@attrs.define
class Purse:
    """A wallet's sums since it was first seen. `points`: (hour, realized, shares, usd, trades, fees) as they ended."""

    deposits: int = 0
    withdrawals: int = 0
    rebates: int = 0
    rewards: int = 0
    fees: int = 0
    realized: int = 0
    shares: int = 0
    usd: int = 0
    trades: int = 0
    first_ns: int = 0
    points: deque[tuple[int, ...]] = attrs.field(factory=lambda: deque(maxlen=POINTS_KEPT))

    @property
    def income(self) -> int:
        """Return rebates and rewards."""
        return self.rebates + self.rewards

    def mark(self, ts_ns: int) -> None:
        """Note the sums as they are in the hour of `ts_ns`."""
        self.first_ns = self.first_ns or ts_ns
        hour = ts_ns // HOUR_NS * HOUR_NS
        if self.points and self.points[-1][0] == hour:
            self.points.pop()
        self.points.append((hour, self.realized, self.shares, self.usd, self.trades, self.fees))


class PortfolioBook:
    """Listens to the core; is asked by wallet, in any case of its letters."""

    def __init__(self) -> None:
        self._entries: dict[str, dict[str, Entry]] = {}
        self._of_market: dict[str, dict[tuple[str, str], Entry]] = {}
        self._purses: dict[str, Purse] = {}
        self._deeds: dict[str, deque[Deed]] = {}
        self._prints: deque[Deed] = deque(maxlen=PRINTS_KEPT)
        self._booked: OrderedDict[str, None] = OrderedDict()
        self._converting: list[Moved] = []
        self._seq = 0

    def __call__(self, fact: Fact) -> None:
        """Book a fact of the core; those that move nothing are passed over."""
        if isinstance(fact, Moved):
            self._moved(fact)
        elif isinstance(fact, TradeTold) and fact.trade.status in (TradeStatus.MINED, TradeStatus.CONFIRMED):
            self._mined(fact.trade, fact.ts_ns)

    # ---------------------------------------------------------------- asking

    def entries(self, wallet: str) -> list[Entry]:
        """Return a wallet's accounts, of tokens it no longer holds too."""
        self._convert()
        return list(self._entries.get(wallet.lower(), {}).values())

    def holders(self, listing: Listing) -> list[Entry]:
        """Return all wallets' accounts in a market."""
        self._convert()
        return list(self._of_market.get(listing.condition, {}).values())

    def purse(self, wallet: str) -> Purse | None:
        """Return a wallet's sums, None when it was never seen."""
        self._convert()
        return self._purses.get(wallet.lower())

    def deeds(self, wallet: str) -> list[Deed]:
        """Return what a wallet did, oldest first, the latest `DEEDS_KEPT`."""
        self._convert()
        return list(self._deeds.get(wallet.lower(), ()))

    def prints(self) -> list[Deed]:
        """Return the legs of everybody's trades, oldest first, the latest `PRINTS_KEPT`."""
        return list(self._prints)

    def open_interest(self, listing: Listing) -> int:
        """Return the pairs of a market that exist, 10⁻⁶: usd that are locked in it."""
        held: dict[str, int] = {}
        for entry in self.holders(listing):
            held[entry.token] = held.get(entry.token, 0) + max(0, entry.size)
        return max(held.values(), default=0)

    # ---------------------------------------------------------------- trades

    def _mined(self, trade: Trade, ts_ns: int) -> None:
        if trade.id in self._booked:
            return
        self._convert()
        self._booked[trade.id] = None
        if len(self._booked) > TRADES_KNOWN:
            self._booked.popitem(last=False)
        for leg in trade.legs:
            if leg.order.new.owner:  # a recorded background has no wallet that anybody could ask for
                self._leg(trade, leg, ts_ns, taker=leg is trade.taker)

    def _leg(self, trade: Trade, leg: Leg, ts_ns: int, *, taker: bool) -> None:
        wallet = leg.order.new.maker.lower()
        entry, purse = self._entry(wallet, trade.listing, leg.token), self._purse(wallet)
        before = entry.realized
        if leg.side is Side.BUY:
            entry.take(leg.size, leg.value, ts_ns)
            entry.buy_fees += leg.fee
        else:
            entry.give(leg.size, leg.value, ts_ns)
        entry.fees += leg.fee
        purse.realized += entry.realized - before
        purse.fees += leg.fee
        purse.shares += leg.size
        purse.usd += leg.value
        purse.trades += 1
        purse.mark(ts_ns)
        usd = leg.value + leg.side.sign * leg.fee
        told = {"side": leg.side, "price": leg.price, "tx_hash": trade.tx_hash, "taker": taker}
        where = {"size": leg.size, "listing": trade.listing, "token": leg.token}
        self._prints.append(self._did("TRADE", wallet, ts_ns, usd, **where, **told))

    # ---------------------------------------------------------------- moves

    def _moved(self, fact: Moved) -> None:
        first = self._converting[0] if self._converting else None
        if first is not None and (fact.kind, fact.wallet, fact.ts_ns) != (first.kind, first.wallet, first.ts_ns):
            self._convert()
        if fact.kind is Move.CONVERSION:
            if self._converting and fact.size < 0 < self._converting[-1].size:
                self._convert()  # the next one, at the same instant
            self._converting.append(fact)
        elif fact.listing is None or not fact.token:
            self._money(fact)
        else:
            self._shares(fact, fact.listing)

    def _money(self, fact: Moved) -> None:
        purse = self._purse(fact.wallet.lower())
        if fact.kind is Move.DEPOSIT:
            purse.deposits += fact.usd
        elif fact.kind is Move.WITHDRAWAL:
            purse.withdrawals -= fact.usd
        elif fact.kind is Move.MAKER_REBATE:
            purse.rebates += fact.usd
        else:
            purse.rewards += fact.usd
        purse.mark(fact.ts_ns)
        self._did(str(fact.kind), fact.wallet.lower(), fact.ts_ns, abs(fact.usd))

    def _shares(self, fact: Moved, listing: Listing) -> None:
        wallet, size = fact.wallet.lower(), abs(fact.size)
        entry, purse = self._entry(wallet, listing, fact.token), self._purse(wallet)
        before, yes = entry.realized, fact.token == listing.market.yes
        half = size // 2 if yes else size - size // 2
        if fact.kind is Move.SPLIT:
            entry.take(size, half, fact.ts_ns)
        else:
            entry.give(size, half if fact.kind is Move.MERGE else fact.usd, fact.ts_ns)
        purse.realized += entry.realized - before
        purse.mark(fact.ts_ns)
        if fact.kind is Move.REDEEM:
            self._did("REDEEM", wallet, fact.ts_ns, fact.usd, size=size, listing=listing, token=fact.token)
        elif yes:  # a pair is one deed
            self._did(str(fact.kind), wallet, fact.ts_ns, size, size=size, listing=listing)

    def _convert(self) -> None:
        """Book the conversion whose facts have all come."""
        facts, self._converting = self._converting, []
        given = [fact for fact in facts if fact.size < 0 and fact.listing is not None]
        taken = [fact for fact in facts if fact.size > 0 and fact.listing is not None]
        if not given or given[0].listing is None:
            return
        wallet, ts_ns, usd = given[0].wallet.lower(), given[0].ts_ns, sum(fact.usd for fact in facts)
        accounts = [self._entry(wallet, fact.listing, fact.token) for fact in given if fact.listing]
        costs = []
        for fact, entry in zip(given, accounts, strict=True):
            costs.append(cost := entry.give(-fact.size, 0, ts_ns))
            entry.realized += cost
        left = sum(costs) - usd
        carried = max(0, left) if taken else 0
        for i, fact in enumerate(taken):
            if fact.listing is not None:
                share = carried // len(taken) + (carried % len(taken) if i == 0 else 0)
                self._entry(wallet, fact.listing, fact.token).take(fact.size, share, ts_ns)
        accounts[0].realized += carried - left
        purse = self._purse(wallet)
        purse.realized += carried - left
        purse.mark(ts_ns)
        self._did("CONVERSION", wallet, ts_ns, usd, size=-given[0].size, listing=given[0].listing)

    # ---------------------------------------------------------------- keeping

    def _entry(self, wallet: str, listing: Listing, token: str) -> Entry:
        mine = self._entries.setdefault(wallet, {})
        if token not in mine:
            self._add(Entry(wallet=wallet, listing=listing, token=token))
        return mine[token]

    def _add(self, entry: Entry) -> None:
        self._entries.setdefault(entry.wallet, {})[entry.token] = entry
        self._of_market.setdefault(entry.listing.condition, {})[entry.wallet, entry.token] = entry

    def _purse(self, wallet: str) -> Purse:
        return self._purses.setdefault(wallet, Purse())

    def _did(self, kind: str, wallet: str, ts_ns: int, usd: int, **told: Any) -> Deed:
        self._seq += 1
        told.setdefault("tx_hash", hex32(draw("deed", self._seq, wallet, ts_ns)))
        deed = Deed(seq=self._seq, kind=kind, wallet=wallet, ts_ns=ts_ns, usd=usd, **told)
        self._keep(deed)
        return deed

    def _keep(self, deed: Deed) -> None:
        self._deeds.setdefault(deed.wallet, deque(maxlen=DEEDS_KEPT)).append(deed)

    # ---------------------------------------------------------------- snapshots

    def snapshot(self) -> dict[str, Any]:
        """Return everything but deeds long past as plain values; listings by condition id."""
        self._convert()
        saved = [deed for deeds in self._deeds.values() for deed in islice(reversed(deeds), DEEDS_SAVED)]
        saved.sort(key=attrgetter("seq"))
        skip = attrs.filters.exclude("points")
        entries = [entry for mine in self._entries.values() for entry in mine.values()]
        return {
            "seq": self._seq,
            "booked": list(self._booked),
            "entries": [_plain(entry) for entry in entries],
            "purses": {
                wallet: {**attrs.asdict(purse, filter=skip), "points": [list(point) for point in purse.points]}
                for wallet, purse in self._purses.items()
            },
            "deeds": [_row(deed) for deed in saved[-ALL_SAVED:]],
        }

    def restore(self, plain: Mapping[str, Any], listings: Mapping[str, Listing]) -> None:
        """Replace everything by a snapshot; `listings` by condition id. KeyError when a market is missing."""
        for kept in (self._entries, self._of_market, self._purses, self._deeds, self._prints, self._booked):
            kept.clear()
        self._converting = []
        self._seq = plain["seq"]
        self._booked.update(dict.fromkeys(plain["booked"]))
        for row in plain["entries"]:
            self._add(Entry(**{**row, "listing": listings[row["listing"]]}))
        for wallet, row in plain["purses"].items():
            points = deque((tuple(point) for point in row["points"]), maxlen=POINTS_KEPT)
            self._purses[wallet] = Purse(**{**row, "points": points})
        for deed in _deeds(plain["deeds"], listings):
            self._keep(deed)
            if deed.kind == "TRADE":
                self._prints.append(deed)


def _plain(entry: Entry) -> dict[str, Any]:
    told = {field.name: getattr(entry, field.name) for field in attrs.fields(Entry)}
    return {**told, "listing": entry.listing.condition}


def _row(deed: Deed) -> list[Any]:
    """Return a deed as a list: there are many."""
    condition = deed.listing.condition if deed.listing is not None else None
    side = None if deed.side is None else deed.side.value
    told = [deed.seq, deed.kind, deed.wallet, deed.ts_ns, deed.usd, deed.size, condition]
    return [*told, deed.token, side, deed.price, deed.tx_hash, deed.taker]


def _deeds(rows: Iterable[Any], listings: Mapping[str, Listing]) -> Iterator[Deed]:
    names = [field.name for field in attrs.fields(Deed)]
    for row in rows:
        told = dict(zip(names, row, strict=True))
        told["listing"] = None if told["listing"] is None else listings[told["listing"]]
        told["side"] = None if told["side"] is None else Side(told["side"])
        yield Deed(**told)
