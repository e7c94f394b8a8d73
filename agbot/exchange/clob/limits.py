"""The venue's two limiters: requests per address of the network, and tokens per signer of trades.

Both are exact (integers, the time is an argument) and bounded: a window is counted in `SLICES` parts, so that no more
than its limit passes in any span of its length; a signer's bucket is forgotten when it is full again.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import attrs

from agbot.exchange.api import Reply, error
from agbot.units import NS_PER_S

SLICES: Final = 100
PEERS_MAX: Final = 1024
SIGNERS_MAX: Final = 4096
PATHS_KEPT: Final = 4096
PARTS_MAX: Final = 5
TOO_MANY: Final = "Too Many Requests"
ALL: Final = "*"


@attrs.frozen
class Window:
    """At most `limit` requests in any span of `seconds`."""

    limit: int
    seconds: int = 10


@attrs.frozen
class Tier:
    """What a signer may do: tokens a second and burst, of orders and of cancels; `debt` lets cancels go below zero."""

    name: str
    order_rate: int
    order_burst: int
    cancel_rate: int
    cancel_burst: int
    debt: bool = True


STANDARD: Final = Tier("Standard", 40, 60, 80, 120)
TIERS: Final = MappingProxyType(
    {
        tier.name: tier
        for tier in (
            STANDARD,
            Tier("Copper", 60, 90, 120, 180),
            Tier("Bronze", 80, 120, 160, 240),
            Tier("Silver", 200, 300, 400, 600),
            Tier("Gold", 400, 600, 800, 1_200),
            Tier("Platinum", 450, 675, 900, 1_350, debt=False),
            Tier("Diamond", 525, 787, 1_050, 1_575, debt=False),
            Tier("Elite", 600, 900, 1_200, 1_800, debt=False),
        )
    }
)
_TEN_MINUTES: Final = 600
_CLOB_ALL: Final = (ALL, "/clob")
SURFACES: Final[Mapping[tuple[str, str], tuple[Window, ...]]] = MappingProxyType(
    {
        (ALL, ALL): (Window(15_000),),
        _CLOB_ALL: (Window(9_000),),
        ("GET", "/ok"): (Window(100),),
        **{("GET", path): (Window(1_500),) for path in ("/book", "/price", "/midpoint")},
        **{("POST", path): (Window(500),) for path in ("/books", "/prices", "/midpoints")},
        ("GET", "/prices-history"): (Window(1_000),),
        ("GET", "/tick-size"): (Window(200),),
        ("GET", "/data/orders"): (Window(500),),
        ("GET", "/data/trades"): (Window(500),),
        **{("GET", path): (Window(900),) for path in ("/data/order", "/order", "/trades")},
        ("GET", "/notifications"): (Window(125),),
        ("GET", "/balance-allowance"): (Window(200),),
        ("GET", "/balance-allowance/update"): (Window(50),),
        ("GET", "/auth"): (Window(100),),
        ("POST", "/auth"): (Window(100),),
        ("DELETE", "/auth"): (Window(100),),
        ("POST", "/order"): (Window(5_000), Window(120_000, _TEN_MINUTES)),
        ("DELETE", "/order"): (Window(5_000), Window(120_000, _TEN_MINUTES)),
        ("POST", "/orders"): (Window(2_000), Window(21_000, _TEN_MINUTES)),
        ("DELETE", "/orders"): (Window(2_000), Window(15_000, _TEN_MINUTES)),
        ("DELETE", "/cancel-all"): (Window(250), Window(6_000, _TEN_MINUTES)),
        ("DELETE", "/cancel-market-orders"): (Window(1_500), Window(21_000, _TEN_MINUTES)),
        (ALL, "/gamma"): (Window(4_000),),
        **{("GET", f"/gamma/{what}"): (Window(500 if what == "events" else 300),) for what in ("events", "markets")},
        **{("GET", f"/gamma/{what}"): (Window(200),) for what in ("comments", "tags")},
        ("GET", "/gamma/public-search"): (Window(350),),
        (ALL, "/data-api"): (Window(800),),
        ("GET", "/data-api/v2/trades"): (Window(300),),
        **{("GET", f"/data-api/v2/{what}"): (Window(200),) for what in ("positions", "activity", "prices-history")},
        ("GET", "/data-api/v2/status"): (Window(100),),
    }
)
"""By method and path; a path stands for what is below it too. The CLOB as a whole is everything outside the others."""
OTHER_HOSTS: Final = ("/gamma", "/data-api", "/ws", "/geoblock")
PREFIXES: Final[Mapping[str, str]] = MappingProxyType({"clob": "", "gamma": "/gamma", "data": "/data-api"})
"""What stands before a path of each site for `Limits.admit`."""


class SlidingWindow:
    """Counts what passes in the last `window.seconds`, in `SLICES` parts: it may refuse a part early, never late."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self._slice_ns = window.seconds * NS_PER_S // SLICES
        self._counts = [0] * (SLICES + 1)
        self._at = 0
        self._total = 0

    def wait_ns(self, now_ns: int) -> int:
        """Return how long until one more may pass, 0 for now."""
        self._turn(now_ns // self._slice_ns)
        if self._total < self.window.limit:
            return 0
        oldest = next(slot for slot in range(self._at - SLICES, self._at + 1) if self._counts[slot % (SLICES + 1)])
        return (oldest + SLICES + 1) * self._slice_ns - now_ns

    def take(self, now_ns: int) -> None:
        """Count one that passed."""
        self._turn(now_ns // self._slice_ns)
        self._counts[self._at % (SLICES + 1)] += 1
        self._total += 1

    def _turn(self, slot: int) -> None:
        """Forget what left the window. A clock put back a little counts on in the slice it had reached; far, anew."""
        if slot < self._at - SLICES:
            self._counts, self._total, self._at = [0] * (SLICES + 1), 0, slot
        for passed in range(self._at + 1, min(slot, self._at + SLICES + 1) + 1):
            index = passed % (SLICES + 1)
            self._total -= self._counts[index]
            self._counts[index] = 0
        if slot > self._at + SLICES + 1:
            self._counts = [0] * (SLICES + 1)
            self._total = 0
        self._at = max(self._at, slot)


class Bucket:
    """Tokens that come back at `rate` a second up to `burst`; held in 10⁻⁹ tokens, so nothing is rounded."""

    def __init__(self, rate: int, burst: int, now_ns: int) -> None:
        self.rate = rate
        self.burst = burst
        self._level = burst * NS_PER_S
        self._at = now_ns

    def level(self, now_ns: int) -> int:
        """Return the whole tokens there are, below zero when they are owed."""
        self._refill(now_ns)
        return self._level // NS_PER_S

    def wait_ns(self, cost: int, now_ns: int) -> int:
        """Return how long until there are `cost` tokens, 0 for now; as if `burst` were enough for any cost."""
        self._refill(now_ns)
        return max(0, -(-(min(cost, self.burst) * NS_PER_S - self._level) // self.rate))

    def take(self, cost: int) -> None:
        """Take tokens, as of the last call."""
        self._level -= cost * NS_PER_S

    def _refill(self, now_ns: int) -> None:
        passed = max(0, now_ns - self._at)
        self._level = min(self.burst * NS_PER_S, self._level + passed * self.rate)
        self._at = now_ns  # also of a clock that was put back: else nothing came back until it has caught up


@attrs.frozen
class Verdict:
    """Whether a signer's request passes, and what its answer's headers say."""

    ok: bool
    headers: tuple[tuple[str, str], ...] = ()

    def refusal(self) -> Reply:
        """Return the 429 of a request that does not pass."""
        return attrs.evolve(error(429, TOO_MANY), headers=self.headers)


PASSES: Final = Verdict(ok=True)


class Limits:
    """Both limiters.

    Args:
        enabled: False lets everything pass, without headers.
        warning: let pass what the signers' limiter would refuse, and say so in a header, as the venue did at first.
        tier: of signers that `tiers` does not name.
    """

    def __init__(self, *, enabled: bool = True, warning: bool = False, tier: Tier = STANDARD) -> None:
        self.enabled = enabled
        self.warning = warning
        self.tier = tier
        self.tiers: dict[str, Tier] = {}
        """By address (checksummed)."""
        self._peers: dict[str, dict[tuple[str, str], list[SlidingWindow]]] = {}
        self._signers: dict[tuple[str, str], Bucket] = {}

    @property
    def size(self) -> tuple[int, int]:
        """Return how many network addresses and signers' buckets are remembered."""
        return len(self._peers), len(self._signers)

    # ------------------------------------------------------------ per address of the network

    def admit(self, peer: str, method: str, path: str, now_ns: int) -> Reply | None:
        """Return None when a request may pass (and count it), else the 429.

        Args:
            peer: the client's IP address.
            path: with the prefixes of other hosts than the CLOB's (``/gamma/events``), without ``/clob``.
        """
        if not self.enabled:
            return None
        windows = [window for surface in _surfaces(method, path) for window in self._windows(peer, surface)]
        wait = max((window.wait_ns(now_ns) for window in windows), default=0)
        if wait:
            return attrs.evolve(error(429, TOO_MANY), headers=(("Retry-After", str(_seconds(wait))),))
        for window in windows:
            window.take(now_ns)
        return None

    def _windows(self, peer: str, surface: tuple[str, str]) -> list[SlidingWindow]:
        if peer not in self._peers and len(self._peers) >= PEERS_MAX:
            del self._peers[next(iter(self._peers))]
        mine = self._peers.setdefault(peer, {})
        if surface not in mine:
            mine[surface] = [SlidingWindow(window) for window in SURFACES[surface]]
        return mine[surface]

    # ------------------------------------------------------------ per signer

    def order(self, address: str, count: int, now_ns: int) -> Verdict:
        """Charge `count` orders, all or none."""
        tier = self.tiers.get(address, self.tier)
        return self._charge(address, "order", (tier.order_rate, tier.order_burst), count, now_ns)

    def cancel(self, address: str, count: int, now_ns: int) -> Verdict:
        """Charge a cancel of `count` named orders, all or none."""
        tier = self.tiers.get(address, self.tier)
        return self._charge(address, "cancel", (tier.cancel_rate, tier.cancel_burst), count, now_ns)

    def cancel_many(self, address: str, cancelled: int, now_ns: int) -> Verdict:
        """Charge a cancel of everything, or of a market, that will cancel so many orders.

        Up to Gold one token lets it pass, and the rest is owed: cancels then wait until it is paid back.
        """
        tier = self.tiers.get(address, self.tier)
        needed = 1 if tier.debt else 1 + cancelled
        sizes = tier.cancel_rate, tier.cancel_burst
        return self._charge(address, "cancel", sizes, needed, now_ns, cost=1 + cancelled)

    def _charge(  # noqa: PLR0917 - a bucket's name, size and what is asked of it
        self, address: str, kind: str, sizes: tuple[int, int], needed: int, now_ns: int, cost: int | None = None
    ) -> Verdict:
        if not self.enabled:
            return PASSES
        cost = needed if cost is None else cost
        tier, bucket = self.tiers.get(address, self.tier), self._bucket((address, kind), sizes, now_ns)
        short = needed > bucket.burst or bucket.wait_ns(needed, now_ns) > 0
        if short and not self.warning:
            wait = bucket.wait_ns(needed, now_ns)
            return Verdict(False, (*_state(bucket, tier, wait, now_ns), ("Retry-After", str(max(1, _seconds(wait))))))
        if not short:
            bucket.take(cost)
        told = _state(bucket, tier, bucket.wait_ns(bucket.burst, now_ns), now_ns)
        return Verdict(True, (*told, ("Poly-RateLimit-Warning", "true")) if short else told)

    def _bucket(self, name: tuple[str, str], sizes: tuple[int, int], now_ns: int) -> Bucket:
        bucket = self._signers.get(name)
        if bucket is None or (bucket.rate, bucket.burst) != sizes:
            if len(self._signers) >= SIGNERS_MAX:
                self._forget(now_ns)
            bucket = self._signers[name] = Bucket(*sizes, now_ns)
        return bucket

    def _forget(self, now_ns: int) -> None:
        """Forget full buckets, which are as good as new; if all are in use, the oldest eighth."""
        full = [name for name, bucket in self._signers.items() if bucket.level(now_ns) == bucket.burst]
        for name in full or list(self._signers)[: SIGNERS_MAX // 8]:
            del self._signers[name]


@lru_cache(PATHS_KEPT)
def _surfaces(method: str, path: str) -> tuple[tuple[str, str], ...]:
    """Return the surfaces a request counts for: everything, its host, and the paths above it that are limited."""
    parts = path.split("/")[:PARTS_MAX]
    heads = ["/".join(parts[:end]) for end in range(2, len(parts) + 1)]
    hosts = [] if heads and heads[0] in OTHER_HOSTS else [_CLOB_ALL]
    limited = [surface for head in heads for surface in ((ALL, head), (method, head)) if surface in SURFACES]
    return ((ALL, ALL), *hosts, *limited)


def _state(bucket: Bucket, tier: Tier, wait_ns: int, now_ns: int) -> tuple[tuple[str, str], ...]:
    return (
        ("Poly-RateLimit-Remaining", str(bucket.level(now_ns))),
        ("Poly-RateLimit-Reset", str(-(-(now_ns + wait_ns) // NS_PER_S))),
        ("Poly-RateLimit-Tier", tier.name),
    )


def _seconds(wait_ns: int) -> int:
    return -(-wait_ns // NS_PER_S)
