"""Series and price frames as recordings: each value at the time it was known, and nothing guessed."""

from __future__ import annotations

import gzip
import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from agbot.errors import RecordingError
from agbot.model.events import ReferencePrice
from agbot.store.importers import open_recording
from agbot.store.series import time_of, value_of
from agbot.units import NS_PER_MS, NS_PER_S, SCALE


def at(*moment):
    return int(datetime(*moment, tzinfo=UTC).timestamp()) * NS_PER_S


@pytest.fixture
def read(tmp_path):
    """Return a function that gives (symbol, value, time) of a file's prices, and its log."""

    def told(text, name="x.csv"):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        recording = open_recording(tmp_path / name)
        found = list(recording.messages())
        assert all(isinstance(message, ReferencePrice) for message in found)
        return [(m.symbol, m.value, m.ts_ns) for m in found], recording.log

    return told


def test_of_bars_the_close_is_known_when_the_day_is_over(read):
    told, _ = read("Date,Open,High,Low,Close,Adj Close,Volume\n1/4/1999,1,2,0.5,1.25,9,7\n", "sp.csv")
    assert told == [("sp", 1_250_000, at(1999, 1, 5))]


def test_columns_without_a_close_are_series_of_their_own_and_blanks_are_counted(read):
    told, log = read("DATE,MTUM,QUAL\n2014-01-02,52.704,\n2014-01-03,.,48\n", "etf.csv")
    assert told == [("etf:MTUM", 52_704_000, at(2014, 1, 3)), ("etf:QUAL", 48 * SCALE, at(2014, 1, 4))]
    assert log.noted == {"blank": 2}


def test_a_column_of_epochs_goes_before_one_of_dates(read):
    told, _ = read('Date (UTC),Timestamp (UTC),"December 31, 2025"\n09-07-2025 00:00,1757203212,0.175\n', "m.csv.gz")
    assert told == [("m", 175_000, 1_757_203_212 * NS_PER_S)]


def test_moments_are_taken_as_they_are(read):
    told, _ = read(gzip.compress(b"timestamp,close\n2021-12-31 23:01:00.250000,46377.0\n"), "b.csv.gz")
    assert told == [("b", 46_377 * SCALE, at(2021, 12, 31, 23, 1) + 250 * NS_PER_MS)]


@pytest.mark.parametrize("row", ["soon,1", "2020-01-01,x", "2020-01-01,-1", "2020-01-01,1,2", "1969-01-01,5", "\xff,1"])
def test_a_row_that_says_nothing_is_set_aside(read, row):
    told, log = read(f"date,v\n{row}\n2020-01-02,3\n")
    assert [value for _, value, _ in told] == [3 * SCALE]
    assert [skip.line for skip in log.skipped] == [2]


@pytest.mark.parametrize("first", ["date\n", "a,b\n", "timestamp,closeTick,netAmount0\n", "2020-01-01,5\n"])
def test_files_that_are_no_series(read, first):
    with pytest.raises(RecordingError) as e:
        read(first)
    assert e.value.id == "AGB-202"


@pytest.mark.parametrize(
    ("text", "ns"),
    [("1757203212", 1_757_203_212 * NS_PER_S), ("1757203212001", 1_757_203_212_001 * NS_PER_MS),
     ("1757203212000001", 1_757_203_212_000_001_000), ("1757203212000000001", 1_757_203_212_000_000_001),
     ("20141201", at(2014, 12, 2)), ("20141201 00:00", at(2014, 12, 1))],
)  # fmt: skip
def test_times(text, ns):
    assert time_of(text) == ns


@pytest.mark.parametrize(("text", "value"), [("1.2345678", 1_234_567), ("1e3", 10**9), ("0.000001", 1)])
def test_values_are_rounded_down_from_their_digits(text, value):
    assert value_of(text) == value


@pytest.mark.parametrize("text", ["0", "1e99", "inf", "nan", "0.0000001", "1,5"])
def test_what_is_no_value(text):
    with pytest.raises(ValueError):
        value_of(text)


def rtds(symbol, value, ms):
    payload = {"symbol": symbol, "value": value, "timestamp": ms}
    return msgspec.json.encode({"topic": "crypto_prices", "type": "update", "timestamp": ms, "payload": payload})


def test_frames_of_rtds(read):
    frames = [rtds("btcusdt", 2, 1_700_000_000_001), rtds("btcusdt", 1, 1_700_000_000_000), b"pong", b"{"]
    told, log = read(b"\n".join(frames), "x.jsonl")
    assert told == [("btcusdt", 2 * SCALE, 1_700_000_000_001 * NS_PER_MS)]
    assert log.skipped_count == 1


def test_frames_of_a_spot_exchange(read):
    trade = b'{"stream":"btcusdt@trade","data":{"e":"trade","s":"BTCUSDT","p":"61837.63","T":1723161255342}}'
    other = b'{"stream":"x","data":{"e":"depthUpdate"}}'
    told, log = read(b"\n".join([b"1723161253937085768 " + trade, other, b"junk", b'{"stream":"x"}']), "x.jsonl")
    assert told == [("btcusdt", 61_837_630_000, 1_723_161_255_342 * NS_PER_MS)]
    assert log.noted == {"depthUpdate": 1}
    assert log.skipped_count == 2


@pytest.mark.parametrize(
    ("file", "count"),
    [
        ("daily_series/vix_daily_1990_2026.csv.gz", 9_235),
        ("daily_series/wti_daily.csv.gz", 8_321),
        ("polymarket_price_history/maduro_out_daily_2025-09_2026-01.csv", 208),
        ("polymarket_rtds_frames/rtds_crypto_2026-09-05.jsonl", 4),
    ],
)
def test_public_recordings(file, count):
    path = Path(os.environ.get("AGBOT_SHARED", Path(__file__).parents[3] / "shared")) / "data" / file
    if not path.is_file():
        pytest.skip(f"no recording at {path}; set AGBOT_SHARED")
    recording = open_recording(path)
    assert sum(1 for _ in recording.messages()) == count
    assert recording.log.skipped_count == 0
