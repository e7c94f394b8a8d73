"""agbot risk show|stress: what the running bot's book, or one in a file, can lose."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from agbot.cli import risk_limits, risk_together, risk_validate
from agbot.cli.common import bot_options, control
from agbot.cli.near import Group

if TYPE_CHECKING:
    from agbot.located import Located
    from agbot.quant.book import Claim

CONFIDENCES: Final = ("0.95", "0.99")
ASSUMES: Final = "prices are taken for probabilities, and events for independent: correlated ones lose more together"
WITH_ORDERS: Final = "resting orders filled where it hurts, from cost or bid; what limits and `agbot tui` go by"
LOGIT_VOL: Final = 2.0
"""Of the logit, per square root of a year; `usd_per_sqrt_year` is in proportion to it."""
TOLD: Final = ("market", "event", "yes", "no", "price", "value", "worst")

F = TypeVar("F", bound=Callable[..., Any])


def book_options(function: F) -> F:
    """Add what says whose book it is."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="For programs."),
        click.option("--book", type=click.Path(path_type=Path), help="A file with positions, in place of the bot's."),
        bot_options,
    ):
        function = option(function)
    return function


@click.group(name="risk", cls=Group)
def command() -> None:
    """What could be lost, and how: exact for what is held until it resolves. docs/risk.md has every formula."""


command.add_command(risk_limits.command)
command.add_command(risk_validate.command)


@command.command(name="show")
@book_options
@click.option("--correlation", is_flag=True, help="Also which positions win and lose together.")
def show(profile: str | None, state_dir: Path | None, book: Path | None, *, correlation: bool, as_json: bool) -> None:
    """Exposure by market, worst case, VaR and expected shortfall, Greeks by event, and how much of each limit is used.

    \b
    agbot risk show                     the running bot's
    agbot risk show --book FILE         positions: [{market: a, yes: 100, price: "0.40"}, …]
    agbot risk show --correlation       1: two positions are one bet; −1: one hedges the other

    Profit is measured from the mark. A VaR of 0.95 is the loss that is exceeded in at most 5 of 100 ways the events may
    resolve, by the market's own prices.
    """
    told, claims = _asked(profile, state_dir, book)
    found = _figures(told, claims)
    if correlation:
        found["together"] = risk_together.figures(claims)
    click.echo(json.dumps(found) if as_json else _text(found))


@command.command(name="stress")
@book_options
@click.option("--scenario", type=click.Path(path_type=Path), help="Your own: NAME: {market: price} or NAME: logits.")
def stress(
    profile: str | None, state_dir: Path | None, book: Path | None, scenario: Path | None, *, as_json: bool
) -> None:
    """What the book would gain or lose at once in twelve scenarios, or in yours.

    \b
    agbot risk stress --scenario FILE
      rain wins: {rain-nyc: 1, heat-nyc: 0}    prices of YES by market; others stay
      all down: -1.5                           every YES moves by so many logits
    """
    from agbot.quant.book import SCENARIOS  # noqa: PLC0415

    told, claims = _asked(profile, state_dir, book)
    equity = float(told["equity_usd"])
    rows: list[dict[str, Any]] = (
        [{"scenario": name, "usd": run(claims), "what": what} for name, (what, run) in SCENARIOS.items()]
        if scenario is None
        else _own(scenario, claims)
    )
    for row in rows:
        row["pct"] = round(row["usd"] / equity * 100, 2) if equity > 0 else None
        row["usd"] = round(row["usd"], 2)
    if as_json:
        click.echo(json.dumps({"equity_usd": told["equity_usd"], "scenarios": rows}))
        return
    from agbot.cli.tables import table  # noqa: PLC0415

    shown = [
        {"scenario": row["scenario"], "usd": f"{row['usd']:z.2f}", "of equity": _pct(row["pct"]), "what": row["what"]}
        for row in sorted(rows, key=lambda row: row["usd"])
    ]
    click.echo(table(shown) + f"\nequity {told['equity_usd']} usd")


