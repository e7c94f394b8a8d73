"""What went over the wire, for `--log-wire`: JSON lines without secrets, in two files that never grow past a bound.

Each request and its reply, or what came instead, share an `id`. Writing is synchronous and never stops the caller.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from agbot.errors import ConfigError
from agbot.log import get_logger
from agbot.secrets import MASK, redact_known

FILE_NAME: Final = "wire.jsonl"
BYTES_MAX: Final = 16 * 1024 * 1024
"""Of both files together."""
BODY_MAX: Final = 8192
"""Characters of a body or frame that are kept."""

_HIDDEN: Final = re.compile(r"poly[-_].*|authorization|proxy-authorization|cookie|set-cookie", re.IGNORECASE)
_LIMITS: Final = "poly-ratelimit-"
"""The venue's rate limit headers begin like its credentials and are none."""
_FIELDS: Final = re.compile(
    r"""(\\*"(?:apiKey|api_key|apiKeys|key|secret|passphrase|owner|trade_owner|order_owner)\\*"\s*:\s*)"""
    r"""(\\*"[^"\\]*\\*"|\[[^\]]*\])""",
    re.IGNORECASE,
)
log = get_logger(__name__)


class WireLog:
    """Writes `wire.jsonl` in `folder` (0600) and keeps the one before it as `wire.jsonl.1`.

    Raises:
        ConfigError: AGB-417, the file cannot be written.
    """

    def __init__(self, folder: Path, *, now_ns: Callable[[], int], bytes_max: int = BYTES_MAX) -> None:
        self.path = folder / FILE_NAME
        self._now_ns = now_ns
        self._file_max = bytes_max // 2
        self._number = 0
        self._size = 0
        self._file: BinaryIO | None = None
        try:
            self._open()
        except OSError as e:
            raise ConfigError(
                f"the wire log cannot be written: {e.strerror}",
                id="AGB-417",
                path=self.path,
                key="--log-wire",
                remedy="check the state directory's permissions and free space",
            ) from e

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Log a request that leaves now; return the id for its reply."""
        self._number += 1
        self._write("request", id=self._number, method=method, url=url, headers=shown(headers), body=cleaned(body))
        return self._number

    def reply(self, number: int, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Log the reply to request `number`."""
        self._write("reply", id=number, status=status, headers=shown(headers), body=cleaned(body))

    def lost(self, number: int, why: str) -> None:
        """Log that request `number` has no whole reply."""
        self._write("lost", id=number, why=redact_known(why))

    def frame(self, link: str, *, sent: bool, payload: str | bytes) -> None:
        """Log a frame of the socket called `link`."""
        self._write("sent" if sent else "received", link=link, body=cleaned(payload))

    def close(self) -> None:
        """Close the file; what is logged later is dropped."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _write(self, kind: str, **fields: Any) -> None:
        if self._file is None:
            return
        line = msgspec.json.encode({"ts_ns": self._now_ns(), "kind": kind, **fields}) + b"\n"
        try:
            if self._size + len(line) > self._file_max:
                self._turn()
            self._file.write(line)
        except OSError as e:
            log.warning("wire_log.stopped", error=str(e))
            self.close()
            return
        self._size += len(line)

    def _turn(self) -> None:
        self.close()
        self.path.replace(self.path.with_name(f"{FILE_NAME}.1"))
        self._open()

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self.path, flags, 0o600)
        os.fchmod(descriptor, 0o600)
        self._size = os.fstat(descriptor).st_size
        self._file = os.fdopen(descriptor, "wb", buffering=0)


def shown(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers with every credential masked."""
    return {name: MASK if _secret(name) else redact_known(str(value)) for name, value in headers.items()}


def cleaned(payload: str | bytes) -> str:
    """Return a body or frame without secrets, cut to `BODY_MAX` characters."""
    text = payload if isinstance(payload, str) else payload.decode(errors="replace")
    return redact_known(_FIELDS.sub(rf'\1"{MASK}"', text))[:BODY_MAX]


def _secret(name: str) -> bool:
    return _HIDDEN.fullmatch(name) is not None and not name.lower().startswith(_LIMITS)
