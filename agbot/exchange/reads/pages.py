"""Query parameters, cursors and exact JSON numbers of the read APIs."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec

from agbot.exchange.api import Ask
from agbot.exchange.core.model import Refused
from agbot.units import NS_PER_S, to_text, to_units
from agbot.venue.polymarket.wire.numbers import exact_time

T = TypeVar("T")

_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_CONDITION: Final = re.compile(r"0x(?:[0-9a-fA-F]{62}|[0-9a-fA-F]{64})")
CONDITIONS_MAX: Final = 20
_TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False}


def number(units: int) -> msgspec.Raw:
    """Return 10⁻⁶ units as a JSON number of exactly these digits."""
    return msgspec.Raw(to_text(units).encode())


def iso(ns: int) -> str | None:
    """Return a time as RFC 3339 text, None for 0."""
    return f"{_moment(ns):%Y-%m-%dT%H:%M:%S}Z" if ns else None


def day(ns: int) -> str:
    """Return the UTC day of a time, empty for 0."""
    return f"{_moment(ns):%Y-%m-%d}" if ns else ""


def _moment(ns: int) -> datetime:
    return datetime.fromtimestamp(ns // NS_PER_S, UTC)


class Query:
    """A request's parameters, read strictly: what is there and wrong is Refused with `status`."""

    def __init__(self, ask: Ask, status: int = 400) -> None:
        self._ask = ask
        self._status = status

    def refused(self, text: str) -> Refused:
        """Return (not raise) the venue's no."""
        return Refused(text, self._status)

    def text(self, *names: str) -> str:
        """Return the first of these parameters that is there, else empty text."""
        return next((self._ask.query[name] for name in names if self._ask.query.get(name)), "")

    def words(self, *names: str) -> list[str]:
        """Return all values of these parameters, whether repeated or joined by commas, each once."""
        told = [value for name in names for value in self._ask.queries.get(name, ())]
        parts = [part.strip() for value in told for part in value.split(",")]
        return list(dict.fromkeys(part for part in parts if part))

    def whole(self, name: str, default: int, *, low: int = 0, high: int | None = None) -> int:
        """Return a whole number; above `high` it is cut to it."""
        text = self.text(name)
        if not text:
            return default
        if not (text.isascii() and text.isdigit() and len(text) <= 18) or int(text) < low:
            raise self.refused(f"{name} must be a whole number of at least {low}")
        return int(text) if high is None else min(int(text), high)

    def flag(self, *names: str) -> bool | None:
        """Return a truth value, None when it is not given."""
        text = self.text(*names).lower()
        if text and text not in _TRUTHS:
            raise self.refused(f"{names[0]} must be true or false")
        return _TRUTHS[text] if text else None

    def units(self, *names: str) -> int | None:
        """Return an amount as 10⁻⁶, None when it is not given."""
        text = self.text(*names)
        try:
            return to_units(text) if text else None
        except ValueError as e:
            raise self.refused(f"{names[0]} must be a number") from e

    def time(self, name: str) -> int | None:
        """Return a time in nanoseconds: seconds, milliseconds or RFC 3339; None when it is not given."""
        text = self.text(name).replace(" ", "+")  # a plus sign that nobody escaped
        try:
            return exact_time(text) if text else None
        except ValueError as e:
            raise self.refused(f"{name} must be a time") from e

    def choice(self, name: str, choices: Sequence[str], default: str, *, said: str = "") -> str:
        """Return one of `choices`, compared without case."""
        text = self.text(name)
        found = next((choice for choice in choices if choice.lower() == text.lower()), None)
        if text and found is None:
            raise self.refused(said or f"{name} must be one of {', '.join(choices)}")
        return found or default

    def user(self, *, required: bool = True) -> str:
        """Return the wallet asked for, in lower case."""
        text = self.text("user")
        if not text and required:
            raise self.refused("required query param 'user' not provided")
        if text and not _ADDRESS.fullmatch(text):
            raise self.refused(f"invalid user address: {text[:80]}")
        return text.lower()

    def conditions(self, *names: str) -> list[str]:
        """Return the condition ids asked for, in lower case and full length, at most 20."""
        words = self.words(*(names or ("condition", "condition_id", "conditionId", "market")))
        for word in words:
            if not _CONDITION.fullmatch(word):
                raise self.refused(f"invalid condition id: {word[:80]}")
        if len(words) > CONDITIONS_MAX:
            raise self.refused(f"at most {CONDITIONS_MAX} condition ids are accepted")
        return [word.lower() if len(word) == 66 else f"{word.lower()}00" for word in words]


def cursor_of(state: Any) -> str:
    """Return an opaque cursor."""
    return urlsafe_b64encode(msgspec.json.encode(state)).decode().rstrip("=")


def read_cursor(text: str, kind: type[T], status: int = 400) -> T:
    """Return what a cursor stands for; Refused when it is none of ours."""
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return msgspec.json.decode(raw, type=kind)
    except (Base64Error, ValueError, msgspec.DecodeError) as e:
        raise Refused("invalid cursor", status) from e


def after(rows: Iterable[T], name: str, offset: int, key: Any) -> list[T]:
    """Return the rows behind the one whose `key` is `name`; behind `offset` rows when it is gone."""
    told = list(rows)
    for i, row in enumerate(told):
        if key(row) == name:
            return told[i + 1 :]
    return told[offset:]
