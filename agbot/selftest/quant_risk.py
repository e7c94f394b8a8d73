"""Checks of options, probability models, VaR and its backtests; see `agbot.selftest.quant`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from agbot.quant import backtests, logit, loss, options, var
from agbot.quant.allocation import correlation_bounds
from agbot.quant.volatility import Garch, ewma_step, ewma_vol
from agbot.selftest.quant import Body, dispatch, floats, matrix, number
from agbot.units import SCALE, to_units

Got = dict[str, Any]

_PAYOFFS: Final = {"vanilla": options.Payoff.VANILLA, "asset": options.Payoff.ASSET, "cash": options.Payoff.CASH}


def _market(i: Body) -> options.Market:
    years = number(i["T"]) if "T" in i else number(i["days"]) / options.DAYS
    return options.Market(
        spot=number(i["S"]),
        years=years,
        vol=number(i.get("sigma", 0)),
        rate=number(i["r"]),
        dividend=number(i["q"]),
    )


def _option(i: Body, expected: Body) -> Got:
    """Compute a claim; one that pays no cash and whose row is named after the asset is told by its price."""
    call, strike, market = i["type"] == "call", number(i["K"]), _market(i)
    cash = number(i.get("cash", 1))
    payoffs = [options.Payoff.CASH] if "cash" in i else [options.Payoff.VANILLA, options.Payoff.ASSET]
    found = [options.value(payoff, strike, market, call=call).times(cash) for payoff in payoffs]
    best = min(found, key=lambda greeks: abs(greeks.price - number(expected["price"])))
    told = attrs.asdict(best)
    published = expected.get("published")
    names = published if isinstance(published, Mapping) else {}
    return told | {"published": {name: told[name] for name in names} if names else best.price}


def _range(i: Body, _: Body) -> Got:
    cash = number(i["cash"])
    return {"price": options.between(number(i["low"]), number(i["high"]), _market(i)).price * cash}


def _implied(i: Body, _: Body) -> Got:
    market = options.Market(spot=number(i["S"]), years=number(i["days"]) / options.DAYS, vol=0.0, rate=number(i["r"]))
    market = attrs.evolve(market, dividend=number(i["q"]))
    roots = options.implied_vols(number(i["price"]), number(i["K"]), market, call=i["type"] == "call")
    return {"roots": list(roots), "count": len(roots)}


def _touch(i: Body, _: Body) -> Got:
    return {"probability": options.touch_probability(number(i["barrier"]), _market(i))}


def _touch_paid(i: Body, _: Body) -> Got:
    if i["paid"] != "at hit":
        raise ValueError(f"paid {i['paid']}")
    return {"published": options.touch_paid_at_hit(number(i["barrier"]), _market(i)) * number(i["cash"])}


# ---------------------------------------------------------------- probabilities


def _logit(i: Body, _: Body) -> Got:
    law = logit.LogitLaw(number(i["p0"]), number(i["total_logit_variance"]))
    strike = number(i["strike"])
    return {
        "cdf_at_strike": law.cdf(strike),
        "quantile_05": law.quantile(0.05),
        "quantile_95": law.quantile(0.95),
        "mean": law.p,
        "variance": law.moment2(),
        "call_on_probability": law.call(strike),
        "long_var95_per_share": law.var(0.95),
        "short_var95_per_share": law.var(0.95, long=False),
    }


def _drift(i: Body, _: Body) -> Got:
    names = ("p", "logit_variance_rate", "jump_rate", "jump_mean_logit", "jump_sd_logit")
    return {"drift": logit.jump_drift(*(number(i[name]) for name in names))}


def _bridge(i: Body, _: Body) -> Got:
    bridge = logit.ProbitBridge(
        number(i["p"]), number(i["time_to_resolution"]), number(i["time_to_resolution_at_horizon"])
    )
    quantiles = {f"quantile_{q:02d}": bridge.quantile(q / 100) for q in (5, 50, 95)}
    return {"local_vol_per_sqrt_time": bridge.local_vol(), "variance": bridge.variance(), **quantiles}


def _claim(i: Body, _: Body) -> Got:
    return attrs.asdict(logit.claim_greeks(number(i["p"]), number(i["quantity"]), number(i["logit_vol"])))


def _jacobi(i: Body, _: Body) -> Got:
    law = logit.Jacobi(number(i["p"]), number(i["s2"]), number(i["t"]))
    return {"variance": law.variance, "beta_a": law.beta[0], "beta_b": law.beta[1]}


def _jump(i: Body, _: Body) -> Got:
    law = logit.ResolutionLaw(number(i["p"]), number(i["resolve_prob"]), number(i["logit_variance"]))
    confidence = number(i["confidence"])
    return {"var": law.var(confidence), "es": law.es(confidence)}


# ---------------------------------------------------------------- VaR


def _discrete(i: Body, _: Body) -> Got:
    risk = var.discrete(floats(i["losses"]), floats(i["probs"]), str(i["confidence"]))
    return {"var": risk.var, "es": risk.es, "published": {"var": risk.var, "es": risk.es}}


def _normal(i: Body, _: Body) -> Got:
    value, confidence, horizon = number(i["value"]), str(i["confidence"]), number(i["horizon_days"])
    found = value * var.normal(number(i["mu"]), number(i["sigma"]), confidence, horizon).var
    return {"var": found, "published": found}


def _student(i: Body, _: Body) -> Got:
    value, mean, sd = (number(i[name]) for name in ("value", "mu_daily", "sigma_daily"))
    confidence, horizon = str(i["confidence"]), number(i["horizon_days"])
    plain = var.normal(mean, sd, confidence, horizon)
    heavy = var.student(mean, sd, confidence, number(i["t_dof"]), horizon)
    told = {"normal_var": plain.var, "normal_es": plain.es, "t_var": heavy.var, "t_es": heavy.es}
    return {name: value * figure for name, figure in told.items()}


def _correlated(i: Body, _: Body) -> Got:
    sds = [v * s for v, s in zip(floats(i["values"]), floats(i["sigmas"]), strict=True)]
    rho = number(i["corr"])
    corr = [[1.0 if a == b else rho for b in range(len(sds))] for a in range(len(sds))]
    found = var.correlated(sds, corr, str(i["confidence"]), number(i["horizon_days"])).var
    sd = (sum(a * b * c for a, row in zip(sds, corr, strict=True) for b, c in zip(sds, row, strict=True))) ** 0.5
    return {"sd": sd, "var": found, "published": found}


def _cornish(i: Body, _: Body) -> Got:
    skew, excess, confidence = number(i["skew"]), number(i["excess_kurtosis"]), str(i["confidence"])
    z = var.cornish_fisher_z(skew, excess, confidence)
    return {"z_cf": z, "var_return": -(number(i["mu"]) + z * number(i["sigma"]))}


def _historical(i: Body, expected: Body) -> Got:
    losses = [-value for value in floats(i["returns"])]
    return {level: _conventions(losses, level) for level in expected}


def _conventions(losses: list[float], level: str) -> Got:
    risk, others = var.historical(losses, level), var.elsewhere(losses, level)
    return {
        "var_order_statistic": risk.var,
        "es_exact_tail": risk.es,
        "var_linear_type7": others.linear,
        "var_higher": others.higher,
        "es_mean_of_losses_ge_var": others.mean_beyond,
    }


def _rank(i: Body, _: Body) -> Got:
    return {"rank_1_based": var.rank(int(i["n"]), str(i["confidence"]))}


def _aged(i: Body, _: Body) -> Got:
    losses = [-value for value in floats(i["returns"])]
    return {"var": var.age_weighted(losses, number(i["lam"]), str(i["confidence"])).var}


def _ewma_step(i: Body, _: Body) -> Got:
    variance = ewma_step(number(i["prev_sigma"]) ** 2, number(i["last_return"]), number(i["lam"]))
    return {"variance": variance, "sigma": variance**0.5, "published": variance**0.5}


def _ewma(i: Body, _: Body) -> Got:
    return {"next_sigma": ewma_vol(floats(i["returns"]), number(i["lam"]))}


def _garch(i: Body) -> Garch:
    return Garch(omega=number(i["omega"]), alpha=number(i["alpha"]), beta=number(i["beta"]))


def _garch_step(i: Body, _: Body) -> Got:
    model = _garch(i)
    variance = model.step(number(i["prev_sigma"]) ** 2, number(i["last_return"]))
    told = {"variance": variance, "sigma": variance**0.5, "long_run_variance": model.long_run}
    return told | {"published": variance**0.5}


def _filtered(i: Body, _: Body) -> Got:
    model, changes = _garch(i), floats(i["returns_pct"])
    backcast = number(i["init_variance_backcast"])
    ahead = float(model.filtered(changes, backcast)[-1])
    return {
        "variance_forecast_h1_to_h5": model.forecast(ahead, 5).tolist(),
        "loglikelihood": model.log_likelihood(changes, backcast),
        "fhs_var_1step_pct": var.filtered(changes, model, backcast, str(i["confidence"])).var,
    }


def _book(i: Body) -> list[tuple[int, int, float]]:
    """Return (size, cost, probability) of each position: 10⁻⁶ shares, 10⁻⁶ usd."""
    return [
        (to_units(p["qty"]), to_units(p["qty"]) * to_units(p["entry"]) // SCALE, number(p["prob"]))
        for p in i["positions"]
    ]


def _binary(i: Body, _: Body) -> Got:
    law = loss.together(loss.binary(*position) for position in _book(i))
    risk = law.risk(str(i["confidence"]))
    return {
        "var": risk.var / SCALE,
        "es": risk.es / SCALE,
        "mean_pnl": law.mean() / SCALE,
        "worst_loss": law.worst() / SCALE,
        "best_pnl": law.best() / SCALE,
        "variance": law.variance() / SCALE**2,
    }


def _copula(i: Body, _: Body) -> Got:
    factor, rho, book = loss.Factor.standard(), number(i["rho"]), _book(i)
    given = [factor.given(probability, rho) for _, _, probability in book]
    laws = [loss.binary(size, cost, p) for (size, cost, _), p in zip(book, given, strict=True)]
    law = loss.together(laws).averaged(factor.weights)
    all_yes, all_no = given[0] * 0 + 1, given[0] * 0 + 1
    for p in given:
        all_yes, all_no = all_yes * p, all_no * (1 - p)
    risk = law.risk(str(i["confidence"]))
    return {
        "var": risk.var / SCALE,
        "es": risk.es / SCALE,
        "prob_all_no": float(factor.weights @ all_no),
        "prob_all_yes": float(factor.weights @ all_yes),
        "mean_pnl": law.mean() / SCALE,
    }


def _vasicek(i: Body, _: Body) -> Got:
    found = var.vasicek(number(i["pd"]), number(i["rho"]), str(i["confidence"]))
    return {"wcdr": found, "published": found}


def _neg_risk(i: Body, _: Body) -> Got:
    holdings = [
        loss.Holding(probability=number(o["prob"]), yes=to_units(o["yes"]), no=to_units(o["no"])) for o in i["outcomes"]
    ]
    other = number(i["other_prob"] or 0)
    profits, law = loss.enumerated(holdings, to_units(i["cash_paid"]), other)
    names = [o["name"] for o in i["outcomes"]] + (["other"] if other else [])
    risk = law.risk(str(i["confidence"]))
    return {
        "pnl_by_winner": dict(zip(names, (profit / SCALE for profit in profits), strict=True)),
        "expected_pnl": law.mean() / SCALE,
        "min_pnl": -law.worst() / SCALE,
        "max_pnl": law.best() / SCALE,
        "var": risk.var / SCALE,
        "es": risk.es / SCALE,
    }


def _correlation(i: Body, _: Body) -> Got:
    found = correlation_bounds(number(i["p"]), number(i["q"]))
    return {"max_corr": found.most, "min_corr": found.least, "mutually_exclusive_corr": found.exclusive}


def _decomposed(i: Body, _: Body) -> Got:
    found = var.decompose(floats(i["weights"]), matrix(i["cov"]), str(i["confidence"]))
    return {
        "var": found.var,
        "marginal": found.marginal.tolist(),
        "component": found.component.tolist(),
        "incremental_drop_each": found.incremental.tolist(),
    }


# ---------------------------------------------------------------- backtests


def _kupiec(i: Body, expected: Body) -> Got:
    exceptions, observations, p = int(i["exceptions"]), int(i["observations"]), number(i["p"])
    test = backtests.kupiec(exceptions, observations, p)
    least = backtests.at_least(exceptions, observations, p)
    told = {"lr": test.statistic, "pvalue": test.p_value, "tail": least, "binomial_tail_ge": least}
    told["binomial_tail_le"] = backtests.at_most(exceptions, observations, p)
    published = expected.get("published")
    return told | {"published": told if isinstance(published, Mapping) else least}


def _region(i: Body, expected: Body) -> Got:
    low, high = backtests.accepted(int(i["observations"]), number(i["p"]), number(i["test_confidence"]))
    printed = expected["published"]["reject_at_or_below"]
    told = {"reject_at_or_below": None if printed is None else low - 1, "reject_at_or_above": high + 1}
    return {"min_accept": low, "max_accept": high, "published": told}


def _bounds(i: Body, expected: Body) -> Got:
    observations, p = int(i["observations"]), number(i["p"])
    del expected
    yellow, red = backtests.bounds(observations, p)
    return {"first_yellow": yellow, "first_red": red}


def _below(i: Body, _: Body) -> Got:
    return {"prob_strictly_below": backtests.below_target(int(i["observations"]), number(i["p"]))}


def _zone(i: Body, _: Body) -> Got:
    exceptions, observations, p = int(i["exceptions"]), int(i["observations"]), 1 - number(i["confidence"])
    cumulative = backtests.at_most(exceptions, observations, p)
    printed = {"cumulative_pct": 100 * cumulative, "multiplier": backtests.multiplier(exceptions)}
    return {"zone": str(backtests.zone(exceptions, observations, p)), "cumulative": cumulative, "published": printed}


def _christoffersen(i: Body, expected: Body) -> Got:
    counted = backtests.Transitions(**{name: int(i[name]) for name in ("n00", "n01", "n10", "n11")})
    exceptions, observations, p = int(i["exceptions"]), int(i["observations"]), number(i["p"])
    alone, both = counted.independence(), backtests.christoffersen(counted, exceptions, observations, p)
    told = {
        "lr_uc": backtests.kupiec(exceptions, observations, p).statistic,
        "lr_ind": alone.statistic,
        "p_ind": alone.p_value,
        "lr_cc": both.statistic,
        "p_cc": both.p_value,
    }
    return told | {"published": {name: told[name] for name in expected["published"]}}


def _shortfall(i: Body, _: Body) -> Got:
    test = backtests.acerbi_szekely(floats(i["returns"]), number(i["var"]), number(i["es"]), number(i["confidence"]))
    return {"z1": test.z1, "z2": test.z2, "exceptions": test.exceptions, "reject_z2_5pct": test.rejected}


CHECKS: Final = dispatch(
    (
        ("options", "low", _range),
        ("options", "price", _implied),
        ("options", "", _option),
        ("options.touch", "paid", _touch_paid),
        ("options.touch", "", _touch),
        ("probability.logit_diffusion", "p0", _logit),
        ("probability.logit_diffusion", "", _drift),
        ("probability.probit_bridge", "", _bridge),
        ("probability.greeks", "", _claim),
        ("probability.jacobi", "", _jacobi),
        ("var.jump_to_resolution", "", _jump),
        ("var.discrete", "", _discrete),
        ("var.parametric", "values", _correlated),
        ("var.parametric", "t_dof", _student),
        ("var.parametric", "", _normal),
        ("var.cornish_fisher", "", _cornish),
        ("var.historical", "n", _rank),
        ("var.historical", "", _historical),
        ("var.age_weighted", "", _aged),
        ("volatility", "returns", _ewma),
        ("volatility", "omega", _garch_step),
        ("volatility", "", _ewma_step),
        ("var.filtered_historical", "", _filtered),
        ("var.binary_exact", "", _binary),
        ("var.copula", "positions", _copula),
        ("var.copula", "", _vasicek),
        ("var.neg_risk", "", _neg_risk),
        ("risk.correlation", "", _correlation),
        ("portfolio.var_decomposition", "", _decomposed),
        ("backtest.kupiec", "test_confidence", _region),
        ("backtest.kupiec", "exceptions", _kupiec),
        ("backtest.kupiec", "", _below),
        ("backtest.traffic_light", "exceptions", _zone),
        ("backtest.traffic_light", "", _bounds),
        ("backtest.christoffersen", "", _christoffersen),
        ("backtest.es", "", _shortfall),
    )
)
