"""An order's story as text for people and as plain values for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import msgspec

from agbot.cli.tables import pairs, shares, table
from agbot.core.oms import OrderRecord
from agbot.errors import ExecutionError
from agbot.model.events import OrderFilled
from agbot.store.audit_rows import moment
from agbot.store.explain import Choice, Story
from agbot.store.explain_sight import Quote, Sight
from agbot.store.explain_turns import Turn
from agbot.store.rebuild import strategies_of
from agbot.units import NS_PER_MS, SCALE, to_text, usd_text
from agbot.venue.convert import to_order
from agbot.venue.polymarket.compose import VENUE, Terms, compose

# -- for programs ------------------------------------------------------------------------------------------------------


def plain(story: Story) -> dict[str, Any]:
    """Return the story as plain values; money and sizes as decimal text."""
    return {
        "correlation_id": story.correlation,
        "run_id": story.header.run_id,
        "mode": story.header.mode,
        "journal": str(story.path),
        "market": story.market.name if story.market else "",
        "decisions": [_plain_choice(choice) for choice in story.choices],
        "story": [{**attrs.asdict(turn), "realised": usd_text(turn.realised)} for turn in story.turns],
        "orders": [
            {
                "client_order_id": r.command.client_order_id,
                "venue_order_id": r.venue_order_id,
                "signature": story.signed[r.command.client_order_id].signature
                if r.command.client_order_id in story.signed
                else "",
                "state": str(r.state),
                "filled": to_text(r.filled),
                "spent_usd": usd_text(r.spent),
                "fees_usd": to_text(r.fees),
                "trades": {trade: str(fill.settlement) for trade, fill in r.trades.items()},
            }
            for r in story.orders
        ],
        "realised_usd": usd_text(story.realised),
        "ended_in_order": story.ended,
        "notes": list(story.notes),
    }


def _plain_choice(choice: Choice) -> dict[str, Any]:
    return {
        "now_ns": choice.now_ns,
        "decision": msgspec.structs.asdict(choice.decision),
        "command": msgspec.structs.asdict(choice.command) if choice.command else None,
        "sight": attrs.asdict(choice.sight) if choice.sight else None,
    }


# -- for people --------------------------------------------------------------------------------------------------------


def text(story: Story) -> str:
    """Return the story as paragraphs and tables that can be pasted."""
    market = story.market.name if story.market else "a market that was never listed"
    head = {
        "story": story.correlation,
        "market": market,
        "run": f"{story.header.run_id} ({story.header.mode}), {story.path}",
    }
    turns = table(_turn_rows(story), empty="nothing more is known of it")
    parts = [pairs(head), *(_choice(story, choice) for choice in story.choices), turns]
    if fills := [_fill_row(record, fill) for record in story.orders for fill in record.trades.values()]:
        parts.append(table(fills))
    filled, fees = sum(r.filled for r in story.orders), sum(r.fees for r in story.orders)
    end = {"ended": "\n".join(map(_ended, story.orders)) or "DENIED: never sent"}
    end["money"] = f"filled {to_text(filled)} shares, fees {to_text(fees)} usd, realised {usd_text(story.realised)} usd"
    if contradictions := [turn.effect for turn in story.turns if turn.contradiction]:
        end["careful"] = "\n".join(contradictions)
    if story.notes:
        end["notes"] = "\n".join(story.notes)
    return "\n\n".join([*parts, pairs(end)])


def _choice(story: Story, choice: Choice) -> str:
    decision = choice.decision
    rows = {
        "order": f"{decision.client_order_id}: {_wish(story, choice)}",
        "decided": f"{moment(choice.now_ns)} by {_by(story, decision.strategy)}",
        "why": decision.why or "no reason was given",
        "verdict": "allowed" if decision.allowed else f"DENIED by {', '.join(decision.violated)}",
    }
    if choice.sight:
        rows["saw"] = _saw(choice.sight)
    if choice.command and choice.command.venue == VENUE and (signed := _signed(story, choice)):
        rows["signed"] = signed
    if posted := story.signed.get(decision.client_order_id):
        rows["as"] = f"order {posted.order_id}\nsignature {posted.signature}"
    parts = [pairs(rows)]
    if choice.sight and choice.sight.figures:
        parts.append(
            table(
                [
                    {"rule": f.rule, "figure": f.figure, "limit": f.limit, "": "ok" if f.passed else "VIOLATED"}
                    for f in choice.sight.figures
                ]
            )
        )
    return "\n\n".join(parts)


def _wish(story: Story, choice: Choice) -> str:
    decision, command, market = choice.decision, choice.command, story.market
    outcome = str(market.outcome(decision.token)) if market and decision.token in (market.yes, market.no) else "?"
    said = f"{decision.side} {to_text(decision.size)} {outcome} at {to_text(decision.price)}"
    if command is None:
        return f"{said}, {decision.order_type}"
    post_only = ", post-only" if command.post_only else ""
    replaces = f", replaces {command.replaces}" if command.replaces else ""
    return f"{said}, {command.order_type} {command.time_in_force}{post_only}{replaces}"


def _by(story: Story, strategy: str) -> str:
    params = [params for name, params in strategies_of(story.header) if name == strategy]
    given = f" with {params[0]}" if params and params[0] != "{}" else " with its defaults" if params else ""
    return f"{strategy}{given}"


def _saw(sight: Sight) -> str:
    lines = [_quote(quote) for quote in sight.quotes]
    money = f"cash free {usd_text(sight.cash)} usd, inventory {usd_text(sight.inventory)} usd"
    return "\n".join([*lines, f"{money}, {sight.live} of our orders live in this market"])


def _quote(quote: Quote) -> str:
    bid = f"bid {to_text(quote.bid)} × {shares(quote.bid_size)}" if quote.bid else "no bid"
    ask = f"ask {to_text(quote.ask)} × {shares(quote.ask_size)}" if quote.ask < SCALE else "no ask"
    doubt = f", NOT TRUSTED: {quote.doubt}" if quote.doubt else ""
    return f"{quote.outcome}: {bid}, {ask}, held {to_text(quote.held)}{doubt}"


def _signed(story: Story, choice: Choice) -> str:
    """Return what was signed: it follows from the journal, but for the signature, which comes with the first post."""
    market, command = story.market, choice.command
    if market is None or command is None:
        return ""
    try:
        terms = Terms(tick=market.tick, min_size=market.min_size, neg_risk=market.neg_risk)
        fields = compose(to_order(command), terms).fields
    except (ExecutionError, ValueError) as e:
        return f"not composed from what the journal knows: {e}"
    return (
        f"maker amount {fields.maker_amount}, taker amount {fields.taker_amount}, salt {fields.salt}, "
        f"timestamp {fields.timestamp_ms} ms, expiration {fields.expiration_s or 'none'}"
    )


def _turn_rows(story: Story) -> Sequence[dict[str, object]]:
    several = len(story.choices) > 1
    rows = []
    for turn in story.turns:
        row: dict[str, object] = {"time": _clock(turn.now_ns), "late": _late(turn), "source": _source(turn)}
        if several:
            row["order"] = turn.order.removeprefix(f"{story.header.run_id}-")
        rows.append({**row, "what": turn.what, "became": turn.effect})
    return rows


def _late(turn: Turn) -> str:
    """Return how old a fact was when it was heard, by its source's clock."""
    ms = (turn.now_ns - turn.said_ns) // NS_PER_MS
    return "" if turn.now_ns == turn.said_ns else f"{ms / 1000:.1f} s" if abs(ms) >= 1000 else f"{ms} ms"


