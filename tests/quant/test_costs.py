"""What an execution cost: an identity to the last digit; and a guard that no larger order slips through."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.quant.costs import Executed, Guard, effective_spread, guarded, realised_spread, shortfall

cents = st.integers(1, 99).map(lambda n: Fraction(n, 100))
sizes = st.integers(1, 500).map(Fraction)
levels = st.lists(st.tuples(cents, sizes), max_size=6)
signs = st.sampled_from([1, -1])
edges = st.integers(-5, 30).map(lambda n: Fraction(n, 100))


@given(sign=signs, decision=cents, arrival=cents, last=cents, fills=levels, market=levels, more=st.integers(0, 500))
def test_a_shortfall_is_the_paper_portfolio_less_the_real_one(
    sign: int, decision: Fraction, arrival: Fraction, last: Fraction, fills: list, market: list, more: int
) -> None:
    filled, spent = sum(s for _, s in fills), sum(p * s for p, s in fills)
    size, fees = filled + more + 1, Fraction(7, 10)
    order = Executed(
        sign=sign, decision=decision, arrival=arrival, last=last, size=size, fees=fees, fills=fills, market=market,
        mids_after={"1s": last},
    )  # fmt: skip
    found = shortfall(order)
    assert found.total == found.delay + found.execution + found.opportunity + found.fees
    paper, real = sign * size * (last - decision), sign * (filled * last - spent) - fees
    assert found.total == paper - real
    assert 0 <= found.fill_rate <= 1
    if fills:
        assert found.markouts["1s"] == sign * (last - found.average)
    else:
        assert (found.average, found.arrival_slippage, found.vwap_slippage, found.markouts) == (None, None, None, {})


def test_a_spread_is_what_was_kept_and_what_was_lost_to_who_knew() -> None:
    price, mid, after = Fraction(49, 100), Fraction(50, 100), Fraction(48, 100)
    assert effective_spread(-1, price, mid) == Fraction(2, 100)
    assert realised_spread(1, price, mid) == Fraction(2, 100)
    assert realised_spread(1, price, after) == -Fraction(2, 100)  # bought, and it fell: adverse selection


@given(ladder=levels, size=sizes, more=sizes, reference=cents, edge=edges)
def test_a_larger_order_never_passes_where_a_smaller_one_failed(
    ladder: list, size: Fraction, more: Fraction, reference: Fraction, edge: Fraction
) -> None:
    asks, guard = sorted(ladder), Guard(reference=reference, edge=edge)
    small, large = guarded(1, asks, size, guard), guarded(1, asks, size + more, guard)
    assert not small.reason or large.reason
    if small.average is not None:
        assert asks[0][0] <= small.average <= asks[-1][0]


@given(ladder=levels, size=sizes, reference=cents, edge=edges)
def test_a_purchase_is_a_sale_in_the_mirror(ladder: list, size: Fraction, reference: Fraction, edge: Fraction) -> None:
    asks = sorted(ladder)
    bids = [(1 - price, there) for price, there in asks]
    bought = guarded(1, asks, size, Guard(reference=reference, edge=edge))
    sold = guarded(-1, bids, size, Guard(reference=1 - reference, edge=edge))
    assert (bought.reason, bought.slippage) == (sold.reason, sold.slippage)


@pytest.mark.parametrize(("limit", "reason"), [("0.05", ""), ("0.0499", "slippage_guard"), ("-1", "slippage_guard")])
def test_exactly_half_of_the_edge_may_be_paid(limit: str, reason: str) -> None:
    ladder = [(Fraction("0.50"), Fraction(10)), (Fraction("0.60"), Fraction(10))]
    found = guarded(1, ladder, Fraction(20), Guard(reference=Fraction("0.50"), edge=2 * Fraction(limit)))
    assert (found.slippage, found.reason) == (Fraction("0.05"), reason)