def _pct(value: float | None) -> str:
    return "-" if value is None else f"{value:z.2f}%"


def _asked(profile: str | None, state_dir: Path | None, book: Path | None) -> tuple[dict[str, Any], list[Claim]]:
    from agbot.quant.book import Claim  # noqa: PLC0415

    if book is not None:
        return book_of(book)
    told = control(profile, state_dir, {"op": "risk"})
    names = ("yes", "no", "price", "bid", "ask", "fee_rate")
    claims = [
        Claim(
            market=row["market"],
            event=row["event"],
            exclusive=row["exclusive"],
            **{name: float(row[name]) for name in names},
        )
        for row in told["positions"]
    ]
    return told, claims


def _figures(told: Mapping[str, Any], claims: Sequence[Claim]) -> dict[str, Any]:
    from agbot.quant.book import UNIT, greeks, law, worst_by_event  # noqa: PLC0415

    whole, by_event = law(claims), greeks(claims, LOGIT_VOL)
    risks = {confidence: whole.risk(confidence) for confidence in CONFIDENCES}
    return {
        **{name: told[name] for name in ("equity_usd", "cash_usd", "resting_usd")},
        "positions": [_position(claim) for claim in claims],
        "worst_by_event_usd": {name: round(usd, 2) for name, usd in worst_by_event(claims).items()},
        "worst_usd": round(whole.worst() / UNIT, 2),
        "best_usd": round(whole.best() / UNIT, 2),
        "expected_usd": round(whole.mean() / UNIT, 2),
        "sd_usd": round(math.sqrt(max(0.0, whole.variance())) / UNIT, 2),
        "var_usd": {confidence: round(risk.var / UNIT, 2) for confidence, risk in risks.items()},
        "es_usd": {confidence: round(risk.es / UNIT, 2) for confidence, risk in risks.items()},
        "greeks": {
            name: {
                "delta": round(found.price_delta, 4),
                "usd_per_logit": round(found.logit_delta, 4),
                "usd_per_logit2": round(found.logit_gamma, 4),
                "usd_per_sqrt_year": round(found.price_vol, 4),
            }
            for name, found in by_event.items()
        },
        "logit_vol": LOGIT_VOL,
        "with_orders": told.get("with_orders"),
        "assumes": ASSUMES,
        "limits": list(told["limits"]),
    }


def _position(claim: Claim) -> dict[str, Any]:
    worst = claim.value - min(claim.yes, claim.no)
    shares = (f"{claim.yes:g}", f"{claim.no:g}")
    figures = (claim.market, claim.event, *shares, claim.price, round(claim.value, 2), round(worst, 2))
    return dict(zip(TOLD, figures, strict=True))


def _with_orders(told: Mapping[str, str] | None) -> dict[str, str]:
    if told is None:
        return {}
    said = f"worst case {told['worst_usd']} usd, VaR at 0.95 {told['var_95_usd']} usd: {WITH_ORDERS}"
    return {"with orders": said}


def _text(found: Mapping[str, Any]) -> str:
    from agbot.cli.tables import pairs, table  # noqa: PLC0415

    sums = {
        "equity": f"{found['equity_usd']} usd, cash {found['cash_usd']}, resting {found['resting_usd']}",
        "worst case": f"{found['worst_usd']:z.2f} usd of what is held (best {found['best_usd']:z.2f})",
        "expected": f"{found['expected_usd']:z.2f} usd, deviation {found['sd_usd']:z.2f}",
        **{f"at {at}": f"VaR {found['var_usd'][at]:z.2f} usd, ES {found['es_usd'][at]:z.2f} usd" for at in CONFIDENCES},
        **_with_orders(found["with_orders"]),
        "assumed": found["assumes"],
    }
    greeks = [{"event": name, **row} for name, row in found["greeks"].items()]
    limits = [{"policy": row["policy"], "says": row["says"], "used": _pct(row["used_pct"])} for row in found["limits"]]
    return "\n\n".join(
        [
            table(found["positions"], "nothing is held"),
            pairs(sums),
            table(greeks, "no Greeks"),
            table(limits, "no limits"),
            *([risk_together.text(found["together"])] if "together" in found else []),
        ]
    )


