"""When the venue does not take requests, as data; and what it says then, in its own words."""

from __future__ import annotations

import enum
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from agbot.model.commands import PlaceOrder
from agbot.units import NS_PER_S

POST_ONLY_NS: Final = 120 * NS_PER_S
"""After a restart of its engine the venue takes post-only orders and cancels alone for so long."""
SILENCE_NS: Final = 3 * NS_PER_S
"""Who waits for an answer gives up after this long, as the gateway does."""

NO_ANSWER: Final = "no answer in time"
NEVER_ARRIVED: Final = "order not found: it never reached the venue"
WIPED: Final = "cancelled by the venue's restart"


class OutageKind(enum.StrEnum):
    """What an outage refuses.

    DOWN: nothing gets through either way. A request is lost, what the venue says is heard when it is over.
    RESTART: 425 on orders and cancels, then `POST_ONLY_NS` of POST_ONLY.
    DISABLED: orders and cancels. CANCEL_ONLY: orders. POST_ONLY: orders that are not post-only.
    """

    DOWN = "down"
    RESTART = "restart"
    DISABLED = "disabled"
    CANCEL_ONLY = "cancel_only"
    POST_ONLY = "post_only"


WORDS: Final[Mapping[OutageKind, str]] = {
    OutageKind.RESTART: "service not ready",
    OutageKind.DISABLED: "Trading is currently disabled. Check polymarket.com for updates",
    OutageKind.CANCEL_ONLY: ("Trading is currently cancel-only. New orders are not accepted, but cancels are allowed."),
    OutageKind.POST_ONLY: "post-only mode: only post-only orders and cancels are allowed",
}
_REFUSES_CANCELS: Final = (OutageKind.RESTART, OutageKind.DISABLED)


@attrs.frozen(kw_only=True)
class Outage:
    """The venue is as `kind` says from `from_ns` until before `to_ns`, UTC.

    What rests stays, and trades as the market data says: who cannot cancel can be filled. With `wipes` it is all
    cancelled when the outage begins; the venue has promised neither.
    """

    from_ns: int
    to_ns: int
    kind: OutageKind
    wipes: bool = False

    def __attrs_post_init__(self) -> None:
        if self.to_ns <= self.from_ns:
            raise ValueError("an outage ends after it begins")

    def refuses_order(self, order: PlaceOrder) -> str:
        """Return the venue's words for refusing an order, empty when it is taken. Of DOWN there are none."""
        if self.kind is OutageKind.POST_ONLY and order.post_only:
            return ""
        return WORDS.get(self.kind, "")

    def refuses_cancel(self) -> str:
        """Return the venue's words for refusing a cancel, empty when it is taken."""
        return WORDS[self.kind] if self.kind in _REFUSES_CANCELS else ""


class Outages:
    """All outages of a run.

    Raises:
        ValueError: two overlap.
    """

    def __init__(self, outages: Iterable[Outage] = ()) -> None:
        self._all = tuple(sorted(outages, key=lambda outage: outage.from_ns))
        for earlier, later in zip(self._all, self._all[1:], strict=False):
            if later.from_ns < earlier.to_ns:
                raise ValueError(f"an outage begins at {later.from_ns} while another lasts until {earlier.to_ns}")
        self._starts = [outage.from_ns for outage in self._all]
        self._wipes = [outage.from_ns for outage in self._all if outage.wipes]

    def at(self, now_ns: int) -> Outage | None:
        """Return how the venue is out at a time; None while all is well."""
        index = bisect_right(self._starts, now_ns) - 1 if self._all else -1
        if index < 0:
            return None
        last = self._all[index]
        if now_ns < last.to_ns:
            return last
        if last.kind is OutageKind.RESTART and now_ns < last.to_ns + POST_ONLY_NS:
            return Outage(from_ns=last.to_ns, to_ns=last.to_ns + POST_ONLY_NS, kind=OutageKind.POST_ONLY)
        return None

    def down_until(self, now_ns: int) -> int:
        """Return when something gets through again, `now_ns` when it does now."""
        outage = self.at(now_ns)
        return outage.to_ns if outage and outage.kind is OutageKind.DOWN else now_ns

    def cancels_from(self, now_ns: int) -> int:
        """Return when a cancel is taken again, `now_ns` when it is now."""
        while outage := self.at(now_ns):
            if outage.kind is not OutageKind.DOWN and not outage.refuses_cancel():
                break
            now_ns = outage.to_ns
        return now_ns

    def next_wipe(self, until_ns: int) -> int | None:
        """Return, once each, when what rests is cancelled, of the times up to `until_ns` the earliest."""
        return self._wipes.pop(0) if self._wipes and self._wipes[0] <= until_ns else None

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self._all)
