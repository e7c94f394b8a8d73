"""Recordings as tables for other programs: CSV, JSON lines, Parquet; written whole or not at all, read back exactly."""

from __future__ import annotations

import csv
import importlib
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from agbot.errors import ConfigError, RecordingError
from agbot.model.events import MarketData
from agbot.model.market import Market
from agbot.store.flat import COLUMNS, LISTED, Flat, flat, listed, market_of, message_of
from agbot.store.history import replacing
from agbot.store.lines import LineReader
from agbot.store.recording import Numbered, ReadLog, Recording
from agbot.store.terms import Seen, Terms, read_sidecar, settle_markets
from agbot.units import to_text, to_units

PARQUET_MAGIC: Final = b"PAR1"
_JSON_START: Final = b'{"n":'
_CSV_START: Final = ",".join(COLUMNS).encode()
_ROWS_A_GROUP: Final = 65_536
_ESCAPES: Final = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}
_ESCAPED: Final = re.compile(r"[\\\n\r]")
_UNESCAPED: Final = re.compile(r"\\(.)")

Messages = Iterable[MarketData]


# ---------------------------------------------------------------- writing


def write_table(path: Path, form: str, markets: Sequence[Market], messages: Messages) -> int:
    """Write a recording as ``csv``, ``jsonl`` or ``parquet``; returns the number of messages.

    A name that ends in .gz is compressed (Parquet compresses itself). `path` appears complete or not at all.

    Raises:
        RecordingError: AGB-206 it cannot be written. ConfigError: AGB-924 pyarrow is not installed.
    """
    counted = _Counted()
    rows = chain(listed(markets), counted.rows(messages))
    write: Callable[[BinaryIO, Iterable[Flat]], None] = _WRITERS[form]
    with replacing(path, form != "parquet" and path.name.endswith(".gz")) as out:
        write(out, rows)
    return counted.messages


class _Counted:
    messages = 0

    def rows(self, messages: Messages) -> Iterator[Flat]:
        for message in messages:
            self.messages += 1
            yield from flat(self.messages, message)


def _write_csv(out: BinaryIO, rows: Iterable[Flat]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        price, size = (None if figure is None else to_text(figure) for figure in (row.price, row.size))
        names = (_escaped(name) for name in (row.name, row.text))
        writer.writerow((row.n, row.kind, row.ts_ns, _escaped(row.token), row.side, price, size, *names))
        if text.tell() > _ROWS_A_GROUP:
            out.write(text.getvalue().encode())
            text.seek(0)
            text.truncate()
    out.write(text.getvalue().encode())


def _write_jsonl(out: BinaryIO, rows: Iterable[Flat]) -> None:
    for (n, kind, name), group in groupby(rows, key=attrgetter("n", "kind", "name")):
        first, *more = group
        line: dict[str, Any] = {"n": n, "kind": kind, "ts_ns": first.ts_ns}
        line |= {key: value for key in ("token", "name", "text") if (value := getattr(first, key))}
        assert name == first.name
        line["levels"] = [_json_level(row) for row in (first, *more) if row.side or row.price is not None]
        out.write(msgspec.json.encode(line) + b"\n")


def _json_level(row: Flat) -> list[str | None]:
    return [row.side, *(None if figure is None else to_text(figure) for figure in (row.price, row.size))]


def _write_parquet(out: BinaryIO, rows: Iterable[Flat]) -> None:
    pyarrow, parquet = _arrow()
    schema = _schema(pyarrow)
    with parquet.ParquetWriter(out, schema, compression="zstd") as writer:
        waiting: list[Flat] = []
        for row in rows:
            waiting.append(row)
            if len(waiting) == _ROWS_A_GROUP:
                writer.write_table(_arrow_table(pyarrow, schema, waiting))
                waiting = []
        if waiting:
            writer.write_table(_arrow_table(pyarrow, schema, waiting))


def _schema(pyarrow: Any) -> Any:
    kinds = {"n": pyarrow.int64(), "ts_ns": pyarrow.timestamp("ns", tz="UTC")}
    kinds |= dict.fromkeys(("price", "size"), pyarrow.int64())
    fields = [(name, kinds.get(name, pyarrow.string())) for name in COLUMNS]
    return pyarrow.schema(fields, metadata={"agbot": "price and size are integers of 10^-6"})


def _arrow_table(pyarrow: Any, schema: Any, rows: Sequence[Flat]) -> Any:
    columns = zip(*rows, strict=True)
    arrays = [pyarrow.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)]
    return pyarrow.Table.from_arrays(arrays, schema=schema)


_WRITERS: Final = {"csv": _write_csv, "jsonl": _write_jsonl, "parquet": _write_parquet}
FORMS: Final = tuple(_WRITERS)


# ---------------------------------------------------------------- reading

Place = tuple[int, Flat | str]
"""A line (or row) number, and the row there, or what is wrong with it."""


def is_parquet(path: Path) -> bool:
    """Return whether a file begins as Parquet does; one that cannot be read does not."""
    try:
        with path.open("rb") as file:
            return file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC
    except OSError:
        return False


def is_table(first_line: bytes) -> bool:
    """Return whether a file that starts with `first_line` is one that `write_table` wrote."""
    return first_line.startswith((PARQUET_MAGIC, _JSON_START)) or first_line == _CSV_START


