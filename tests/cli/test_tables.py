"""Tables and ladders that can be pasted."""

from __future__ import annotations

import pytest

from agbot.backtest.words import percent as of_two_decimals
from agbot.cli.risk import _pct
from agbot.cli.tables import ladder, pairs, percent, shares, summary, table
from agbot.tui.widgets.figures import shares as plain_shares

DOLLAR = 1_000_000


def test_numbers_to_the_right_words_to_the_left():
    rows = [{"slug": "a", "price": "0.5", "n": "-"}, {"slug": "bcd", "price": "10.25", "n": "7"}]
    assert table(rows) == "slug  price  n\n----  -----  -\na       0.5  -\nbcd   10.25  7"


def test_nothing_is_said():
    assert table([]) == "none"
    assert table([], empty="no orders") == "no orders"


def test_a_venue_cannot_move_the_cursor():
    told = table([{"question": "\x1b[2Jgone\nx" + "y" * 200}])
    assert "\x1b" not in told
    assert len(told.splitlines()) == 3
    assert max(map(len, told.splitlines())) <= 80
    assert "\x1b" not in pairs({"question": "\x1b[2J"})


def test_pairs_keep_lines_under_their_column():
    assert pairs({"a": "1\n2", "long": ""}) == "a     1\n      2\nlong"


def test_a_summary_reads_as_words():
    assert summary({"orders_placed": 3, "by": {"a": 1, "b": 2}, "none": {}}).splitlines() == [
        "orders placed  3",
        "by             a 1, b 2",
        "none           none",
    ]


def test_ladder_has_the_best_in_the_middle():
    bids = [(400_000, 5 * DOLLAR), (480_000, 10 * DOLLAR), (470_000, 20 * DOLLAR)]
    asks = [(900_000, DOLLAR), (500_000, 1_500_000), (520_000, 2 * DOLLAR)]
    told = ladder(bids, asks, depth=2)
    assert told.splitlines() == [
        "side  price   size  total",
        "----  -----  -----  -----",
        "ask    0.52   2.00   3.50",
        "ask     0.5   1.50   1.50",
        "      spread 0.02, middle 0.49",
        "bid    0.48  10.00  10.00",
        "bid    0.47  20.00  30.00",
    ]


def test_ladder_shows_what_is_ours():
    told = ladder([(480_000, 10 * DOLLAR)], [], own={("bid", 480_000): 4 * DOLLAR})
    assert told.splitlines()[-1] == "bid    0.48  10.00  10.00  4.00"
    assert "no asks" in told


def test_ladder_of_an_empty_or_a_crossed_book():
    assert ladder([], []).strip() == "no bids and no asks"
    assert "do not believe" in ladder([(500_000, 1)], [(500_000, 1)])


@pytest.mark.parametrize("part", [-1, 0, 1])
def test_next_to_nothing_of_a_whole_has_no_sign(part):
    assert (percent(part, 10**6), of_two_decimals(part, 10**6)) == ("0.0%", "0.00%")
    assert (_pct(part / 1e6), plain_shares(part / 1e6)) == ("0.00%", "0")
    assert (percent(-1, 10), of_two_decimals(-1, 10)) == ("-10.0%", "-10.00%")


def test_shares_keep_what_is_not_zero():
    assert [shares(n) for n in (0, 5 * DOLLAR, 1_500_000, 1, 21_040_000)] == [
        "0.00",
        "5.00",
        "1.50",
        "0.000001",
        "21.04",
    ]
