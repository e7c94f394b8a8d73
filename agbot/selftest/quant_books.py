"""Checks of performance, overfitting, sizing and allocation; see `agbot.selftest.quant`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import attrs
import numpy as np

from agbot.quant import allocation, overfit, performance, sizing
from agbot.selftest.quant import Body, dispatch, floats, matrix, number

Got = dict[str, Any]


def _performance(i: Body, _: Body) -> Got:
    found = performance.performance(
        floats(i["returns"]), risk_free=number(i["risk_free_per_period"]), periods=number(i["periods_per_year"])
    )
    told = attrs.asdict(found)
    return told | {
        "sharpe_ddof1": found.sharpe,
        "annual_vol_ddof1": found.annual_vol,
        "skew_biased": found.skew,
        "kurtosis_pearson_biased": found.kurtosis,
    }


def _sortino(i: Body, _: Body) -> Got:
    returns, least = floats(i["returns"]), number(i["mar"])
    told = {
        "downside_dev": performance.downside(returns, least),
        "sortino": performance.sortino(returns, least, number(i["periods_per_year"])),
    }
    return told | {"published": told}


def _drawdown(i: Body, _: Body) -> Got:
    found = performance.deepest(floats(i["equity"]))
    return {"max_drawdown": found.depth, "peak_index": found.peak, "trough_index": found.trough}


def _lo(i: Body, _: Body) -> Got:
    periods = int(i["q"])
    return {"eta": performance.lo_factor(number(i["ar1"]), periods), "sqrt_q": performance.lo_factor(0.0, periods)}


def _estimate(i: Body) -> overfit.Estimate:
    return overfit.Estimate(
        sharpe=number(i["sharpe_per_period"]), skew=number(i["skew"]), kurtosis=number(i["kurtosis_pearson"])
    )


def _deflated(i: Body, _: Body) -> Got:
    trials, variance = int(i["trials"]), number(i["variance_of_trial_sharpes_per_period"])
    found = overfit.deflated(_estimate(i), int(i["T"]), trials, variance)
    return {"sr0": overfit.expected_best(trials, variance), "dsr": found, "published": found}


def _probabilistic(i: Body, _: Body) -> Got:
    found = overfit.probabilistic(_estimate(i), int(i["T"]), number(i["benchmark"]))
    return {"psr": found, "published": found}


def _record(i: Body, _: Body) -> Got:
    return {"min_trl": overfit.track_record(_estimate(i), number(i["confidence"]), number(i["benchmark"]))}


def _cscv(i: Body, _: Body) -> Got:
    found = overfit.cscv(matrix(i["returns_matrix"]), int(i["splits"]))
    return {"pbo": found.pbo, "n_combinations": found.splits, "mean_logit": found.mean_logit}


def _blocks(i: Body, _: Body) -> Got:
    return attrs.asdict(overfit.block_length(floats(i["x"])))


# ---------------------------------------------------------------- sizing


def _kelly(i: Body, expected: Body) -> Got:
    bet = sizing.kelly(number(i["prob"]), number(i["cost"]))
    published = {"f": bet.fraction, "growth": bet.growth}
    return {"fraction": bet.fraction, "growth": bet.growth, "published": published if "published" in expected else {}}


def _kelly_fee(i: Body, _: Body) -> Got:
    p, cost = number(i["prob"]), sizing.cost_with_fee(number(i["ask"]), number(i["fee_rate"]))
    bet = sizing.kelly(p, cost)
    return {
        "cost_per_share": cost,
        "fraction_of_bankroll": bet.fraction,
        "growth": bet.growth,
        "half_kelly_growth": sizing.growth(p, cost, bet.fraction / 2),
    }


def _kelly_shrunk(i: Body, _: Body) -> Got:
    factor, bet = sizing.shrunk(number(i["prob_estimate"]), number(i["cost"]), number(i["estimate_sd"]))
    return {"shrink": factor, "fraction": bet.fraction}


def _kelly_many(i: Body, expected: Body) -> Got:
    """Compute bets on outcomes that exclude each other; on independent ones where the row names single bets."""
    probs, costs = floats(i["probs"]), floats(i["costs"])
    if "single_bet_fractions" not in expected:
        found = sizing.exclusive_kelly(probs, costs)
        return {"fractions": found.fractions.tolist(), "reserve": found.reserve, "growth": found.growth}
    states = np.array(np.meshgrid(*[[0.0, 1.0]] * len(probs), indexing="ij")).reshape(len(probs), -1).T
    chances = np.prod(np.where(states == 1, probs, 1 - np.array(probs)), axis=1)
    found = sizing.joint_kelly(states / np.array(costs) - 1, chances)
    single = [sizing.kelly(p, c).fraction for p, c in zip(probs, costs, strict=True)]
    return {"fractions": found.fractions.tolist(), "growth": found.growth, "single_bet_fractions": single}


def _continuous(i: Body, expected: Body) -> Got:
    bet = sizing.continuous_kelly(number(i["mu"]), number(i["sigma"]), number(i["r"]))
    told = {"fraction": bet.fraction, "growth": bet.growth, "f": bet.fraction}
    return told | {"published": told if isinstance(expected.get("published"), Mapping) else bet.fraction}


def _fixed(i: Body, _: Body) -> Got:
    names = ("equity", "risk_fraction", "entry", "stop", "lot")
    equity, part, entry, stop, lot = (Decimal(str(i[name])) for name in names)
    shares = sizing.fixed_fractional(equity, part, entry, stop, lot)
    return {"shares": f"{shares.normalize():f}", "max_loss_at_stop": float(shares * abs(entry - stop))}


def _vol_target(i: Body, _: Body) -> Got:
    names = ("equity", "target_vol", "logit_vol_annual", "price", "leverage_cap")
    spread, notional = sizing.vol_target(*(number(i[name]) for name in names))
    return {"return_vol": spread, "notional": notional}


# ---------------------------------------------------------------- allocation


def _covariance(i: Body) -> Any:
    return matrix(i["cov"]) if "cov" in i else allocation.covariance(floats(i["vols"]), matrix(i["corr"]))


def _parity(i: Body, expected: Body) -> Got:
    cov = _covariance(i)
    found = allocation.risk_budget(cov, floats(i["budgets"]))
    told = {
        "weights": found.weights.tolist(),
        "vol": found.vol,
        "risk_contributions": allocation.contributions(found.weights, cov).tolist(),
    }
    named = isinstance(expected.get("published"), Mapping)
    return told | {"published": told if named else found.weights.tolist()}


def _diversified(i: Body, _: Body) -> Got:
    found = allocation.most_diversified(_covariance(i))
    active = [int(flag) for flag in found.active]
    return {"weights": found.weights.tolist(), "diversification_ratio": found.ratio, "active": active}


def _least(i: Body, _: Body) -> Got:
    found = allocation.least_variance(_covariance(i))
    return {"weights": found.weights.tolist(), "vol": found.vol}


def _shrunk_covariance(i: Body, _: Body) -> Got:
    cov, part = allocation.ledoit_wolf(matrix(i["returns"]))
    return {"cov": cov.tolist(), "shrinkage": part}


CHECKS: Final = dispatch(
    (
        ("performance", "equity", _drawdown),
        ("performance", "mar", _sortino),
        ("performance", "ar1", _lo),
        ("performance", "", _performance),
        ("overfitting", "returns_matrix", _cscv),
        ("overfitting", "trials", _deflated),
        ("overfitting", "confidence", _record),
        ("overfitting", "", _probabilistic),
        ("bootstrap", "", _blocks),
        ("sizing", "stop", _fixed),
        ("sizing", "", _vol_target),
        ("sizing.kelly", "mu", _continuous),
        ("sizing.kelly", "ask", _kelly_fee),
        ("sizing.kelly", "estimate_sd", _kelly_shrunk),
        ("sizing.kelly", "probs", _kelly_many),
        ("sizing.kelly", "", _kelly),
        ("portfolio.risk_parity", "", _parity),
        ("portfolio.max_diversification", "", _diversified),
        ("portfolio.min_variance", "", _least),
        ("portfolio.covariance", "", _shrunk_covariance),
    )
)
