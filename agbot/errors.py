"""The one exception tree: one class per *next action of the caller*.

Business outcomes (a denied intent, a refused order inside the core) are values or events. An exception that
reaches a person carries an ``id``; `docs/errors.md` has a section for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final


class AgbotError(Exception):
    """Base of every error agbot raises on purpose.

    Args:
        reason: what is wrong, in one sentence.
        id: the section of `docs/errors.md`, such as ``"AGB-101"``.
        remedy: what to type or change.
    """

    exit_code = 1

    def __init__(self, reason: str, *, id: str, remedy: str = "") -> None:  # noqa: A002
        super().__init__(reason)
        self.reason = reason
        self.id = id
        self.remedy = remedy

    def __str__(self) -> str:
        tail = f" → {self.remedy}" if self.remedy else ""
        return f"[{self.id}] {self.where()}{self.reason}{tail}"

    def where(self) -> str:
        """Return the prefix that locates the fault, empty when there is no place."""
        return ""


class LocatedError(AgbotError):
    """A fault in something a person wrote or recorded: names file, line and key."""

    def __init__(
        self,
        reason: str,
        *,
        id: str,  # noqa: A002
        path: str | Path = "",
        line: int | None = None,
        key: str = "",
        remedy: str = "",
    ) -> None:
        super().__init__(reason, id=id, remedy=remedy)
        self.path = str(path)
        self.line = line
        self.key = key

    def where(self) -> str:
        """Return ``file:line: key: ``, leaving out what is unknown."""
        place = self.path + (f":{self.line}" if self.line is not None else "")
        return "".join(f"{part}: " for part in (place, self.key) if part)


class ConfigError(LocatedError):
    """Configuration, policy or command line is wrong; nothing was started."""

    exit_code = 2


class RecordingError(LocatedError):
    """A recording cannot be read as what it claims to be."""


class RecordingNotFound(RecordingError):  # noqa: N818
    """There is no recording of this name: name another one."""

    exit_code = 4


class NotRunningError(AgbotError):
    """No bot answers; start one."""

    exit_code = 3


class ExchangeEnded(AgbotError):  # noqa: N818
    """The local exchange is gone, and with it whatever it had not saved."""


class NotFoundError(AgbotError):
    """The thing that was named does not exist."""

    exit_code = 4


class TimedOutError(AgbotError):
    """No answer within the deadline; the outcome is unknown."""

    exit_code = 5


class NotFlatError(AgbotError):
    """A run has ended and orders may rest that nobody watches: look at the venue, and cancel them."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, id="AGB-547", remedy="agbot cancel --all --config FILE takes them off and looks again")


