"""Every basket that gains is found, with a proof that holds; where a pricing measure exists nothing is."""

from __future__ import annotations

import json
from fractions import Fraction

import attrs
import pytest

from agbot.core.book import OrderBook
from agbot.core.view import View
from agbot.model.market import Outcome
from agbot.model.order import Side
from agbot.strategy.arbitrage.baskets import Identity, Universe, complete_set, of_event
from agbot.strategy.arbitrage.certificate import Offer, certificate_of, certify
from agbot.strategy.arbitrage.detect import find
from agbot.strategy.arbitrage.params import ArbitrageParams
from agbot.strategy.arbitrage.proof import verify
from agbot.testing.builders import make_market
from agbot.testing.planted import EVENT, Truth, planted_event
from agbot.units import SCALE, complement, to_units


def free(**changes):
    """Parameters that ask nothing of a size but what the market does."""
    return ArbitrageParams(
        **{"depth_part": "1", "max_capital": "1000000", "min_order": "0", "whole_cents": False, **changes}
    )


def event(count, **changes):
    return [make_market(f"m{i}", event_id="e", neg_risk=True, min_size=1, **changes) for i in range(count)]


def books_of(proof, views):
    return {leg.token: views[leg.market.id].books[leg.want.outcome] for leg in proof.legs}


def best(universe, views, params):
    found = [find(basket, views.get, params) for market in universe.markets for basket in universe.baskets(market)]
    return max((p for p in found if p), key=lambda p: p.worst, default=None)


# ---------------------------------------------------------------- worked examples, one of each identity


def test_a_complete_set_is_walked_through_both_books(see_books):
    market = make_market(min_size=1)
    yes, no = [("0.40", "100"), ("0.45", "50")], [("0.50", "80"), ("0.56", "200")]
    views = see_books({market: ([], yes, [], no)})
    proof = find(complete_set(market.id, Side.BUY), views.get, free())
    assert (proof.size, proof.cost, proof.worst) == (to_units("100"), to_units("91.2"), to_units("8.8"))
    assert verify(proof, books_of(proof, views)) is None
    assert "complete set: 100 ×" in str(proof)
    assert "gains 8.80" in str(proof)


def test_a_held_set_is_sold_for_more_than_it_pays(see_books):
    market = make_market(min_size=1)
    views = see_books({market: ([("0.55", "40")], [], [("0.48", "30")], [])}, {"m1": (to_units("25"), to_units("60"))})
    proof = find(complete_set(market.id, Side.SELL), views.get, free())
    assert (proof.size, proof.worst, proof.locked) == (to_units("25"), to_units("0.75"), 0)
    assert verify(proof, books_of(proof, views)) is None
    nothing_held = see_books({market: ([("0.55", "40")], [], [("0.48", "30")], [])})
    assert find(complete_set(market.id, Side.SELL), nothing_held.get, free()) is None


def test_yes_of_all_takes_a_word_that_they_are_all(see_books):
    markets = event(3, fee_rate=0)
    views = see_books({m: ([], [(p, "50")], [], []) for m, p in zip(markets, ("0.30", "0.25", "0.40"), strict=True)})
    for exhaustive, found in (({}, False), ({"e": 4}, False), ({"e": 3}, True)):
        proof = best(Universe(markets, free(exhaustive=exhaustive).relations), views, free())
        assert bool(proof) is found
    assert proof.basket.identity is Identity.ALL_YES
    assert proof.worst == to_units("2.5")
    assert verify(proof, books_of(proof, views), outcomes=3) is None
    assert "worst outcome" in verify(proof, books_of(proof, views))


def test_no_of_several_leaves_out_what_costs_more_than_it_adds(see_books):
    markets = event(4)
    asks = ([("0.40", "100")], [("0.50", "100")], [("0.999", "100")], [("0.30", "5")])
    views = see_books({attrs_tick(m): ([], [], [], a) for m, a in zip(markets, asks, strict=True)})
    proof = best(Universe([v.market for v in views.values()], free().relations), views, free())
    assert [leg.market.id for leg in proof.legs] == ["m0", "m1", "m2"]
    assert (proof.size, proof.worst) == (to_units("100"), to_units("10.1"))
    assert verify(proof, books_of(proof, views)) is None


def attrs_tick(market):
    return make_market(market.id, event_id="e", neg_risk=True, min_size=1, tick=1_000)


