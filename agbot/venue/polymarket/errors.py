"""What a reply of the venue, or its absence, means for the caller: one table, read from the top.

The texts are the venue's (its documentation, its clients, and threads where users met them). An order that may have
left is ambiguous unless the reply proves that nothing rests; so is a cancel, which may be sent again.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

import attrs
import msgspec

from agbot.errors import (
    ExecutionError,
    VenueAmbiguous,
    VenueAuthFailed,
    VenueDuplicate,
    VenueForbidden,
    VenueNotFound,
    VenueRefused,
    VenueThrottled,
    VenueUnavailable,
)
from agbot.secrets import redact_known
from agbot.venue.polymarket.wire.rest import OrderReply

VENUE: Final = "polymarket"
TEXT_MAX: Final = 300
"""Characters of the venue's text that an error carries."""
RETRY_AFTER_MAX_S: Final = 3600.0
PAGE: Final = "a page instead of JSON"
THROTTLED_S: Final = 1.0
"""The pause after a 429 that names none."""


class Operation(enum.Enum):
    """What was asked."""

    SUBMIT = enum.auto()
    CANCEL = enum.auto()
    READ = enum.auto()
    HEARTBEAT = enum.auto()
    AUTH = enum.auto()


ALL: Final = frozenset(Operation)
ACTS: Final = frozenset({Operation.SUBMIT, Operation.CANCEL})
"""Operations whose lost answer leaves a doubt."""


class Phase(enum.Enum):
    """How far a request came that has no whole reply."""

    NOT_SENT = enum.auto()
    """No connection: DNS, TCP, TLS, no free one in the pool."""
    MAYBE_SENT = enum.auto()
    """It may have arrived: writing or reading broke off, was too slow, or the reply ended early."""


class TradingMode(enum.StrEnum):
    """What the venue takes at the moment."""

    NORMAL = enum.auto()
    POST_ONLY = enum.auto()
    """Cancels and post-only orders: the minutes behind a restart."""
    CANCEL_ONLY = enum.auto()
    DISABLED = enum.auto()
    """Not even cancels."""
    RESTARTING = enum.auto()


class Verdict(enum.Enum):
    """The caller's next action: a class of `agbot.errors`."""

    UNAVAILABLE = enum.auto()
    THROTTLED = enum.auto()
    REFUSED = enum.auto()
    AUTH = enum.auto()
    FORBIDDEN = enum.auto()
    AMBIGUOUS = enum.auto()
    DUPLICATE = enum.auto()
    NOT_FOUND = enum.auto()


@attrs.frozen(kw_only=True)
class Answer:
    """A reply as far as it matters here. `status` is 200 for the item of a batch; `text` the venue's words."""

    status: int
    text: str = ""
    code: str = ""
    retry_after_s: float | None = None


@attrs.frozen
class Row:
    """One line of the table: it holds for `operations`, for `statuses`, and where `text` is part of the words."""

    text: str
    statuses: range
    verdict: Verdict
    code: str = ""
    operations: frozenset[Operation] = ALL
    mode: TradingMode | None = None
    remedy: str = ""

    def holds(self, operation: Operation, answer: Answer) -> bool:
        """Return whether this line is about the answer."""
        words = f"{answer.text}\n{answer.code}".lower()
        return operation in self.operations and answer.status in self.statuses and self.text in words


_ANY: Final = range(1000)
_NO: Final = range(200, 500)
"""Where a text counts as the venue's considered no: in a batch's item (200) and behind a 4xx."""
_SUBMIT: Final = frozenset({Operation.SUBMIT})
_AUTH: Final = frozenset({Operation.AUTH})
_HEARTBEAT: Final = frozenset({Operation.HEARTBEAT})
_REST: Final = ALL - ACTS

_WALLET: Final = "check POLYMARKET_FUNDER and POLYMARKET_SIGNATURE_TYPE, then agbot doctor"
_KEY: Final = "the API key belongs to another address: derive it anew with agbot init"
_FUND: Final = "agbot allowances shows what the venue sees; approve or fund, or trade less"

