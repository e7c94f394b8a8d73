"""Markets from files: our own short format (YAML or JSON), and what was recorded of Gamma and the CLOB (JSON).

Our own format, everything but slug and question optional::

    seed: 7                     # decides ids that are not written
    events:
      - {slug: weather, title: The weather, neg_risk: false, tags: [weather]}
    markets:
      - slug: will-it-rain
        question: Will it rain?
        outcomes: [Rain, "No rain"]
        event: weather          # an event above, or a new one
        version: v1             # v2 is Protocol V2: signed for the V3 exchange
        tick: 0.01
        min_size: 5
        fee_rate: 0.05
        fee_exponent: 1
        rebate_rate: 0.25
        taker_delay_ms: 150
        end: 2030-01-01T00:00:00Z
        price: 0.3              # the last trade
        rewards_usd: 100        # a day
        rewards_min_size: 50
        rewards_max_spread: 3.5 # cents
        condition: 0x…          # written ids replace invented ones; both tokens or none
        tokens: ["…", "…"]
        bids: [[0.29, 100]]     # the YES book it opens with
        asks: [[0.31, 250]]
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from agbot.errors import ConfigError
from agbot.exchange.core.model import Event, Listing
from agbot.exchange.markets.offer import Catalogue, OpeningBook, ctf_ids, draw, hex32, is_position, position_ids
from agbot.exchange.markets.recorded_markets import RecordedMarkets
from agbot.located import Fields, Located, loads
from agbot.model.events import Level
from agbot.model.ids import MarketId, TokenId, VenueId
from agbot.model.market import Market
from agbot.units import NS_PER_S, SCALE, TICKS, to_text

MAX_BYTES: Final = 64 * 1024 * 1024
_ID: Final = "AGB-124"
_EXAMPLE: Final = "docs/exchange.md has an example"
_HEX_DIGITS: Final = 66
_NO_NODES: Final[tuple[Located, ...]] = ()
_NO_LEVELS: Final[tuple[Level, ...]] = ()


def load_markets(*paths: str | Path) -> Catalogue:
    """Read markets, and books to open with, from one or more files.

    Each file is in our own format, or JSON holding Gamma market or event objects (alone, in a list or in a page of an
    answer) or CLOB books. Books of tokens that no market has are left out.

    Raises:
        ConfigError: AGB-100…109, AGB-124: a file cannot be read, or says what cannot be; AGB-125: there is no market.
    """
    recorded, written = RecordedMarkets(), _Written()
    for path in map(str, paths):
        raw = _read(path)
        value = _json(raw)
        if value is None:
            written.add(_ours(loads(raw.decode("utf-8-sig"), path, "yaml")))
        elif RecordedMarkets.known(value):
            recorded.add(value, path)
        else:
            written.add(_ours(loads(raw.decode("utf-8-sig"), path, "json")))
    found = _joined(recorded.catalogue(), written)
    if not found.listings:
        whys = [why.removeprefix(f"{paths[0]}: ") if len(paths) == 1 else why for why in found.left_out[:1]]
        reason = "; ".join(["no market can be listed", *whys])
        raise ConfigError(reason, id="AGB-125", path=", ".join(map(str, paths)), remedy="name a file with markets")
    _check_unique(found, paths)
    return found


def _ours(root: Located) -> Located:
    """Return a file's root if it can be in our own format."""
    if root.kind != "mapping":
        reason = (
            "neither markets in agbot's format nor anything recorded of Gamma's markets or events, or of CLOB books"
        )
        raise root.fault(reason, id="AGB-105", remedy="write 'markets:' and a list; docs/exchange.md has an example")
    return root


