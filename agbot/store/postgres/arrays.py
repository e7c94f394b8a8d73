"""Columns of numbers as parameters of a statement: packed at once. psycopg dumps a list number by number."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from psycopg import Connection

_TYPES: Final = {"int32": (23, 1007), "int64": (20, 1016), "float64": (701, 1022)}
"""The server's numbers of a type and of its array."""


def register(connection: Connection[Any]) -> None:
    """Let `connection` take one-dimensional arrays of numpy for int4[], int8[] and float8[]."""
    from psycopg.adapt import Dumper  # noqa: PLC0415 - optional
    from psycopg.pq import Format  # noqa: PLC0415 - optional

    class Column(Dumper):
        format = Format.BINARY

        def get_key(self, obj: NDArray[Any], format: Any) -> Any:  # noqa: A002, ARG002 - the driver's names
            return (self.cls, obj.dtype.name)

        def upgrade(self, obj: NDArray[Any], format: Any) -> Column:  # noqa: A002, ARG002 - the driver's names
            chosen = type(self)(self.cls)
            _, chosen.oid = _TYPES[obj.dtype.name]
            return chosen

        def dump(self, obj: NDArray[Any]) -> bytes:
            return packed(obj)

    connection.adapters.register_dumper(np.ndarray, Column)


def packed(column: NDArray[Any]) -> bytes:
    """Return a column as the server's binary form of an array."""
    element, _ = _TYPES[column.dtype.name]
    if not len(column):
        return struct.pack("!3i", 0, 0, element)
    rows = np.empty(len(column), [("size", ">i4"), ("value", column.dtype.newbyteorder(">"))])
    rows["size"], rows["value"] = column.dtype.itemsize, column
    return struct.pack("!5i", 1, 0, element, len(column), 1) + rows.tobytes()
