"""What was known when an order was decided: a journal replayed into the same core, with a witness at its gate."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from agbot.core.figures import Figure, Told
from agbot.core.state import CoreState
from agbot.core.step import Decision, Output
from agbot.core.view import Place
from agbot.model.events import Event
from agbot.model.ids import MarketId, StrategyId
from agbot.model.market import Market, Outcome
from agbot.store.codec import encode_output
from agbot.store.journal import Header
from agbot.store.rebuild import engine_of


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


class _Witness(Told):
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
        return Sight(
            quotes=tuple(self._quote(market, outcome) for outcome in Outcome) if market else (),
            cash=self.cash_free(),
            inventory=state.portfolio.inventory_usd(),
            live=sum(1 for _ in state.oms.live(market_id)),
            figures=self.figures(now_ns, market_id, strategy, place, violated),
        )

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
