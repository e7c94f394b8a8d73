"""Every policy: what it lets pass at its limit, what it denies beyond, and that the way out stays open."""

from __future__ import annotations

import attrs
import pytest

from agbot.core.limits import OFF
from agbot.core.risk import Gate
from agbot.core.rules import Exposure, file, spelled
from agbot.core.rules.account import (
    ConsecutiveLosses,
    Correlation,
    DailyLoss,
    Drawdown,
    EventExposure,
    ExpectedShortfallLimit,
    GreeksLimit,
    MaxLoss,
    MaxPositions,
    PositionPct,
    VarLimit,
)
from agbot.core.rules.measured import Measured
from agbot.core.rules.orders import (
    OrderRate,
    PriceBand,
    SelfTrade,
)
from agbot.core.triggers import Baseline
from agbot.model.events import MarketListed
from agbot.model.market import Outcome
from agbot.model.order import Side
from agbot.testing.account import DAY_20000_NS, Account
from agbot.testing.builders import make_market
from agbot.units import NS_PER_S, SCALE, to_units

YES, NO = Outcome.YES, Outcome.NO
ONE, TWO = make_market("one", event_id="e"), make_market("two", event_id="e")
RED, BLUE, GREEN = (make_market(name, event_id="race", neg_risk=True) for name in ("red", "blue", "green"))
FEE = {"fee_rate": to_units("0.04")}


def usd(text):
    return to_units(text)


def denied(account, *names, **wish):
    assert account.wish(**wish) == names


def passes(account, **wish):
    found = account.wish(**wish)
    assert isinstance(found, str), found
    return found


# -- what can be lost ---------------------------------------------------------------------------------------------


def test_the_worst_of_a_market_counts_what_rests_in_both_directions():
    account = Account(MaxLoss(usd("30")), markets=[ONE])
    passes(account, price="0.50", size="30", post_only=True)  # 15 lost if it fills and NO comes true
    passes(account, price="0.50", size="30", post_only=True)
    denied(account, "MaxLoss", price="0.50", size="5", post_only=True)
    passes(account, outcome=NO, price="0.50", size="60", post_only=True)  # only one of them can lose, whatever fills
    denied(account, "MaxLoss", outcome=NO, price="0.50", size="5", post_only=True)


def test_a_takers_fee_is_lost_too():
    taken = make_market("one", **FEE)
    exactly = Account(MaxLoss(usd("10.2")), markets=[taken])  # 20 at 0.50, and 20 · 0.04 · 0.25
    passes(exactly, price="0.50", size="20")
    denied(Account(MaxLoss(usd("10.19")), markets=[taken]), "MaxLoss", price="0.50", size="20")
    passes(Account(MaxLoss(usd("10")), markets=[taken]), price="0.50", size="20", post_only=True)


def test_outcomes_that_exclude_each_other_cannot_all_lose_or_all_win():
    held = {("red", YES): ("10", "4"), ("blue", YES): ("10", "3")}
    account = Account(MaxLoss(usd("9.5")), markets=[RED, BLUE, GREEN], held=held)
    worst = account.engine.admission.losses.worst([RED, BLUE, GREEN])
    assert worst == usd("9")  # marked: 20 at the bid of 0.45; green wins and both are lost
    passes(account, market=GREEN, price="0.05", size="10", post_only=True)  # 9.5 if none of the three wins
    denied(account, "MaxLoss", market=GREEN, price="0.05", size="5", post_only=True)


def test_what_covers_the_worst_case_passes_over_the_limit():
    account = Account(MaxLoss(usd("5")), markets=[ONE], held={("one", YES): ("100", "45")})
    denied(account, "MaxLoss", price="0.50", size="5")
    passes(account, side=Side.SELL, price="0.45", size="100")


def test_worth_is_what_it_brings_or_what_it_cost_whichever_is_more():
    for bid, ask, worst in (("0.80", "0.82", "80"), ("0.10", "0.12", "45")):
        account = Account(markets=[ONE], held={("one", YES): ("100", "45")}, bid=bid, ask=ask)
        assert account.engine.admission.losses.stake(ONE).worst == usd(worst)