def read_table(path: Path, overrides: Terms | None = None) -> Recording:
    """Open a table; a sidecar beside it replaces terms of its markets, `overrides` replace both.

    Raises:
        RecordingError: AGB-201 unreadable, AGB-202 no table. ConfigError: AGB-204, AGB-205, AGB-924.
    """
    if is_parquet(path):
        places, name = _parquet_places, "table (Parquet)"
    elif LineReader(path).first() == _CSV_START:
        places, name = _csv_places, "table (CSV)"
    else:
        places, name = _json_places, "table (JSON lines)"

    def messages(lines: LineReader, log: ReadLog) -> Iterator[Numbered]:
        yield from _messages(places(lines), log)

    seen = [Seen.of(market) for market in _markets(path, places)]
    markets, terms = settle_markets(seen, read_sidecar(path), overrides or Terms())
    return Recording(path, name, markets, terms, messages)


def _markets(path: Path, places: Callable[[LineReader], Iterator[Place]]) -> Iterator[Market]:
    for number, row in places(LineReader(path)):
        if isinstance(row, str) or row.kind != LISTED:
            return
        try:
            yield market_of(row)
        except ValueError as e:
            remedy = "export it again: agbot history export"
            raise RecordingError(str(e), id="AGB-202", path=path, line=number, remedy=remedy) from e


def _messages(places: Iterable[Place], log: ReadLog) -> Iterator[Numbered]:
    """Yield the messages of rows that follow each other under one number."""
    waiting: list[Flat] = []
    at = 0
    for number, row in places:
        if isinstance(row, str):
            log.skip(number, row)
        elif row.kind != LISTED:
            if waiting and waiting[0].n != row.n:
                yield from _message(at, waiting, log)
                waiting = []
            waiting.append(row)
            at = number
    if waiting:
        yield from _message(at, waiting, log)


def _message(at: int, rows: Sequence[Flat], log: ReadLog) -> Iterator[Numbered]:
    try:
        message = message_of(rows)
    except ValueError as e:
        log.skip(at, str(e))
    else:
        yield at, message


def _csv_places(lines: LineReader) -> Iterator[Place]:
    for raw in lines:
        if lines.number > 1 and raw != b"":
            yield lines.number, _guarded(_csv_row, raw)


def _json_places(lines: LineReader) -> Iterator[Place]:
    for raw in lines:
        for row in _json_rows(raw):
            yield lines.number, row


def _parquet_places(lines: LineReader) -> Iterator[Place]:
    pyarrow, parquet = _arrow()
    try:
        with parquet.ParquetFile(lines.path) as file:
            schema = _schema(pyarrow)
            if file.schema_arrow.names != schema.names:
                raise ValueError(f"its columns are {', '.join(file.schema_arrow.names)}")
            for batch in file.iter_batches():
                columns = [batch.column(name) for name in COLUMNS]
                columns[2] = columns[2].cast(pyarrow.int64())
                for row in zip(*(column.to_pylist() for column in columns), strict=True):
                    lines.number += 1
                    yield lines.number, Flat(*row)
                lines.fraction = lines.number / max(file.metadata.num_rows, 1)
    except (pyarrow.ArrowException, ValueError, OSError) as e:
        remedy = "name a table that agbot history export wrote"
        raise RecordingError(f"not such a table: {e}", id="AGB-202", path=lines.path, remedy=remedy) from e


def _guarded(read: Callable[[bytes], Flat], raw: bytes | None) -> Flat | str:
    if raw is None:
        return "the line is too long"
    try:
        return read(raw)
    except (ValueError, csv.Error) as e:
        return f"not a row: {e}"


def _csv_row(raw: bytes) -> Flat:
    fields = next(csv.reader([raw.decode()], strict=True))
    if len(fields) != len(COLUMNS):
        raise ValueError(f"{len(fields)} fields")
    n, kind, ts_ns, token, side, price, size, name, text = fields
    return Flat(
        int(n), kind, int(ts_ns), _plain(token), side, _figure(price), _figure(size), _plain(name), _plain(text)
    )


def _figure(text: str) -> int | None:
    return to_units(text) if text else None


class _Line(msgspec.Struct):
    n: int
    kind: str
    ts_ns: int
    token: str = ""
    name: str = ""
    text: str = ""
    levels: tuple[tuple[str, str | None, str | None], ...] = ()


_line_decoder: Final = msgspec.json.Decoder(_Line)


def _json_rows(raw: bytes | None) -> list[Flat | str]:
    if raw is None:
        return ["the line is too long"]
    try:
        line = _line_decoder.decode(raw)
        head = Flat(line.n, line.kind, line.ts_ns, token=line.token, name=line.name, text=line.text)
        rows: list[Flat | str] = [
            head._replace(side=side, price=_units(price), size=_units(size)) for side, price, size in line.levels
        ]
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as e:
        return [f"not a line of a table: {e}"]
    return rows or [head]


def _units(text: str | None) -> int | None:
    return None if text is None else to_units(text)


def _escaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: _ESCAPES[found[0]], text)


def _plain(text: str) -> str:
    return _UNESCAPED.sub(lambda found: {"n": "\n", "r": "\r"}.get(found[1], found[1]), text)


def _arrow() -> tuple[Any, Any]:
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as e:
        remedy = "pip install 'agbot[parquet]'"
        raise ConfigError("Parquet needs the package pyarrow", id="AGB-924", remedy=remedy) from e
