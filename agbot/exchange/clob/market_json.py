"""Markets as the CLOB tells them: compact, long, simplified, and with their rewards."""

from __future__ import annotations

from typing import Final

from agbot.exchange.clob.wire import Json, number
from agbot.exchange.core.model import Listing
from agbot.exchange.reads.gamma_json import question_id, version
from agbot.exchange.reads.pages import iso
from agbot.units import NS_PER_S, SCALE, complement
from agbot.venue.polymarket.contracts import POLYGON

BASE_FEE: Final = 1000
"""Legacy basis points that every market with a fee names; the fee is another (see ``fd``)."""
REWARD_AGE_S: Final = 30
NEVER: Final = "2500-12-31"


def clob_json(listing: Listing) -> Json:
    """Return the compact object of ``/clob-markets/{condition}``: what is false or zero is mostly left out."""
    market = listing.market
    fee = BASE_FEE if market.fee_rate else 0
    told: Json = {
        "c": listing.condition,
        "t": [{"t": token, "o": listing.outcome_name(token)} for token in listing.tokens],
        "mos": number(market.min_size),
        "mts": number(market.tick),
        "ao": listing.accepting,
        "cbos": False,
        "mbf": fee,
        "tbf": fee,
        "itode": 0 < listing.taker_delay_ns < NS_PER_S,
        "sd": listing.taker_delay_ns // NS_PER_S,
        "v": version(listing),
        "r": {
            "mi": number(listing.rewards_min_size),
            "ma": listing.rewards_max_spread_cents,
            "moas": REWARD_AGE_S,
            "e": listing.rewards_daily_usd > 0,
        },
    }
    if market.neg_risk:
        told["nr"] = True
    if market.fee_rate:
        told["fd"] = {"r": number(market.fee_rate), "e": market.fee_exponent, "to": True}
    return told


def record_json(listing: Listing, fair: int) -> Json:
    """Return the long object of ``/markets/{condition}``; `fair` is what YES is worth, 10⁻⁶ usd."""
    market, closed = listing.market, listing.winner is not None
    fee = BASE_FEE if market.fee_rate else 0
    return {
        "enable_order_book": not closed,
        "active": True,
        "closed": closed,
        "archived": False,
        "accepting_orders": listing.accepting,
        "accepting_order_timestamp": iso(listing.start_ns),
        "minimum_order_size": number(market.min_size),
        "minimum_tick_size": number(market.tick),
        "condition_id": listing.condition,
        "question_id": question_id(listing),
        "question": market.question,
        "description": listing.description,
        "market_slug": market.slug,
        "end_date_iso": iso(market.end_ns),
        "game_start_time": None,
        "seconds_delay": listing.taker_delay_ns // NS_PER_S,
        "fpmm": "",
        "maker_base_fee": fee,
        "taker_base_fee": fee,
        "notifications_enabled": True,
        "neg_risk": market.neg_risk,
        "neg_risk_market_id": listing.event.neg_risk_id if market.neg_risk else "",
        "neg_risk_request_id": question_id(listing) if market.neg_risk else "",
        "icon": "",
        "image": "",
        "rewards": rewards_json(listing),
        "is_50_50_outcome": False,
        "tokens": tokens_json(listing, fair),
        "tags": list(listing.event.tags),
    }


def tokens_json(listing: Listing, fair: int) -> list[Json]:
    """Return both outcomes with what they are worth."""
    return [
        {
            "token_id": token,
            "outcome": listing.outcome_name(token),
            "price": number(fair if token == listing.market.yes else complement(fair)),
            "winner": token == listing.winner,
        }
        for token in listing.tokens
    ]


def rewards_json(listing: Listing) -> Json:
    """Return the terms of a market's rewards; ``rates`` is null when it pays none."""
    rate = {"asset_address": POLYGON.collateral, "rewards_daily_rate": number(listing.rewards_daily_usd)}
    return {
        "rates": [rate] if listing.rewards_daily_usd else None,
        "min_size": number(listing.rewards_min_size),
        "max_spread": listing.rewards_max_spread_cents,
    }


def simplified_json(listing: Listing, fair: int) -> Json:
    """Return the short object of ``/simplified-markets``."""
    long = record_json(listing, fair)
    names = ("condition_id", "rewards", "tokens", "active", "closed", "archived", "accepting_orders")
    return {name: long[name] for name in names}


# ---------------------------------------------------------------- rewards


def current_reward_json(listing: Listing) -> Json:
    """Return a market's row of ``/rewards/markets/current``."""
    rate = number(listing.rewards_daily_usd)
    return {
        "condition_id": listing.condition,
        "rewards_max_spread": listing.rewards_max_spread_cents,
        "rewards_min_size": number(listing.rewards_min_size),
        "rewards_config": _pools(listing),
        "sponsored_daily_rate": 0,
        "sponsors_count": 0,
        "native_daily_rate": rate,
        "total_daily_rate": rate,
    }


def market_reward_json(listing: Listing, fair: int) -> Json:
    """Return a market's row of ``/rewards/markets/{condition}``."""
    return {
        "condition_id": listing.condition,
        "question": listing.market.question,
        "market_slug": listing.market.slug,
        "event_slug": listing.event.slug,
        "image": "",
        "rewards_max_spread": listing.rewards_max_spread_cents,
        "rewards_min_size": number(listing.rewards_min_size),
        "market_competitiveness": 0,
        "tokens": tokens_json(listing, fair),
        "rewards_config": _pools(listing),
    }


def reward_market_json(listing: Listing, fair: int, spread: int) -> Json:
    """Return a market's row of ``/rewards/markets/multi``."""
    return market_reward_json(listing, fair) | {
        "market_id": listing.gamma_id,
        "spread": number(min(spread, SCALE)),
        "group_item_title": listing.group_title,
        "volume_24hr": number(listing.volume),
        "event_id": listing.event.id,
        "created_at": iso(listing.start_ns) or "1970-01-01T00:00:00Z",
        "one_day_price_change": 0,
        "end_date": iso(listing.market.end_ns),
    }


def _pools(listing: Listing) -> list[Json]:
    if not listing.rewards_daily_usd:
        return []
    pool = {
        "id": 1,
        "asset_address": POLYGON.collateral,
        "start_date": (iso(listing.start_ns) or "1970-01-01")[:10],
        "end_date": NEVER,
        "rate_per_day": number(listing.rewards_daily_usd),
        "total_rewards": 0,
    }
    return [pool]
