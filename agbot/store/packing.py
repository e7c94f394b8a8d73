"""How blocks of frames are packed: zstd where `zstandard` is installed, else deflate. A block names its own."""

from __future__ import annotations

import importlib
import importlib.util
import zlib
from collections.abc import Callable
from typing import Any, Final

import attrs

from agbot.errors import ConfigError

PLAIN, DEFLATE, ZSTD = 0, 1, 2
_DEFLATE_LEVEL: Final = 6
_ZSTD_LEVEL: Final = 6
REMEDY: Final = "pip install 'agbot[record]'"


@attrs.frozen
class Packer:
    """Packs blocks; `codec` is the number that goes with them, `name` the word for it."""

    codec: int
    name: str
    pack: Callable[[bytes | bytearray], bytes]


def packer(name: str = "") -> Packer:
    """Return the packer called `name` (zstd, deflate, plain); the tightest that is installed when empty.

    Raises:
        ConfigError: AGB-922, zstd is asked for and `zstandard` is not installed.
    """
    if name == "plain":
        return Packer(PLAIN, name, bytes)
    if name == "deflate" or (not name and not has_zstd()):
        return Packer(DEFLATE, "deflate", lambda content: zlib.compress(content, _DEFLATE_LEVEL))
    compressor = _zstandard().ZstdCompressor(level=_ZSTD_LEVEL)
    return Packer(ZSTD, "zstd", compressor.compress)


def unpack(codec: int, stored: bytes, size: int) -> bytes:
    """Return the `size` bytes that were packed.

    Raises:
        ValueError: it is not what this codec packed, or of another size.
        ConfigError: AGB-922, it is zstd and `zstandard` is not installed.
    """
    content = _unpacked(codec, stored, size)
    if len(content) != size:
        raise ValueError(f"{len(content)} bytes where {size} were packed")
    return content


def has_zstd() -> bool:
    """Return whether zstd can be packed and unpacked here."""
    return importlib.util.find_spec("zstandard") is not None


def _unpacked(codec: int, stored: bytes, size: int) -> bytes:
    if codec == PLAIN:
        return stored
    if codec == DEFLATE:
        try:
            return zlib.decompressobj().decompress(stored, size + 1)
        except zlib.error as e:
            raise ValueError(str(e)) from e
    if codec != ZSTD:
        raise ValueError(f"packed by an unknown codec {codec}")
    zstd = _zstandard()
    try:
        content: bytes = zstd.ZstdDecompressor().decompress(stored, max_output_size=size)
    except zstd.ZstdError as e:
        raise ValueError(str(e)) from e
    return content


def _zstandard() -> Any:
    try:
        return importlib.import_module("zstandard")
    except ImportError as e:
        raise ConfigError(
            "zstd needs the package zstandard, which is not installed", id="AGB-922", remedy=REMEDY
        ) from e
