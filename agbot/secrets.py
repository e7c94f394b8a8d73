"""Secrets that cannot be printed by accident, where they are looked up, and the removal of them from text."""

from __future__ import annotations

import hmac
import importlib
import os
import re
from collections.abc import Mapping
from typing import Final, NoReturn, SupportsIndex

from agbot.errors import ConfigError

MASK: Final = "***"
MAX_KNOWN: Final = 256
MIN_REDACTED: Final = 4
SERVICE: Final = "agbot"

_PRIVATE_KEY: Final = re.compile(r"0[xX][0-9a-fA-F]{64}(?![0-9a-fA-F])")

# Replaced as a whole, never changed in place: log lines may be redacted in other threads.
_seen: tuple[str, ...] = ()
_known: tuple[str, ...] = ()


class Masked(str):
    """Text that goes out as it is, in headers and frames, and shows itself as ``***`` where a debugger prints it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return MASK


class MaskedBytes(bytes):
    """`Masked` for bytes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return MASK


class Secret:
    """Text that shows itself as ``***`` everywhere and gives itself away only through `reveal`.

    It is no `str`: JSON, msgspec and pickle refuse it. Every secret's value is removed by `redact` from then on.
    """

    __slots__ = ("_value",)
    _value: str

    def __init__(self, value: str) -> None:
        value = Masked(value)  # from here on no frame that a traceback shows has it by name
        if not value:
            raise ValueError("a secret is not empty")
        object.__setattr__(self, "_value", value)
        _remember(value)

    def reveal(self) -> str:
        """Return the text itself; pass it on, never keep, name or print it."""
        return str(self._value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a secret does not change")

    def __repr__(self) -> str:
        return MASK

    def __format__(self, format_spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.reveal().encode(), other.reveal().encode())

    def __hash__(self) -> int:
        return hash(self.reveal())

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a secret is not pickled")


def find(name: str, environ: Mapping[str, str] | None = None) -> str | None:
    """Return the text called `name` from the environment, else from the system's keyring, None where absent. Blocks.

    For what lies beside secrets without being one: the text is not redacted. Secrets come from `lookup`.
    """
    return ((os.environ if environ is None else environ).get(name) or _from_keyring(name) or "").strip() or None


def lookup(name: str, environ: Mapping[str, str] | None = None) -> Secret:
    """Return the secret called `name` from the environment, else from the system's keyring. Blocks.

    Raises:
        ConfigError: AGB-115 it is in neither.
    """
    if value := Masked(find(name, environ) or ""):
        return Secret(value)
    remedy = f"export {name}=… in the environment, or: keyring set {SERVICE} {name}"
    raise ConfigError(
        "the secret is neither in the environment nor in the keyring", id="AGB-115", key=name, remedy=remedy
    )


def redact(text: str) -> str:
    """Return `text` without the values of known secrets and without anything that looks like a private key.

    An order id or a condition id looks the same (0x and 64 hexadecimal digits) and goes too: log ids under their own
    key, as `agbot.log` explains.
    """
    return _PRIVATE_KEY.sub(MASK, redact_known(text))


def redact_known(text: str) -> str:
    """Return `text` without the values of known secrets."""
    for value in _known:
        if value in text:
            text = text.replace(value, MASK)
    return text


def _remember(value: str) -> None:
    global _seen, _known  # noqa: PLW0603 - the one place where secrets become known
    if len(value) >= MIN_REDACTED:
        _seen = (*(each for each in _seen if each != value), value)[-MAX_KNOWN:]
        # Longest first, so that a secret inside another leaves no rest of the longer one.
        _known = tuple(sorted(_seen, key=len, reverse=True))


def _from_keyring(name: str) -> str | None:
    try:
        keyring = importlib.import_module("keyring")  # optional, and slow to import
        errors = importlib.import_module("keyring.errors")
    except ImportError:
        return None
    try:
        found: str | None = keyring.get_password(SERVICE, name)
    except errors.KeyringError:
        return None
    return found
