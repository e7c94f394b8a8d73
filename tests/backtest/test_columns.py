"""Recordings as columns: what goes in comes out, and what is no such file says so."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.backtest.columns import MARKETS_MAX, ROW, Columns, Kind
from agbot.errors import RecordingError
from agbot.model.events import (
    BookDelta,
    BookSnapshot,
    BookTrust,
    LinkDown,
    MarketListed,
    MarketResolved,
    ReferencePrice,
    TickSizeChanged,
    TradePrint,
)
from agbot.model.ids import MarketId, TokenId
from agbot.model.order import Side
from agbot.testing.builders import make_market

MARKETS = [make_market("m1"), make_market("m2")]
NOBODY = TokenId("nobody")

tokens = st.sampled_from([t for m in MARKETS for t in (m.yes, m.no)] + [NOBODY])
numbers = st.integers(0, 2**40) | st.sampled_from([2**31, 2**63, -1, 2**70])
prices = st.integers(1, 9999).map(lambda n: n * 100) | st.sampled_from([0, 1_000_000, 2**31, 2**40, -5])
levels = st.lists(st.tuples(prices, numbers), max_size=4).map(tuple)
changes = st.lists(st.tuples(st.sampled_from([0, 1, 2]), prices, numbers), max_size=4).map(tuple)


def messages(at: int) -> st.SearchStrategy[Any]:
    """Return any message of a recording, most at the group's own time."""
    when = st.just(at) | st.integers(0, 10)
    return st.one_of(
        st.builds(BookDelta, tokens, changes, when),
        st.builds(BookSnapshot, tokens, levels, levels, when),
        st.builds(TradePrint, tokens, st.sampled_from(list(Side)), prices, numbers, when),
        st.builds(TickSizeChanged, tokens, st.sampled_from([10_000, 1_000, 7]), when),
        st.builds(MarketResolved, st.sampled_from(["m1", "m2", "m3"]).map(MarketId), tokens, when),
        st.builds(BookTrust, tokens, st.just("no data"), when),
        st.builds(ReferencePrice, st.just("btc"), st.just("rtds"), st.integers(1, 9), when),
        st.builds(LinkDown, st.just("feed"), st.just("gone"), when),
        st.builds(MarketListed, st.sampled_from(MARKETS), when),
    )


histories = st.lists(st.integers(1, 3), max_size=6).flatmap(
    lambda steps: st.tuples(
        *[
            st.tuples(st.just(sum(steps[: i + 1])), st.lists(messages(sum(steps[: i + 1])), min_size=1, max_size=5))
            for i in range(len(steps))
        ]
    )
)


@given(history=histories)
def test_what_goes_in_comes_out(history: Any) -> None:
    columns = Columns.of_groups(MARKETS, history)
    assert list(columns.groups()) == list(history)


def a_day() -> Columns:
    market = MARKETS[0]
    return Columns.of_groups(
        MARKETS,
        [
            (5, [BookSnapshot(market.yes, ((480_000, 10), (470_000, 20)), ((520_000, 30),), 5), LinkDown("f", "r", 5)]),
            (
                7,
                [
                    BookDelta(market.no, ((1, 530_000, 5), (0, 480_000, 0)), 7),
                    TradePrint(market.yes, Side.SELL, 1, 2, 7),
                ],
            ),
            (9, [TickSizeChanged(market.yes, 1_000, 9), MarketResolved(market.id, market.no, 9)]),
        ],
    )


def test_a_row_is_24_bytes_and_says_what_it_is() -> None:
    columns = a_day()
    assert ROW.itemsize == 24
    assert columns.bounds.tolist() == [0, 5, 8, 10]
    kinds = [Kind(kind) for kind in columns.rows["kind"].tolist()]
    assert kinds[:5] == [Kind.SNAPSHOT, Kind.MORE, Kind.MORE, Kind.MORE, Kind.OTHER]
    assert kinds[5:] == [Kind.CHANGE, Kind.MORE, Kind.TRADE, Kind.TICK, Kind.RESOLVED]
    assert columns.others == (LinkDown("f", "r", 5),)
    assert columns.plain


