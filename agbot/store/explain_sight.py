"""What was known when an order was decided: a journal replayed into the same core, with a witness at its gate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from agbot.core import admission as names
from agbot.core.admission import Admission
from agbot.core.health import WELL
from agbot.core.rules import (
    DayCap,
    Exposure,
    FreeCash,
    InventoryLimit,
    KillSwitch,
    Measured,
    OrderCap,
    PositionLimit,
    Rule,
)
from agbot.core.state import CoreState
from agbot.core.step import Decision, Output
from agbot.core.view import Place
from agbot.model.events import Event, Health
from agbot.model.ids import MarketId, StrategyId, TokenId
from agbot.model.market import Market, Outcome
from agbot.model.order import OrderState, Side
from agbot.store.codec import encode_output
from agbot.store.journal import Header
from agbot.store.rebuild import engine_of
from agbot.units import NS_PER_S, notional, to_text, usd_text

_ASKED_FIRST: Final = (
    names.KILL_SWITCH,
    names.HALTED,
    names.UNKNOWN_MARKET,
    names.MARKET_RESOLVED,
    names.REJECTED_LATELY,
)
"""After one of these nothing else is asked. Policies and the state are."""


@attrs.frozen(kw_only=True)
class Figure:
    """One rule's answer: what it measured, what it allows, and whether the order passed. Text for people."""

    rule: str
    figure: str
    limit: str
    passed: bool


@attrs.frozen(kw_only=True)
class Quote:
    """The best prices of one outcome, 10⁻⁶; 0 is no bid, 1 000 000 no ask. `doubt` is why it was not trusted."""

    outcome: str
    bid: int
    bid_size: int
    ask: int
    ask_size: int
    held: int
    doubt: str


@attrs.frozen(kw_only=True)
class Sight:
    """What a decision was made on; money in 10⁻⁶ usd. `figures` are the gate's, `live` our orders in that market."""

    quotes: tuple[Quote, ...]
    cash: int
    inventory: int
    live: int
    figures: tuple[Figure, ...]


class Replayer:
    """A fresh core that is fed a run's batches and remembers what its gate saw.

    Attributes:
        diverged: the record from which on this version decides differently; what is seen after it cannot be believed.
    """

    def __init__(self, header: Header) -> None:
        self._engine = engine_of(header)
        self._witness = _Witness(self._engine.state)
        self._engine.admission = self._witness
        self._expected: tuple[int, Output] | None = None
        self.diverged = 0

    def batch(self, seq: int, now_ns: int, events: list[Event], *, look: bool) -> dict[str, Sight]:
        """Step, and return what was seen for each decision, by client order id; nothing when not to `look`."""
        self.journaled(seq, None)
        self._witness.seen.clear()
        self._witness.looks = look
        output = self._engine.step(now_ns, events).output
        self._expected = None if output.empty else (seq, output)
        return dict(self._witness.matched(output.decisions))

    def journaled(self, seq: int, output: Output | None) -> None:
        """Compare with what the run itself decided in the batch before."""
        expected, self._expected = self._expected, None
        if output is None and expected is None:
            return
        same = output is not None and expected is not None and encode_output(output) == encode_output(expected[1])
        if not same and not self.diverged:
            self.diverged = expected[0] if expected else seq


@attrs.frozen
class _Seen:
    place: Place
    violated: tuple[str, ...]
    sight: Sight