def _source(turn: Turn) -> str:
    return f"{turn.source} (run {turn.run})" if turn.run else turn.source


def _clock(ns: int) -> str:
    return moment(ns)[11:23]


def _ended(record: OrderRecord) -> str:
    command = record.command
    reason = f": {record.reason}" if record.reason else ""
    unsettled = [str(f.settlement) for f in record.trades.values() if f.settlement != "CONFIRMED"]
    settlement = f", settlement {', '.join(unsettled)}" if unsettled else ", settled" if record.trades else ""
    size = f"filled {to_text(record.filled)} of {to_text(command.size)}"
    venue = f"; at the venue {record.venue_order_id}" if record.venue_order_id else ""
    known = "" if record.state.terminal else ", as far as this run knew"
    return f"{command.client_order_id} {record.state}{known}{reason}; {size}{settlement}{venue}"


def _fill_row(record: OrderRecord, fill: OrderFilled) -> dict[str, object]:
    return {
        "fill": fill.trade_id,
        "side": record.command.side,
        "size": to_text(fill.size),
        "price": to_text(fill.price),
        "fee usd": to_text(fill.fee),
        "as": fill.liquidity.lower(),
        "match": fill.match,
        "settlement": fill.settlement,
        "first told by": fill.source or "not noted",
    }
