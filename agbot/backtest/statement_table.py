"""A statement as tables that can be pasted, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from agbot.backtest import table
from agbot.backtest.statement import Row, Statement
from agbot.backtest.words import moment
from agbot.units import NS_PER_S, to_text, to_units, usd_text, whole_cents

Rows = list[dict[str, str]]
ASSUMPTIONS: Final = "docs/report.md"
_CSV: Final = ("day", "strategy", "market", "fills", "shares", "turnover_usd", "fees_usd", "pnl_usd", "brought_usd")


def lines(said: Statement) -> dict[str, str]:
    """Return whose statement it is, and of when."""
    last = moment(said.end_ns - NS_PER_S)
    return {
        "agbot": said.version,
        "account": said.mode,
        said.period: f"{moment(said.start_ns)} to {last}",
        "runs": f"{len(said.runs)}: {', '.join(said.runs)}" if said.runs else "none",
        "how": ASSUMPTIONS,
    }


def figures(said: Statement) -> Rows:
    """Return the account's figures, one a row."""
    told = {
        "equity before, usd": usd_text(said.opening),
        "PnL usd": usd_text(_pnl(said.opening, said.brought + said.unexplained, said.closing)),
        "brought in usd": usd_text(said.brought),
        "equity after, usd": usd_text(said.closing),
        **({"unexplained usd": usd_text(said.unexplained)} if said.unexplained else {}),
        "unrealised of it, usd": usd_text(said.unrealised),
        "fees usd, in the PnL": usd_text(said.fees),
        "rebates usd, of what was brought in": "-" if said.rebates is None else usd_text(said.rebates),
        "turnover usd": usd_text(said.turnover),
        "fills": str(said.fills),
        "orders": str(said.orders),
        "cancels": str(said.cancels),
        "rejected": str(said.rejected),
        "unknown": str(said.unknown),
        "denials": str(sum(denial.times for denial in said.denials)),
        "Brier": f"{said.calibration.brier:.4f}" if said.calibration else "-",
    }
    return [{"figure": name, "value": value} for name, value in told.items()]


def credited(said: Statement) -> Rows:
    """Return what the venue credited, by kind."""
    rows = [(credit.kind.replace("_", " "), credit.times, usd_text(credit.usd)) for credit in said.credits or ()]
    rows += [("could not be read", said.credits_unread, "not known")] if said.credits_unread else []
    return [{"credited by the venue": kind, "times": str(times), "usd": usd} for kind, times, usd in rows]


def days(said: Statement) -> Rows:
    """Return one row a UTC day, the period's last."""
    brought = whole_cents([d.brought for d in said.days], said.brought)
    rows = [(d.day, d.opening, usd, d.closing) for d, usd in zip(said.days, brought, strict=True)]
    rows.append((said.period, said.opening, said.brought, said.closing))
    return [
        {
            "day": day,
            "equity before": usd_text(before),
            "PnL usd": usd_text(_pnl(before, usd, after)),
            "brought in": usd_text(usd),
            "equity after": usd_text(after),
        }
        for day, before, usd, after in rows
    ]


def denials(said: Statement) -> Rows:
    """Return what risk denied."""
    return [{"denied by": d.rule, "strategy": d.strategy, "times": str(d.times)} for d in said.denials]


def incidents(said: Statement) -> Rows:
    """Return what went wrong."""
    return [
        {
            "incident": met.kind,
            "times": str(met.times),
            "first": moment(met.first_ns),
            "last": moment(met.last_ns),
            "the newest": met.words,
        }
        for met in said.incidents
    ]


def attribution(said: Statement) -> Rows:
    """Return PnL by strategy and market, then by strategy, then the account's."""
    pnl = _pnl(said.opening, said.brought + said.unexplained, said.closing)
    return table.attributed(said.attribution(), said.strategies, pnl) if said.rows else []


def _pnl(before: int, brought: int, after: int) -> int:
    """Return the PnL in the cents that make what is shown add up: before + PnL + brought in = after."""
    return sum(sign * to_units(usd_text(usd)) for sign, usd in ((1, after), (-1, before), (-1, brought)))


def sections(said: Statement) -> Mapping[str, Rows]:
    """Return the tables of the report by title; empty ones are left out by who shows them."""
    return {
        "Account": figures(said),
        "Credited by the venue": credited(said),
        "Days": days(said) if len(said.days) > 1 else [],
        "PnL by strategy and market": attribution(said),
        "Markouts": table.markouts(said),
        "Calibration": table.calibration(said),
        "Denials": denials(said),
        "Incidents": incidents(said),
    }


def text(
    said: Statement, laid_out: Callable[[Sequence[Mapping[str, object]]], str], pairs: Callable[[dict[str, str]], str]
) -> str:
    """Return the whole report; `laid_out` and `pairs` lay out rows and lines for a terminal."""
    parts = [pairs(lines(said)), *(laid_out(rows) for rows in sections(said).values() if rows)]
    return "\n\n".join([*parts, *([] if said.incidents else ["no incidents"])])


def to_csv(said: Statement) -> str:
    """Return a line for each day, strategy and market, and one for what was brought in on a day.

    The columns `pnl_usd` and `brought_usd` add up to the change of the account's equity to the last 10⁻⁶.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_CSV)
    for day in said.days:
        writer.writerows(_csv_row(row) for row in said.rows if row.day == day.day)
        if day.brought:
            writer.writerow((day.day, "", "", 0, 0, 0, 0, 0, to_text(day.brought)))
    return out.getvalue()


def _csv_row(row: Row) -> tuple[object, ...]:
    figures = (to_text(figure) for figure in (row.shares, row.turnover, row.fees, row.pnl))
    return (row.day, row.strategy, row.market, row.fills, *figures, 0)
