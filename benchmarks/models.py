"""Digital claims, risk parity and bets on one event beside the libraries people use for them.

Each peer is used the fastest way we know of: QuantLib reprices one claim or takes plain numbers, whichever is faster;
cvxpy solves a problem again that it compiled before. Answers are compared before anything is timed.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from agbot.quant.allocation import RESIDUAL_MAX, risk_budget
from agbot.quant.digitals import digital, digitals
from agbot.quant.sizing import exclusive_kelly
from benchmarks.timing import Case, Effort, Row, best_ns, faster, not_installed

ONE = "digital claim, price and Greeks"
MANY = "10,000 digital claims at once"
PARITY = "risk parity of 20 assets"
BETS = "Kelly bets on 5 outcomes"
CLAIMS, ASSETS, PERIODS = 10_000, 20, 500
RATE, DIVIDEND, STRIKE, VOL, DAYS = 0.03, 0.01, 105.0, 0.3, 182
LIKELY, COSTS = (0.35, 0.25, 0.20, 0.12, 0.08), (0.31, 0.26, 0.23, 0.11, 0.13)


def rows(effort: Effort) -> list[Row]:
    """Measure every promise about models."""
    return [*_claim_rows(effort), *_parity_rows(effort), *_bet_rows(effort)]


def _peer(name: str) -> Any:
    """Return a library, None when it is not installed; what it prints while it loads is no part of the table."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except ImportError:
            return None


# ---------------------------------------------------------------- claims


def _claim_rows(effort: Effort) -> list[Row]:
    ql = _peer("QuantLib")
    if ql is None:
        goals = {ONE: ">= 5 x faster than QuantLib", MANY: ">= 50 x faster than QuantLib, one by one"}
        return [not_installed(name, goal, "QuantLib") for name, goal in goals.items()]
    spots = [95.0 + i * 0.1 for i in range(100)]
    ours = lambda spot: digital(spot, STRIKE, DAYS / 365, VOL, RATE, DIVIDEND)  # noqa: E731 - as its peers have it
    repriced, from_numbers = _repriced(ql), _from_numbers(ql)
    for spot in spots:
        _check_equal(ours(spot), repriced(spot))
        _check_equal(ours(spot), from_numbers(spot))
    cases = {"ours": ours, "repriced": repriced, "from numbers": from_numbers}
    ns = best_ns({name: _over(call, spots) for name, call in cases.items()}, effort)
    ns["QuantLib"] = min(ns["repriced"], ns["from numbers"])
    return [faster(ONE, 5, ns, "ours", "QuantLib"), _many_row(ql, effort)]


def _many_row(ql: Any, effort: Effort) -> Row:
    claims = _claims()
    one_by_one = _one_by_one(ql, claims)
    for ours, theirs in zip(zip(*digitals(*claims), strict=True), one_by_one(), strict=True):
        _check_equal(ours, theirs)
    peer = "QuantLib, one by one"
    ns = best_ns({"ours": _over(lambda c: digitals(*c), [claims]), peer: _over(lambda _: one_by_one(), [0])}, effort)
    return faster(MANY, 50, ns, "ours", peer)


def _check_equal(ours: tuple[float, ...], theirs: tuple[float, ...]) -> None:
    same = (math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-15) for a, b in zip(ours, theirs, strict=True))
    assert all(same), f"QuantLib says {theirs}, not {ours}"


def _repriced(ql: Any) -> Callable[[float], tuple[float, ...]]:
    """Return QuantLib's analytic engine on one claim whose spot is set anew."""
    today, days = ql.Date(1, 1, 2026), ql.Actual365Fixed()
    ql.Settings.instance().evaluationDate = today
    spot = ql.SimpleQuote(100.0)
    curves = [ql.YieldTermStructureHandle(ql.FlatForward(today, rate, days)) for rate in (DIVIDEND, RATE)]
    vol = ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), VOL, days))
    process = ql.BlackScholesMertonProcess(ql.QuoteHandle(spot), *curves, vol)
    claim = ql.EuropeanOption(
        ql.CashOrNothingPayoff(ql.Option.Call, STRIKE, 1.0), ql.EuropeanExercise(today + ql.Period(DAYS, ql.Days))
    )
    claim.setPricingEngine(ql.AnalyticEuropeanEngine(process))

    def at(price: float) -> tuple[float, ...]:
        spot.setValue(price)
        return claim.NPV(), claim.delta(), claim.gamma(), claim.vega(), claim.theta(), claim.rho()

    return at


def _from_numbers(ql: Any) -> Callable[[float], tuple[float, ...]]:
    years = DAYS / 365
    grown, spread, paid = math.exp((RATE - DIVIDEND) * years), VOL * math.sqrt(years), math.exp(-RATE * years)
    payoff = ql.CashOrNothingPayoff(ql.Option.Call, STRIKE, 1.0)

    def at(spot: float) -> tuple[float, ...]:
        return _six(ql.BlackCalculator(payoff, spot * grown, spread, paid), spot, years)

    return at


def _six(claim: Any, spot: float, years: float) -> tuple[float, ...]:
    greeks = claim.delta(spot), claim.gamma(spot), claim.vega(years), claim.theta(spot, years), claim.rho(years)
    return claim.value(), *greeks


def _claims() -> list[np.ndarray]:
    """Return spots, strikes, years, vols, rates, dividends, and whether each is a call."""
    dice = np.random.default_rng(7)
    bounds = ((80, 120), (80, 120), (0.1, 1), (0.3, 0.9), (0, 0.05), (0, 0.03))
    return [*(dice.uniform(low, high, CLAIMS) for low, high in bounds), dice.random(CLAIMS) < 0.5]


