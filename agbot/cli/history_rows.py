"""agbot history orders, agbot history fills."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from agbot.cli.access import moment, short, show
from agbot.cli.called import market_names
from agbot.cli.common import bot_options, state_path
from agbot.cli.spans import between

if TYPE_CHECKING:
    from agbot.store.embedded import HistoryReader
    from agbot.store.rows import FillRow, Filter, OrderRow

F = TypeVar("F", bound=Callable[..., Any])


def _filters(function: F) -> F:
    for decorate in reversed(
        (
            between,
            click.option("--market", default="", help="Of this market, by its slug or id."),
            click.option("--strategy", default="", help="Of this strategy."),
            click.option("--run", "run_id", default="", metavar="RUN", help="Of this run, by its id."),
            click.option("--mode", default="", help="Of runs in this mode: PAPER, LIVE, ..."),
            click.option(
                "--limit", type=click.IntRange(1, 1_000_000), default=50, show_default=True, help="The newest."
            ),
            bot_options,
            click.option("--json", "as_json", is_flag=True),
        )
    ):
        function = decorate(function)
    return function


@click.command(name="orders")
@click.option("--state", default="", help="In this state: OPEN, FILLED, CANCELLED, DENIED, ...")
@_filters
def orders(*, profile: str | None, state_dir: Path | None, as_json: bool, **wanted: Any) -> None:
    """Show orders of this and earlier runs, the newest first; money and sizes in --json are integers of 10⁻⁶.

    Example: agbot history orders --since 7d --strategy quoter --state FILLED
    """
    names = market_names(state_path(profile, state_dir) / "runs")
    chosen = _filter(wanted, names)
    with _history(profile, state_dir) as history:
        rows = history.query_orders(chosen)
    _show(as_json, [row._asdict() for row in rows], [_order(row, names) for row in rows], "no orders")


@click.command(name="fills")
@click.option("--settlement", "state", default="", help="Settled so: MATCHED, CONFIRMED, FAILED, ...")
@_filters
def fills(*, profile: str | None, state_dir: Path | None, as_json: bool, **wanted: Any) -> None:
    """Show executions of this and earlier runs, the newest first; money and sizes in --json are integers of 10⁻⁶.

    Example: agbot history fills --since 2026-11-01 --mode LIVE --json
    """
    names = market_names(state_path(profile, state_dir) / "runs")
    chosen = _filter(wanted, names)
    with _history(profile, state_dir) as history:
        rows = history.query_fills(chosen)
    _show(as_json, [row._asdict() for row in rows], [_fill(row, names) for row in rows], "no fills")


def _history(profile: str | None, state_dir: Path | None) -> HistoryReader:
    from agbot.store.embedded import HistoryReader  # noqa: PLC0415
    from agbot.store.embedded.schema import HISTORY  # noqa: PLC0415

    return HistoryReader(state_path(profile, state_dir) / HISTORY)


def _filter(wanted: Mapping[str, Any], names: Mapping[str, str]) -> Filter:
    from agbot.store.rows import Filter  # noqa: PLC0415

    rest = {name: value for name, value in wanted.items() if name not in ("since", "until", "state", "mode")}
    rest["market"] = next((id_ for id_, name in names.items() if name == wanted["market"]), wanted["market"])
    end = {} if wanted["until"] is None else {"end_ns": wanted["until"]}
    state, mode = _known(wanted["state"].upper()), wanted["mode"].upper()
    return Filter(start_ns=wanted["since"], state=state, mode=mode, **end, **rest)


def _known(state: str) -> str:
    from agbot.model.order import OrderState, Settlement  # noqa: PLC0415

    names = [str(name) for kind in (OrderState, Settlement) for name in kind]
    if state and state not in names:
        raise click.BadParameter(f"{state!r} is none of {', '.join(names)}")
    return state


def _show(as_json: bool, document: list[dict[str, Any]], lines: list[dict[str, Any]], empty: str) -> None:
    from agbot.cli.tables import table  # noqa: PLC0415

    show(as_json, document, table(lines, empty=f"{empty} (look further back with --since 30d)"))


def _order(row: OrderRow, names: Mapping[str, str]) -> dict[str, Any]:
    from agbot.units import to_text  # noqa: PLC0415

    return {
        "created": moment(row.created_ns),
        **_what(row, names),
        "filled": to_text(row.filled),
        "state": row.state,
        "reason": row.reason,
        "order": row.client_order_id,
    }


def _fill(row: FillRow, names: Mapping[str, str]) -> dict[str, Any]:
    from agbot.units import usd_text  # noqa: PLC0415

    return {
        "time": moment(row.ts_ns),
        **_what(row, names),
        "fee": usd_text(row.fee),
        "settlement": row.settlement,
        "order": row.client_order_id,
    }


def _what(row: OrderRow | FillRow, names: Mapping[str, str]) -> dict[str, Any]:
    from agbot.units import to_text  # noqa: PLC0415

    return {
        "mode": row.mode,
        "strategy": row.strategy,
        "market": names.get(row.market) or short(row.market),
        "outcome": row.outcome,
        "side": row.side,
        "price": to_text(row.price),
        "size": to_text(row.size),
    }