V = Verdict
M = TradingMode
# fmt: off
TABLE: Final = (
    # What closes trading as a whole.
    Row("post_only_mode", _ANY, V.UNAVAILABLE, "post_only_mode", mode=M.POST_ONLY),
    Row("post-only mode", _ANY, V.UNAVAILABLE, "post_only_mode", mode=M.POST_ONLY),
    Row("trading is currently disabled", _ANY, V.UNAVAILABLE, "disabled", mode=M.DISABLED),
    Row("cancel-only", _ANY, V.UNAVAILABLE, "cancel_only", mode=M.CANCEL_ONLY),
    Row("", range(425, 426), V.UNAVAILABLE, "restarting", mode=M.RESTARTING),
    Row("", range(429, 430), V.THROTTLED, "throttled"),
    Row("error code: 1015", range(400, 500), V.THROTTLED, "throttled"),
    # A 400 by name only: the server gave up in the middle.
    Row("context canceled", _ANY, V.AMBIGUOUS, "interrupted", ACTS),
    Row("context canceled", _ANY, V.UNAVAILABLE, "interrupted", _REST),
    Row("", range(408, 409), V.AMBIGUOUS, "interrupted", ACTS),
    Row("", range(408, 409), V.UNAVAILABLE, "interrupted", _REST),
    Row("", range(499, 500), V.AMBIGUOUS, "interrupted", ACTS),
    Row("", range(499, 500), V.UNAVAILABLE, "interrupted", _REST),
    # The earlier copy of these bytes arrived.
    Row("duplicated", _NO, V.DUPLICATE, "duplicate", _SUBMIT),
    # Whose order it is: every order would fail, a person must act.
    Row("owner has to be the owner of the api key", _NO, V.AUTH, "owner", remedy=_KEY),
    Row("signer address has to be the address of the api key", _NO, V.AUTH, "signer", remedy=_KEY),
    Row("maker address not allowed", _NO, V.AUTH, "wallet", remedy=_WALLET),
    Row("invalid signature", _NO, V.AUTH, "signature", _SUBMIT, remedy=_WALLET),
    Row("address banned", _NO, V.FORBIDDEN, "banned"),
    Row("closed only mode", _NO, V.REFUSED, "closed_only", remedy="the account may only close positions"),
    Row("order_version_mismatch", _NO, V.REFUSED, "version", remedy="the market wants another version: update agbot"),
    # What is wrong with this order.
    Row("breaks minimum tick size rule", _NO, V.REFUSED, "tick"),
    Row("lower than the minimum", _NO, V.REFUSED, "min_size"),
    Row("crosses the book", _NO, V.REFUSED, "crosses"),
    Row("order crosses book", _NO, V.REFUSED, "crosses"),
    Row("allowance is not enough", _NO, V.REFUSED, "allowance", remedy=_FUND),
    Row("not enough balance / allowance", _NO, V.REFUSED, "balance", remedy=_FUND),
    Row("balance is not enough", _NO, V.REFUSED, "balance", remedy=_FUND),
    Row("invalid expiration", _NO, V.REFUSED, "expiration"),
    Row("invalid nonce", _NO, V.REFUSED, "nonce"),
    Row("couldn't be fully filled", _NO, V.REFUSED, "unfilled", _SUBMIT),
    Row("no orders found to match with fak", _NO, V.REFUSED, "unfilled", _SUBMIT),
    Row("min size: $", _NO, V.REFUSED, "min_notional"),
    Row("invalid amounts", _NO, V.REFUSED, "amounts"),
    Row("too many orders in payload", _NO, V.REFUSED, "batch"),
    Row("not yet ready to process new orders", _NO, V.REFUSED, "not_ready"),
    Row("order match delayed", _NO, V.AMBIGUOUS, "delayed", _SUBMIT),
    Row("no orderbook exists", _NO, V.REFUSED, "no_market", _SUBMIT),
    Row("market not found", _NO, V.REFUSED, "no_market", _SUBMIT),
    # Keys and heartbeats.
    Row("could not create api key", _NO, V.REFUSED, "key_exists", _AUTH),
    Row("could not derive api key", _NO, V.REFUSED, "no_key", _AUTH),
    Row("invalid heartbeat id", _NO, V.REFUSED, "heartbeat", _HEARTBEAT),
    # The engine's own failures, also as an item's text. One is documented as rejected before it reached the book.
    Row("order timed out", _ANY, V.UNAVAILABLE, "timed_out", _SUBMIT),
    Row("could not run the execution", _ANY, V.AMBIGUOUS, "engine", _SUBMIT),
    Row("could not insert order", _ANY, V.AMBIGUOUS, "engine", _SUBMIT),
    Row("there are no matching orders", _ANY, V.AMBIGUOUS, "engine", _SUBMIT),
    Row("the trade contains rounding issues", _ANY, V.AMBIGUOUS, "engine", _SUBMIT),
    Row("discrepancy greater than allowed", _ANY, V.AMBIGUOUS, "engine", _SUBMIT),
    Row("service is not ready", _ANY, V.AMBIGUOUS, "engine", _SUBMIT),
    # A page in the place of a 404: whatever answered, it is not the interface.
    Row("a page instead of json", range(404, 405), V.AMBIGUOUS, "page", ACTS),
    Row("a page instead of json", range(404, 405), V.UNAVAILABLE, "page", _REST),
    # By status alone.
    Row("", range(401, 402), V.AUTH, "unauthorized", remedy="check the clock and the API key: agbot doctor"),
    Row("", range(403, 404), V.FORBIDDEN, "forbidden", remedy="agbot doctor"),
    Row("", range(404, 405), V.NOT_FOUND, "not_found", ALL - _SUBMIT),
    Row("not found", range(400, 500), V.NOT_FOUND, "not_found", ALL - _SUBMIT),
    Row("", range(400, 500), V.REFUSED, "refused"),
    Row("", _ANY, V.AMBIGUOUS, "broke", ACTS),
    Row("", _ANY, V.UNAVAILABLE, "broke", _REST),
)
# fmt: on
del V, M


