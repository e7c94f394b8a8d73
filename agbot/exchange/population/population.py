"""The population: everybody who trades on the exchange of their own accord, from one seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import Fact, Listing, Traded
from agbot.exchange.population.agenda import Agenda
from agbot.exchange.population.arbitrage import Arbitrageur
from agbot.exchange.population.belief import Belief
from agbot.exchange.population.config import Config
from agbot.exchange.population.desk import Desk
from agbot.exchange.population.floor import Actor, Floor, Seat
from agbot.exchange.population.house import LOOKS_EVERY_S, Cashier, Oracle, end_of, homes, take_over
from agbot.exchange.population.informed import Informed
from agbot.exchange.population.makers import Maker, Style
from agbot.exchange.population.noise import Noise
from agbot.exchange.population.rolling import successor
from agbot.units import NS_PER_MS, NS_PER_S

_STYLES: Final = tuple(Style)
_REACTION_MS: Final = (60, 400)
"""After a trade its makers look again within this."""
_HEARS_MS: Final = (150, 2_000)
"""After news the informed look within this."""
_STEP_BACK_NS: Final = NS_PER_S
"""A clock that stepped back further than this was set: everybody's plans move with it."""


class Population:
    """All participants of an exchange. The same seed, listings, config and steps give the same orders.

    It holds no clock and waits for nothing: call `step` when it says, or later; who is late acts once, not often. It
    belongs to one `Exchange`; for another, such as one restored from a snapshot, make another: it takes off what the
    earlier one left there, and begins at the last prices.

    Attributes:
        acts: how often somebody acted.
        desks: its wallets, by name; those of markets that ended go to the next markets.

    Args:
        listings: the markets to trade, already listed on the exchange; those of one neg-risk event share their odds.
        era: how many populations of this seed were there before: it has their wallets and dice of its own.
    """

    def __init__(self, seed: int, listings: Sequence[Listing], config: Config | None = None, *, era: int = 0) -> None:
        self.config = config or Config()
        self.acts = 0
        self.desks: dict[str, Desk] = {}
        self._names = seed
        self._seed = seed = seed + (era << 32)
        self._rng = random.Random(f"population {seed}")  # noqa: S311 - a simulation, not a secret
        self._waiting = list(listings)
        self._agenda = Agenda()
        self._floor: Floor | None = None
        self._makers: dict[str, list[Maker]] = {}
        self._spare: list[Desk] = []
        self._informed: list[Informed] = []
        self._slowed = 1.0
        self._last_ns = 0
        self._woken = (0, 0)

    def fair(self, condition: str) -> float | None:
        """Return the fair YES price of a market it trades, for people and tests; None of one it does not trade."""
        seat = self._floor.seats.get(condition) if self._floor else None
        return None if seat is None else seat.fair

    def shock(self, condition: str, logit: float) -> None:
        """Let news come out: the fair YES price of a market moves by `logit`, and its event's others make room.

        Raises:
            KeyError: it does not trade that market.
        """
        if self._floor is None:
            raise KeyError(condition)
        seat = self._floor.seats[condition]
        seat.belief.shock(seat.place, logit)
        self._news([other for other in self._floor.open if other.belief is seat.belief])

    def step(self, core: Exchange, now_ns: int) -> int:
        """Let everybody act who is due, each once, and return when to come back."""
        floor = self._floor or self._open(core, now_ns)
        if self._waiting:
            self._seat_waiting(floor, now_ns)
        if now_ns < self._last_ns - _STEP_BACK_NS:
            self._agenda.shift(now_ns - self._last_ns)
        self._last_ns = now_ns
        for _ in range(len(self._agenda)):
            actor = self._agenda.pop(now_ns)
            if actor is None:
                break
            actor.act(floor, now_ns)
            self.acts += 1
            self._again(floor, actor, now_ns)
        return max(self._agenda.next_ns(), now_ns + 1)

    # ---- coming and going
    def _open(self, core: Exchange, now_ns: int) -> Floor:
        self._floor = floor = Floor(core, self.config)
        self._salt = self._last_ns = now_ns
        core.listeners.append(self._hear)
        for i in range(self.config.informed):
            self._informed.append(Informed(self._desk(f"informed {i}")))
        noise = [Noise(self._desk(f"noise {i}")) for i in range(self.config.noise)]
        everywhere: list[Informed | Noise] = [*self._informed, *noise]
        for actor in everywhere:
            actor.desk.cancel_leftovers(core, now_ns)
            self._agenda.put(actor, now_ns + self._soon(actor.pause_s(floor)))
        return floor

    def _seat_waiting(self, floor: Floor, now_ns: int) -> None:
        waiting, self._waiting = self._waiting, []
        for group in _events(waiting):
            self._seat(floor, group, now_ns)
        self._pace(floor)

    def _seat(self, floor: Floor, listings: list[Listing], now_ns: int) -> None:
        """Let the markets of one event be traded: somebody quotes at once, everybody else comes soon."""
        end_ns = end_of(listings, self.config, now_ns)
        home = homes(self._rng, floor.core, listings)
        belief = Belief(self._dice(listings[0]), home, self.config.news, now_ns, end_ns)
        seats = [
            Seat(listing, belief, place, min(self._rng.paretovariate(1.5), 8.0))
            for place, listing in enumerate(listings)
        ]
        self._agenda.put(Oracle(belief, seats, self._news, self._ended), now_ns + NS_PER_S // 2)
        for seat in seats:
            if self.config.takes_over:
                take_over(floor.core, seat.listing, now_ns)
            floor.seat(seat)
            self._hire(floor, seat, now_ns)
        if len(seats) > 1:
            arbitrageur = Arbitrageur(self._desk(f"arbitrage {listings[0].condition}"), seats)
            self._agenda.put(arbitrageur, now_ns + self._soon(self.config.arbitrage_every_s))

    def _hire(self, floor: Floor, seat: Seat, now_ns: int) -> None:
        condition = seat.listing.condition
        first = self._rng.randrange(len(_STYLES))
        makers = self._makers[condition] = []
        for i in range(self.config.makers):
            style = _STYLES[(first + i) % len(_STYLES)]
            desk = self._spare.pop(0) if self._spare else self._desk(f"maker {i} {condition}")
            desk.cancel_leftovers(floor.core, now_ns)
            size = round(self.config.quote_size * self._rng.uniform(0.5, 1.5))
            makers.append(Maker(desk, seat, style, size))
            self._agenda.put(makers[-1], now_ns if i == 0 else now_ns + self._soon(self.config.maker_every_s))

    def _ended(self, seats: list[Seat]) -> None:
        """Markets are over: nobody trades them any more, they are paid, and perhaps followed."""
        floor, now_ns = self._floor, self._last_ns
        if floor is None:
            return
        listings = [seat.listing for seat in seats]
        cashier = Cashier(tuple(self.desks.values()), listings)
        self._agenda.put(cashier, now_ns + int(cashier.pause_s(floor) * NS_PER_S))
        for listing in listings:
            floor.leave(listing.condition)
            for maker in self._makers.pop(listing.condition, ()):
                self._agenda.drop(maker)
                self._spare.append(maker.desk)
        if self.config.rolling and len(listings) == 1 and listings[0].market.end_ns:
            following = successor(listings[0], now_ns, seats[0].first_tick)
            floor.core.list_market(following, now_ns)
            self._seat(floor, [following], now_ns)
        self._pace(floor)

    # ---- when
    def _again(self, floor: Floor, actor: Actor, now_ns: int) -> None:
        pause_s = actor.pause_s(floor) * self._slowed
        if pause_s > 0:
            steady = isinstance(actor, Oracle | Cashier)
            wait_s = pause_s if steady else self._rng.expovariate(1.0 / pause_s)
            self._agenda.put(actor, now_ns + max(NS_PER_MS, int(wait_s * NS_PER_S)))

    def _pace(self, floor: Floor) -> None:
        """Slow everybody down so that together they act no more often than allowed."""
        markets = len(floor.seats)
        config = self.config
        events = len({id(seat.belief) for seat in floor.open})
        rate = markets * (config.makers / config.maker_every_s + 1.0 / config.noise_every_s)
        rate += config.informed / config.informed_every_s + events * (1 / LOOKS_EVERY_S + 1 / config.arbitrage_every_s)
        self._slowed = max(1.0, rate / config.acts_per_s)

    def _soon(self, mean_s: float) -> int:
        return int(self._rng.uniform(0.0, mean_s) * NS_PER_S)

    # ---- what is heard
    def _hear(self, fact: Fact) -> None:
        """Makers look again after a trade; they act in a later step, never inside the exchange's own call."""
        if isinstance(fact, Traded) and self._may_wake(fact.ts_ns):
            for maker in self._makers.get(fact.trade.listing.condition, ()):
                wait = self._rng.randint(*_REACTION_MS) * self._slowed
                self._agenda.hasten(maker, fact.ts_ns + int(wait * NS_PER_MS))

    def _may_wake(self, now_ns: int) -> bool:
        second = now_ns // NS_PER_S
        self._woken = (second, self._woken[1] + 1 if self._woken[0] == second else 1)
        return self._woken[1] * self.config.makers <= self.config.acts_per_s

    def _news(self, seats: list[Seat]) -> None:
        for actor in self._informed:
            actor.hear(seats)
            self._agenda.hasten(actor, self._last_ns + self._rng.randint(*_HEARS_MS) * NS_PER_MS)

    # ---- made from the seed
    def _desk(self, name: str) -> Desk:
        desk = Desk(name, seed=self._seed, names=self._names, salt=self._salt, bankroll=self.config.bankroll_usd)
        self.desks[name] = desk
        return desk

    def _dice(self, listing: Listing) -> random.Random:
        return random.Random(f"belief {self._seed} {listing.condition}")  # noqa: S311 - a simulation, not a secret


def _events(listings: Sequence[Listing]) -> list[list[Listing]]:
    """Return the markets grouped by what shares its odds, in the order given."""
    groups: dict[str, list[Listing]] = {}
    for listing in listings:
        shared = listing.market.neg_risk and listing.event.id
        groups.setdefault(f"event {listing.event.id}" if shared else listing.condition, []).append(listing)
    return list(groups.values())
