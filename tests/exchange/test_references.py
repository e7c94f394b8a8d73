"""Reference prices are functions of seed, name and second."""

from __future__ import annotations

import itertools
import math

import pytest

from agbot.exchange.sockets.references import ASSETS, References, e18


def test_the_same_seed_gives_the_same_prices_in_any_order() -> None:
    one, two = References(1), References(1)
    seconds = [1_790_000_000 + n for n in (5, 0, 90_000, 3)]
    assert [one.price("btc", s) for s in seconds] == [two.price("btc", s) for s in reversed(seconds)][::-1]
    assert one.price("btc", 0) != References(2).price("btc", 0)


@pytest.mark.parametrize("asset", ASSETS)
def test_prices_stay_near_their_base_and_move_each_second(asset: object) -> None:
    name, base = asset.name, asset.base  # type: ignore[attr-defined]
    prices = [References(3).price(name, 1_790_000_000 + n) for n in range(300)]
    assert all(abs(math.log(price / 1e6 / base)) < 0.5 for price in prices)
    assert len(set(prices)) > 100
    steps = [abs(math.log(b / a)) for a, b in itertools.pairwise(prices)]
    assert max(steps) < 0.003


def test_a_day_s_return_is_of_the_size_it_should_be() -> None:
    references = References(4)
    days = [
        math.log(references.price("btc", d * 86_400) / references.price("btc", (d - 1) * 86_400)) for d in range(1, 200)
    ]
    deviation = math.sqrt(sum(day * day for day in days) / len(days))
    assert 0.01 < deviation < 0.08


def test_an_average_lies_between_the_prices_of_its_window() -> None:
    references = References(5)
    window = [references.price("eth", 1_000 - n) for n in range(60)]
    assert min(window) <= references.average("eth", 1_000, 60) <= max(window)


def test_the_scaled_text() -> None:
    assert e18(79_697_730_000) == "79697730000000000000000"
