"""The venue of a simulated world: the exchange's own core, REST routes, user socket and faults, on a heap of time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import attrs

from agbot.exchange.api import Ask
from agbot.exchange.clob.clob import Clob
from agbot.exchange.clob.keys import Keyring
from agbot.exchange.clob.limits import Limits
from agbot.exchange.clob.owners import Owners
from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import Listing
from agbot.exchange.core.terms import Terms
from agbot.exchange.mischief.requests import Mischief
from agbot.exchange.mischief.sockets import SocketMischief
from agbot.exchange.routing import Router
from agbot.exchange.sockets.outlet import Outlets
from agbot.exchange.sockets.user import UserSockets
from agbot.exchange.testkeys import key_row, private_key
from agbot.faults import FaultPlan
from agbot.simulate.virtual import Heap
from agbot.units import NS_PER_S
from agbot.web.http import Break, Response

GRANT_USD: Final = 1_000
BEAT_NS: Final = NS_PER_S


class SimVenue:
    """One exchange with its markets and one test key.

    Attributes:
        core: its truth.
        plan: which faults are on.
        connections: the open user connections.
        key, row: the test key, and what the ready line would tell of it.
    """

    def __init__(self, heap: Heap, seed: int, listings: Sequence[Listing]) -> None:
        self.heap = heap
        self.core = core = Exchange(Terms(), seed=seed)
        for listing in listings:
            core.list_market(listing, heap.now_ns)
        self.keys = Keyring(seed)
        self.owners = Owners()
        self.clob = Clob(core, self.keys, self.owners, Limits(enabled=False), self.now_ns, host_s=self.now_s)
        self.plan = FaultPlan(seed)
        self.mischief = Mischief(self.plan, core, self.now_ns)
        self.mischief.attach()
        self.users = UserSockets(self.keys)
        core.listeners.append(self.users.hear)
        self.sockets = SocketMischief(self.mischief, [self.users.outlets], self.now_s)
        self.sockets.after = heap.after
        self.plan.listeners.append(self._plan_changed)
        self.router = Router(self.clob.routes())
        self.key = private_key(seed, 0)
        self.row = key_row(self.keys, seed, 0)
        self.owners.bind(self.row["address"], self.row["wallet"], self.row["signature_type"])
        core.balance(self.row["wallet"])
        self._due_ns = 0
        self._beat()

    @property
    def listings(self) -> list[Listing]:
        """Return the markets."""
        return list(self.core.listings.values())

    @property
    def outlets(self) -> Outlets:
        """Return the user channel's connections."""
        return self.users.outlets

    def now_ns(self) -> int:
        """Return the venue's time."""
        return self.heap.now_ns

    def now_s(self) -> float:
        """Return it in seconds."""
        return self.heap.now_ns / NS_PER_S

    def answer(self, ask: Ask) -> tuple[Response | Break, float]:
        """Act on a request that has arrived; return the answer and how many seconds late it leaves."""
        self.core.advance(self.now_ns())
        said = self.mischief.said(ask, self.router)
        self.look()
        return said

    def act(self, do: Callable[[Exchange, int], object]) -> None:
        """Let somebody act on the exchange now."""
        self.core.advance(self.now_ns())
        do(self.core, self.now_ns())
        self.look()

    def look(self) -> None:
        """Come back when the next thing is due."""
        due_ns = self.core.next_due()
        if due_ns is not None and (not self._due_ns or due_ns < self._due_ns):
            self._due_ns = max(due_ns, self.now_ns())
            self.heap.at(self._due_ns, self._step)

    def _step(self) -> None:
        if self.now_ns() != self._due_ns:  # something else came first, and then looked on from there
            return
        self._due_ns = 0
        self.core.advance(self.now_ns())
        self.look()

    def _beat(self) -> None:
        """Look once a second for heartbeats that stopped."""
        self.clob.advance(self.now_ns())
        self.look()
        self.heap.at(self.heap.now_ns + BEAT_NS, self._beat)

    def _plan_changed(self) -> None:
        self.sockets.refresh()
        change_ns = self.plan.next_change_ns(self.now_ns())
        if change_ns is not None:
            self.heap.at(change_ns, self._plan_changed)


@attrs.define(eq=False)
class SimOutlet:
    """The venue's end of one user connection; see `agbot.exchange.sockets.outlet.Outlet`."""

    venue: SimVenue
    number: int
    arrive: Callable[[bytes], None]
    """Told of each frame when it reaches the client."""
    lose: Callable[[], None]
    """Told when the client learns that the connection has ended."""
    delay_s: Callable[[], float]
    address: str = ""
    silent: bool = False
    deaf: bool = False
    note: object = None
    open: bool = True
    _last_ns: int = 0

    def put(self, frame: bytes) -> None:
        """Send a frame through the channel's faults."""
        change = self.venue.outlets.filter
        assert change is not None
        if self.open and not self.silent:
            for delay_s, changed in change("user", self, frame):  # type: ignore[arg-type]
                self._deliver(changed, delay_s)

    def answer(self, frame: bytes) -> None:
        """Send the answer to a ping."""
        if not self.deaf:
            self._deliver(frame, 0.0)

    def close(self, code: int = 1000, reason: str = "") -> None:  # noqa: ARG002 - all ends are one to the client
        """End it, behind what is under way."""
        if self.open:
            self.open = False
            self.venue.heap.at(max(self._last_ns, self.venue.heap.now_ns), self.lose)

    def drop(self, *, reset: bool = False) -> None:  # noqa: ARG002 - likewise
        """Break it; what is under way is lost."""
        if self.open:
            self.open = False
            self.arrive = _nowhere
            self.venue.heap.soon(self.lose)

    def _deliver(self, frame: bytes, late_s: float) -> None:
        if not self.open:
            return
        heap = self.venue.heap
        at_ns = heap.now_ns + int((self.delay_s() + late_s) * NS_PER_S)
        if not late_s:  # TCP keeps the order; what a fault makes late is overtaken
            at_ns = self._last_ns = max(at_ns, self._last_ns)
        heap.at(at_ns, lambda: self.arrive(frame))


def _nowhere(_frame: bytes) -> None:
    pass
