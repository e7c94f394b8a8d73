"""What `agbot replay` says of a run, and whether its bot is still there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agbot.words import many

if TYPE_CHECKING:
    from agbot.store.verify import Verdict

ANSWER_S: Final = 2.0


def still_runs(path: Path) -> str:
    """Return how the bot that writes this journal is: empty when there is none, else in words.

    It is asked which journal it writes: a lock on the state directory would only say that some bot is there.
    """
    from agbot.control import request, socket_path  # noqa: PLC0415
    from agbot.errors import AgbotError, TimedOutError  # noqa: PLC0415

    directory = path.resolve().parent.parent
    try:
        told = request(socket_path(directory), {"op": "status"}, ANSWER_S)
    except TimedOutError:
        newest = max(path.resolve().parent.glob("*.agj"))
        return "still running, but its bot does not answer" if newest == path.resolve() else ""
    except AgbotError:
        return ""
    journal = Path(str(told.get("journal") or "-"))
    return "still running" if journal.resolve() == path.resolve() else ""


def plain(verdict: Verdict, path: Path, still: str) -> dict[str, object]:
    """Return everything as plain values; money and shares as decimal text."""
    from agbot.units import to_text, usd_text  # noqa: PLC0415

    lived = verdict.lived
    return {
        "journal": str(path),
        "run_id": verdict.header.run_id,
        "mode": verdict.header.mode,
        "agrees": verdict.agrees,
        "records": verdict.records,
        "batches": verdict.batches,
        "steps": verdict.steps,
        "digest": verdict.digest,
        "complete": verdict.complete,
        "running": bool(still) and not verdict.complete,
        "ended": lived.ended,
        "from_ns": lived.first_ns,
        "to_ns": lived.last_ns,
        "orders_placed": lived.placed,
        "orders_ended": lived.by_end,
        "open_orders": lived.open_,
        "denials": lived.denied,
        "fills": lived.fills,
        "filled_shares": to_text(lived.shares),
        "fees_usd": usd_text(lived.fees),
        "pnl_usd": usd_text(lived.pnl),
        "equity_usd": usd_text(lived.equity),
        "kill_switch": lived.kill_switch,
        "set_aside": [list(s) for s in verdict.set_aside],
        "diverges_at": verdict.divergence.seq if verdict.divergence else None,
    }


def compared(verdict: Verdict, path: Path, still: str) -> str:
    """Return what was compared, and whether it agrees."""
    steps = many(verdict.steps, "step")
    lines = [
        f"{path}",
        f"run {verdict.header.run_id} ({verdict.header.mode}, agbot {verdict.header.version})",
        f"{many(verdict.records, 'record')}, {many(verdict.batches, 'batch', 'batches')}, {steps} with decisions",
        f"decision digest {verdict.digest}",
        _ended(verdict, still),
    ]
    return "\n".join([*lines, *_agreement(verdict)])


def told(verdict: Verdict, path: Path, still: str, named: str, other: str) -> str:
    """Return what the run did, whether it agrees, and what to type next.

    Args:
        named: the file by which it was asked for, empty when that was by its id.
        other: the options that say whose run it is.
    """
    from agbot.cli.tables import pairs  # noqa: PLC0415

    agreement = "\n".join(_agreement(verdict))
    return "\n\n".join([pairs(_did(verdict, path, still)), agreement, pairs(_next(verdict, path, named, other))])


def _did(verdict: Verdict, path: Path, still: str) -> dict[str, Any]:
    from agbot.cli.access import moment  # noqa: PLC0415
    from agbot.units import to_text, usd_text  # noqa: PLC0415

    lived, header = verdict.lived, verdict.header
    first = lived.first_ns or header.started_ns
    ends = "".join(f", {count} {state}" for state, count in sorted(lived.by_end.items()))
    return {
        "run": f"{header.run_id} ({header.mode}, agbot {header.version})",
        "time": f"{moment(first)} to {moment(lived.last_ns or first)} UTC, {_lasted(lived.last_ns - first)}",
        "end": _ended(verdict, still),
        "steps": f"{verdict.batches}, {verdict.steps} of them with decisions; {many(verdict.records, 'record')}",
        "orders": f"{lived.placed} placed{ends}, {lived.open_} open; {lived.denied} denied",
        "fills": f"{lived.fills}, {many(to_text(lived.shares), 'share')}, fees {usd_text(lived.fees)} usd",
        "pnl": f"{usd_text(lived.pnl)} usd, equity {usd_text(lived.equity)} usd",
        **({"kill switch": f"ON: {lived.kill_switch}"} if lived.kill_switch else {}),
        "journal": path,
        "digest": verdict.digest,
    }


def _next(verdict: Verdict, path: Path, named: str, other: str) -> dict[str, str]:
    newest, run = verdict.lived.newest, named or path.stem
    inside = f" --run {run}" if named or not newest.startswith(path.stem) else ""
    order = {f"agbot explain {newest}{inside}{other}": "why, what was sent, what it earned"}
    account = {f"agbot report day --run {run}{other}": "the account of its day"}
    return {
        f"agbot replay {run}{other} --watch": "every step of it, on page and terminal",
        **(order if newest else {}),
        **(account if verdict.header.mode != "REPLAY" else {}),
    }


def _ended(verdict: Verdict, still: str) -> str:
    if verdict.complete:
        return f"ended in order{': ' + verdict.lived.ended if verdict.lived.ended else ''}"
    if still:
        return f"{still}: replayed up to its newest record"
    return "cut off: the believable prefix was replayed"


def _agreement(verdict: Verdict) -> Iterator[str]:
    from agbot.store.verify import sides  # noqa: PLC0415

    yield from (f"set aside from record {seq} on: {reason}" for seq, reason in verdict.set_aside)
    if verdict.divergence:
        yield f"DIFFERS at record {verdict.divergence.seq} (now {verdict.divergence.now_ns} ns):"
        yield from sides(verdict.divergence)
    else:
        yield "agrees: every decision is the same" if verdict.agrees else "DIFFERS: closing digest"


def _lasted(ns: int) -> str:
    seconds = max(0, ns) // 10**9
    parts = ((seconds // 86_400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s"))
    shown = [f"{count} {unit}" for count, unit in parts if count]
    return " ".join(shown[:2]) or "0 s"
