"""How Gamma tells of markets and events: lists inside strings, some numbers as text, live figures from the core."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import attrs
import msgspec

from agbot.exchange.core.model import Event, Listing
from agbot.exchange.markets.offer import Catalogue, Tag, draw, hex32
from agbot.exchange.reads.pages import day, iso, number
from agbot.exchange.reads.quotes import DAY_NS, Books, Tape, liquidity, quote
from agbot.units import NS_PER_S, SCALE, complement, to_text

Json: TypeAlias = dict[str, Any]

RESOLVER: Final = "0x2f5e3684cb1f318ec51b00eba38d79ac2c0aa9d0"
COLLATERAL: Final = "0xc011a7e12a19f7b1f670d46f03b03f3342e82dfb"
LEGACY_FEE_BPS: Final = 1_000
"""What the venue still sends for old clients; no fee is computed from it."""


def version(listing: Listing) -> str:
    """Return Gamma's word for the protocol a market is settled by."""
    return "v2" if listing.market.exchange_version == 3 else "v1"


def question_id(listing: Listing) -> str:
    """Return the oracle's id: in a neg-risk event the event's own with the question's number at the end."""
    event = listing.event
    if event.neg_risk and len(event.neg_risk_id) == 66:
        return event.neg_risk_id[:-2] + f"{draw('question', listing.condition) % 256:02x}"
    return hex32(draw("question", listing.condition))


def resolution(listing: Listing) -> str:
    """Return the oracle's word, empty while the question is open."""
    return "resolved" if listing.winner is not None else ""