class _Witness(Admission):
    """Answers as admission does, and keeps what it looked at."""

    def __init__(self, state: CoreState) -> None:
        super().__init__(state)
        self.seen: list[_Seen] = []
        self.looks = True

    def violations(self, now_ns: int, market_id: MarketId, strategy: StrategyId, place: Place) -> tuple[str, ...]:
        violated = super().violations(now_ns, market_id, strategy, place)
        if self.looks:
            self.seen.append(_Seen(place, violated, self._sight(now_ns, market_id, strategy, place, violated)))
        return violated

    def matched(self, decisions: Sequence[Decision]) -> list[tuple[str, Sight]]:
        """Pair decisions with what was seen for them; a wish that repeated a denial has none."""
        found, seen = [], iter(self.seen)
        for decision in decisions:
            wish = (decision.token, decision.side, decision.price, decision.size, decision.violated)
            for each in seen:
                place = each.place
                if (place.token, place.side, place.price, place.size, each.violated) == wish:
                    found.append((decision.client_order_id, each.sight))
                    break
        return found

    def _sight(
        self, now_ns: int, market_id: MarketId, strategy: StrategyId, place: Place, violated: tuple[str, ...]
    ) -> Sight:
        state = self._state
        market = state.markets.get(market_id)
        known = market is not None and place.token in (market.yes, market.no)
        rows: list[tuple[str, str, str]] = []
        if market is not None and known and not any(_kind(name) in _ASKED_FIRST for name in violated):
            rows = [*self._own(market, place), *self._policies(self.exposure(now_ns, market, place, strategy))]
        shown = {rule for rule, _, _ in rows}
        first = (name for name in violated if name not in shown)
        rows = [*((name, *self._why(name, now_ns, market_id, strategy)) for name in first), *rows]
        return Sight(
            quotes=tuple(self._quote(market, outcome) for outcome in Outcome) if market else (),
            cash=self.cash_free(),
            inventory=state.portfolio.inventory_usd(),
            live=sum(1 for _ in state.oms.live(market_id)),
            figures=tuple(Figure(rule=r, figure=f, limit=limit, passed=r not in violated) for r, f, limit in rows),
        )

    def _why(self, name: str, now_ns: int, market_id: MarketId, strategy: StrategyId) -> tuple[str, str]:
        """Return what was found of a rule that is asked before all others, and what it wants."""
        state = self._state
        match _kind(name):
            case names.KILL_SWITCH:
                parts = {f"{names.KILL_SWITCH}({scope} {of})": why for (scope, of), why in state.gate.scopes.items()}
                return parts.get(name, state.kill_switch), "off"
            case names.HALTED:
                return state.halted, "a run that goes on"
            case names.UNKNOWN_MARKET:
                return str(market_id), "a market that was listed"
            case names.MARKET_RESOLVED:
                return "resolved", "a market that trades"
            case names.REJECTED_LATELY:
                count, until_ns = self._rejections[strategy, market_id]
                return f"{count} in a row", f"{(until_ns - now_ns) / NS_PER_S:.1f} s more of a pause"
            case _:
                return "", ""

    def _quote(self, market: Market, outcome: Outcome) -> Quote:
        book = self._state.books[market.token(outcome)]
        held = self._state.portfolio.position(market, outcome).size
        return Quote(
            outcome=str(outcome),
            bid=book.best_bid,
            bid_size=book.best_bid_size,
            ask=book.best_ask,
            ask_size=book.best_ask_size,
            held=held,
            doubt="" if book.trusted else book.doubt or "not whole",
        )

    def _own(self, market: Market, place: Place) -> list[tuple[str, str, str]]:
        """Return what the venue demands and the state forbids, whatever the policies say: rule, figure, limit."""
        state, book = self._state, self._state.books[place.token]
        unknown = sum(r.state is OrderState.UNKNOWN for r in state.oms.live(market.id))
        rows = [
            *self._known_of_the_venue(market),
            (names.UNKNOWN_ORDER, f"{unknown} in doubt", "none in this market"),
            (names.IN_FLIGHT, str(state.oms.in_flight), f"below {state.settings.in_flight_max}"),
            (names.UNTRUSTED_BOOK, "trusted" if book.trusted else book.doubt or "not whole", "trusted"),
            (
                names.VENUE_TERMS,
                f"{to_text(place.size)} at {to_text(place.price)}",
                f"tick {to_text(book.tick)}, from {to_text(market.min_size)} shares",
            ),
        ]
        if place.side is Side.BUY:
            worth = place.budget or notional(place.price, place.size)
            rows.append((names.BUYING_POWER, f"{usd_text(worth)} usd", f"{usd_text(self.cash_free())} usd free"))
        else:
            free = to_text(self._free(market, place.token))
            rows.append((names.SHARES_HELD, f"{to_text(place.size)} shares", f"{free} shares free"))
        return rows

    def _known_of_the_venue(self, market: Market) -> list[tuple[str, str, str]]:
        condition = self._state.conditions.get(market.venue, WELL)
        down = condition.health is Health.DOWN
        health = (
            names.VENUE_DOWN if down else names.VENUE_DEGRADED,
            ": ".join(filter(None, (condition.health, condition.reason))),
            "up" if down else "healthy, or an order that makes the position smaller",
        )
        differing = self._state.differing
        reasons = [differing[market_id] for market_id in (market.id, names.NO_MARKET) if market_id in differing]
        return [health, (names.RECONCILE_DIFFERENCE, "; ".join(reasons) or "none", "none, here and in the cash")]

    def _free(self, market: Market, token: TokenId) -> int:
        """Return the settled shares that no order offers yet."""
        resting = (r for r in self._state.oms.live(market.id) if r.command.token == token)
        offered = sum(r.remaining for r in resting if r.command.side is Side.SELL)
        held = self._state.portfolio.position(market, market.outcome(token)).size
        return held - self._state.oms.unsettled[token] - offered

    def _policies(self, exposure: Exposure) -> list[tuple[str, str, str]]:
        rules = (rule for rule in self._state.gate.rules if not isinstance(rule, KillSwitch))
        ask = [
            (rule, _told(rule, exposure) if isinstance(rule, Measured) else _measured(rule, exposure)) for rule in rules
        ]
        return [(rule.name, told, str(rule)) for rule, told in ask]


def _kind(name: str) -> str:
    """Return the name of a rule without what it is for: a kill switch may be on for a part of the account."""
    return name.partition("(")[0]


def _measured(rule: Rule, exposure: Exposure) -> str:
    """Return what a policy compares with its limit, at the worst of what is already on its way."""
    match rule:
        case PositionLimit():
            reduces = ", smaller than now" if exposure.reduces else ""
            return f"{to_text(exposure.worst)} shares net{reduces}"
        case InventoryLimit():
            value = exposure.inventory_usd + exposure.resting_notional_usd + exposure.order_notional_usd
            return f"{usd_text(value)} usd"
        case OrderCap():
            return f"{usd_text(exposure.order_usd)} usd"
        case DayCap(spent_usd=spent, day=day):
            before = spent if exposure.day <= day else 0
            return f"{usd_text(before + exposure.day_usd + exposure.order_usd)} usd"
        case FreeCash():
            return f"{usd_text(exposure.order_notional_usd)} usd"
        case _:
            return ""


def _told(rule: Measured, exposure: Exposure) -> str:
    try:
        return rule.told(exposure)
    except Exception as e:  # noqa: BLE001 - the gate denied the order for whatever this was
        return f"cannot be worked out: {type(e).__name__}: {e}"