def test_no_of_one_is_bought_against_yes_of_the_others_held(see_books):
    markets = event(3)
    ten = to_units("10")
    rows = {markets[0]: ([], [], [], [("0.55", "100")]), markets[1]: ([("0.30", "100")], [], [], []),
            markets[2]: ([("0.28", "100")], [], [], [])}  # fmt: skip
    views = see_books(rows, {"m1": (ten, 0), "m2": (2 * ten, 0)})
    proof = best(Universe(markets, free().relations), views, free())
    assert (proof.basket.identity, proof.size, proof.worst) == (Identity.CONVERSION, ten, to_units("0.3"))
    assert verify(proof, books_of(proof, views)) is None


def test_an_implication_is_a_row_of_its_own(see_books):
    early, late = make_market("early", min_size=1), make_market("late", min_size=1)
    params = free(implications=[["early", "late"]])
    views = see_books({early: ([], [], [], [("0.55", "10")]), late: ([], [("0.40", "10")], [], [])})
    proof = best(Universe([early, late], params.relations), views, params)
    assert (proof.basket.identity, proof.riskless, proof.worst) == (Identity.IMPLICATION, True, to_units("0.5"))
    assert verify(proof, books_of(proof, views)) is None


def test_a_pair_with_a_mismatch_shows_what_it_expects_and_what_it_may_lose(see_books):
    ours, theirs = make_market("ours", min_size=1), make_market("theirs", min_size=1)
    params = free(pairs=[["ours", "theirs", "0.02"]])
    views = see_books({ours: ([], [("0.45", "100")], [], []), theirs: ([], [], [], [("0.50", "100")])})
    proof = best(Universe([ours, theirs], params.relations), views, params)
    assert (proof.worst, proof.expected, proof.worst_of_all) == (to_units("5"), to_units("3"), -to_units("95"))
    assert not proof.riskless
    assert "expected 3.00, at worst -95.00" in str(proof)


def test_money_bound_for_a_month_is_a_rate_a_year(see_books):
    market = make_market(min_size=1, end_ns=1 + 30 * 86_400 * 10**9)
    views = see_books({market: ([], [("0.45", "100")], [], [("0.50", "100")])})
    proof = find(complete_set(market.id, Side.BUY), views.get, free())
    assert proof.days == 30
    assert proof.annualised == int(Fraction(5 * 365 * SCALE, 95 * 30))


# ---------------------------------------------------------------- what a proof must say


def tampered(proof):
    leg = proof.legs[0]
    yield attrs.evolve(proof, legs=[attrs.evolve(leg, size=leg.size - 10_000), *proof.legs[1:]])
    yield attrs.evolve(proof, legs=[attrs.evolve(leg, cash=leg.cash - 1), *proof.legs[1:]])
    yield attrs.evolve(proof, legs=[attrs.evolve(leg, price=leg.price - 10_000), *proof.legs[1:]])
    yield attrs.evolve(proof, legs=[attrs.evolve(leg, price=leg.price + 1), *proof.legs[1:]])
    yield attrs.evolve(proof, legs=proof.legs[:1])
    yield attrs.evolve(proof, payoffs=[pays + 1 for pays in proof.payoffs])
    yield attrs.evolve(proof, size=2 * proof.size)
    yield attrs.evolve(proof, fixed=proof.fixed + proof.worst + 1)
    yield attrs.evolve(proof, basket=of_event(["m1", "x"], exhaustive=False)[0])


@pytest.mark.parametrize("number", range(9))
def test_a_proof_that_was_changed_does_not_hold(see_books, number):
    market = make_market(min_size=1, fee_rate=20_000)
    views = see_books({market: ([], [("0.40", "100")], [], [("0.50", "80")])})
    proof = find(complete_set(market.id, Side.BUY), views.get, free())
    books = books_of(proof, views)
    assert verify(proof, books) is None
    assert verify(list(tampered(proof))[number], books)


@pytest.mark.parametrize("doubt", ["untrusted", "resolved", "crossed", "dear", "small"])
def test_no_proof_comes_of_a_book_that_is_not_to_be_believed(see_books, doubt):
    market = make_market(min_size=to_units("50"))
    rows = ([("0.45", "9")] if doubt == "crossed" else [], [("0.40", "100")], [], [("0.50", "100")])
    views = see_books({market: rows})
    changes = {"untrusted": {"trusted": False}, "resolved": {"winner": Outcome.NO}}.get(doubt, {})
    views = {m: attrs.evolve(v, **changes) for m, v in views.items()}
    params = free(**{"dear": {"cost_per_set": "0.1"}, "small": {"depth_part": "0.4"}}.get(doubt, {}))
    assert find(complete_set(market.id, Side.BUY), views.get, params) is None


