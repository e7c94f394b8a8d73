"""The venue's limits, kept on our side: windows per IP and route, and two buckets per signer.

Cancels go first and have room that nothing else may use: windows they share with others keep a part for them, and
their bucket is their own. Everybody else waits in the order of `Priority`, then of arrival.
"""

from __future__ import annotations

import enum
from bisect import insort
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import attrs
import trio

from agbot.core.limiter import SlidingWindow, TokenBucket
from agbot.errors import VenueThrottled
from agbot.units import NS_PER_S

QUEUE_MAX: Final = 1000
"""Requests that wait for their turn; one more is refused here."""
QUEUE_FOR_CANCELS: Final = 200
"""Places of the queue that only cancels may take."""
BATCH_MAX: Final = 15
CANCEL_IDS_MAX: Final = 1000
JITTER_S: Final = 0.25
"""Requests may bunch up by this much on their way; our buckets are smaller than the venue's by what that makes."""
SHARE: Final = 0.9
"""The part of a window per IP that we use: others may share the address."""
KEPT_FOR_CANCELS: Final = 0.1
"""The part of a shared window that only cancels may use."""


class Priority(enum.IntEnum):
    """Who goes first."""

    CANCEL = 0
    """Cancels and heartbeats: what keeps us safe."""
    ORDER = 1
    OWN = 2
    """Own orders, trades, balances."""
    PUBLIC = 3


class Draw(enum.Enum):
    """Which of the signer's buckets a request draws from."""

    NONE = enum.auto()
    ORDERS = enum.auto()
    CANCELS = enum.auto()


@attrs.frozen
class Tier:
    """Tokens a second and burst of both buckets."""

    order_rate: int
    order_burst: int
    cancel_rate: int
    cancel_burst: int


TIERS: Final[Mapping[str, Tier]] = {
    "standard": Tier(40, 60, 80, 120),
    "copper": Tier(60, 90, 120, 180),
    "bronze": Tier(80, 120, 160, 240),
    "silver": Tier(200, 300, 400, 600),
    "gold": Tier(400, 600, 800, 1200),
    "platinum": Tier(450, 675, 900, 1350),
    "diamond": Tier(525, 787, 1050, 1575),
    "elite": Tier(600, 900, 1200, 1800),
}
_TEN: Final = 10
_TEN_MINUTES: Final = 600
# Name of a window: (requests, seconds), as documented. "all" and "clob" are shared with cancels.
WINDOWS: Final[Mapping[str, tuple[int, int]]] = {
    "all": (15_000, _TEN),
    "clob": (9_000, _TEN),
    "ok": (100, _TEN),
    "book": (1_500, _TEN),
    "price": (1_500, _TEN),
    "midpoint": (1_500, _TEN),
    "books": (500, _TEN),
    "prices-history": (1_000, _TEN),
    "tick-size": (200, _TEN),
    "ledger": (900, _TEN),
    "data/orders": (500, _TEN),
    "data/trades": (500, _TEN),
    "notifications": (125, _TEN),
    "balance": (200, _TEN),
    "balance-update": (50, _TEN),
    "auth": (100, _TEN),
    "post-order": (5_000, _TEN),
    "post-order-long": (120_000, _TEN_MINUTES),
    "delete-order": (5_000, _TEN),
    "delete-order-long": (120_000, _TEN_MINUTES),
    "post-orders": (2_000, _TEN),
    "post-orders-long": (21_000, _TEN_MINUTES),
    "delete-orders": (2_000, _TEN),
    "delete-orders-long": (15_000, _TEN_MINUTES),
    "cancel-all": (250, _TEN),
    "cancel-all-long": (6_000, _TEN_MINUTES),
    "cancel-market": (1_500, _TEN),
    "cancel-market-long": (21_000, _TEN_MINUTES),
    "gamma": (4_000, _TEN),
    "gamma-events": (500, _TEN),
    "gamma-markets": (300, _TEN),
    "gamma-lists": (900, _TEN),
    "gamma-search": (350, _TEN),
    "data": (800, _TEN),
    "data-trades": (300, _TEN),
    "data-positions": (200, _TEN),
    "data-activity": (200, _TEN),
}
_SHARED: Final = frozenset({"all", "clob"})
_CLOB: Final = ("all", "clob")


@attrs.frozen(kw_only=True)
class Route:
    """What a kind of request counts against."""

    priority: Priority
    windows: tuple[str, ...]
    draw: Draw = Draw.NONE


def _order(name: str, draw: Draw) -> Route:
    priority = Priority.ORDER if draw is Draw.ORDERS else Priority.CANCEL
    return Route(priority=priority, windows=(*_CLOB, name, f"{name}-long"), draw=draw)


def _public(*windows: str) -> Route:
    return Route(priority=Priority.PUBLIC, windows=("all", *windows))


def _own(*windows: str) -> Route:
    return Route(priority=Priority.OWN, windows=(*_CLOB, *windows))