@attrs.frozen
class GammaText:
    """Turns listings into Gamma's objects as of a moment."""

    core: Books
    catalogue: Catalogue
    tape: Tape

    def market(self, listing: Listing, now_ns: int) -> Json:
        """Return a market as it stands alone: with its event."""
        return self._bare(listing, now_ns) | {"events": [_reference(listing.event)]}

    def event(self, event: Event, listings: Sequence[Listing], now_ns: int, *, markets: bool = True) -> Json:
        """Return an event; with all its markets unless told otherwise."""
        told = self._event(event, listings, now_ns)
        if markets:
            told["markets"] = [self._bare(listing, now_ns) for listing in listings]
        return told

    def tag(self, slug: str) -> Json:
        """Return a tag."""
        return _tag(self.catalogue.tag(slug))

    def tags(self, event: Event) -> list[Json]:
        """Return an event's tags."""
        return [self.tag(slug) for slug in event.tags]

    # ---------------------------------------------------------------- markets

    def _bare(self, listing: Listing, now_ns: int) -> Json:
        return (
            _names(listing)
            | _state(listing)
            | _terms(listing)
            | _rewards(listing)
            | self._prices(listing, now_ns)
            | self._sums(listing, now_ns)
        )

    def _prices(self, listing: Listing, now_ns: int) -> Json:
        told = quote(self.core, listing)
        last = listing.last_price if listing.winner is None else told.fair
        before = self.tape.price_at(listing, now_ns - DAY_NS)
        return {
            "outcomePrices": _inside([to_text(told.fair), to_text(complement(told.fair))]),
            "bestBid": number(told.bid),
            "bestAsk": number(told.ask),
            "spread": number(told.spread),
            "lastTradePrice": number(last),
            "oneDayPriceChange": number(last - before if before is not None else 0),
            "competitive": number(SCALE * SCALE // (SCALE + (told.fair - SCALE // 2) ** 2 // SCALE)),
        }

    def _sums(self, listing: Listing, now_ns: int) -> Json:
        resting = liquidity(self.core, listing)
        told: Json = {
            "volume": to_text(listing.volume),
            "volumeNum": number(listing.volume),
            "volumeClob": number(listing.volume),
            "liquidity": to_text(resting),
            "liquidityNum": number(resting),
            "liquidityClob": number(resting),
        }
        for name, days in _SPANS.items():
            told[f"volume{name}"] = told[f"volume{name}Clob"] = number(
                self.tape.volume(listing, now_ns - days * DAY_NS)
            )
        return told

    # ---------------------------------------------------------------- events

    def _event(self, event: Event, listings: Sequence[Listing], now_ns: int) -> Json:
        resolved = [listing.resolved_ns for listing in listings if listing.winner is not None]
        closed = len(resolved) == len(listings)
        resting = number(sum(liquidity(self.core, listing) for listing in listings))
        volume = number(sum(listing.volume for listing in listings))
        told: Json = {
            **_reference(event),
            "ticker": event.slug,
            "description": listings[0].description if listings else "",
            "resolutionSource": "",
            "version": version(listings[0]) if listings else "v1",
            "active": True,
            "closed": closed,
            "archived": False,
            "new": False,
            "featured": False,
            "restricted": False,
            "liquidity": resting,
            "liquidityClob": resting,
            "volume": volume,
            "competitive": number(SCALE),
            "commentCount": 0,
            "enableOrderBook": True,
            "negRisk": event.neg_risk,
            "enableNegRisk": event.neg_risk,
            "negRiskAugmented": False,
            "cyom": False,
            "showAllOutcomes": True,
            "showMarketImages": False,
            "automaticallyActive": True,
            "cumulativeMarkets": False,
            "requiresTranslation": False,
            "series": [],
            "tags": self.tags(event),
            **_dates(
                min((x.start_ns for x in listings), default=0), max((x.market.end_ns for x in listings), default=0)
            ),
        }
        for name, days in _SPANS.items():
            since_ns = now_ns - days * DAY_NS
            told[f"volume{name}"] = number(sum(self.tape.volume(listing, since_ns) for listing in listings))
        if event.neg_risk_id:
            told["negRiskMarketID"] = event.neg_risk_id
        if closed and resolved:
            told["closedTime"] = iso(max(resolved))
        return told


_SPANS: Final = {"24hr": 1, "1wk": 7, "1mo": 30, "1yr": 365}


def _reference(event: Event) -> Json:
    return {"id": event.id, "slug": event.slug, "title": event.title}


def _tag(tag: Tag) -> Json:
    return {"id": tag.id, "label": tag.label, "slug": tag.slug, "forceShow": False, "requiresTranslation": False}


def _names(listing: Listing) -> Json:
    """Ids. A market of Protocol V2 has positions and no tokens of the old contract."""
    told: Json = {
        "id": listing.gamma_id,
        "question": listing.market.question,
        "conditionId": listing.condition,
        "slug": listing.market.slug,
        "description": listing.description,
        "groupItemTitle": listing.group_title,
        "questionID": question_id(listing),
        "marketMakerAddress": "",
        "version": version(listing),
        "outcomes": _inside(listing.outcomes),
        "clobTokenIds": _inside(listing.tokens),
    }
    if version(listing) == "v2":
        told |= {
            "clobTokenIds": _inside(()),
            "positionIds": list(listing.tokens),
            "requestId": listing.condition,
            "onchainEventId": f"{listing.condition[:-6]}000000",
            "resolutionStatus": resolution(listing) or "active",
        }
    if listing.event.neg_risk_id:
        told["negRiskMarketID"] = listing.event.neg_risk_id
    return told


def _state(listing: Listing) -> Json:
    closed = listing.winner is not None
    told: Json = {
        "active": True,
        "closed": closed,
        "archived": False,
        "new": False,
        "featured": False,
        "restricted": False,
        "approved": True,
        "ready": False,
        "funded": False,
        "cyom": False,
        "enableOrderBook": True,
        "acceptingOrders": listing.accepting and not closed,
        "acceptingOrdersTimestamp": iso(listing.start_ns),
        "negRisk": listing.event.neg_risk,
        "negRiskOther": False,
        "resolvedBy": RESOLVER,
        "resolutionSource": "",
        "umaResolutionStatuses": _inside(["proposed", "resolved"] if closed else ()),
        "hasReviewedDates": True,
        "rfqEnabled": False,
        **_dates(listing.start_ns, listing.market.end_ns),
    }
    if closed:
        told |= {"umaResolutionStatus": resolution(listing), "closedTime": iso(listing.resolved_ns)}
    return told


def _terms(listing: Listing) -> Json:
    market = listing.market
    told: Json = {
        "orderPriceMinTickSize": number(market.tick),
        "orderMinSize": number(market.min_size),
        "makerBaseFee": LEGACY_FEE_BPS,
        "takerBaseFee": LEGACY_FEE_BPS,
        "feesEnabled": bool(market.fee_rate),
    }
    if listing.taker_delay_ns:
        told["secondsDelay"] = listing.taker_delay_ns // NS_PER_S
    if market.fee_rate:
        told["feeType"] = "general_fees"
        told["feeSchedule"] = {
            "exponent": market.fee_exponent,
            "rate": number(market.fee_rate),
            "takerOnly": True,
            "rebateRate": number(listing.rebate_rate),
        }
    return told


def _rewards(listing: Listing) -> Json:
    told: Json = {
        "rewardsMinSize": number(listing.rewards_min_size),
        "rewardsMaxSpread": listing.rewards_max_spread_cents,
        "holdingRewardsEnabled": False,
    }
    if listing.rewards_daily_usd:
        told["clobRewards"] = [
            {
                "id": str(draw("reward", listing.condition) % 1_000_000),
                "conditionId": listing.condition,
                "assetAddress": COLLATERAL,
                "rewardsAmount": 0,
                "rewardsDailyRate": number(listing.rewards_daily_usd),
                "startDate": day(listing.start_ns) or "2026-01-01",
                "endDate": "2500-12-31",
            }
        ]
    return told


def _dates(start_ns: int, end_ns: int) -> Json:
    told = {"startDate": iso(start_ns), "createdAt": iso(start_ns), "updatedAt": iso(start_ns), "endDate": iso(end_ns)}
    told |= {"startDateIso": day(start_ns) or None, "endDateIso": day(end_ns) or None}
    return {name: value for name, value in told.items() if value is not None}


def _inside(values: Sequence[str]) -> str:
    """Return a list as JSON inside a string."""
    return msgspec.json.encode(list(values)).decode()