def test_sizes_come_to_whole_cents_and_stay_within_the_capital(see_books):
    market = make_market(min_size=1, tick=1_000, size_step=10_000)
    views = see_books({market: ([], [("0.401", "100")], [], [("0.502", "77.77")])})
    proof = find(complete_set(market.id, Side.BUY), views.get, free(whole_cents=True))
    assert proof.size == to_units("70")
    assert all(leg.price * leg.size % (10_000 * SCALE) == 0 for leg in proof.legs)
    capped = find(complete_set(market.id, Side.BUY), views.get, free(max_capital="20"))
    assert to_units("19.9") < capped.cost <= to_units("20")


# ---------------------------------------------------------------- planted


def looked(planted, instant, see_told, params):
    views = see_told(planted.markets, planted.messages(instant))
    return views, best(Universe(planted.markets, params.relations), views, params)


@pytest.mark.parametrize("outcomes", [2, 3, 5, 7])
@pytest.mark.parametrize("seed", range(3))
def test_all_planted_opportunities_are_found_and_none_false(see_told, seed, outcomes):
    params = ArbitrageParams(exhaustive={EVENT: outcomes}, min_profit="0.01")
    planted = planted_event(seed, outcomes=outcomes)
    wrong = []
    for instant in planted.instants:
        views, proof = looked(planted, instant, see_told, params)
        told = proof.basket.identity.value if proof else None
        if told != (instant.truth.value if instant.truth in (Truth.ALL_YES, Truth.NO_SET) else None):
            wrong.append((instant.ts_ns, instant.truth, told))
        if proof:
            assert verify(proof, books_of(proof, views), outcomes=outcomes) is None
            certificate = certificate_of(proof)
            assert 0 < proof.worst <= certificate.bound
            assert certificate.bound - certificate.gains <= certificate.bound / 1000 + 10
    assert wrong == []


@pytest.mark.parametrize("seed", range(3))
def test_where_nothing_was_planted_a_measure_says_so(see_told, seed):
    planted = planted_event(seed, instants=12)
    members = [market.id for market in planted.markets]
    states = of_event(members, exhaustive=True)[0].states
    for instant in planted.instants:
        views = see_told(planted.markets, planted.messages(instant))
        bound = certify(states, offers_of(views, states)).bound
        assert (bound < 1000) is (instant.truth in (Truth.NOTHING, Truth.NEAR_MISS)), (instant.truth, float(bound))


def offers_of(views, states):
    basket_wants = [w for m in views for w in complete_set(m, Side.BUY).wants]
    return [Offer(views[w.market].market, w, views[w.market].books[w.outcome].top(1, 99)) for w in basket_wants]


# ---------------------------------------------------------------- what was recorded


def test_a_recorded_event_holds_no_arbitrage(shared, see_told):
    folder = shared / "data" / "polymarket_negrisk_fed_june"
    terms = json.loads((folder / "clob-markets.json").read_text())
    books = {book["asset_id"]: book for book in json.loads((folder / "clob-books.json").read_text())}
    markets, views = [], {}
    for term in terms:
        yes, no = (row["t"] for row in term["t"])
        market = make_market(
            term["c"], yes=yes, no=no, tick=to_units(str(term["mts"])), min_size=to_units(term["mos"]),
            size_step=10_000, fee_rate=to_units(str(term["fd"]["r"])), event_id="fed-june", neg_risk=True,
        )  # fmt: skip
        markets.append(market)
        held = {}
        for outcome, token in ((Outcome.YES, yes), (Outcome.NO, no)):
            held[outcome] = OrderBook(market.tick)
            rows = [
                [(to_units(r["price"]), to_units(r["size"])) for r in books[token][side]] for side in ("bids", "asks")
            ]
            assert held[outcome].snapshot(*rows, 1)
        views[market.id] = View(
            now_ns=1, market=market, books=held, yes_size=0, no_size=0, orders=(), cash=10**12, trusted=True
        )
    assert len(markets) == 5
    params = ArbitrageParams(exhaustive={"fed-june": 5}, min_profit="0.000001")
    assert best(Universe(markets, params.relations), views, params) is None
    states = of_event([m.id for m in markets], exhaustive=True)[0].states
    assert certify(states, offers_of(views, states)).bound < SCALE // 10
    assert all(complement(v.book.best_bid) == v.books[Outcome.NO].best_ask for v in views.values())
