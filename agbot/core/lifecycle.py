"""What becomes of an order and of a trade, by what is heard of them: two tables, and the only place of their kind."""

from __future__ import annotations

import enum
from typing import Final

from agbot.model.order import OrderState, Settlement


class Evidence(enum.StrEnum):
    """What can be known about an order, whichever source said it."""

    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    PART_FILL = "PART_FILL"
    FULL_FILL = "FULL_FILL"
    VOIDED = "VOIDED"
    CANCEL_SENT = "CANCEL_SENT"
    CANCEL_REFUSED = "CANCEL_REFUSED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    SILENCE = "SILENCE"


class Live(enum.Enum):
    """Stands for the three states of an order that works: which one, its quantities say."""

    LIVE = "PENDING_NEW, OPEN or PARTIALLY_FILLED"


LIVE: Final = Live.LIVE
_S, _E = OrderState, Evidence

_WORKING: Final[dict[Evidence, OrderState | Live]] = {
    _E.ACCEPTED: LIVE,
    _E.PART_FILL: _S.PARTIALLY_FILLED,
    _E.FULL_FILL: _S.FILLED,
    _E.VOIDED: LIVE,
    _E.CANCEL_SENT: _S.PENDING_CANCEL,
    _E.CANCEL_REFUSED: LIVE,
    _E.CANCELLED: _S.CANCELLED,
    _E.EXPIRED: _S.EXPIRED,
    _E.SILENCE: _S.UNKNOWN,
}


def _ended(state: OrderState) -> dict[Evidence, OrderState | Live]:
    same = (_E.ACCEPTED, _E.CANCEL_REFUSED, _E.SILENCE, _E.PART_FILL, _E.CANCELLED, _E.VOIDED)
    return {**dict.fromkeys(same, state), _E.FULL_FILL: _S.FILLED}


NEXT: Final[dict[OrderState, dict[Evidence, OrderState | Live]]] = {
    _S.PENDING_NEW: {**_WORKING, _E.REJECTED: _S.REJECTED},
    _S.OPEN: _WORKING,
    _S.PARTIALLY_FILLED: _WORKING,
    _S.PENDING_CANCEL: {
        **_WORKING,
        _E.ACCEPTED: _S.PENDING_CANCEL,
        _E.PART_FILL: _S.PENDING_CANCEL,
        _E.VOIDED: _S.PENDING_CANCEL,
        _E.REJECTED: _S.REJECTED,
    },
    _S.UNKNOWN: {
        **_WORKING,
        _E.REJECTED: _S.REJECTED,
        _E.VOIDED: _S.UNKNOWN,
        _E.CANCEL_SENT: _S.UNKNOWN,
        _E.CANCEL_REFUSED: _S.UNKNOWN,
    },
    _S.FILLED: {
        **dict.fromkeys((_E.ACCEPTED, _E.CANCEL_REFUSED, _E.SILENCE, _E.PART_FILL, _E.FULL_FILL), _S.FILLED),
        _E.VOIDED: _S.CANCELLED,
    },
    _S.CANCELLED: _ended(_S.CANCELLED),
    _S.EXPIRED: _ended(_S.EXPIRED),
    _S.REJECTED: dict.fromkeys((_E.REJECTED, _E.CANCEL_REFUSED, _E.SILENCE), _S.REJECTED),
    _S.DENIED: {},
}

PROVISIONAL: Final = frozenset({Settlement.MATCHED, Settlement.MINED, Settlement.RETRYING})
SETTLES: Final[dict[Settlement, frozenset[Settlement]]] = {
    Settlement.MATCHED: frozenset({Settlement.MINED, Settlement.RETRYING, Settlement.CONFIRMED, Settlement.FAILED}),
    Settlement.MINED: frozenset({Settlement.RETRYING, Settlement.CONFIRMED, Settlement.FAILED}),
    Settlement.RETRYING: frozenset({Settlement.MINED, Settlement.CONFIRMED, Settlement.FAILED}),
    Settlement.CONFIRMED: frozenset(),
    Settlement.FAILED: frozenset(),
}
"""What a trade's settlement may become; an older word that arrives late is ignored."""
