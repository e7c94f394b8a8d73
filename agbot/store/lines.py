"""Reading recordings line by line: plain or gzip by content, bounded memory, a clear word on a file that ends early."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO, Final, cast

from agbot.errors import RecordingError, RecordingNotFound

MAX_LINE: Final = 16 * 2**20
"""Longer lines (bytes) are set aside unread."""

_GZIP_MAGIC: Final = b"\x1f\x8b"
_BOM: Final = b"\xef\xbb\xbf"


class LineReader:
    """The lines of one file. Iterating starts from the top each time.

    Attributes:
        number: lines given out so far, so also the number of the newest one, counted from 1.
        torn: whether the newest line had no newline at its end.
        fraction: how much of the file was read, 0–1, for progress.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.number = 0
        self.torn = False
        self.fraction = 0.0

    def __iter__(self) -> Generator[bytes | None]:
        """Yield each line without its newline, None for one longer than `MAX_LINE`.

        Raises:
            RecordingError: AGB-201 unreadable, AGB-203 cut off inside the compressed stream.
        """
        self.number, self.torn, self.fraction = 0, False, 0.0
        with self._opened() as (raw, stream):
            size = max(raw.seek(0, 2), 1)
            raw.seek(0)
            try:
                while chunk := stream.readline(MAX_LINE):
                    self.number += 1
                    self.fraction = min(raw.tell() / size, 1.0)
                    yield self._whole(chunk, stream)
            except (EOFError, zlib.error, gzip.BadGzipFile) as e:
                raise self.truncated(f"the compressed stream ends early or is damaged ({e})") from e
            except OSError as e:
                raise unreadable(self.path, e) from e

    def first(self) -> bytes | None:
        """Return the first line, empty when there is none, None when it is too long; for recognising the file."""
        with closing(iter(self)) as lines:
            return next(lines, b"")

    def truncated(self, why: str) -> RecordingError:
        """Return the error for a file that ends too early, saying how far it could be read."""
        return RecordingError(
            f"{why}; {self.number} lines were read",
            id="AGB-203",
            path=self.path,
            line=self.number,
            remedy="copy the file again, or record to the end; what was read before this line is good",
        )

    def _whole(self, chunk: bytes, stream: BinaryIO) -> bytes | None:
        whole = len(chunk) < MAX_LINE or chunk.endswith(b"\n")
        while len(chunk) == MAX_LINE and not chunk.endswith(b"\n"):
            chunk = stream.readline(MAX_LINE)
        self.torn = not chunk.endswith(b"\n")
        if not whole:
            return None
        return (chunk.removeprefix(_BOM) if self.number == 1 else chunk).rstrip(b"\r\n")

    @contextmanager
    def _opened(self) -> Iterator[tuple[BinaryIO, BinaryIO]]:
        try:
            raw = self.path.open("rb")
            magic = raw.read(2)
        except OSError as e:
            raise unreadable(self.path, e) from e
        with raw:
            raw.seek(0)
            if magic != _GZIP_MAGIC:
                yield raw, raw
                return
            with gzip.GzipFile(fileobj=raw) as stream:
                yield raw, cast("BinaryIO", stream)


def unreadable(path: Path, e: OSError) -> RecordingError:
    """Return the error for a recording that the system does not give us, another class for one that is not there."""
    kind = RecordingNotFound if isinstance(e, FileNotFoundError | NotADirectoryError) else RecordingError
    return kind(
        f"cannot be read: {e.strerror or e}", id="AGB-201", path=path, remedy="check the path and its permissions"
    )
