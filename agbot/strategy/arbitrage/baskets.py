"""What may be traded together: baskets of outcome tokens, and the states of the world that they pay in.

A basket pays the worst of its states whatever happens, so whether it is riskless is read off by enumeration and never
claimed. Identities only say which baskets are worth a look:

* a complete set of one market pays 1;
* YES of every outcome of an event with exactly one winner pays 1; it takes a person's word that the outcomes are all;
* NO of k outcomes of an event with at most one winner pays k − 1;
* NO of one against YES of all others: what a neg-risk adapter converts;
* A implies B, by a person's word: NO of A and YES of B pay 1;
* the same question twice, by a person's word and up to a mismatch of the rules: YES of one and NO of the other.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import attrs

from agbot.model.ids import MarketId
from agbot.model.market import Market, Outcome
from agbot.model.order import Side
from agbot.units import SCALE

BUY, SELL, YES, NO = Side.BUY, Side.SELL, Outcome.YES, Outcome.NO
BasketKey: TypeAlias = "tuple[Identity, tuple[Want, ...]]"
HALF: Final = SCALE // 2


class Identity(enum.StrEnum):
    """Why a basket pays what it pays."""

    COMPLETE_SET = "complete set"
    ALL_YES = "YES of all"
    NO_SET = "NO of several"
    CONVERSION = "NO against YES of the others"
    IMPLICATION = "implication"
    PAIR = "same question twice"


EVENTS: Final = (Identity.ALL_YES, Identity.NO_SET, Identity.CONVERSION)
"""What holds among the outcomes of one event."""


@attrs.frozen
class State:
    """One way the world may turn out: what YES of each market pays (10⁻⁶ usd).

    `mismatch`: two markets that were taken for one question resolve differently.
    """

    name: str
    yes: Mapping[MarketId, int]
    mismatch: bool = False

    def pays(self, want: Want) -> int:
        """Return what one share of a leg brings in this state: negative for one that is sold."""
        yes = self.yes[want.market]
        return want.side.sign * (yes if want.outcome is YES else SCALE - yes)


@attrs.frozen
class Want:
    """One leg of a basket: a share of this outcome, bought or sold."""

    market: MarketId
    outcome: Outcome
    side: Side


@attrs.frozen
class Basket:
    """Legs of equal shares, and every state they are judged in.

    Args:
        spare: legs may be left out, as of NO of several.
        mismatch: the probability (10⁻⁶) that a person gives to the states marked so.
    """

    identity: Identity
    wants: tuple[Want, ...]
    states: tuple[State, ...]
    spare: bool = False
    mismatch: int = 0

    @property
    def key(self) -> BasketKey:
        """Return what tells it from others."""
        return self.identity, self.wants

    @property
    def pays(self) -> int:
        """Return what a set pays in the worst state, those of a mismatch left out (10⁻⁶ usd)."""
        return min(self.in_state(state) for state in self.states if not state.mismatch)

    @property
    def pays_at_worst(self) -> int:
        """Return what a set pays in the worst state of all."""
        return min(self.in_state(state) for state in self.states)

    @property
    def riskless(self) -> bool:
        """Return whether nothing but logic and the venue's own rules is relied on."""
        return not any(state.mismatch for state in self.states)

    @property
    def sells(self) -> bool:
        """Return whether it needs shares that are held."""
        return any(want.side is SELL for want in self.wants)

    def in_state(self, state: State) -> int:
        """Return what a set brings in one state."""
        return sum(state.pays(want) for want in self.wants)

    def lost(self, market: MarketId) -> Basket:
        """Return what is left of it once a market has resolved NO."""
        states = tuple(state for state in self.states if not state.yes[market])
        return attrs.evolve(self, wants=tuple(w for w in self.wants if w.market != market), states=states)

    def without(self, gone: Iterable[int]) -> Basket:
        """Return the basket less some legs, by their place."""
        left_out = frozenset(gone)
        return attrs.evolve(self, wants=tuple(w for i, w in enumerate(self.wants) if i not in left_out))


@attrs.frozen(kw_only=True)
class Relations:
    """What a person says of markets, by id or slug; nothing of it can be read off the venue.

    Args:
        exhaustive: by event, how many outcomes it has, one of which must win. Where another number of markets is
            seen, or none is named (augmented events), YES of all is never bought.
        implications: (A, B): whenever A resolves YES, so does B.
        pairs: (A, B, δ): the same question, but for a probability δ (10⁻⁶) that the rules differ.
    """

    exhaustive: Mapping[str, int] = attrs.field(factory=dict)
    implications: Sequence[tuple[str, str]] = ()
    pairs: Sequence[tuple[str, str, int]] = ()


