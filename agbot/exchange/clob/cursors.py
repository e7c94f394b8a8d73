"""Cursor pages, as the CLOB cuts its lists: the cursor is the base64 of where the next page starts."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from agbot.exchange.api import Ask, Reply
from agbot.exchange.core.model import Refused

START: Final = "MA=="
END: Final = "LTE="
PAGE: Final = 100
BAD_CURSOR: Final = "invalid next_cursor"
_CURSOR_MAX: Final = 24

T = TypeVar("T")


def page(ask: Ask, rows: Sequence[T], told: Callable[[T], Any], *, size: int = PAGE) -> Reply:
    """Return the page of `rows` that the request's ``next_cursor`` names, each row as `told` tells it.

    Raises:
        Refused: 400, it is no cursor.
    """
    start = offset(ask.query.get("next_cursor") or START)
    shown = rows[start : start + size] if start >= 0 else []
    more = start >= 0 and start + size < len(rows)
    cursor = b64encode(str(start + size).encode()).decode() if more else END
    return Reply({"limit": size, "count": len(shown), "next_cursor": cursor, "data": [told(row) for row in shown]})


def offset(cursor: str) -> int:
    """Return where a cursor points, −1 for the end; Refused 400 when it is none."""
    try:
        text = b64decode(cursor, validate=True) if len(cursor) <= _CURSOR_MAX else b""
    except (binascii.Error, ValueError) as e:
        raise Refused(BAD_CURSOR) from e
    if text == b"-1":
        return -1
    if not text.isdigit():
        raise Refused(BAD_CURSOR)
    return int(text)
