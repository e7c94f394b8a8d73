"""Checks of quotes, signals, arbitrage, schedules, costs, fees and limits; see `agbot.selftest.quant`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, Final

import attrs

from agbot.core.limits import Limits
from agbot.core.triggers import Triggers, Trip
from agbot.model.fees import FeeRounding, taker_fee
from agbot.quant import arbitrage, costs, execution, limits, quotes, reversion, signals
from agbot.selftest.check import Check, Difference
from agbot.selftest.quant import Body, compared, dispatch, floats, number
from agbot.units import NS_PER_S, to_text, to_units

Got = dict[str, Any]

PATHS: Final = 200_000
SEED: Final = 20_081
DAY_NS: Final = 86_400 * NS_PER_S


def _exact(value: Any) -> Fraction:
    return Fraction(str(value))


def _ladder(rows: Any) -> list[tuple[Fraction, Fraction]]:
    return [(_exact(price), _exact(size)) for price, size in rows]


def _fees(row: Body) -> Iterator[Difference]:
    i, expected, reach = row["inputs"], row["expected"], row["tolerance"]
    price, rate, shares = _exact(i["price"]), _exact(i["rate"]), _exact(i["shares"])
    exact = float(shares * arbitrage.fee(price, rate, int(i["exponent"])))
    units = (to_units(i["shares"]), to_units(i["price"]), to_units(i["rate"]), int(i["exponent"]))
    charged = taker_fee(*units, FeeRounding.FLOOR) / 10**6
    yield from compared(number(expected["fee_exact"]), exact, reach["fee_exact"], "fee_exact")
    name = "fee_charged_floor5"
    yield from compared(number(expected[name]), charged, reach[name], name)


def _set(found: arbitrage.Sets) -> Got:
    told = {"shares": found.size, "cost": found.cost, "fees_unrounded": found.fees, "profit": found.profit}
    return {name: float(value) for name, value in told.items()}


def _complete(i: Body, _: Body) -> Got:
    both = [_ladder(i["yes_asks"]), _ladder(i["no_asks"])]
    return _set(arbitrage.sets(both, Fraction(1), _exact(i["fee_rate"])))


def _event(i: Body, _: Body) -> Got:
    ladders = [_ladder(rows) for rows in i["ladders"]]
    pays = Fraction(1 if i["side"] == "yes" else len(ladders) - 1)
    return _set(arbitrage.sets(ladders, pays, _exact(i["fee_rate"])))


def _convert(i: Body, _: Body) -> Got:
    found = arbitrage.converted({name: _exact(size) for name, size in i["no"].items()})
    floated = {
        k: {n: float(v) for n, v in part.items()} for k, part in (("yes", found.yes), ("no_left", found.no_left))
    }
    return {"converted": float(found.size), "cash": float(found.cash), **floated}


def _cross(i: Body, _: Body) -> Got:
    yes, no = (_exact(i["yes_ask"]), _exact(i["fee1"])), (_exact(i["no_ask"]), _exact(i["fee2"]))
    found = arbitrage.crossed(yes, no, _exact(i["fixed_cost_per_set"]), int(i["days"]))
    told = {"unit_cost": found.cost, "edge": found.edge, "annualised_simple": found.annualised}
    return {**{name: float(value) for name, value in told.items()}, "profitable": found.edge > 0}


def _quoted(i: Body, _: Body) -> Got:
    variance = number(i["sigma"]) ** 2 * number(i["time_left"])
    found = quotes.avellaneda_stoikov(
        number(i["mid"]), number(i["inventory"]), number(i["gamma"]), variance, number(i["k"])
    )
    return {"reservation": found.reservation, "spread": found.spread, "bid": found.bid, "ask": found.ask}


def _charge(i: Body, _: Body) -> Got:
    spread = quotes.fill_spread(number(i["gamma"]), number(i["k"]))
    return {"spread": spread, "published": spread}


def _glft(i: Body, expected: Body) -> Got:
    maker = quotes.Glft(
        most=int(i["Q"]), gamma=number(i["gamma"]), sigma=number(i["sigma"]), k=number(i["k"]), rate=number(i["A"])
    )
    near = maker.distances(number(i["T"]))
    far = {q: maker.far_from_the_end(int(q)) for q in expected["asymptotic"]}
    return {
        "quotes": {q: _distances(near[int(q)]) for q in expected["quotes"]},
        "asymptotic": {q: _distances(pair) for q, pair in far.items()},
    }


def _distances(pair: tuple[float | None, float | None]) -> Got:
    return dict(zip(("bid_distance", "ask_distance"), pair, strict=True))


def _simulation(row: Body) -> Iterator[Difference]:
    i, reach = row["inputs"], row["tolerance"]
    steps = round(number(i["T"]) / number(i["dt"]))
    for name in ("inventory", "symmetric"):
        got = quotes.simulated(
            number(i["gamma"]),
            number(i["k"]),
            number(i["A"]),
            number(i["sigma"]),
            steps=steps,
            step=number(i["dt"]),
            paths=PATHS,
            seed=SEED,
            by_inventory=name == "inventory",
        )
        for figure, value in row["expected"][name].items():
            allowed = {kind: reach[f"{figure}_{kind}"] for kind in ("abs", "rel") if f"{figure}_{kind}" in reach}
            yield from compared(value, getattr(got, figure), allowed, f"{name}.{figure}")


def _indifferent(i: Body, _: Body) -> Got:
    found = quotes.held_to_the_end(number(i["prob"]), number(i["gamma"]), number(i["inventory"]))
    return {"bid_indifference": found.bid, "ask_indifference": found.ask, "marginal": found.marginal}


def _ticks(i: Body, _: Body) -> Got:
    sides = quotes.on_ticks(_exact(i["bid"]), _exact(i["ask"]), _exact(i["tick"]))
    told = (None if side is None else to_text(int(side * 10**6)) for side in sides)
    return dict(zip(("bid", "ask"), told, strict=True))


def _lmsr(i: Body, _: Body) -> Got:
    rule = quotes.Lmsr(number(i["b"]), tuple(floats(i["quantities"])))
    cost = rule.cost(int(i["outcome"]), number(i["buy"]))
    return {"prices": rule.prices(), "trade_cost": cost, "max_loss": rule.max_loss}


def _leaning(i: Body, _: Body) -> Got:
    top = (number(i["bid"]), number(i["bid_size"]), number(i["ask"]), number(i["ask_size"]))
    return attrs.asdict(signals.leaning(top))


def _flow(i: Body, _: Body) -> Got:
    tops = [(number(a), number(b), number(c), number(d)) for a, b, c, d in i["best_quotes"]]
    return {"ofi": signals.order_flow(tops)}


def _impact(i: Body, _: Body) -> Got:
    changes = next(values for name, values in i.items() if name != "signed_volume")
    found = signals.fitted(floats(i["signed_volume"]), floats(changes))
    return {"lam": found.slope, "intercept": found.intercept, "stderr": found.stderr, "r2": found.r2}


def _roll(i: Body, _: Body) -> Got:
    autocov, spread = signals.roll_spread(floats(i["price_changes"]))
    return {"autocov": autocov, "spread": spread}


def _kyle(i: Body, _: Body) -> Got:
    found = signals.kyle(number(i["value_variance"]), number(i["noise_sd"]))
    return {"beta": found.beta, "lam": found.impact, "posterior_variance": found.left_variance}


def _vpin(i: Body, _: Body) -> Got:
    volumes = next(values for name, values in i.items() if name.startswith("volume"))
    path, buckets = signals.toxicity(
        floats(i["price_changes"]), floats(volumes), number(i["bucket_volume"]), number(i["sigma"]), int(i["window"])
    )
    return {"vpin": path, "buckets": buckets}


def _pin(i: Body, _: Body) -> Got:
    return {"pin": signals.informed(number(i["alpha"]), number(i["mu"]), number(i["eps"]))}


def _reverting(i: Body, _: Body) -> Got:
    found = reversion.reversion(floats(i["x"]))
    return {
        "adf_stat": found.statistic,
        "adf_pvalue": found.p_value,
        "ar1": found.ar1,
        "half_life": found.half_life,
        "ou_mean": found.mean,
        "ou_theta_per_step": found.theta,
        "ou_sigma_per_sqrt_step": found.sigma,
    }


def _pair(i: Body, _: Body) -> Got:
    found = reversion.cointegrated(floats(i["y"]), floats(i["x"]))
    named = {"hedge_ratio": found.hedge, "stat": found.statistic, "pvalue": found.p_value, "last_zscore": found.zscore}
    return {**named, "intercept": found.intercept}


def _path(i: Body, _: Body) -> Got:
    impact = execution.Impact(eta=number(i["eta"]), gamma=number(i["gamma"]), epsilon=number(i["epsilon"]))
    found = execution.almgren_chriss(
        number(i["shares"]),
        number(i["horizon"]),
        int(i["intervals"]),
        sigma=number(i["sigma_abs"]),
        impact=impact,
        aversion=number(i["risk_aversion"]),
    )
    return {
        "kappa": found.kappa,
        "holdings": found.holdings.tolist(),
        "trades": found.trades.tolist(),
        "expected_cost": found.cost,
        "variance": found.variance,
        "std": found.variance**0.5,
    }


def _twap(i: Body, _: Body) -> Got:
    return {"slices": execution.twap(int(i["total_units"]), int(i["slices"]), int(i["min_units"]))}


def _vwap(i: Body, _: Body) -> Got:
    return {"slices": execution.vwap(int(i["total_units"]), i["profile"])}


def _pov(i: Body, _: Body) -> Got:
    total, volumes = int(i["total_units"]), [int(volume) for volume in i["external_volumes"]]
    slices = execution.pov(total, str(i["rate"]), volumes, int(i["min_units"]))
    return {"slices": slices, "remaining": total - sum(slices)}


def _costs(i: Body, _: Body) -> Got:
    found = costs.shortfall(
        costs.Executed(
            sign=1 if i["side"] == "buy" else -1,
            decision=_exact(i["decision_price"]),
            arrival=_exact(i["arrival_mid"]),
            last=_exact(i["last_price"]),
            size=_exact(i["parent_size"]),
            fees=_exact(i["fees"]),
            fills=_ladder(i["fills"]),
            market=_ladder(i["market_trades"]),
            mids_after={name: _exact(mid) for name, mid in i["mids_after"].items()},
        )
    )
    told = {
        "avg_fill": found.average,
        "arrival_slippage_per_share": found.arrival_slippage,
        "arrival_slippage_bps": found.arrival_slippage_bps,
        "vwap_slippage_per_share": found.vwap_slippage,
        "delay_cost": found.delay,
        "execution_cost": found.execution,
        "opportunity_cost": found.opportunity,
        "fees": found.fees,
        "implementation_shortfall": found.total,
        "fill_rate": found.fill_rate,
        "participation": found.participation,
    }
    floated: Got = {name: None if value is None else float(value) for name, value in told.items()}
    return floated | {"markout_per_share": {name: float(value) for name, value in found.markouts.items()}}


def _guard(i: Body, _: Body) -> Got:
    guard = costs.Guard(
        reference=_exact(i["reference_price"]), edge=_exact(i["edge"]), part=_exact(i["max_fraction_of_edge"])
    )
    found = costs.guarded(1 if i["side"] == "buy" else -1, _ladder(i["levels"]), _exact(i["qty"]), guard)
    average, slippage = (None if value is None else float(value) for value in (found.average, found.slippage))
    return {"vwap": average, "slippage": slippage, "approved": not found.reason, "reason": found.reason or None}


def _trips(i: Body, _: Body) -> Got:
    watched = {
        "daily_loss": Limits(daily_loss=to_units(i["max_daily_loss"])),
        "drawdown": Limits(drawdown=to_units(i["max_drawdown"])),
        "consecutive_losses": Limits(losses=int(i["max_consecutive_losses"])),
    }
    found = {name: _first_trip(Triggers(each), i["events"]) for name, each in watched.items()}
    at = min((index for index in found.values() if index is not None), default=None)
    return {"index": at, "reasons": [name for name, index in found.items() if at is not None and index == at]}


def _first_trip(triggers: Triggers, events: list[list[str]]) -> int | None:
    """Return the first event at which the switch that the bot uses trips, None for none."""
    day, equity, realised = 20_000, 0, 0
    for index, (kind, value) in enumerate(events):
        units = to_units(value)
        day += kind == "day"
        equity = equity if kind == "trade" else units
        if kind == "trade":
            realised += units
            triggers.traded("m", flat=True, realised=realised)  # type: ignore[arg-type]
        trip: Trip | None = triggers.look(day * DAY_NS + index, equity=equity, brought=0, believed=True)
        if trip is not None:
            return index
    return None


def _parts(i: Body, _: Body) -> Got:
    said, limit = i["candidate"], i["limits"]
    candidate = limits.Candidate(
        name=said["name"],
        exposure=number(said["notional"]),
        sector=said["sector"],
        correlations={name: number(value) for name, value in i["corr_with_candidate"].items()},
    )
    held = {name: number(usd) for name, usd in i["positions"].items()}
    parts = limits.Parts(
        max_position=number(limit["max_position_pct"]),
        max_sector=number(limit["max_sector_exposure"]),
        max_correlation=number(limit["max_correlation"]),
    )
    return {"violations": limits.exceeded(candidate, held, i["sectors"], number(i["equity"]), parts)}


def _stress(i: Body, _: Body) -> Got:
    book = {row["market"]: (number(row["qty"]), number(row["price"])) for row in i["positions"]}
    return {name: limits.stressed(book, _scenario(said)) for name, said in i["scenarios"].items()}


def _scenario(said: Any) -> Mapping[str, float] | float:
    return {market: number(price) for market, price in said.items()} if isinstance(said, Mapping) else number(said)


CHECKS: Final[Mapping[str, Check]] = {
    "fees": _fees,
    "market_making.simulation": _simulation,
    **dispatch(
        (
            ("arbitrage", "yes_asks", _complete),
            ("arbitrage", "ladders", _event),
            ("arbitrage", "no", _convert),
            ("arbitrage", "", _cross),
            ("market_making", "mid", _quoted),
            ("market_making", "Q", _glft),
            ("market_making", "", _charge),
            ("market_making.binary", "prob", _indifferent),
            ("market_making.binary", "", _ticks),
            ("market_making.lmsr", "", _lmsr),
            ("signals", "bid", _leaning),
            ("signals", "best_quotes", _flow),
            ("signals", "signed_volume", _impact),
            ("signals", "value_variance", _kyle),
            ("signals", "bucket_volume", _vpin),
            ("signals", "price_changes", _roll),
            ("signals", "", _pin),
            ("signals.stat_arb", "y", _pair),
            ("signals.stat_arb", "", _reverting),
            ("execution.almgren_chriss", "", _path),
            ("execution.twap", "", _twap),
            ("execution.vwap", "", _vwap),
            ("execution.pov", "", _pov),
            ("execution.tca", "", _costs),
            ("execution.slippage_guard", "", _guard),
            ("risk.kill_switch", "", _trips),
            ("risk.limits", "", _parts),
            ("risk.stress", "", _stress),
        )
    ),
}