class Universe:
    """Every basket of the markets there are, by market; and which markets hang together."""

    def __init__(
        self, markets: Iterable[Market], relations: Relations, winners: Mapping[MarketId, Outcome] | None = None
    ) -> None:
        self.markets = {market.id: market for market in markets}
        self._winners = winners or {}
        self._named = {name: market.id for market in self.markets.values() for name in (market.slug, market.id)}
        events = self._events()
        over = self._over(events)
        self._cluster: dict[MarketId, tuple[MarketId, ...]] = {m: (m,) for m in self.markets if m not in over}
        self._baskets: dict[MarketId, list[Basket]] = {market: [] for market in self._cluster}
        self.families: list[Basket] = []
        """The buying ones, those that claim most first: what is held is explained by them in this order."""
        self._build(relations, events)

    def cluster(self, market: MarketId) -> tuple[MarketId, ...]:
        """Return the markets that may share a basket with this one, itself included; not those that have paid out."""
        return self._cluster.get(market, ())

    def baskets(self, market: MarketId) -> Sequence[Basket]:
        """Return the baskets with a leg in this market."""
        return self._baskets.get(market, ())

    def _build(self, relations: Relations, events: Mapping[str, Sequence[MarketId]]) -> None:
        for event, members in events.items():
            still_open = [member for member in members if member in self._cluster]
            self._join(still_open)
            exhaustive = relations.exhaustive.get(event) == len(members)
            for basket in of_event(still_open, exhaustive=exhaustive) if len(still_open) > 1 else ():
                self._add(basket)
        for market in self._cluster:
            for side in Side:
                self._add(complete_set(market, side))
        for first, second in relations.implications:
            if pair := self._both(first, second):
                self._add(implication(*pair))
        for first, second, mismatch in relations.pairs:
            if pair := self._both(first, second):
                self._add(same_question(*pair, mismatch))
                self._add(same_question(pair[1], pair[0], mismatch))

    def _events(self) -> dict[str, list[MarketId]]:
        events: dict[str, list[MarketId]] = {}
        for market in self.markets.values():
            if market.neg_risk and market.event_id:
                events.setdefault(market.event_id, []).append(market.id)
        return {event: members for event, members in events.items() if len(members) > 1}

    def _over(self, events: Mapping[str, Sequence[MarketId]]) -> frozenset[MarketId]:
        """Return the markets that have paid out, and the others of an event whose winner is known."""
        decided = [members for members in events.values() if YES in map(self._winners.get, members)]
        return frozenset([*self._winners, *(member for members in decided for member in members)])

    def _both(self, first: str, second: str) -> tuple[MarketId, MarketId] | None:
        """Return two named markets, None while one of them is not listed."""
        a, b = self._named.get(first), self._named.get(second)
        if a is None or b is None or a not in self._cluster or b not in self._cluster:
            return None
        self._join([a, b])
        return a, b

    def _join(self, members: Iterable[MarketId]) -> None:
        joined = tuple(dict.fromkeys(m for member in members for m in self._cluster[member]))
        self._cluster.update(dict.fromkeys(joined, joined))

    def _add(self, basket: Basket) -> None:
        if not basket.sells:
            self.families.append(basket)
        for market in dict.fromkeys(want.market for want in basket.wants):
            self._baskets[market].append(basket)


def complete_set(market: MarketId, side: Side) -> Basket:
    """Return YES and NO of one market. Where the oracle cannot say, each pays a half: together 1 all the same."""
    states = tuple(State(name, {market: pays}) for name, pays in (("yes", SCALE), ("no", 0), ("50/50", HALF)))
    return Basket(Identity.COMPLETE_SET, (Want(market, YES, side), Want(market, NO, side)), states)


def of_event(members: Sequence[MarketId], *, exhaustive: bool) -> list[Basket]:
    """Return the baskets of an event whose outcomes exclude each other.

    Args:
        exhaustive: one of `members` must win. If not, "none of them" is a state too.
    """
    states = [State(f"{winner} wins", {m: SCALE * (m == winner) for m in members}) for winner in members]
    if not exhaustive:
        states.append(State("none of them wins", dict.fromkeys(members, 0)))
    worlds = tuple(states)

    def basket(identity: Identity, wants: Iterable[Want], *, spare: bool = False) -> Basket:
        return Basket(identity, tuple(wants), worlds, spare)

    against = [(one, [other for other in members if other != one]) for one in members]
    found = [basket(Identity.NO_SET, (Want(m, NO, BUY) for m in members), spare=True)]
    found += [
        basket(Identity.CONVERSION, [Want(one, NO, BUY), *(Want(o, YES, SELL) for o in others)])
        for one, others in against
    ]
    if exhaustive:
        found.insert(0, basket(Identity.ALL_YES, (Want(m, YES, BUY) for m in members)))
        found.append(basket(Identity.ALL_YES, (Want(m, YES, SELL) for m in members)))
        found.append(basket(Identity.NO_SET, (Want(m, NO, SELL) for m in members)))
        found += [
            basket(Identity.CONVERSION, [Want(one, NO, SELL), *(Want(o, YES, BUY) for o in others)])
            for one, others in against
        ]
    return found


def implication(first: MarketId, second: MarketId) -> Basket:
    """Return NO of A and YES of B where A implies B: A without B is no state."""
    both = ((SCALE, SCALE), (0, SCALE), (0, 0))
    states = tuple(State(f"A {a // SCALE} B {b // SCALE}", {first: a, second: b}) for a, b in both)
    return Basket(Identity.IMPLICATION, (Want(first, NO, BUY), Want(second, YES, BUY)), states)


def same_question(first: MarketId, second: MarketId, mismatch: int) -> Basket:
    """Return YES of one and NO of the other; they differ in two states, of which one pays nothing."""
    both = ((SCALE, SCALE), (0, 0), (SCALE, 0), (0, SCALE))
    states = tuple(
        State(f"first {a // SCALE} second {b // SCALE}", {first: a, second: b}, mismatch=a != b) for a, b in both
    )
    wants = (Want(first, YES, BUY), Want(second, NO, BUY))
    return Basket(Identity.PAIR, wants, states, mismatch=mismatch)