ROUTES: Final[Mapping[str, Route]] = {
    "post-order": _order("post-order", Draw.ORDERS),
    "post-orders": _order("post-orders", Draw.ORDERS),
    "delete-order": _order("delete-order", Draw.CANCELS),
    "delete-orders": _order("delete-orders", Draw.CANCELS),
    "cancel-all": _order("cancel-all", Draw.CANCELS),
    "cancel-market": _order("cancel-market", Draw.CANCELS),
    "heartbeat": Route(priority=Priority.CANCEL, windows=_CLOB),
    "orders": _own("ledger", "data/orders"),
    "trades": _own("ledger", "data/trades"),
    "ledger": _own("ledger"),
    "balance": _own("balance"),
    "balance-update": _own("balance-update"),
    "auth": _own("auth"),
    **{name: _public("clob", name) for name in ("ok", "book", "books", "price", "midpoint", "prices-history")},
    "tick-size": _public("clob", "tick-size"),
    "clob": _public("clob"),
    "gamma-markets": _public("gamma", "gamma-lists", "gamma-markets"),
    "gamma-events": _public("gamma", "gamma-lists", "gamma-events"),
    "gamma-search": _public("gamma", "gamma-search"),
    "gamma": _public("gamma"),
    "data-positions": _public("data", "data-positions"),
    "data-trades": _public("data", "data-trades"),
    "data-activity": _public("data", "data-activity"),
    "data": _public("data"),
    "site": _public(),
}
"""Every kind of request there is."""

_Meter: TypeAlias = TokenBucket | SlidingWindow


class Limits:
    """The pure part: what each meter holds, and what the venue's headers say of it. `now_ns` never runs backwards."""

    def __init__(self) -> None:
        self.tier = "standard"
        self.warnings = 0
        """Replies that carried the venue's warning."""
        self._windows = {n: SlidingWindow(int(limit * SHARE), s * NS_PER_S) for n, (limit, s) in WINDOWS.items()}
        self._buckets = {draw: TokenBucket(rate=r, burst=b) for draw, (r, b) in _sizes(TIERS["standard"]).items()}

    def order_burst(self) -> int:
        """Return the most orders that may ever go in one request."""
        return min(self._buckets[Draw.ORDERS].burst, BATCH_MAX)

    def cancel_burst(self) -> int:
        """Return the most ids that may ever go in one cancel."""
        return min(self._buckets[Draw.CANCELS].burst, CANCEL_IDS_MAX)

    def wait_ns(self, now_ns: int, route: Route, cost: int) -> int:
        """Return how long until a request may go, 0 for now."""
        return max(wait for _, wait in self._waits(now_ns, route, cost))

    def short(self, now_ns: int, route: Route, cost: int) -> list[str]:
        """Return the names of the meters that a request has to wait for."""
        return [name for name, wait in self._waits(now_ns, route, cost) if wait]

    def take(self, now_ns: int, route: Route, cost: int) -> None:
        """Count a request that goes now. Windows count requests, buckets what is in them."""
        for name in route.windows:
            self._windows[name].take(now_ns)
        if route.draw is not Draw.NONE:
            self._buckets[route.draw].take(now_ns, cost)

    def owe(self, now_ns: int, cost: int) -> None:
        """Count what a cancel turned out to cost beyond what was taken for it."""
        self._buckets[Draw.CANCELS].take(now_ns, cost)

    def observe(self, now_ns: int, route: Route, headers: Mapping[str, str]) -> None:
        """Learn from a reply's headers: the tier, what is left, the warning. What cannot be read is passed over."""
        self.warnings += headers.get("poly-ratelimit-warning", "").lower() == "true"
        tier = headers.get("poly-ratelimit-tier", "").strip().lower()
        if tier in TIERS and tier != self.tier:
            self._switch(now_ns, tier)
        left = headers.get("poly-ratelimit-remaining", "").strip()
        digits = left.removeprefix("-")
        if route.draw is not Draw.NONE and digits.isascii() and digits.isdigit() and len(digits) < 10:
            self._buckets[route.draw].lower(now_ns, int(left))

    def pause(self, now_ns: int, route: Route, seconds: float) -> None:
        """Obey a 429: hold back what it was about, the signer's bucket or else the route's own window."""
        until_ns = now_ns + int(seconds * NS_PER_S)
        if route.draw is not Draw.NONE:
            self._buckets[route.draw].pause(until_ns)
            return
        for name in route.windows:
            if name not in _SHARED:
                self._windows[name].pause(until_ns)

    def utilisation(self, now_ns: int) -> dict[str, float]:
        """Return the used part of every meter in use, by name; above 1 is debt."""
        used = {name: window.used(now_ns) for name, window in self._windows.items()}
        used |= {f"signer-{draw.name.lower()}": bucket.used(now_ns) for draw, bucket in self._buckets.items()}
        return {name: part for name, part in used.items() if part > 0}

    def _waits(self, now_ns: int, route: Route, cost: int) -> list[tuple[str, int]]:
        waits = []
        for name in route.windows:
            window = self._windows[name]
            kept = name in _SHARED and route.priority is not Priority.CANCEL
            keep = int(window.limit * KEPT_FOR_CANCELS) if kept else 0
            waits.append((name, window.wait_ns(now_ns, keep=keep)))
        if route.draw is not Draw.NONE:
            waits.append((route.draw.name, self._buckets[route.draw].wait_ns(now_ns, cost)))
        return waits

    def _switch(self, now_ns: int, tier: str) -> None:
        self.tier = tier
        for draw, (rate, burst) in _sizes(TIERS[tier]).items():
            self._buckets[draw].resize(now_ns, rate=rate, burst=burst)


