"""A report as one table that can be pasted, and as plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from agbot.backtest.result import Attribution, BacktestResult, Measured, Report
from agbot.backtest.words import lasting, moment, percent
from agbot.units import NS_PER_S, SCALE, to_text, usd_text, whole_cents

ASSUMPTIONS: Final = "docs/backtest.md"
ROWS_MAX: Final = 25
_COLUMNS: Final = ("strategy", "market", "fills", "shares", "fees usd", "PnL usd")


def lines(report: Report) -> dict[str, str]:
    """Return what was run and what it came to, by name, in the order of the table."""
    run = report.chosen
    return {
        "agbot": run.version,
        "strategies": ", ".join(run.strategies),
        "data": f"{run.source} (sha256 {run.data[:16]})",
        "span": f"{moment(run.first_ns)} to {moment(run.last_ns)} ({lasting(run.last_ns - run.first_ns)})",
        "markets": str(run.markets),
        "messages": f"{run.messages:,}",
        "capital": f"{usd_text(run.capital)} usd",
        "seed": str(run.seed),
        "queue": f"{run.queue} (bounds: {report.lower.queue}, {report.upper.queue})",
        "latency": run.latency,
        "trials": str(report.trials),
        "digest": run.digest,
        **({"kill switch": run.stopped} if run.stopped else {}),
        **{f"failed: {name}": reason for name, reason in run.failed.items()},
        "assumptions": ASSUMPTIONS,
    }


def figures(report: Report) -> list[dict[str, str]]:
    """Return one row a figure: as chosen, and with the fewest and the most fills."""
    return figures_of({"chosen": report.chosen, "fewest fills": report.lower, "most fills": report.upper})


def figures_of(columns: Mapping[str, BacktestResult]) -> list[dict[str, str]]:
    """Return one row a figure and one column a result."""
    rows = [{"figure": name, **{c: told(run) for c, run in columns.items()}} for name, told in _FIGURES.items()]
    return [row for row in rows if not (row["figure"] in _OPTIONAL and set(row.values()) <= {row["figure"], *_NOTHING})]


def attribution(run: BacktestResult) -> list[dict[str, str]]:
    """Return PnL by strategy and market, the largest by amount, then each strategy's, the account's last."""
    return attributed(run.attribution, run.strategies)


def attributed(of: Sequence[Attribution], strategies: Sequence[str], pnl: int | None = None) -> list[dict[str, str]]:
    """Return rows as `attribution` does; the account's is the sum of all, or `pnl` as it is shown elsewhere."""
    ranked = _in_cents(sorted(of, key=lambda row: -abs(row.pnl)), pnl)
    by_strategy = {name: [row for row in ranked if row.strategy == name] for name in strategies}
    rows = [_row(row.strategy, row.market, [row]) for row in ranked[:ROWS_MAX]]
    if others := ranked[ROWS_MAX:]:
        rows.append(_row(f"{len(others)} others", "", others))
    if len(by_strategy) > 1:
        rows += [_row(name, "all", of) for name, of in by_strategy.items()]
    return [*rows, _row("account", "", ranked)]


def _in_cents(rows: Sequence[Attribution], pnl: int | None) -> list[Attribution]:
    """Return rows whose money is whole cents, so that what is shown adds up."""
    fees = whole_cents([row.fees for row in rows], sum(row.fees for row in rows))
    made = whole_cents([row.pnl for row in rows], sum(row.pnl for row in rows) if pnl is None else pnl)
    each = zip(rows, fees, made, strict=True)
    return [msgspec.structs.replace(row, fees=of_fees, pnl=of_pnl) for row, of_fees, of_pnl in each]


def _row(strategy: str, market: str, of: Sequence[Attribution]) -> dict[str, str]:
    fills, shares = str(sum(row.fills for row in of)), to_text(sum(row.shares for row in of))
    fees, pnl = usd_text(sum(row.fees for row in of)), usd_text(sum(row.pnl for row in of))
    return dict(zip(_COLUMNS, (strategy, market, fills, shares, fees, pnl), strict=True))


def markouts(run: Measured) -> list[dict[str, str]]:
    """Return what fills gained against the middle after each horizon."""
    return [
        {
            "markout": f"{m.after_ns // NS_PER_S} s",
            "fills": str(m.fills),
            "usd": usd_text(m.usd),
            "usd a share": "-" if m.a_share is None else to_text(m.a_share),
            "unseen": str(m.unseen),
        }
        for m in run.markouts
    ]


def calibration(run: Measured) -> list[dict[str, str]]:
    """Return price paid against outcome by price; empty when nothing that was bought resolved."""
    return [
        {
            "bought at": f"{to_text(b.low)} to {to_text(b.low + SCALE // 10)}",
            "shares": to_text(b.shares),
            "mean price": f"{b.price:.4f}",
            "paid": f"{b.paid:.4f}",
        }
        for b in (run.calibration.buckets if run.calibration else ())
    ]


def text(report: Report, table: Callable[..., str], pairs: Callable[[Mapping[str, object]], str]) -> str:
    """Return the whole report; `table` and `pairs` lay out rows and lines for a terminal."""
    run = report.chosen
    parts: Iterable[str] = (
        pairs(lines(report)),
        table(figures(report)),
        table(attribution(run)),
        table(markouts(run)),
        table(calibration(run), ""),
        table([{"denied by": name, "times": str(count)} for name, count in run.denials.items()], ""),
    )
    return "\n\n".join(part for part in parts if part)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:z.2f}"


def _markout(after_ns: int) -> Callable[[BacktestResult], str]:
    def told(run: BacktestResult) -> str:
        found = next((m.a_share for m in run.markouts if m.after_ns == after_ns), None)
        return "-" if found is None else to_text(found)

    return told


_OPTIONAL: Final = ("rebates usd, estimated", "rewards usd, estimated", "Brier")
_NOTHING: Final = ("-", "0.00")

_FIGURES: Final[dict[str, Callable[[BacktestResult], str]]] = {
    "PnL usd": lambda run: usd_text(run.pnl),
    "PnL of capital": lambda run: percent(run.pnl, run.capital),
    "rebates usd, estimated": lambda run: usd_text(run.rebates),
    "rewards usd, estimated": lambda run: usd_text(run.rewards),
    "fees usd": lambda run: usd_text(run.fees),
    "Sharpe a year": lambda run: _number(run.sharpe),
    "its standard error": lambda run: _number(run.sharpe_error),
    "drawdown usd": lambda run: usd_text(run.drawdown),
    "drawdown": lambda run: percent(run.drawdown, run.drawdown_peak),
    "largest inventory usd": lambda run: usd_text(run.inventory_max),
    "turnover usd": lambda run: usd_text(run.turnover),
    "orders": lambda run: str(run.orders.placed),
    "cancels": lambda run: str(run.orders.cancels_sent),
    "rejected": lambda run: str(run.orders.rejected),
    "fills": lambda run: str(run.trades),
    "fill rate": lambda run: percent(run.orders.filled, run.orders.ordered),
    "markout 1 s usd a share": _markout(NS_PER_S),
    "markout 5 s usd a share": _markout(5 * NS_PER_S),
    "markout 60 s usd a share": _markout(60 * NS_PER_S),
    "Brier": lambda run: f"{run.calibration.brier:.4f}" if run.calibration else "-",
    "denials": lambda run: str(sum(run.denials.values())),
    "denied again": lambda run: str(run.denials_repeated),
}
