"""CSV level rows and JSON-lines frames become messages; formats are recognised by content."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from agbot.errors import ConfigError, RecordingError
from agbot.model.events import (
    BookDelta,
    BookSnapshot,
    MarketData,
    MarketResolved,
    TickSizeChanged,
    TradePrint,
)
from agbot.model.market import Market
from agbot.model.order import Side
from agbot.store.history import read_history, write_history
from agbot.store.importers import open_recording
from agbot.store.terms import Terms

MS = 1_750_216_815_253
NS = MS * 1_000_000
HEADER = "market_slug,asset_id,market_id,event_type,price,side,size,hash,timestamp\n"


def _csv(*rows: str, header: str = HEADER) -> str:
    return header + "".join(f"{row}\n" for row in rows)


ROWS = (
    f"game,A,7,book,0.4,bid,10.0,h1,{MS}",
    f"game,A,7,book,0.6,ask,5,h1,{MS}",
    f"game,B,7,book,.4,BUY,5,h1,{MS}",
    f'"game",B,7,book,0.60,SELL,10,h1,{MS}',
    f"game,A,7,price_change,0.4,bid,0.0,h2,{MS + 1}",
    f"game,A,7,price_change,0.41,Bid,2.25,h2,{MS + 1}",
    f"game,A,7,price_change,0.42,bid,1,h3,{MS + 1}",
    f"game,A,7,last_trade_price,0.6,BUY,1.5,h4,{MS + 2}",
    f"game,A,7,last_trade_price,0.6,BUY,0.5,h4,{MS + 2}",
)
MESSAGES: list[MarketData] = [
    BookSnapshot("A", ((400_000, 10_000_000),), ((600_000, 5_000_000),), NS),
    BookSnapshot("B", ((400_000, 5_000_000),), ((600_000, 10_000_000),), NS),
    BookDelta("A", ((0, 400_000, 0), (0, 410_000, 2_250_000)), NS + 1_000_000),
    BookDelta("A", ((0, 420_000, 1_000_000),), NS + 1_000_000),
    TradePrint("A", Side.BUY, 600_000, 1_500_000, NS + 2_000_000),
    TradePrint("A", Side.BUY, 600_000, 500_000, NS + 2_000_000),
]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.anything"
    path.write_text(_csv(*ROWS))
    return path


def test_rows_with_one_key_are_one_message(rows: Path) -> None:
    recording = open_recording(rows)
    assert list(recording.messages()) == MESSAGES
    assert recording.log.rows == len(ROWS)
    assert recording.markets == (Market(id="7", yes="A", no="B", slug="game"),)
    assert [ts for ts, _ in recording.groups()] == [NS, NS + 1_000_000, NS + 2_000_000]


def test_gzip_other_column_order_bom_and_windows_lines_make_no_difference(tmp_path: Path) -> None:
    names = "timestamp,hash,size,side,price,event_type,asset_id,extra"
    rows = [",".join(reversed(row.replace('"', "").split(",")[3:])) for row in ROWS]
    assets = [row.split(",")[1] for row in ROWS]
    text = "\r\n".join([names, *(f"{row},{asset},x" for row, asset in zip(rows, assets, strict=True))])
    path = tmp_path / "rows"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + text.encode()))
    recording = open_recording(path, Terms(condition_id="0xc"))
    assert list(recording.messages()) == MESSAGES
    assert recording.markets[0].id == "0xc"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f"game,A,7,book,0.4,bid,10,h,{MS},extra", "not a row of 9 fields"),
        ("rubbish", "not a row of 9 fields"),
        (f'"game,A,7,book,0.4,bid,10,h,{MS}', "not a row of 9 fields"),
        (f"game,A,7,rumour,0.4,bid,10,h,{MS}", "unknown event type 'rumour'"),
        (f"game,,7,book,0.4,bid,10,h,{MS}", "no asset_id"),
        (f"game,A,7,book,0.4,middle,10,h,{MS}", "side 'middle'"),
        (f"game,A,7,book,1.4,bid,10,h,{MS}", "price '1.4' is not between 0 and 1"),
        (f"game,A,7,book,0,bid,10,h,{MS}", "price '0' is not between 0 and 1"),
        (f"game,A,7,book,0.4,bid,-10,h,{MS}", "'-10' is not a number"),
        (f"game,A,7,book,0.4,bid,nan,h,{MS}", "'nan' is not a number"),
        (f"game,A,7,book,0.4,bid,0.0000001,h,{MS}", "more than six decimals"),
        ("game,A,7,book,0.4,bid,10,h,yesterday", "timestamp 'yesterday'"),
        (f"game,A,7,book,0.4,bid,10,h,{MS}0000000000", "timestamp"),
        (f"game,A,7,last_trade_price,0.4,bid,0,h,{MS}", "a trade of size 0"),
    ],
)
def test_a_bad_row_is_set_aside_and_the_rest_is_read(tmp_path: Path, row: str, reason: str) -> None:
    path = tmp_path / "rows"
    path.write_text(_csv(*ROWS[:4], row, *ROWS[4:]))
    recording = open_recording(path, Terms(yes="A"))
    assert list(recording.messages()) == MESSAGES
    assert [(skip.line, reason in skip.reason) for skip in recording.skipped] == [(6, True)]


def test_a_row_back_in_time_is_sorted_in(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_text(_csv(*ROWS[4:], *ROWS[:4]))
    recording = open_recording(path, Terms(yes="A"))
    assert list(recording.messages()) == MESSAGES


def test_a_torn_last_row_is_reported_after_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_text(_csv(*ROWS)[:-20])
    got: list[MarketData] = []
    with pytest.raises(RecordingError, match="last row has no end") as caught:
        got.extend(open_recording(path).messages())  # keeps what came before the error
    assert got == MESSAGES[:-2], "the message that the torn row belongs to is not whole"
    assert (caught.value.id, caught.value.line) == ("AGB-203", len(ROWS) + 1)


def test_a_damaged_id_invents_neither_token_nor_market(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    good = [f"game,{'AB'[i % 2]},7,price_change,0.4,bid,{i},h{i},{MS + i}" for i in range(200)]
    path.write_text(_csv(*good, f"game,A#,7,price_change,0.4,bid,1,h,{MS + 999}", good[-1].replace(",7,", ",8,")))
    recording = open_recording(path)
    assert [(m.id, m.yes, m.no) for m in recording.markets] == [("7", "A", "B")]
    assert sum(1 for _ in recording.messages()) == 201
    assert [skip.line for skip in recording.skipped] == [202]


def test_a_cut_gzip_gives_every_whole_message_and_then_the_error(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    rows = [f"game,{'AB'[i % 2]},7,price_change,0.4,bid,{i * 7919 % 997},h{i},{MS + i}" for i in range(5000)]
    whole = gzip.compress(_csv(*rows).encode())
    path.write_bytes(whole[: len(whole) // 2])
    recording = open_recording(path)
    got: list[MarketData] = []
    with pytest.raises(RecordingError) as caught:
        got.extend(recording.messages())
    assert caught.value.id == "AGB-203"
    assert 1000 < len(got) < 5000
    assert len(got) == recording.log.rows - 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no recording that agbot knows"),
        (b"hello\n", "no recording that agbot knows"),
        (b"\x00\x01\x02", "no recording that agbot knows"),
        (b"\x89PNG\r\n\x1a\n", "no recording that agbot knows"),
        (b'{"x": 1}\n', "no message that could be read"),
        (HEADER.encode(), "no message that could be read"),
        (b"asset_id,event_type,price\nA,book,0.4\n", "has no column side, size, hash, timestamp"),
    ],
)
def test_what_is_no_recording_is_refused_with_a_remedy(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=message) as caught:
        open_recording(path)
    assert caught.value.id == "AGB-202"
    assert "docs/history.md" in caught.value.remedy


def _frame(kind: str, ms: int, **fields: object) -> dict[str, object]:
    return {"event_type": kind, "market": "0xm", "timestamp": str(ms), **fields}


def _frames() -> tuple[list[str], list[MarketData]]:
    level = {"price": "0.4", "size": "3"}
    books = [_frame("book", MS, asset_id=token, bids=[level], asks=[], tick_size="0.01") for token in "AB"]
    change = {"asset_id": "A", "price": "0.4", "size": "0", "side": "BUY"}
    lines = [
        json.dumps(books),
        f"{NS + 5} " + json.dumps(_frame("price_change", MS + 1, price_changes=[change])),
        json.dumps(_frame("last_trade_price", MS + 1, asset_id="A", price=".4", size=2, side="SELL")),
        "PONG",
        json.dumps(_frame("fresh_kind", MS + 1, id="3")),
        json.dumps(_frame("market_resolved", MS + 2, winning_asset_id="B")),
    ]
    facts: list[MarketData] = []
    for token in "AB":
        facts += [TickSizeChanged(token, 10_000, NS), BookSnapshot(token, ((400_000, 3_000_000),), (), NS)]
    facts += [
        BookDelta("A", ((0, 400_000, 0),), NS + 1_000_000),
        TradePrint("A", Side.SELL, 400_000, 2_000_000, NS + 1_000_000),
        MarketResolved("0xm", "B", NS + 2_000_000),
    ]
    return lines, facts


def test_frames_with_and_without_local_time(tmp_path: Path) -> None:
    lines, facts = _frames()
    path = tmp_path / "frames"
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    recording = open_recording(path)
    assert recording.markets == (Market(id="0xm", yes="A", no="B"),)
    assert list(recording.messages()) == facts
    assert recording.log.noted == {"fresh_kind": 1}
    assert recording.log.skipped_count == 0


def test_a_bad_frame_is_set_aside_and_its_neighbours_are_read(tmp_path: Path) -> None:
    lines, facts = _frames()
    bad = ['{"event_type":"book","asset_id":"A","timestamp":"now","bids":[],"asks":[]}', "[1,2]", "what", "123 {}"]
    path = tmp_path / "frames"
    path.write_text("\n".join([lines[0], *bad, *lines[1:]]) + "\n")
    recording = open_recording(path)
    assert list(recording.messages()) == facts
    assert [skip.line for skip in recording.skipped] == [2, 3, 3, 4, 5]


def test_a_torn_last_frame_is_reported_after_the_rest(tmp_path: Path) -> None:
    lines, facts = _frames()
    path = tmp_path / "frames"
    path.write_text("\n".join(lines)[:-10])
    got: list[MarketData] = []
    with pytest.raises(RecordingError, match="last frame has no end"):
        got.extend(open_recording(path).messages())
    assert got == facts[:-1]


def test_several_markets_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "frames"
    books = [
        {"market": market, "asset_id": token, "timestamp": str(MS), "bids": [], "asks": []}
        for market, token in (("0xa", "A"), ("0xb", "C"), ("0xa", "B"), ("0xb", "D"))
    ]
    path.write_text("\n".join(map(json.dumps, books)))
    markets = open_recording(path).markets
    assert [(m.id, m.yes, m.no) for m in markets] == [("0xa", "A", "B"), ("0xb", "C", "D")]


def test_a_history_file_is_recognised_and_takes_overrides(tmp_path: Path, rows: Path) -> None:
    path = tmp_path / "odd.name"
    source = open_recording(rows)
    write_history(path, source.markets, source.messages())
    recording = open_recording(path, Terms(tick=1_000, yes="B"))
    assert recording.format == "agbot history"
    assert list(recording.messages()) == MESSAGES
    assert (recording.markets[0].tick, recording.markets[0].yes, recording.markets[0].no) == (1_000, "B", "A")
    assert read_history(path).markets == source.markets


def test_the_sidecar_beside_a_recording_is_used(rows: Path) -> None:
    rows.with_name(rows.name + ".market.json").write_text('{"yes": "B", "fee_rate": "0.03"}')
    assert open_recording(rows).markets[0] == Market(id="7", yes="B", no="A", slug="game", fee_rate=30_000)


def test_a_recording_of_one_token_asks_for_the_other(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_text(_csv(ROWS[0]))
    with pytest.raises(ConfigError) as caught:
        open_recording(path)
    assert (caught.value.id, caught.value.exit_code) == ("AGB-205", 2)


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("20250617_mlb-sd-lad-2025-06-17_market-events.csv.gz", (408, 7476, 20136, 3945, 3, 9)),
        ("20250619_mlb-hou-bal-2025-06-19_market-events.csv.gz", (196, 4572, 12901, 2391, 19, 1)),
    ],
)
def test_real_recordings_hold_what_is_known_of_them(
    recordings: Path, tmp_path: Path, name: str, facts: tuple[int, ...]
) -> None:
    from agbot.store.mirror import MirrorCheck  # noqa: PLC0415

    recording = open_recording(recordings / name)
    audit = MirrorCheck(recording.markets)
    for ts_ns, group in recording.groups():
        audit.apply(ts_ns, group)
    books, deltas, rows, timestamps, exceptions, locked = facts
    assert recording.log.counts == {"book": books, "delta": deltas}
    assert (recording.log.rows, recording.log.skipped_count) == (rows, 0)
    assert (audit.timestamps, audit.exceptions, audit.early) == (timestamps, exceptions, 0)
    market = recording.markets[0]
    assert audit.locked == {market.yes: locked, market.no: locked}
    assert audit.crossed == {}
    write_history(tmp_path / "x.agh", recording.markets, recording.messages())
    assert list(read_history(tmp_path / "x.agh").groups()) == list(recording.groups())


def test_the_finer_tick_is_passed_on_untouched(recordings: Path) -> None:
    recording = open_recording(recordings / "20250617_mlb-sd-lad-2025-06-17_market-events.csv.gz")
    off = [
        (place, change)
        for place, message in enumerate(recording.messages())
        if isinstance(message, BookSnapshot | BookDelta)
        for change in ([*message.bids, *message.asks] if isinstance(message, BookSnapshot) else message.changes)
        if change[-2] % 10_000
    ]
    assert off[0][0] == 6_014
    assert len(off) == 1_330
    assert all(change[-2] % 1_000 == 0 for _, change in off)