def _one_by_one(ql: Any, claims: list[np.ndarray]) -> Callable[[], list[tuple[float, ...]]]:
    """Return QuantLib in a loop; forwards, spreads and discounts are worked out before, at no cost to it."""
    spots, strikes, years, vols, rates, dividends, calls = claims
    forwards, paid = spots * np.exp((rates - dividends) * years), np.exp(-rates * years)
    kinds = [ql.Option.Call if call else ql.Option.Put for call in calls]
    columns = (strikes, forwards, vols * np.sqrt(years), paid, spots, years)
    prepared = list(zip(kinds, *(column.tolist() for column in columns), strict=True))

    def loop() -> list[tuple[float, ...]]:
        return [
            _six(ql.BlackCalculator(ql.CashOrNothingPayoff(kind, strike, 1.0), forward, spread, discount), spot, t)
            for kind, strike, forward, spread, discount, spot, t in prepared
        ]

    return loop


# ---------------------------------------------------------------- risk parity


def _parity_rows(effort: Effort) -> list[Row]:
    """Both from returns to weights, the covariance included."""
    dice = np.random.default_rng(5)
    common, own = dice.standard_normal((PERIODS, 1)), dice.standard_normal((PERIODS, ASSETS))
    returns = (0.6 * common + own) * dice.uniform(0.005, 0.03, ASSETS)
    ours = _our_parity(returns)
    found = ours()
    assert found.residual <= RESIDUAL_MAX
    rows = []
    for peer, make in (("skfolio", _skfolio), ("riskfolio-lib", _riskfolio)):
        theirs = make(returns)
        if theirs is None:
            rows.append(not_installed(PARITY, f">= 30 x faster than {peer}", peer))
            continue
        assert np.allclose(theirs(), found.weights, rtol=0, atol=2e-5), f"{peer} has other weights"
        ns = best_ns({"ours": _over(lambda _: ours(), [0]), peer: _over(lambda _, call=theirs: call(), [0])}, effort)
        rows.append(faster(PARITY, 30, ns, "ours", peer))
    return rows


def _our_parity(returns: np.ndarray) -> Callable[[], Any]:
    budgets = np.full(ASSETS, 1 / ASSETS)
    return lambda: risk_budget(np.cov(returns, rowvar=False), budgets)


def _skfolio(returns: np.ndarray) -> Callable[[], np.ndarray] | None:
    if (skfolio := _peer("skfolio.optimization")) is None:
        return None
    model = skfolio.RiskBudgeting(risk_measure=_peer("skfolio").RiskMeasure.VARIANCE)
    return lambda: np.asarray(model.fit(returns).weights_)


def _riskfolio(returns: np.ndarray) -> Callable[[], np.ndarray] | None:
    if (riskfolio := _peer("riskfolio")) is None:
        return None
    pandas = _peer("pandas")
    table = pandas.DataFrame(returns, columns=[f"asset-{i}" for i in range(ASSETS)])
    portfolio = riskfolio.Portfolio(returns=table)
    portfolio.assets_stats(method_mu="hist", method_cov="hist")
    wanted = {"model": "Classic", "rm": "MV", "rf": 0, "b": None, "hist": True}

    def weights() -> np.ndarray:
        return np.asarray(portfolio.rp_optimization(**wanted)["weights"])

    return weights


# ---------------------------------------------------------------- bets


def _bet_rows(effort: Effort) -> list[Row]:
    found = exclusive_kelly(LIKELY, COSTS)
    assert found.residual <= 1e-12
    cp = _peer("cvxpy")
    if cp is None:
        return [not_installed(BETS, ">= 100 x faster than cvxpy", "cvxpy")]
    solvers = {"SCS": {}, "CLARABEL": dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), 1e-9)}
    theirs = {name: _cvxpy(cp, solver=name, **options) for name, options in solvers.items()}
    for name, call in theirs.items():
        assert np.allclose(call(0), found.fractions, rtol=0, atol=1e-5), f"cvxpy with {name} bets otherwise"
    cases = {"ours": _over(lambda _: exclusive_kelly(LIKELY, COSTS), range(100))}
    ns = best_ns(cases | {name: _over(call, [0]) for name, call in theirs.items()}, effort)
    ns["cvxpy"] = min(ns[name] for name in solvers)
    return [faster(BETS, 100, ns, "ours", "cvxpy")]


def _cvxpy(cp: Any, **options: Any) -> Callable[[int], np.ndarray]:
    """Return the same bets as a problem with parameters, which is compiled once and solved again."""
    likely, costs = (cp.Parameter(len(COSTS), nonneg=True) for _ in range(2))
    shares, wealth = cp.Variable(len(COSTS), nonneg=True), cp.Variable(len(COSTS))
    rules = [wealth == 1 - costs @ shares + shares, costs @ shares <= 1]
    problem = cp.Problem(cp.Maximize(likely @ cp.log(wealth)), rules)

    def solve(_: int) -> np.ndarray:
        likely.value, costs.value = np.array(LIKELY), np.array(COSTS)
        problem.solve(**options)
        return np.asarray(costs.value * shares.value)

    return solve


def _over(call: Callable[[Any], object], arguments: Any) -> Case:
    """Return a case that goes round `arguments`."""
    count_of = len(arguments)

    def case(count: int) -> None:
        for i in range(count):
            call(arguments[i % count_of])

    return case