@pytest.mark.parametrize(
    "message",
    [
        BookDelta(MARKETS[0].yes, ((0, 480_050, 1),), 1),
        BookDelta(MARKETS[0].yes, ((0, 1_000_000, 1),), 1),
        BookDelta(MARKETS[0].yes, ((0, 480_000, -1),), 1),
        BookDelta(MARKETS[0].yes, ((0, 480_000, 2**60),), 1),
        BookDelta(MARKETS[0].yes, (), 1),
        BookDelta(NOBODY, ((0, 480_000, 1),), 1),
        BookSnapshot(MARKETS[0].yes, ((0, 1),), (), 1),
        TradePrint(MARKETS[0].yes, Side.BUY, 480_000, -1, 1),
    ],
)
def test_what_no_grid_holds_is_not_plain(message: Any) -> None:
    assert not Columns.of_groups(MARKETS, [(1, [message])]).plain


def test_a_file_gives_the_same_back(tmp_path: Path) -> None:
    columns = a_day()
    columns.save(tmp_path / "day.npz")
    found = Columns.load(tmp_path / "day.npz")
    assert (found.markets, found.others, found.digest) == (columns.markets, columns.others, columns.digest)
    assert np.array_equal(found.rows, columns.rows)
    assert [p.name for p in tmp_path.iterdir()] == ["day.npz"]


def test_the_digest_knows_every_part() -> None:
    columns = a_day()
    rows = columns.rows.copy()
    rows["size"][1] += 1
    others = [
        Columns(MARKETS[:1], columns.rows),
        Columns(columns.markets, rows),
        Columns(columns.markets, columns.rows),
    ]
    assert len({columns.digest, *[other.digest for other in others]}) == 4
    assert a_day().digest == columns.digest
    assert columns.digest == "f1830e33fa1a412458d485470df56bab04f6e63e2b6792784ad0e7c8a7294129"


def test_the_empty_recording_has_no_groups(tmp_path: Path) -> None:
    empty = Columns.of_groups(MARKETS, [])
    assert list(empty.groups()) == []
    empty.save(tmp_path / "e.npz")
    assert Columns.load(tmp_path / "e.npz").digest == empty.digest


def damaged(path: Path, **instead: Any) -> None:
    with np.load(path) as file:
        np.savez(path, **{**dict(file), **instead})


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.unlink(), "No such file"),
        (lambda path: path.write_bytes(b"hello"), "it holds no columns"),
        (lambda path: path.write_bytes(path.read_bytes()[:200]), "it holds no columns"),
        (lambda path: zipfile.ZipFile(path, "w").close(), "it holds no columns"),
        (lambda path: damaged(path, about=np.frombuffer(b'[2,"x"]', np.uint8)), "version 2"),
        (lambda path: damaged(path, rows=a_day().rows[:-1]), "not what was written"),
        (lambda path: damaged(path, rows=a_day().rows[1:]), "no messages"),
        (lambda path: damaged(path, rows=a_day().rows[::-1]), "no messages"),
        (lambda path: damaged(path, rows=np.zeros(3)), "its rows are float64"),
        (lambda path: damaged(path, markets=np.frombuffer(b"[]", np.uint8)), "no messages"),
        (lambda path: damaged(path, others=np.frombuffer(b"[]", np.uint8)), "no messages"),
        (lambda path: damaged(path, others=np.frombuffer(b"{", np.uint8)), "it holds no columns"),
    ],
)
def test_a_file_that_is_no_use_says_why(tmp_path: Path, spoil: Any, reason: str) -> None:
    path = tmp_path / "day.npz"
    a_day().save(path)
    spoil(path)
    with pytest.raises(RecordingError, match=reason) as caught:
        Columns.load(path)
    assert caught.value.id == "AGB-561"
    assert str(path) in str(caught.value)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"absent/day\.npz: cannot be written") as caught:
        a_day().save(tmp_path / "absent" / "day.npz")
    assert caught.value.id == "AGB-562"


def test_what_cannot_be_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="markets"):
        Columns.of_groups([make_market(str(i)) for i in range(MARKETS_MAX + 1)], [])
    with pytest.raises(ValueError, match="back in time"):
        Columns.of_groups(MARKETS, [(2, [LinkDown("f", "r", 2)]), (1, [LinkDown("f", "r", 1)])])
