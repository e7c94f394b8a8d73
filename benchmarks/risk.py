"""The exact law of a book beside Monte Carlo, and all policies before one order beside one signature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from coincurve import PrivateKey

from agbot.core.rules import DayCap, InventoryLimit, KillSwitch, OrderCap, PositionLimit, account, orders
from agbot.core.rules.file import TYPES
from agbot.core.view import Place
from agbot.model.ids import StrategyId
from agbot.model.market import Market, Outcome
from agbot.model.order import Side
from agbot.quant.loss import Law, binary, together
from agbot.testing.account import Account
from agbot.testing.builders import make_market
from agbot.units import SCALE
from benchmarks.timing import Case, Effort, Row, at_most, beside, best_ns

PATHS = 100_000
MONTE_CARLO = f"NumPy Monte Carlo of {PATHS:,} paths"
SIGNATURE = "one coincurve signature"
CHECK = "all policies before an order, 100 positions"
CHECK_CHANGED = f"{CHECK}, another market changed"
CHECK_BUSY = f"{CHECK}, all other markets changed within a second"
HUNDRED = "exact loss of 100 contracts"
CENT = SCALE // 100

Contract = tuple[int, int, float]
"""Shares (10⁻⁶), what they cost (10⁻⁶ usd), the probability that they win."""


def rows(effort: Effort) -> list[Row]:
    """Measure every promise about risk."""
    return [*_law_rows(effort), *_policy_rows(effort)]


# ---------------------------------------------------------------- the law of a book


def _law_rows(effort: Effort) -> list[Row]:
    _check_brute_force(_book(16, SCALE, 50))
    whole, fine = _book(100, SCALE, 50), _book(100, CENT, 50)
    many, finer = _book(1000, SCALE, 50), _book(1000, CENT, 5)
    for book in (whole, fine, many):
        _check_sampled(book)
    ns = best_ns(
        {
            "whole": _repeat(lambda: _exact(whole)),
            "fine": _repeat(lambda: _exact(fine)),
            MONTE_CARLO: _repeat(lambda: _sampled(whole)),
        },
        effort,
    )
    large = best_ns(
        {
            "many": _repeat(lambda: _exact(many)),
            MONTE_CARLO: _repeat(lambda: _sampled(many)),
            HUNDRED: _repeat(lambda: _exact(whole)),
        },
        effort,
    )
    equal = best_ns({"1,000": _repeat(lambda: _exact(finer)), HUNDRED: _repeat(lambda: _exact(fine))}, effort)
    return [
        at_most(f"{HUNDRED}, whole shares", 2, ns, "whole", MONTE_CARLO),
        at_most(f"{HUNDRED}, hundredths of a share", 2, ns, "fine", MONTE_CARLO),
        at_most("exact loss of 1,000 contracts, whole shares", 2, large, "many", MONTE_CARLO),
        at_most("exact loss of 1,000 contracts on as wide a grid", 10, equal, "1,000", HUNDRED),
        beside("exact loss of 1,000 contracts on a grid ten times as wide", large, "many", HUNDRED),
    ]


def _book(count: int, unit: int, most: int) -> list[Contract]:
    """Return contracts of a tenth of `most` to `most` shares, in multiples of `unit` (10⁻⁶), each at its own price."""
    dice = np.random.default_rng(6)
    sizes = dice.integers(most * SCALE // 10 // unit, most * SCALE // unit, count, endpoint=True) * unit
    prices, chances = dice.integers(5, 96, count), dice.uniform(0.05, 0.95, count)
    return [(int(s), int(s) * int(p) // 100, float(q)) for s, p, q in zip(sizes, prices, chances, strict=True)]


def _exact(book: list[Contract]) -> Law:
    return together(binary(*contract) for contract in book)


def _sampled(book: list[Contract], seed: int = 1) -> np.ndarray:
    """Return a profit for each path, usd·10⁻⁶: the least memory traffic that we know of, nothing allocated in it."""
    dice = np.random.default_rng(seed)
    total, uniform, won = np.zeros(PATHS), np.empty(PATHS), np.empty(PATHS)
    for size, _, chance in book:
        dice.random(out=uniform)
        np.less(uniform, chance, out=won)
        np.multiply(won, size, out=won)
        np.add(total, won, out=total)
    return total - sum(cost for _, cost, _ in book)


def _check_brute_force(book: list[Contract]) -> None:
    """Go through all states of a book; its law has to have the same atoms."""
    profits, chances = np.zeros(1, dtype=np.int64), np.ones(1)
    for size, cost, chance in book:
        profits = np.concatenate((profits - cost, profits + (size - cost)))
        chances = np.concatenate((chances * (1 - chance), chances * chance))
    at, where = np.unique(profits, return_inverse=True)
    tried, law = np.bincount(where, chances), _exact(book).atoms()
    assert list(law) == at.tolist(), "the law of 2^16 states has other profits"
    assert np.allclose(list(law.values()), tried, rtol=1e-10, atol=1e-15), "and other chances"


def _check_sampled(book: list[Contract]) -> None:
    """Hold the law against samples: its mean within five standard errors, and at its VaR a tail of that mass."""
    law, paths = _exact(book), _sampled(book)
    assert abs(law.mean() - paths.mean()) <= 5 * (law.variance() / PATHS) ** 0.5
    var = law.risk(0.95).var
    assert np.mean(-paths > var) <= 0.05 + 5 * (0.05 * 0.95 / PATHS) ** 0.5
    assert np.mean(-paths >= var) >= 0.05 - 5 * (0.05 * 0.95 / PATHS) ** 0.5


# ---------------------------------------------------------------- the policies


def _policy_rows(effort: Effort) -> list[Row]:
    sign, digest = PrivateKey(bytes(range(1, 33))).sign_recoverable, bytes(range(32))
    ns = best_ns(
        {
            "check": _checked(changed=0),
            "changed": _checked(changed=1),
            "busy": _checked(changed=99),
            SIGNATURE: _repeat(lambda: sign(digest, hasher=None)),
        },
        effort,
    )
    return [
        at_most(CHECK, 2, ns, "check", SIGNATURE),
        at_most(CHECK_CHANGED, 2, ns, "changed", SIGNATURE),
        beside(CHECK_BUSY, ns, "busy", SIGNATURE),
    ]


def _checked(changed: int) -> Case:
    """Return the check of one order, before which one of `changed` other markets changes, each in its turn."""
    markets = [make_market(f"market-{i}", event_id=f"event-{i}") for i in range(100)]
    held = {(market.id, Outcome.YES): ("100", "40") for market in markets}
    bench = Account(*_policies(markets), markets=markets, held=held, capital=10**6)
    admission, (asked, *others), strategy = bench.engine.admission, markets, StrategyId("bench")
    place = Place(token=asked.yes, side=Side.BUY, price=500_000, size=20 * SCALE, why="a bench", fair=600_000)
    denied = admission.violations(bench.now, asked.id, strategy, place)
    assert denied == (), f"the bench measures an order that passes, not one that {denied} deny"

    def case(count: int) -> None:
        for i in range(count):
            if changed:
                admission.outlook.stir(others[i % changed].id)
            admission.violations(bench.now, asked.id, strategy, place)

    return case


def _policies(markets: list[Market]) -> list[Any]:
    """Return one policy of every type, each with a limit that is far away: all of them are asked to the end."""
    far = 10**6 * SCALE
    found = [
        PositionLimit(None, far),
        InventoryLimit(far),
        KillSwitch(enabled=False),
        OrderCap(far),
        DayCap(far),
        account.MaxLoss(far),
        account.PositionPct(SCALE),
        account.EventExposure(SCALE),
        account.StrategyBudget("bench", far),
        account.MaxPositions(500),
        account.VarLimit(max_var_usd=far),
        account.ExpectedShortfallLimit(max_es_usd=far),
        account.GreeksLimit(far, far, far),
        account.Correlation(800_000),
        account.DailyLoss(SCALE),
        account.Drawdown(SCALE),
        account.ConsecutiveLosses(50),
        orders.FatFinger(far, far),
        orders.OrderRate(1000),
        orders.PriceBand(SCALE),
        orders.Staleness(10**18),
        orders.SelfTrade(),
        orders.Universe(tuple(market.id for market in markets[19::-1])),
        orders.MinEdge(0),
        orders.SlippageGuard(),
    ]
    assert {type(rule) for rule in found} == set(TYPES), "a type of policy is not measured"
    return found


def _repeat(call: Callable[[], object]) -> Case:
    def case(count: int) -> None:
        for _ in range(count):
            call()

    return case