def _read(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if not raw.decode("utf-8-sig").strip():
            raise ConfigError("the file is empty", id="AGB-100", path=path, remedy=_EXAMPLE)
    except UnicodeDecodeError as e:
        raise ConfigError("the text is not UTF-8", id="AGB-100", path=path, remedy="save the file as UTF-8") from e
    except (OSError, ValueError) as e:
        reason = f"the file cannot be read: {(isinstance(e, OSError) and e.strerror) or e}"
        raise ConfigError(reason, id="AGB-100", path=path, remedy="check the path") from e
    if len(raw) > MAX_BYTES:
        raise ConfigError("the file is too large", id="AGB-100", path=path, remedy="keep it under 64 MiB")
    return raw


def _json(raw: bytes) -> Any:
    """Return the JSON value, None when it is none: `loads` says then what is wrong, and where."""
    try:
        return msgspec.json.decode(raw.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _joined(recorded: Catalogue, written: _Written) -> Catalogue:
    listings = (*recorded.listings, *written.listings)
    return Catalogue(listings, (*recorded.books, *written.books), recorded.tags, recorded.left_out)


def _check_unique(found: Catalogue, paths: tuple[str | Path, ...]) -> None:
    for what in ("slug", "condition", "gamma_id", "token"):
        seen: set[str] = set()
        for listing in found.listings:
            for name in _names(listing, what):
                if name in seen:
                    reason = f"two markets have the {what} {name}"
                    raise ConfigError(reason, id=_ID, path=", ".join(map(str, paths)), remedy="list each market once")
                seen.add(name)


def _names(listing: Listing, what: str) -> tuple[str, ...]:
    if what == "token":
        return listing.tokens
    return (listing.market.slug if what == "slug" else str(getattr(listing, what)),)


class _Written:
    """Markets in our own format."""

    def __init__(self) -> None:
        self.listings: list[Listing] = []
        self.books: list[OpeningBook] = []

    def add(self, root: Located) -> None:
        """Take a file's markets; raises its first fault."""
        faults: list[ConfigError] = []
        fields = Fields(root, faults)
        seed = fields.read("seed", lambda node: node.as_int(0, 2**63), 0)
        events = {
            event.slug: event
            for event in (
                _event(Fields(node, faults), seed) for node in fields.read("events", Located.as_list, _NO_NODES)
            )
        }
        for node in fields.require("markets", Located.as_list, _NO_NODES):
            self._market(Fields(node, faults), seed, events)
        fields.close()
        if faults:
            raise min(faults, key=lambda fault: fault.line or 0)

    def _market(self, f: Fields, seed: int, events: dict[str, Event]) -> None:
        market = _terms(f, seed)
        name = f.read("event", Located.as_text, market.slug)
        event = events.setdefault(name, Event(id=_number(seed, name), slug=name, title=market.question))
        listing = _listing(f, _in_event(market, event), event, seed)
        bids = f.read("bids", _levels, _NO_LEVELS)
        asks = f.read("asks", lambda node: _asks(node, bids), _NO_LEVELS)
        f.close()
        self.listings.append(listing)
        if bids or asks:
            self.books.append(OpeningBook(market.yes, tuple(sorted(bids, reverse=True)), tuple(sorted(asks))))


def _event(f: Fields, seed: int) -> Event:
    slug = f.require("slug", _slug, "")
    neg_risk = f.read("neg_risk", Located.as_bool, False)
    event = Event(
        id=f.read("id", lambda node: str(node.as_int(1, 2**31 - 1)), _number(seed, slug)),
        slug=slug,
        title=f.read("title", Located.as_text, slug),
        neg_risk=neg_risk,
        neg_risk_id=hex32(draw("neg risk", seed, slug) >> 8 << 8) if neg_risk else "",
        tags=f.read("tags", Located.as_names, ()),
    )
    f.close()
    return event


def _slug(node: Located) -> str:
    slug = node.as_text()
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", slug):
        remedy = "letters, digits and '-', such as will-it-rain: it is part of addresses"
        raise node.fault(f"{node} is not a slug", id="AGB-107", remedy=remedy)
    return slug


def _number(seed: int, name: str) -> str:
    return str(1_000_000 + draw("number", seed, name) % 1_000_000_000)


def _terms(f: Fields, seed: int) -> Market:
    slug = f.require("slug", _slug, "")
    version = f.read("version", lambda node: node.as_choice(("v1", "v2")), "v1")
    make = position_ids if version == "v2" else ctf_ids
    condition, yes, no = make(seed, slug)
    yes, no = f.read("tokens", lambda node: _tokens(node, version), (yes, no))
    return Market(
        id=MarketId(f.read("condition", _condition, condition)),
        yes=TokenId(yes),
        no=TokenId(no),
        tick=f.read("tick", _tick, 10_000),
        min_size=f.read("min_size", lambda node: node.as_units(0), 5 * SCALE),
        fee_rate=f.read("fee_rate", lambda node: node.as_units(0, SCALE), 0),
        fee_exponent=f.read("fee_exponent", lambda node: node.as_int(0, 4), 1),
        slug=slug,
        question=f.require("question", Located.as_text, ""),
        venue=VenueId("polymarket"),
        exchange_version=3 if version == "v2" else 2,
        end_ns=f.read("end", _time, 0),
    )


def _in_event(market: Market, event: Event) -> Market:
    return msgspec.structs.replace(market, event_id=event.slug, neg_risk=event.neg_risk)


def _listing(f: Fields, market: Market, event: Event, seed: int) -> Listing:
    return Listing(
        market=market,
        gamma_id=f.read("id", lambda node: str(node.as_int(1, 2**31 - 1)), _number(seed, f"market {market.slug}")),
        event=event,
        outcomes=f.read("outcomes", _outcomes, ("Yes", "No")),
        group_title=f.read("group_title", Located.as_text, ""),
        description=f.read("description", Located.as_text, ""),
        rebate_rate=f.read("rebate_rate", lambda node: node.as_units(0, SCALE), 250_000),
        taker_delay_ns=f.duration("taker_delay", 0, low_ns=0, high_ns=60 * NS_PER_S),
        rewards_min_size=f.read("rewards_min_size", lambda node: node.as_units(0), 50 * SCALE),
        rewards_max_spread_cents=f.read("rewards_max_spread", lambda node: node.as_units(0, 99 * SCALE) / SCALE, 3.5),
        rewards_daily_usd=f.read("rewards_usd", lambda node: node.as_units(0), 0),
        last_price=f.read("price", _price, SCALE // 2),
    )


def _tokens(node: Located, version: str) -> tuple[str, str]:
    names = node.as_names()
    if len(names) != 2 or not all(name.isdigit() and name.isascii() and len(name) <= 78 for name in names):
        raise node.fault("two token ids are needed, decimal digits in quotes", id="AGB-107", remedy="YES first")
    if any(is_position(name) != (version == "v2") for name in names):
        reason = f"a market of version {version} has no such token ids"
        raise node.fault(reason, id=_ID, remedy="bits 40 to 103 are zero in ids of v2, and only there")
    return names[0], names[1]


def _condition(node: Located) -> str:
    text = node.as_text()
    if len(text) != _HEX_DIGITS or not text.startswith("0x") or not text[2:].isalnum():
        raise node.fault(f"{node} is not a condition id", id="AGB-107", remedy="0x and 64 hexadecimal digits")
    try:
        int(text, 16)
    except ValueError as e:
        raise node.fault(f"{node} is not hexadecimal", id="AGB-107", remedy="0x and 64 hexadecimal digits") from e
    return text.lower()


def _tick(node: Located) -> int:
    tick = node.as_units(1, SCALE)
    if tick not in TICKS:
        raise node.fault(f"{node} is not a tick", id="AGB-107", remedy=f"one of {', '.join(map(to_text, TICKS))}")
    return tick


def _price(node: Located) -> int:
    return node.as_units(1, SCALE - 1)


def _outcomes(node: Located) -> tuple[str, str]:
    names = node.as_names()
    if len(names) != 2:
        raise node.fault("a market has two outcomes", id="AGB-107", remedy="write two names")
    return names[0], names[1]


def _time(node: Located) -> int:
    try:
        moment = datetime.fromisoformat(node.as_text())
    except ValueError as e:
        raise node.fault(f"{node} is not a time", id="AGB-107", remedy="such as 2030-01-01T00:00:00Z") from e
    seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if seconds < 0:
        raise node.fault(f"{node} is before 1970", id="AGB-107", remedy="such as 2030-01-01T00:00:00Z")
    return int(seconds) * NS_PER_S


def _levels(node: Located) -> tuple[Level, ...]:
    return tuple(_level(item) for item in node.as_list())


def _asks(node: Located, bids: tuple[Level, ...]) -> tuple[Level, ...]:
    asks = _levels(node)
    if bids and asks and max(bids)[0] >= min(asks)[0]:
        reason = f"the best ask {to_text(min(asks)[0])} is not above the best bid {to_text(max(bids)[0])}"
        raise node.fault(reason, id="AGB-107", remedy="a book that crosses would have traded: write it uncrossed")
    return asks


def _level(node: Located) -> Level:
    pair = node.as_list()
    if len(pair) != 2:
        raise node.fault("a level is a price and a size", id="AGB-107", remedy="such as [0.29, 100]")
    return _price(pair[0]), pair[1].as_units(1)
