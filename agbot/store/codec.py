"""Bytes in the journal: msgpack of the model's structs, and the hash chain over decisions."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from agbot.core.step import Output
from agbot.model.events import Event

_encoder = msgspec.msgpack.Encoder(decimal_format="string")
_batch = msgspec.msgpack.Decoder(list[Event])
_output = msgspec.msgpack.Decoder(Output)

GENESIS: Final = bytes(16)


def encode_batch(batch: list[Event]) -> bytes:
    """Return the bytes of one event batch."""
    return _encoder.encode(batch)


def decode_batch(body: bytes) -> list[Event]:
    """Return the events of a batch record; msgspec.DecodeError when the bytes are not one."""
    return _batch.decode(body)


def encode_output(output: Output) -> bytes:
    """Return the bytes of what one step asked and decided."""
    return _encoder.encode(output)


def decode_output(body: bytes) -> Output:
    """Return the output of a step record; msgspec.DecodeError when the bytes are not one."""
    return _output.decode(body)


def chain(previous: bytes, now_ns: int, body: bytes) -> bytes:
    """Return the next link of the decision digest (16 bytes)."""
    return hashlib.blake2b(previous + now_ns.to_bytes(8, "big", signed=True) + body, digest_size=16).digest()
