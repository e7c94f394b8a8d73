"""A signer's leave for unwinding: what it signs although its kill switch is on, how much, until when, and who said so.

Theory of operation. The leave is a file in the signer's own state directory, written by a person; the socket that the
bot speaks over cannot give it, or a bot in foreign hands would help itself. It holds for the closing it was given
after, until it is over, for sales only, for so many shares in all, at no less than a price. A signature does not say
how long an order may rest: what is bounded is what can be sold with it, and at what price. What cannot be read is no
leave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from agbot.latch import Latch, LatchState, replace_file
from agbot.model.order import Side
from agbot.units import SCALE, to_text
from agbot.venue.polymarket.orders import OrderFields

LEAVE_NAME: Final = "unwind"
SIGNED_NAME: Final = "unwind-signed"
NS_PER_MINUTE: Final = 60 * 10**9


class Leave(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sales of up to `shares` in all, at `floor` usd a share or more (10⁻⁶), between two times (UTC nanoseconds)."""

    given_ns: int
    until_ns: int
    shares: int
    floor: int
    by: str
    reason: str


class _Signed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was signed under the leave that was given at a time: 10⁻⁶ shares, sent or not."""

    given_ns: int
    shares: int


def give(latch: Latch, leave: Leave) -> None:
    """Put a leave beside a signer's latch, on record in its history first. StoreError AGB-511: it was not given."""
    latch.note({"unwind": True, **msgspec.structs.asdict(leave)})
    try:
        replace_file(latch.path.parent / LEAVE_NAME, msgspec.json.encode(leave) + b"\n")
    except OSError as e:
        raise latch.unwritten(e) from e


def closed_since(state: LatchState) -> int:
    """Return when a latch was closed last, for the account or anything (UTC nanoseconds); 0 when that is not known."""
    times = [scope.at_ns for scope in state.scopes] + ([state.at_ns] if state.on else [])
    return max(times, default=0) if all(times) else 0


class Unwinding:
    """The leave in a signer's state directory, read anew for each order.

    Args:
        directory: where the signer's latch is.
    """

    def __init__(self, directory: Path, now_ns: Callable[[], int]) -> None:
        self._leave = directory / LEAVE_NAME
        self._signed = directory / SIGNED_NAME
        self._now_ns = now_ns
        self._held: Leave | None = None

    @property
    def asked_for(self) -> bool:
        """Return whether a leave was ever given here."""
        return self._leave.exists()

    def refusal(self, fields: OrderFields, state: LatchState, *, counted: bool) -> str:
        """Return why an order is not signed while the latch is closed, empty when it may be.

        Args:
            counted: it was signed before, so its shares are among those that were.
        """
        try:
            leave = msgspec.json.decode(self._leave.read_bytes(), type=Leave)
            signed = self._so_far(leave)
        except FileNotFoundError:
            return "no leave was given"
        except (OSError, msgspec.DecodeError):
            return "the leave cannot be read"
        shares = 0 if counted else fields.maker_amount
        why = next(self._unfit(leave, fields, closed_since(state), shares, signed), "")
        self._held = leave
        return why

    def _unfit(self, leave: Leave, fields: OrderFields, since_ns: int, shares: int, signed: int) -> Iterator[str]:
        if not 0 < since_ns <= leave.given_ns:
            yield "the leave was given before the kill switch was closed"
        if not leave.given_ns <= self._now_ns() < leave.until_ns:
            yield "the leave is over"
        if fields.side is not Side.SELL or fields.expiration_s:
            yield "the leave is for sales at once"
        if fields.taker_amount * SCALE < leave.floor * fields.maker_amount:
            yield f"the leave is for {to_text(leave.floor)} usd a share or more"
        if signed + shares > leave.shares:
            yield f"the leave is for {to_text(leave.shares)} shares, and {to_text(signed)} of them are signed for"

    def count(self, shares: int) -> None:
        """Note durably what is about to be signed. OSError: it could not be noted, and is not to be signed."""
        assert self._held is not None, "what is counted was asked about"
        signed = _Signed(given_ns=self._held.given_ns, shares=self._so_far(self._held) + shares)
        replace_file(self._signed, msgspec.json.encode(signed) + b"\n")

    def _so_far(self, leave: Leave) -> int:
        try:
            signed = msgspec.json.decode(self._signed.read_bytes(), type=_Signed)
        except FileNotFoundError:
            return 0
        return signed.shares if signed.given_ns == leave.given_ns else 0