def test_a_part_of_the_equity_by_market():
    account = Account(PositionPct(100_000), markets=[ONE, TWO])  # a tenth of 1000
    passes(account, price="0.50", size="200", post_only=True)
    denied(account, "PositionPct", price="0.50", size="5", post_only=True)
    passes(account, market=TWO, price="0.50", size="200", post_only=True)


def test_a_part_of_the_equity_by_event_whether_its_markets_exclude_each_other_or_not():
    account = Account(EventExposure(300_000), markets=[ONE, TWO, make_market("else")])
    passes(account, price="0.50", size="400", post_only=True)
    denied(account, "EventExposure", market=TWO, price="0.50", size="201", post_only=True)
    passes(account, market=TWO, price="0.50", size="200", post_only=True)
    passes(account, market=account.markets["else"], price="0.50", size="200", post_only=True)


def test_without_a_price_of_what_is_held_no_part_of_the_equity_is_known():
    account = Account(PositionPct(SCALE), markets=[ONE], held={("two", YES): ("10", "4")})
    account.step(MarketListed(TWO, 1))
    denied(account, "PositionPct", price="0.50", size="5")


def test_the_way_out_is_open_also_while_nothing_is_known():
    """What is held in TWO has no price yet, so neither equity nor losses are known: no reason to keep ONE."""
    rules = (PositionPct(SCALE), EventExposure(SCALE), DailyLoss(0), Drawdown(0), ConsecutiveLosses(9))
    held = {("one", YES): ("10", "4"), ("two", YES): ("10", "4")}
    account = Account(*rules, markets=[ONE], held=held)
    account.step(MarketListed(TWO, 1))
    denied(account, *(rule.name for rule in rules), price="0.50", size="5")
    denied(account, *(rule.name for rule in rules), side=Side.BUY, outcome=NO, price="0.50", size="25")
    passes(account, side=Side.SELL, price="0.45", size="10")


def test_a_leg_of_a_hedge_is_no_way_out():
    """At most one of red and blue wins: NO of both loses 200, NO of one of them 600, whatever that one was sold for."""
    race = {("red", NO): ("1000", "600"), ("blue", NO): ("1000", "600")}
    account = Account(EventExposure(150_000), markets=[RED, BLUE, GREEN], held=race)  # 285 of 1900
    denied(account, "EventExposure", market=BLUE, outcome=NO, side=Side.SELL, price="0.45", size="1000")
    passes(account, market=BLUE, outcome=NO, side=Side.SELL, price="0.45", size="100")


def test_markets_at_a_time():
    account = Account(MaxPositions(2), markets=[ONE, RED, BLUE], held={("one", YES): ("10", "5")})
    passes(account, market=RED, price="0.40", size="5", post_only=True)
    denied(account, "MaxPositions", market=BLUE, price="0.40", size="5")
    passes(account, market=RED, price="0.40", size="5", post_only=True)
    passes(account, market=ONE, price="0.40", size="5", post_only=True)


# -- models -------------------------------------------------------------------------------------------------------


def test_value_at_risk_is_what_is_exceeded_too_seldom():
    """At 0.04 a claim comes true too seldom for 95 %: selling it short of that (NO) risks nothing by VaR alone."""
    rare = Account(VarLimit(max_var_usd=usd("1")), markets=[ONE], bid="0.03", ask="0.05")
    passes(rare, outcome=NO, price="0.96", size="100", post_only=True)
    likely = Account(VarLimit(max_var_usd=usd("1")), markets=[ONE], bid="0.05", ask="0.07")
    denied(likely, "VarLimit", outcome=NO, price="0.94", size="100", post_only=True)


def test_expected_shortfall_counts_what_value_at_risk_leaves_out():
    limit = ExpectedShortfallLimit(max_es_usd=usd("10"))
    account = Account(limit, markets=[ONE], bid="0.03", ask="0.05")
    # 96 lost with 0.04, 4 won with 0.96: (0.04 · 96 − 0.01 · 4) / 0.05 = 76 for 100 shares
    passes(account, outcome=NO, price="0.96", size="13", post_only=True)
    denied(account, "ExpectedShortfallLimit", outcome=NO, price="0.96", size="5", post_only=True)


