"""Short-lived markets: each that ends is followed by the next of its series, as "up or down in five minutes" is."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

import attrs
import msgspec

from agbot._keccak import keccak256
from agbot.exchange.core.model import Event, Listing
from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market
from agbot.units import NS_PER_S, SCALE

_SLUG_END: Final = re.compile(r"-\d{10}$")
_TITLE_END: Final = re.compile(r" \(until [^)]*\)$")


def short_lived(seed: int, number: int, start_ns: int, life_ns: int, *, fee_rate: int = 70_000) -> Listing:
    """Return the first market of a series that asks up or down, open from `start_ns` for `life_ns`."""
    market = Market(
        id=MarketId(""),
        yes=TokenId("1"),
        no=TokenId("2"),
        tick=10_000,
        min_size=5 * SCALE,
        size_step=SCALE // 100,
        fee_rate=fee_rate,
        slug=f"box-coin-{number}-up-or-down",
        question=f"Box coin {number}: up or down?",
        end_ns=start_ns + life_ns,
    )
    event = Event(id="", slug=market.slug, title=market.question, tags=("crypto", "up-or-down"))
    first = Listing(market=market, gamma_id="", event=event, outcomes=("Up", "Down"), start_ns=start_ns)
    return _renewed(first, f"{seed} {number}", start_ns, life_ns)


def successor(listing: Listing, now_ns: int, tick: int) -> Listing:
    """Return the market that follows, of the same life: from the end of the old, or from now when that is long ago."""
    life_ns = max(listing.market.end_ns - listing.start_ns, NS_PER_S)
    late = now_ns - listing.market.end_ns
    start_ns = listing.market.end_ns if 0 <= late < life_ns else now_ns
    following = _renewed(listing, listing.condition, start_ns, life_ns)
    following.market = msgspec.structs.replace(following.market, tick=tick)
    return following


def _renewed(listing: Listing, origin: str, start_ns: int, life_ns: int) -> Listing:
    end_ns = start_ns + life_ns
    slug = f"{_SLUG_END.sub('', listing.market.slug)}-{start_ns // NS_PER_S}"
    until = datetime.fromtimestamp(end_ns // NS_PER_S, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    title = f"{_TITLE_END.sub('', listing.market.question)} (until {until})"
    number = int.from_bytes(_hash(origin, start_ns, "event")[:4], "big")
    event_id = str(1_000_000_000 + number)
    market = msgspec.structs.replace(
        listing.market,
        id=MarketId("0x" + _hash(origin, start_ns, "condition").hex()),
        yes=TokenId(str(int.from_bytes(_token(origin, start_ns, "yes"), "big"))),
        no=TokenId(str(int.from_bytes(_token(origin, start_ns, "no"), "big"))),
        slug=slug,
        question=title,
        event_id=event_id,
        end_ns=end_ns,
    )
    return Listing(
        market=market,
        gamma_id=str(2_000_000_000 + number),
        event=attrs.evolve(listing.event, id=event_id, slug=slug, title=title),
        outcomes=listing.outcomes,
        group_title=listing.group_title,
        description=listing.description,
        start_ns=start_ns,
        rebate_rate=listing.rebate_rate,
        taker_delay_ns=listing.taker_delay_ns,
        rewards_min_size=listing.rewards_min_size,
        rewards_max_spread_cents=listing.rewards_max_spread_cents,
        rewards_daily_usd=listing.rewards_daily_usd,
    )


def _hash(origin: str, start_ns: int, what: str) -> bytes:
    return keccak256(f"{what} {origin} {start_ns}".encode())


def _token(origin: str, start_ns: int, what: str) -> bytes:
    """Return a token id of the second protocol: those of the third have bits 40 to 103 clear."""
    raw = bytearray(_hash(origin, start_ns, what))
    raw[0] |= 0x80
    raw[25] |= 0x01
    return bytes(raw)
