"""The auditor of books counts what it says it counts."""

from __future__ import annotations

from agbot.model.events import BookDelta, BookSnapshot, MarketListed, TradePrint
from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market
from agbot.model.order import Side
from agbot.store.mirror import EXCEPTIONS_KEPT, MirrorCheck, MirrorException


def _books(market: Market) -> list[BookSnapshot]:
    return [
        BookSnapshot(market.yes, ((400_000, 5),), ((600_000, 7),), 1),
        BookSnapshot(market.no, ((400_000, 7),), ((600_000, 5),), 1),
    ]


def test_mirrored_books_are_no_exception(market: Market) -> None:
    check = MirrorCheck([market])
    assert check.apply(1, _books(market))
    assert check.apply(2, [BookDelta(market.yes, ((0, 410_000, 3),), 2), BookDelta(market.no, ((1, 590_000, 3),), 2)])
    assert (check.exceptions, check.timestamps) == (0, 2)
    assert check.book(market.yes) == ({400_000: 5, 410_000: 3}, {600_000: 7})


def test_one_sided_changes_are_exceptions_until_mended(market: Market) -> None:
    check = MirrorCheck([market])
    check.apply(1, _books(market))
    assert not check.apply(2, [BookDelta(market.yes, ((0, 400_000, 6),), 2)])
    assert check.apply(3, [TradePrint(market.yes, Side.BUY, 600_000, 1, 3)])
    assert not check.apply(4, [BookDelta(market.no, ((0, 1, 0),), 4)])
    assert check.apply(5, [BookDelta(market.no, ((1, 600_000, 6),), 5)])
    assert check.exceptions == 2
    assert check.first == [MirrorException(2, market.id), MirrorException(4, market.id)]


def test_another_size_another_price_and_the_wrong_side_are_all_exceptions(market: Market) -> None:
    for change in ((1, 600_000, 6), (1, 610_000, 5), (0, 600_000, 5), (1, 600_000, 0)):
        check = MirrorCheck([market])
        check.apply(1, _books(market))
        assert not check.apply(2, [BookDelta(market.no, (change,), 2)]), change


def test_nothing_is_compared_before_both_snapshots_and_early_deltas_are_counted(market: Market) -> None:
    check = MirrorCheck([market])
    assert check.apply(1, [BookDelta(market.no, ((0, 1, 1),), 1), _books(market)[0]])
    assert check.early == 1
    assert check.book(market.no) is None
    assert not check.apply(2, [BookSnapshot(market.no, (), (), 2)])


def test_locked_and_crossed_are_counted_per_message_and_token(market: Market) -> None:
    check = MirrorCheck([market])
    check.apply(1, _books(market))
    check.apply(2, [BookDelta(market.yes, ((0, 600_000, 1),), 2), BookDelta(market.yes, ((0, 500_000, 1),), 2)])
    check.apply(3, [BookDelta(market.yes, ((0, 610_000, 1),), 3)])
    check.apply(4, [BookDelta(market.yes, ((0, 610_000, 0), (0, 600_000, 0)), 4)])
    assert check.locked == {market.yes: 2}
    assert check.crossed == {market.yes: 1}


def test_markets_listed_later_are_followed_and_strangers_are_not(market: Market) -> None:
    check = MirrorCheck([])
    check.apply(1, [BookSnapshot(TokenId("stranger"), (), (), 1), MarketListed(market, 1), *_books(market)])
    assert check.book(TokenId("stranger")) is None
    assert not check.apply(2, [BookDelta(market.yes, ((0, 1, 1),), 2)])


def test_only_the_first_exceptions_are_kept(market: Market) -> None:
    check = MirrorCheck([market])
    check.apply(0, _books(market))
    for ts in range(EXCEPTIONS_KEPT + 50):
        check.apply(ts, [BookDelta(market.yes, ((0, 5, ts + 1),), ts)])
    assert check.exceptions == EXCEPTIONS_KEPT + 50
    assert len(check.first) == EXCEPTIONS_KEPT
    assert check.first[0].market == MarketId("0xm")