# ---------------------------------------------------------------- files


def book_of(path: Path) -> tuple[dict[str, Any], list[Claim]]:
    """Return the book in a file, as the bot tells its own. ConfigError: it cannot be read as one."""
    from agbot.errors import ConfigError  # noqa: PLC0415
    from agbot.located import Fields, Located, load  # noqa: PLC0415
    from agbot.units import SCALE, to_text  # noqa: PLC0415

    faults: list[ConfigError] = []
    fields = Fields(load(path), faults)
    cash = fields.read("cash_usd", lambda node: node.as_units(0), 0)
    nodes: tuple[Located, ...] = ()
    claims = [_claim(Fields(node, faults)) for node in fields.require("positions", Located.as_list, nodes)]
    fields.close()
    if faults:
        raise min(faults, key=lambda fault: fault.line or 0)
    equity = cash / SCALE + math.fsum(claim.value for claim in claims)
    told = {"equity_usd": f"{equity:z.2f}", "cash_usd": to_text(cash), "resting_usd": "0", "limits": ()}
    return told, claims


def _claim(fields: Any) -> Claim:
    from agbot.located import Located  # noqa: PLC0415
    from agbot.quant.book import Claim  # noqa: PLC0415

    price = fields.require("price", _fraction, 0.5)
    claim = Claim(
        market=fields.require("market", Located.as_text, ""),
        event=fields.read("event", Located.as_text, ""),
        exclusive=fields.read("exclusive", Located.as_bool, False),
        yes=fields.read("yes", _shares, 0.0),
        no=fields.read("no", _shares, 0.0),
        price=price,
        bid=fields.read("bid", _fraction, price),
        ask=fields.read("ask", _fraction, price),
        fee_rate=fields.read("fee_rate", _fraction, 0.0),
    )
    fields.close()
    return claim


def _fraction(node: Located) -> float:
    from agbot.units import SCALE  # noqa: PLC0415

    return node.as_units(0, SCALE) / SCALE


def _shares(node: Located) -> float:
    from agbot.units import SCALE  # noqa: PLC0415

    return node.as_units(0) / SCALE


def _own(path: Path, claims: Sequence[Claim]) -> list[dict[str, Any]]:
    """Return the scenarios of a file and what they bring. ConfigError names what is wrong in it."""
    from agbot.located import load  # noqa: PLC0415
    from agbot.quant.book import moved, repriced  # noqa: PLC0415

    root, rows = load(path), []
    if root.kind != "mapping":
        raise root.fault("a scenario file is a mapping", id="AGB-106", remedy="NAME: {market: price}, or NAME: logits")
    for name, node in root.fields.items():
        if node.kind == "mapping":
            prices = {market: _fraction(_held(price, market, claims)) for market, price in node.fields.items()}
            usd = repriced(claims, lambda claim, prices=prices: prices.get(claim.market, claim.price))  # type: ignore[misc]
            what = ", ".join(f"{market} at {price:g}" for market, price in prices.items())
        else:
            logits = _logits(node)
            usd, what = moved(claims, logits), f"every YES moves by {logits:g} logits"
        rows.append({"scenario": name, "usd": usd, "what": what})
    return rows


def _held(node: Located, market: str, claims: Sequence[Claim]) -> Located:
    """Return the node of a market that is held: a name that nobody holds would move nothing, and look like no loss."""
    known = sorted({claim.market for claim in claims})
    if market not in known:
        raise node.fault(
            f"nothing is held of {market!r}", id="AGB-107", remedy=f"held: {', '.join(known) or 'nothing'}"
        )
    return node


def _logits(node: Located) -> float:
    from agbot.units import SCALE  # noqa: PLC0415

    return node.as_units(-100 * SCALE, 100 * SCALE) / SCALE
