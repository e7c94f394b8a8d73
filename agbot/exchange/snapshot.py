"""A whole exchange as one JSON file and back: what it holds, its keys, its markets.

The file is replaced, never rewritten, and only its owner may read it: it has API secrets. A snapshot of another format
is refused, not guessed at.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from agbot.errors import ConfigError
from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import Refused
from agbot.exchange.core.state import load
from agbot.exchange.core.terms import Terms

FORMAT: Final = "agbot-exchange"
VERSION: Final = 2
"""Of the file; counts up whenever a part changes its form."""
BYTES_MAX: Final = 1024 * 1024 * 1024
UNDONE: Final = ".new"
"""How the name of a file ends that is being written: one that is left over was never finished."""
_WRITE_ANEW: Final = "write one with: agbot exchange snapshot FILE"


class _File(msgspec.Struct, kw_only=True):
    format: str
    version: int
    taken_ns: int
    parts: dict[str, Any]


def write(path: str | Path, parts: Mapping[str, Any], now_ns: int) -> int:
    """Write a snapshot, whole or not at all, with mode 0600; return its size in bytes.

    Args:
        parts: plain values by name, such as ``core`` (`state.dump`) and ``clob`` (`Clob.snapshot`).
        now_ns: the exchange's time.

    Raises:
        ConfigError: AGB-863, it cannot be written there; a file of that name is as it was.
    """
    body = encoded(parts, now_ns)
    put(path, body)
    return len(body)


def encoded(parts: Mapping[str, Any], now_ns: int) -> bytes:
    """Return what a snapshot's file holds; see `write`."""
    return msgspec.json.encode(_File(format=FORMAT, version=VERSION, taken_ns=now_ns, parts=dict(parts)))


def put(path: str | Path, body: bytes) -> None:
    """Replace a file by `body`, whole or not at all, on the disk when this returns. AGB-863 as of `write`."""
    target = Path(path)
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=UNDONE, dir=target.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as e:
        reason = f"the snapshot cannot be written: {e.strerror or e}"
        raise ConfigError(reason, id="AGB-863", path=target, remedy="free space, or name another place") from e


def read(path: str | Path, needs: Iterable[str] = ("core",)) -> dict[str, Any]:
    """Return the parts of a snapshot.

    Args:
        needs: names that must be among them.

    Raises:
        ConfigError: AGB-863, it cannot be read, is no snapshot, is of another version, or lacks a part.
    """
    body = _bytes(Path(path))
    with said_of(path):
        told = msgspec.json.decode(body, type=_File)
    if told.format != FORMAT:
        raise _fault(path, "this is no snapshot of an exchange")
    if told.version != VERSION:
        raise _fault(path, f"the snapshot is of version {told.version}, this agbot reads version {VERSION}")
    for name in needs:
        if name not in told.parts:
            raise _fault(path, f"the snapshot has no part '{name}'")
    return told.parts


def core_of(parts: Mapping[str, Any], path: str | Path, terms: Terms | None = None) -> Exchange:
    """Return the exchange a snapshot's parts describe; see `agbot.exchange.core.state.load`.

    Raises:
        ConfigError: AGB-863, the part ``core`` is none.
    """
    with said_of(path):
        return load(parts["core"], terms)


@contextmanager
def said_of(path: str | Path) -> Iterator[None]:
    """Say of what cannot be made of a snapshot's values that the file is none, as ConfigError AGB-863."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError, Refused) as e:
        raise _fault(path, f"this is no snapshot of an exchange ({type(e).__name__}: {e})"[:300]) from e


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            body = file.read(BYTES_MAX + 1)
    except (OSError, ValueError) as e:
        reason = e.strerror if isinstance(e, OSError) and e.strerror else str(e)
        raise ConfigError(f"the snapshot cannot be read: {reason}", id="AGB-863", path=path, remedy=_WRITE_ANEW) from e
    if len(body) > BYTES_MAX:
        raise _fault(path, "the file is too large for a snapshot")
    return body


def _fault(path: str | Path, reason: str) -> ConfigError:
    return ConfigError(reason, id="AGB-863", path=path, remedy=_WRITE_ANEW)