def row_of(operation: Operation, answer: Answer) -> Row:
    """Return the table's line for an answer that is no success."""
    return next(row for row in TABLE if row.holds(operation, answer))


def refusal(operation: Operation, answer: Answer) -> ExecutionError:
    """Return the error that an answer stands for."""
    row = row_of(operation, answer)
    reason = _reason(answer)
    match row.verdict:
        case Verdict.THROTTLED:
            wait_s = THROTTLED_S if answer.retry_after_s is None else answer.retry_after_s
            return VenueThrottled(reason, retry_after_s=wait_s, venue=VENUE)
        case Verdict.REFUSED:
            return VenueRefused(reason, code=row.code, venue=VENUE, remedy=row.remedy)
        case Verdict.UNAVAILABLE:
            return VenueUnavailable(reason, venue=VENUE, remedy=row.remedy, retry_after_s=answer.retry_after_s)
        case verdict:
            return _CLASSES[verdict](reason, venue=VENUE, remedy=row.remedy)


_CLASSES: Final = {
    Verdict.AUTH: VenueAuthFailed,
    Verdict.FORBIDDEN: VenueForbidden,
    Verdict.AMBIGUOUS: VenueAmbiguous,
    Verdict.DUPLICATE: VenueDuplicate,
    Verdict.NOT_FOUND: VenueNotFound,
}


def lost(operation: Operation, phase: Phase, why: str) -> ExecutionError:
    """Return the error of a request without a whole reply; `why` is the transport's word."""
    if phase is Phase.MAYBE_SENT and operation in ACTS:
        return VenueAmbiguous(f"no whole reply ({why}): it may have arrived", venue=VENUE)
    return VenueUnavailable(f"no reply ({why})", venue=VENUE)


def order_refusal(reply: OrderReply) -> ExecutionError | None:
    """Return what a 200 reply to an order means when it is no acceptance, None when the order exists.

    Success is never taken from ``success`` alone: a refused order may say true beside its error text.
    """
    if reply.accepted:
        return None
    if reply.error_msg:
        answer = Answer(status=200, text=reply.error_msg)
        if row_of(Operation.SUBMIT, answer).code != "broke":
            return refusal(Operation.SUBMIT, answer)
    if reply.order_id:
        words = reply.error_msg or f"status {reply.status or 'empty'}"
        return VenueAmbiguous(f"the order has an id and is not accepted ({words[:TEXT_MAX]})", venue=VENUE)
    return VenueRefused(_reason(Answer(status=200, text=reply.error_msg)), code="refused", venue=VENUE)


def read_answer(status: int, headers: Mapping[str, str], body: bytes, *, now_s: float) -> Answer:
    """Return what a reply says, whatever its body is; `headers` in lower case or case-insensitive."""
    text, code, wait = "", "", None
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        told = None
        text = _plain(headers, body)
    if isinstance(told, dict):
        text = str(told.get("error") or told.get("error_msg") or told.get("errorMsg") or told.get("message") or "")
        code, wait = str(told.get("code") or ""), told.get("retry_after_seconds")
    elif told is not None:
        text = str(told)
    retry_after_s = _retry_after(headers.get("retry-after", ""), now_s)
    if retry_after_s is None and isinstance(wait, int | float) and math.isfinite(wait):
        retry_after_s = min(max(float(wait), 0.0), RETRY_AFTER_MAX_S)
    return Answer(status=status, text=redact_known(text)[:TEXT_MAX], code=code[:TEXT_MAX], retry_after_s=retry_after_s)


def _plain(headers: Mapping[str, str], body: bytes) -> str:
    text = body[: 4 * TEXT_MAX].decode(errors="replace").strip()
    if "html" in headers.get("content-type", "").lower() or text[:1] == "<":
        return "error code: 1015" if "1015" in text else PAGE
    return text


def _retry_after(text: str, now_s: float) -> float | None:
    try:
        wait_s = float(text) if text.isascii() and text.isdigit() else parsedate_to_datetime(text).timestamp() - now_s
    except (ValueError, OverflowError):
        return None
    return min(max(wait_s, 0.0), RETRY_AFTER_MAX_S)


def _reason(answer: Answer) -> str:
    words = redact_known(answer.text[:TEXT_MAX]) or "no reason given"
    return f"{words} (HTTP {answer.status})"