def test_other_events_count():
    many = [make_market(f"m{i}") for i in range(8)]
    account = Account(VarLimit(max_var_usd=usd("100")), markets=many)
    for market in many[:4]:
        passes(account, market=market, price="0.50", size="50", post_only=True)  # all four lost: 100
    denied(account, "VarLimit", market=many[4], price="0.50", size="50", post_only=True)


def test_a_horizon_looks_no_further():
    far = make_market("one", end_ns=DAY_20000_NS + 300 * 86_400 * NS_PER_S)
    order = {"price": "0.50", "size": "100", "post_only": True}
    by_day = VarLimit(max_var_usd=usd("30"), time_horizon_days=1)
    denied(Account(VarLimit(max_var_usd=usd("30")), markets=[far]), "VarLimit", **order)
    passes(Account(by_day, markets=[far]), **order)
    denied(Account(by_day, markets=[attrs_end(far, 0)]), "VarLimit", **order)


def attrs_end(market, end_ns):
    return make_market(market.id, end_ns=end_ns)


def test_greeks():
    order = {"price": "0.50", "size": "100", "post_only": True}  # 100 · 0.25 at a price of 0.50
    passes(Account(GreeksLimit(max_delta=usd("25")), markets=[ONE]), **order)
    denied(Account(GreeksLimit(max_delta=usd("24")), markets=[ONE]), "GreeksLimit", **order)
    passes(Account(GreeksLimit(max_gamma=usd("1")), markets=[ONE]), **order)  # at 0.50 there is none
    skewed = {"markets": [ONE], "bid": "0.19", "ask": "0.21"}  # 100 · 0.16 · 0.6
    denied(Account(GreeksLimit(max_gamma=usd("9")), **skewed), "GreeksLimit", price="0.20", size="100")
    passes(Account(GreeksLimit(max_gamma=usd("10")), **skewed), price="0.20", size="100")
    held = {("two", NO): ("100", "50")}
    denied(Account(GreeksLimit(max_vega=usd("49")), markets=[ONE, TWO], held=held), "GreeksLimit", **order)
    passes(Account(GreeksLimit(max_vega=usd("50")), markets=[ONE, TWO], held=held), **order)


def test_yes_here_and_no_there_are_one_bet():
    account = Account(Correlation(800_000), markets=[RED, BLUE, ONE], held={("red", YES): ("100", "40")})
    denied(account, "Correlation", market=BLUE, outcome=NO, price="0.50", size="5")
    passes(account, market=BLUE, price="0.50", size="5")
    passes(account, market=ONE, price="0.50", size="5")
    passes(account, market=RED, price="0.50", size="5")


def test_relations_that_a_person_knows():
    rule = Correlation(800_000, implies=(("one", "TWO"),), latent=(("one", "red", -900_000), ("two", "red", 800_000)))
    account = Account(rule, markets=[ONE, TWO, RED], held={("one", YES): ("100", "40")})
    denied(account, "Correlation", market=TWO, price="0.50", size="5")
    passes(account, market=TWO, outcome=NO, price="0.50", size="5")
    denied(account, "Correlation", market=RED, outcome=NO, price="0.50", size="5")
    held = {("two", NO): ("100", "40"), ("red", NO): ("10", "4")}
    account = Account(rule, markets=[ONE, TWO, RED], held=held)
    passes(account, market=RED, side=Side.SELL, outcome=NO, price="0.40", size="10")
    passes(account, market=RED, outcome=NO, price="0.40", size="5")  # 0.8 is at the limit


