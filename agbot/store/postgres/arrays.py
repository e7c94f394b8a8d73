"""Columns of numbers as parameters of a statement: packed at once. psycopg dumps a list number by number."""

from __future__ import annotations

import struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection
from psycopg.adapt import Dumper
from psycopg.pq import Format

_TYPES: Final = {"int32": (23, 1007), "int64": (20, 1016), "float64": (701, 1022)}
"""The server's numbers of a type and of its array."""


class _Column(Dumper):
    format = Format.BINARY

    def get_key(self, obj: NDArray[Any], format: Any) -> Any:  # noqa: A002, ARG002 - the driver's names
        return (self.cls, obj.dtype.name)

    def upgrade(self, obj: NDArray[Any], format: Any) -> _Column:  # noqa: A002, ARG002 - the driver's names
        chosen = type(self)(self.cls)
        _, chosen.oid = _TYPES[obj.dtype.name]
        return chosen

    def dump(self, obj: NDArray[Any]) -> bytes:
        element, _ = _TYPES[obj.dtype.name]
        if not len(obj):
            return struct.pack("!3i", 0, 0, element)
        packed = np.empty(len(obj), [("size", ">i4"), ("value", obj.dtype.newbyteorder(">"))])
        packed["size"], packed["value"] = obj.dtype.itemsize, obj
        return struct.pack("!5i", 1, 0, element, len(obj), 1) + packed.tobytes()


def register(connection: Connection[Any]) -> None:
    """Let `connection` take one-dimensional arrays of numpy for int4[], int8[] and float8[]."""
    connection.adapters.register_dumper(np.ndarray, _Column)
