"""What clients send on sockets, read without trust: JSON objects of bounded text, or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Protocol

import msgspec

NAME_LENGTH_MAX: Final = 200
"""Tokens, conditions, symbols and topics are shorter."""
_decode: Final = msgspec.json.Decoder().decode


class Key(Protocol):
    """What of an API key counts here."""

    @property
    def address(self) -> str:
        """Return the EOA it belongs to."""
        ...


class Keys(Protocol):
    """Who knows API keys."""

    def trusted(self, name: str, secret: object, passphrase: object) -> Key | None:
        """Return the key of that name if secret and passphrase are its own, None otherwise."""
        ...


def asked(message: str) -> dict[str, Any] | None:
    """Return the object a client sent, None when it is not one."""
    try:
        told = _decode(message)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
    return told if isinstance(told, dict) else None


def names(value: object) -> Iterator[str]:
    """Yield the usable texts of a list; everything else is passed over."""
    for name in value if isinstance(value, list) else ():
        if isinstance(name, str) and 0 < len(name) <= NAME_LENGTH_MAX:
            yield name


def rows(value: object) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list."""
    for row in value if isinstance(value, list) else ():
        if isinstance(row, dict):
            yield row


def word(value: object) -> str:
    """Return a short text, empty when it is none."""
    return value if isinstance(value, str) and len(value) <= NAME_LENGTH_MAX else ""


def authenticated(keys: Keys, auth: object, *, key: str = "apiKey") -> str:
    """Return the EOA of the credentials in an ``auth`` object, empty when they are not known."""
    if not isinstance(auth, dict):
        return ""
    found = keys.trusted(word(auth.get(key)), auth.get("secret"), auth.get("passphrase"))
    return found.address if found is not None else ""