# -- losses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "base", "limit"),
    [
        (DailyLoss(50_000), {"day": 20_000, "day_equity": usd("1000")}, "950"),
        (Drawdown(150_000), {"day": -1, "peak": usd("1000")}, "850"),
    ],
)
def test_nothing_is_opened_after_a_loss(rule, base, limit):
    def account(cash):
        baseline = Baseline(**base, equity=usd(str(cash)), book=usd(str(cash)))
        return Account(rule, markets=[ONE], capital=cash, baseline=baseline, limits=OFF)

    passes(account(int(limit)), price="0.50", size="20")
    denied(account(int(limit) - 1), rule.name, price="0.50", size="20")


def test_the_way_out_is_open_after_a_loss():
    baseline = Baseline(day=20_000, day_equity=usd("2000"), peak=usd("2000"), equity=usd("1045"), book=usd("1045"))
    held = {("one", YES): ("100", "45")}
    account = Account(DailyLoss(50_000), Drawdown(50_000), markets=[ONE], held=held, baseline=baseline)
    denied(account, "DailyLoss", "Drawdown", price="0.50", size="20")
    passes(account, side=Side.SELL, price="0.50", size="100")


def test_losses_in_a_row():
    def account(losses):
        baseline = Baseline(day=20_000, day_equity=usd("1000"), equity=usd("1000"), book=usd("1000"), losses=losses)
        return Account(ConsecutiveLosses(3), markets=[ONE], baseline=baseline)

    passes(account(3))
    denied(account(4), "ConsecutiveLosses")


# -- all of them --------------------------------------------------------------------------------------------------


def examples():
    """One of each type that is written in a file, by its keys."""
    values = {
        "markets": ("a", "b"),
        "implies": (("a", "b"),),
        "latent": (("a", "b", -500_000),),
        "market_id": "a",
        "strategy": "a",
    }
    for kind, keys in file.TYPES.items():
        yield kind(**{key: values.get(key, True if key == "enabled" else 700_000) for key in keys})


@pytest.mark.parametrize("rule", list(examples()), ids=lambda rule: rule.name)
def test_a_policy_reads_as_it_is_written(rule):
    import json  # noqa: PLC0415

    from agbot.core.rules import parse_rules  # noqa: PLC0415
    from agbot.located import loads  # noqa: PLC0415

    counts = {k: 7 for k, kind in file.TYPES[type(rule)].items() if kind in (file.COUNT, file.DAYS, file.DAY)}
    seconds = {k: 3 * NS_PER_S for k, kind in file.TYPES[type(rule)].items() if kind is file.SECONDS}
    rule = attrs.evolve(rule, **counts, **seconds)
    text = json.dumps({"policies": [spelled(rule)]})
    assert parse_rules(loads(text, "x", "json")) == (rule,)
    assert str(rule)


class _Broken(Measured):
    def _after(self, asked):
        raise ZeroDivisionError

    def _limit(self, asked):
        return 10


class _NoNumber(_Broken):
    def _after(self, asked):
        return float("nan")


@pytest.mark.parametrize("rule", [_Broken(), _NoNumber()])
def test_a_policy_that_fails_denies(rule):
    assert Account(rule, markets=[ONE]).wish() == (rule.name,)


def test_without_an_account_such_a_policy_denies():
    exposure = Exposure(market_id="m", net_position=0, long_worst=1, short_worst=0, delta=1, inventory_usd=0)
    assert Gate([MaxLoss(usd("5")), SelfTrade()]).check(exposure) == ("MaxLoss", "SelfTrade")
    assert MaxLoss(0).told(exposure) == "the account is not known here"


def test_while_the_kill_switch_unwinds_price_and_pace_do_not_hold():
    account = Account(PriceBand(0), OrderRate(0), MaxLoss(0), markets=[ONE], held={("one", YES): ("10", "4")})
    asked = account.engine.admission.exposure(account.now, ONE, _sale())
    gate = account.engine.state.gate
    assert gate.check(asked) == ("PriceBand", "OrderRate")
    assert gate.check(asked, unwinds=True) == ()


def _sale():
    from agbot.core.view import Place  # noqa: PLC0415

    return Place(token=ONE.yes, side=Side.SELL, price=usd("0.30"), size=usd("10"), why="")
