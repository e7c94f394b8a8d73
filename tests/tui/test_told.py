"""What the bot answers: the queue ahead of an order only falls, and odd answers are no trouble."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.tui.series import STEPS, Distribution, Observed
from agbot.tui.told import Told
from tests.tui.answers import answers, ladder


def test_the_first_look_takes_nothing_off_the_next_takes_ours() -> None:
    told = Told()
    told.take("ladder", ladder("m3", level="120"))
    assert told.queues == {"o3": 120.0, "o8": 7.0}
    told.take("ladder", ladder("m3", level="120"))
    assert told.queues == {"o3": 100.0, "o8": 0.0}
    told.take("ladder", ladder("m3", level="500"))
    assert told.queues["o3"] == 100.0  # who came later stands behind us
    told.take("ladder", ladder("m3", level="60"))
    assert told.queues["o3"] == 40.0
    told.take("ladder", ladder("m3", level="10"))  # less than ours: the book has not our order yet
    assert told.queues["o3"] == 40.0


def test_where_the_book_is_without_us_nothing_of_ours_is_taken_off() -> None:
    told = Told()
    for _ in range(3):
        told.take("ladder", ladder("m3", level="50", in_book=False))
    assert told.queues["o3"] == 50.0


def test_an_order_that_is_gone_or_not_there_yet_has_no_queue() -> None:
    told, waiting = Told(), ladder("m3")
    waiting["orders"][0]["state"] = "PENDING_NEW"
    told.take("ladder", waiting)
    assert set(told.queues) == {"o8"}
    told.take("ladder", {**ladder("m3"), "orders": []})
    assert told.queues == {}


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=20), st.booleans())
def test_a_queue_never_grows_and_is_never_below_nothing(levels: list[int], in_book: bool) -> None:
    told, seen = Told(), []
    for level in levels:
        told.take("ladder", ladder("m3", level=str(level), in_book=in_book))
        seen.append(told.queues["o3"])
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] >= 0


def test_a_ladder_of_another_market_is_not_shown() -> None:
    told = Told()
    told.market = "m2"
    told.take("ladder", ladder("m3"))
    assert told.ladder() == {}
    told.market = "m3"
    assert told.ladder()["market_id"] == "m3"
    assert (told.doubt("m0"), told.doubt("m1"), told.doubt("nobody")) == ("", "no data", None)


def test_a_bot_that_stopped_answering_is_not_quoted() -> None:
    told = Told()
    for op, answer in answers().items():
        told.take(op, answer)
    assert told.why == ""
    told.fail("no bot listens")
    assert (told.why, told.of("status"), told.queues, told.rows("risk", "limits")) == ("no bot listens", {}, {}, [])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["orders", "level", "x"]), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["orders", "bids", "asks", "doubts", "market_id", "limits"]), json_values))
def test_no_answer_ever_raises(answer: dict[str, Any]) -> None:
    told = Told()
    for _ in range(2):
        told.take("ladder", answer)
    told.ladder()
    told.doubt("x")
    told.rows("ladder", "limits")


observed = st.builds(
    lambda values: Observed(len(values), sum(values), min(values), max(values), values[-1]),
    st.lists(st.floats(0, 1e7), min_size=1, max_size=30),
)


@given(st.lists(observed, max_size=20))
def test_a_distribution_counts_everything_and_its_percentiles_rise(told: list[Observed]) -> None:
    spread = Distribution()
    for each in told:
        spread.add(each)
    assert spread.count == sum(each.many for each in told) == sum(many for _, _, many in spread.doublings())
    values = [spread.at_most(part) for part in (0.01, 0.5, 0.9, 1.0)]
    if not told:
        assert values == [None] * 4
        return
    assert values == sorted(values)  # type: ignore[type-var]
    largest = max(each.most for each in told)
    assert values[-1] is not None
    assert values[-1] >= largest * 0.999
    assert values[-1] <= max(largest, 1e-3) * 2 ** (1 / STEPS) * 1.001


@pytest.mark.parametrize(("told", "counted"), [
    (Observed(1, 5.0, 5.0, 5.0, 5.0), [(4.0, 8.0, 1)]), (Observed(0, 0.0, 0.0, 0.0, 0.0), []),
    (Observed(2, 9.0, 1.0, 8.0, 1.0), [(0.5, 1.0, 1), (1.0, 2.0, 0), (2.0, 4.0, 0), (4.0, 8.0, 1)]),
    (Observed(4, 16.0, 1.0, 9.0, 3.0), [(0.5, 1.0, 1), (1.0, 2.0, 0), (2.0, 4.0, 2), (4.0, 8.0, 0), (8.0, 16.0, 1)]),
])  # fmt: skip
def test_doublings(told: Observed, counted: list[tuple[float, float, int]]) -> None:
    spread = Distribution()
    spread.add(told)
    assert spread.doublings() == counted