def _sizes(tier: Tier) -> dict[Draw, tuple[int, int]]:
    sizes = {Draw.ORDERS: (tier.order_rate, tier.order_burst), Draw.CANCELS: (tier.cancel_rate, tier.cancel_burst)}
    return {draw: (rate, burst - -(-rate * int(JITTER_S * 100) // 100)) for draw, (rate, burst) in sizes.items()}


@attrs.define(eq=False)
class _Waiter:
    route: Route
    cost: int
    number: int
    admitted: bool = False
    turn: trio.Event = attrs.field(factory=trio.Event)

    @property
    def rank(self) -> tuple[int, int]:
        return self.route.priority, self.number


class Limiter:
    """Lets requests go when `Limits` has room, the most urgent first. One for all clients of an address.

    Whoever waits first also watches the clock for the others, so there is no task in the background.
    """

    def __init__(self, limits: Limits | None = None, *, now_ns: Callable[[], int] | None = None) -> None:
        self.limits = Limits() if limits is None else limits
        self._now_ns = now_ns or (lambda: int(trio.current_time() * NS_PER_S))
        self._queue: list[_Waiter] = []
        self._leader: _Waiter | None = None
        self._arrivals = 0

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._queue)

    async def admit(self, name: str, cost: int = 1) -> None:
        """Wait until a request of kind `name` (of `ROUTES`) may go, and count it.

        Raises:
            VenueThrottled: too many wait already; nothing was sent.
        """
        route = ROUTES[name]
        self._arrivals += 1
        waiter = _Waiter(route, cost, self._arrivals)
        places = QUEUE_MAX if route.priority is Priority.CANCEL else QUEUE_MAX - QUEUE_FOR_CANCELS
        if len(self._queue) >= places:
            raise VenueThrottled(
                f"{places} requests wait for the venue's limits", retry_after_s=1.0, venue="polymarket"
            )
        insort(self._queue, waiter, key=lambda w: w.rank)
        try:
            self._dispatch()
            if self._leader is not None and not waiter.admitted:
                self._leader.turn.set()  # its watch may be set for later than we are due
            await self._until_admitted(waiter)
        finally:
            self._leave(waiter)

    def observe(self, name: str, headers: Mapping[str, str]) -> None:
        """Learn from a reply to a request of kind `name`."""
        self.limits.observe(self._now_ns(), ROUTES[name], headers)

    def pause(self, name: str, seconds: float) -> None:
        """Obey a 429 to a request of kind `name`."""
        self.limits.pause(self._now_ns(), ROUTES[name], seconds)

    def owe(self, cost: int) -> None:
        """Count what a cancel cost beyond what was taken for it."""
        self.limits.owe(self._now_ns(), cost)

    def utilisation(self) -> dict[str, float]:
        """Return the used part of every meter in use."""
        return self.limits.utilisation(self._now_ns())

    async def _until_admitted(self, waiter: _Waiter) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        while not waiter.admitted:
            if self._leader is None:
                self._leader = waiter
            waiter.turn = trio.Event()
            if self._leader is waiter:
                due_ns = self._dispatch()
                if not waiter.admitted:
                    with trio.move_on_after(due_ns / NS_PER_S):
                        await waiter.turn.wait()
            else:
                await waiter.turn.wait()

    def _dispatch(self) -> int:
        """Let everybody go who may; return how long until the next one may."""
        now_ns, blocked, due_ns = self._now_ns(), set[str](), NS_PER_S
        waiting = set[tuple[int, int]]()
        for waiter in list(self._queue):
            alike = (id(waiter.route), waiter.cost)
            if alike in waiting:  # as the one before it, and nothing was taken since
                continue
            meters = {*waiter.route.windows, waiter.route.draw.name}
            wait_ns = self.limits.wait_ns(now_ns, waiter.route, waiter.cost)
            if wait_ns or meters & blocked:  # nobody overtakes on a meter that somebody waits for
                blocked.update(self.limits.short(now_ns, waiter.route, waiter.cost))
                due_ns = min(due_ns, wait_ns or due_ns)
                waiting.add(alike)
                continue
            self.limits.take(now_ns, waiter.route, waiter.cost)
            waiting.clear()
            self._queue.remove(waiter)
            waiter.admitted = True
            waiter.turn.set()
        return due_ns

    def _leave(self, waiter: _Waiter) -> None:
        if not waiter.admitted:
            self._queue.remove(waiter)
        if self._leader is waiter:
            self._leader = None
            if self._queue:
                self._queue[0].turn.set()
