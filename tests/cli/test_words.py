"""Counts as people say them."""

from __future__ import annotations

import pytest

from agbot.words import many


@pytest.mark.parametrize(
    ("count", "words", "said"),
    [
        (0, ("order",), "0 orders"),
        (1, ("order",), "1 order"),
        (2, ("order rests", "orders rest"), "2 orders rest"),
        ("1", ("order rests", "orders rest"), "1 order rests"),
        ("1,000", ("batch", "batches"), "1,000 batches"),
        ("0.5", ("share",), "0.5 shares"),
    ],
)
def test_a_count_with_its_words(count, words, said):
    assert many(count, *words) == said