class WalletTaken(AgbotError):  # noqa: N818 - what happened
    """Another process has the wallet: this run has ended, and took off its own orders only."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, id="AGB-152", remedy="agbot logs says since when; one machine, one bot a wallet")


class StoreError(AgbotError):
    """The journal cannot be written or read: stop trading."""


class StrategyError(AgbotError):
    """A strategy raised: its author has to mend it."""


class ReplayMismatchError(AgbotError):
    """A journal, run through the same core, decided differently."""


_AFTER_DENIAL: Final = {
    "VenueTerms": "the price must be on the market's tick and the size at least its minimum",
    "SharesHeld": "sell at most what is held and not already offered",
    "BuyingPower": "buy less, or cancel what rests: cash behind resting orders is spoken for",
    "UntrustedBook": "wait for the market's next book snapshot",
    "UnknownOrder": "an order in this market has no known fate: agbot status --json, then agbot cancel it",
    "VenueDown": "agbot status says why; orders go again two seconds after the venue is better, cancels always go",
    "VenueDegraded": "agbot status says why; until then only what makes a position smaller is sent",
    "ReconcileDifference": "agbot reconcile shows what differs; --accept MARKET --by NAME --reason TEXT takes it over",
    "InFlightLimit": "wait until the venue has answered the orders under way",
    "RejectedLately": "the venue refused several in a row here: wait a minute",
    "MarketResolved": "it has paid out: trade another market",
    "UnknownMarket": "agbot status --json lists the markets",
    "OrderCap": "order less: live.max_order_usd or an OrderCap policy bounds one order",
    "DayCap": "wait for midnight UTC: live.max_day_usd or a DayCap policy bounds what is traded in a day",
    "KillSwitch": "agbot killswitch status says why; off: agbot killswitch off --by NAME --reason TEXT",
    "Halted": "the bot is stopping; start it again",
    "TooLate": "expires_ms had passed when it came to be decided: approve it again under another request_id",
}


class RiskRejected(AgbotError):  # noqa: N818 - the field's name
    """Our own risk said no; the order was never sent."""

    def __init__(self, violated_policies: Sequence[str], *, remedy: str = "") -> None:
        self.violated_policies = tuple(violated_policies)
        super().__init__(
            f"denied by {', '.join(self.violated_policies)}",
            id="AGB-301",
            remedy=remedy or _after_denial(self.violated_policies),
        )


def _after_denial(violated: Sequence[str]) -> str:
    names = (v.partition("(")[0] for v in violated)
    return next((_AFTER_DENIAL[v] for v in names if v in _AFTER_DENIAL), "lower the size or change the policy file")


class KillSwitchActiveError(AgbotError):
    """The kill switch is on; nothing is sent until an operator takes it off."""

    def __init__(self, reason: str) -> None:
        self.kill_reason = reason
        super().__init__(
            f"the kill switch is on ({reason})", id="AGB-302", remedy="agbot killswitch off --by NAME --reason TEXT"
        )


class ExecutionError(AgbotError):
    """Base of what a venue can do to an order; subclasses say what the caller does next."""

    error_id = "AGB-400"

    def __init__(self, reason: str, *, venue: str = "", remedy: str = "") -> None:
        super().__init__(reason, id=self.error_id, remedy=remedy)
        self.venue = venue

    def where(self) -> str:
        """Return the venue as prefix."""
        return f"{self.venue}: " if self.venue else ""


class VenueUnavailable(ExecutionError):  # noqa: N818
    """Nothing was accepted; retry by schedule, or after `retry_after_s` where the venue names it."""

    error_id = "AGB-401"

    def __init__(self, reason: str, *, venue: str = "", remedy: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(reason, venue=venue, remedy=remedy)
        self.retry_after_s = retry_after_s


class VenueHeld(VenueUnavailable):
    """Not sent: the venue has failed so often that it is left alone for a moment."""

    error_id = "AGB-401"


class VenueThrottled(ExecutionError):  # noqa: N818
    """Wait `retry_after_s` seconds, then retry."""

    error_id = "AGB-402"

    def __init__(self, reason: str, *, retry_after_s: float, venue: str = "") -> None:
        super().__init__(reason, venue=venue)
        self.retry_after_s = retry_after_s


class VenueRefused(ExecutionError):  # noqa: N818
    """The venue said no for good; becomes a rejected order."""

    error_id = "AGB-403"

    def __init__(self, reason: str, *, code: str = "", venue: str = "", remedy: str = "") -> None:
        super().__init__(reason, venue=venue, remedy=remedy)
        self.code = code


class VenueAuthFailed(ExecutionError):  # noqa: N818
    """Credentials are wrong or revoked: stop, a person must act."""

    error_id = "AGB-404"


class VenueForbidden(VenueAuthFailed):
    """The way to the venue is closed (region, network, user agent), not the key: a person must act; never retried."""

    error_id = "AGB-410"


class VenueAmbiguous(ExecutionError):  # noqa: N818
    """Sent, no answer: the order is UNKNOWN until evidence says otherwise."""

    error_id = "AGB-405"


class VenueDuplicate(ExecutionError):  # noqa: N818
    """The venue already has these exact bytes: the earlier copy landed."""

    error_id = "AGB-406"


class VenueNotFound(ExecutionError):  # noqa: N818
    """The venue does not know this order."""

    error_id = "AGB-407"


class VenueProtocolError(ExecutionError):
    """The venue broke its wire contract: drop the link, resync."""

    error_id = "AGB-408"


class UnsupportedOrder(ExecutionError):  # noqa: N818
    """This venue cannot express the order; refused before the risk gate."""

    error_id = "AGB-409"


class LinkLost(VenueUnavailable):
    """A socket could not be opened or was lost: connect again by schedule, and believe nothing it fed until then.

    Args:
        code: the WebSocket close code, 0 when there was none.
    """

    error_id = "AGB-411"

    def __init__(self, reason: str, *, code: int = 0, venue: str = "") -> None:
        super().__init__(reason, venue=venue)
        self.code = code


class HandshakeRefused(VenueUnavailable):
    """An HTTP answer instead of a socket: `status`, and the first bytes of `body`."""

    error_id = "AGB-412"

    def __init__(self, reason: str, *, status: int, body: bytes = b"", venue: str = "") -> None:
        super().__init__(reason, venue=venue)
        self.status = status
        self.body = body


class MessageTooLarge(LinkLost):
    """A message beyond the bound: the same request will bring the same message, so ask for less."""

    error_id = "AGB-413"


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the plain errors inside (nested) exception groups."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error
