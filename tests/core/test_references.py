"""Reference prices in the core: the latest by the source's time, bounded, seen by every strategy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.core.engine import Engine, EngineSettings
from agbot.core.references import REFERENCES_MAX, References
from agbot.core.risk import Gate
from agbot.model.events import MarketListed, ReferencePrice, Timer
from agbot.model.market import Market

prices = st.builds(
    ReferencePrice,
    st.sampled_from(["btcusd", "ethusd"]),
    st.sampled_from(["price.crypto", "crypto_prices"]),
    st.integers(1, 10**12),
    st.integers(0, 50),
)


@given(st.lists(prices, max_size=30))
def test_the_newest_of_each_source_and_symbol_is_kept(events):
    references = References()
    assert [references.take(event) for event in events] == [""] * len(events)
    for (source, symbol), kept in references.latest.items():
        same = [e for e in events if (e.source, e.symbol) == (source, symbol)]
        newest = max(e.ts_ns for e in same)
        assert kept == [e for e in same if e.ts_ns == newest][-1]
    assert set(references.latest) == {(e.source, e.symbol) for e in events}


def test_no_more_than_the_bound_is_kept_and_the_known_ones_go_on():
    references = References()
    for i in range(REFERENCES_MAX):
        assert references.take(ReferencePrice(f"s{i}", "x", 1, 1)) == ""
    assert "more than 256" in references.take(ReferencePrice("one-more", "x", 1, 1))
    assert references.take(ReferencePrice("s0", "x", 2, 2)) == ""
    assert (len(references.latest), references.latest["x", "s0"].value) == (REFERENCES_MAX, 2)


@pytest.mark.parametrize("value", [0, -1])
def test_a_price_that_is_not_positive_is_refused(value):
    references = References()
    assert "not positive" in references.take(ReferencePrice("btcusd", "x", value, 1))
    assert not references.latest


class Looks:
    id = "looks"

    def __init__(self):
        self.seen = []

    def decide(self, view):
        self.seen.append(dict(view.references))
        return ()


def test_a_strategy_sees_it_with_the_next_look_and_it_wakes_nobody():
    looks = Looks()
    engine = Engine(EngineSettings(run_id="r", capital=1), Gate(()), [looks])
    engine.step(1, [MarketListed(Market(id="m", yes="y", no="n"), 1)])
    before = len(looks.seen)
    price = ReferencePrice("btcusd", "price.crypto", 61_000_000_000, 1)
    assert engine.step(2, [price]).output.anomalies == ()
    assert len(looks.seen) == before
    engine.step(3, [Timer("second", 3)])
    assert looks.seen[-1] == {("price.crypto", "btcusd"): price}


def test_a_view_cannot_change_what_the_core_knows():
    references = References()
    with pytest.raises(TypeError):
        references.latest["a", "b"] = None  # type: ignore[index]


def test_what_is_not_kept_is_said():
    engine = Engine(EngineSettings(run_id="r", capital=1), Gate(()), [])
    assert "not positive" in engine.step(1, [ReferencePrice("btcusd", "x", 0, 1)]).output.anomalies[0]
