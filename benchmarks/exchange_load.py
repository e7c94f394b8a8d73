"""Load on `agbot exchange`: bots place, cross and cancel, and in the end every one's view is held against the ledger.

    python -m benchmarks.exchange_load --seconds 300 --bots 20 --rate 8
    python -m benchmarks.exchange_load --seconds 300 --bots 20 --no-limits --find-max

Two processes on loopback: the exchange and all bots. `--rate` is orders a second of each bot; cancels come on top.
`--find-max` looks for the highest rate at which 99 % of orders are acknowledged within 50 times the median of an idle
exchange: tries of seconds find where it lies, and the highest that then holds for all `--seconds` is told. A try ends
as soon as it can no longer succeed. Ends with 1 when a message was lost or came twice, the ledger has a fault, or
memory grew.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from array import array
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

import attrs
import trio

from agbot.exchange.admin.socket import ask
from benchmarks.exchange_bots import Bot, Place

IDLE_ORDERS: Final = 200
IDLE_RATE: Final = 50.0
TOLD: Final = ("orders_per_s_wanted", "orders_per_s", "wall_s", "acknowledged_ms", "exchange_cpu", "bots_cpu")
"""What is said of a try."""
FACTOR: Final = 50
"""The slowest hundredth may take this many times the median of an idle exchange."""
PART: Final = 0.99
BEHIND_S: Final = 2.0
"""Orders for so many seconds are not sent yet: it does not keep up."""
KEPT_UP: Final = 0.97
"""The part of the rate that must really have been sent, but for what bots left out while they changed sides:"""
SKIPPED_MAX: Final = 0.1
STEP_S: Final = 20.0
BISECTIONS: Final = 4
HOLDS: Final = 8
BACK_OFF: Final = 0.92
QUIET_S: Final = 2.0
SETTLE_S: Final = 30.0
READY_S: Final = 60.0
STOP_S: Final = 10.0
COMMAND = [sys.executable, "-m", "agbot", "exchange"]
MEMORY_GROWTH_MAX: Final = 1.10
"""The exchange's memory at the end over that at a third of the time."""
MEMORY_NOISE_KIB: Final = 4096
BUSY: Final = 0.9
"""A process that takes this part of a core is what limits."""
Report = dict[str, Any]


# ---------------------------------------------------------------- the exchange, from outside


@attrs.frozen
class Running:
    """A running exchange: its ready line, and its process."""

    ready: dict[str, Any]
    pid: int

    def ledger(self) -> dict[str, Any]:
        """Return the exchange's own ledger."""
        return dict(ask(self.ready["admin"], "ledger")["ledger"])


@asynccontextmanager
async def exchange(*options: str) -> AsyncIterator[Running]:
    """Run `agbot exchange` as a child, without traders of its own, while the body runs."""
    with tempfile.TemporaryDirectory() as folder:
        fixed = ("--json", "--port", "0", "--population", "none", "--admin", f"{folder}/admin.sock")
        process = await trio.lowlevel.open_process([*COMMAND, *fixed, *options], stdout=subprocess.PIPE)
        assert process.stdout is not None
        line = b""
        try:
            with trio.fail_after(READY_S):
                while not line.endswith(b"\n"):
                    part = await process.stdout.receive_some()
                    assert part, "the exchange did not start"
                    line += part
            yield Running(json.loads(line), process.pid)
        finally:
            process.terminate()
            with trio.move_on_after(STOP_S, shield=True):
                await process.wait()
            process.kill()


def memory_kib(pid: int) -> int:
    """Return the resident memory of a process; from /proc where there is one: a `ps` a second would be a stall."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    except FileNotFoundError:
        return int(subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=True).stdout)
    return int(pages) * os.sysconf("SC_PAGE_SIZE") // 1024


def cpu_s(pid: int) -> float:
    """Return the seconds of processor that a process has taken, 0 where there is no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def watched(pid: int, result: Report) -> Iterator[None]:
    """Add the processor time that the exchange and this process take in the body, as parts of a core."""
    began, theirs, ours = time.perf_counter(), cpu_s(pid), time.process_time()
    yield
    wall = time.perf_counter() - began
    result["wall_s"] = round(wall, 2)
    result["exchange_cpu"] = round((cpu_s(pid) - theirs) / wall, 3)
    result["bots_cpu"] = round((time.process_time() - ours) / wall, 3)


# ---------------------------------------------------------------- measuring


def quantile(values: Sequence[float], part: float) -> float:
    """Return the value that `part` of the values do not exceed, 0 of none."""
    return sorted(values)[min(int(len(values) * part), len(values) - 1)] if values else 0.0


def milliseconds(values: Sequence[float]) -> dict[str, float]:
    """Return the figures of a latency."""
    return {name: round(quantile(values, part) * 1000, 3) for name, part in (("p50", 0.5), ("p99", 0.99), ("max", 1))}


async def idle(bot: Bot) -> float:
    """Return the median seconds of an acknowledgement when one bot places slowly."""
    await bot.trade(IDLE_RATE, trio.current_time() + IDLE_ORDERS / IDLE_RATE)
    return median(bot.latencies)


async def measure(
    bots: Sequence[Bot], running: Running, rate: float, seconds: float, give_up_ms: float = math.inf
) -> Report:
    """Let all bots together place `rate` orders a second for a while; return the figures.

    Args:
        give_up_ms: end when more than a hundredth of the orders take longer.
    """
    for bot in bots:
        bot.latencies, bot.cancel_latencies, bot.stopped, bot.skipped = array("d"), array("d"), False, 0
        bot.refusals.clear()
    memory: list[int] = []
    result: Report = {"orders_per_s_wanted": round(rate, 1), "orders_wanted": round(rate * seconds)}
    hope = Hope(bots, rate, seconds, give_up_ms)
    began = trio.current_time()
    until = began + seconds
    with watched(running.pid, result):
        async with trio.open_nursery() as nursery:
            for bot in bots:
                nursery.start_soon(bot.trade, rate / len(bots), until)
            while trio.current_time() < until:
                memory.append(memory_kib(running.pid))
                await trio.sleep(min(1.0, max(0.0, until - trio.current_time())))
                if hope.lost(trio.current_time() - began):
                    until = began
                    for bot in bots:
                        bot.stopped = True
    latencies = [seconds for bot in bots for seconds in bot.latencies]
    refusals: Counter[str] = sum((bot.refusals for bot in bots), Counter())
    result |= {
        "orders": len(latencies),
        "orders_per_s": round(len(latencies) / result["wall_s"], 1),
        "acknowledged_ms": milliseconds(latencies),
        "cancels": sum(len(bot.cancel_latencies) for bot in bots),
        "cancelled_ms": milliseconds([seconds for bot in bots for seconds in bot.cancel_latencies]),
        "refused": dict(refusals),
        "skipped": sum(bot.skipped for bot in bots),
        "memory_mib": [round(memory[at] / 1024, 1) for at in (0, len(memory) // 2, -1)],
        "memory_growth": growth(memory),
    }
    return result


class Hope:
    """Tells when `keeps_up` can only be false: too many were slow already, or so many wait that they will be."""

    def __init__(self, bots: Sequence[Bot], rate: float, seconds: float, limit_ms: float) -> None:
        self._bots = bots
        self._rate = rate
        self._slow_max = (1 - PART) * rate * seconds
        self._limit_s = limit_ms / 1000
        self._read = [0] * len(bots)
        self._slow = 0

    def lost(self, passed_s: float) -> bool:
        """Return whether there is no hope left; reads each latency once, as bots and this share a processor."""
        if self._limit_s == math.inf:
            return False
        for number, bot in enumerate(self._bots):
            self._slow += sum(latency > self._limit_s for latency in bot.latencies[self._read[number] :])
            self._read[number] = len(bot.latencies)
        sent = sum(len(bot.latencies) + bot.refusals.total() + bot.skipped for bot in self._bots)
        behind = self._rate * passed_s - sent
        return self._slow > self._slow_max or behind > len(self._bots) + self._rate * BEHIND_S


def growth(memory: Sequence[int]) -> float:
    """Return the memory at the end over that at a third of the time, without what is noise."""
    third = max(memory[: len(memory) // 3 + 1])
    return round(max(max(memory[-3:]) - MEMORY_NOISE_KIB, third) / third, 3)


def keeps_up(result: Report, limit_ms: float) -> bool:
    """Return whether a rate was sent in full and acknowledged in time."""
    sent, wanted = result["orders"] + sum(result["refused"].values()), result["orders_wanted"]
    skipped = min(result["skipped"], SKIPPED_MAX * wanted)
    return bool(sent + skipped >= KEPT_UP * wanted and result["acknowledged_ms"]["p99"] <= limit_ms)


class Search:
    """Looks for the highest rate that keeps up; `tries` has all that were made."""

    def __init__(self, bots: Sequence[Bot], running: Running, limit_ms: float) -> None:
        self.tries: list[Report] = []
        self._bots = bots
        self._running = running
        self._limit_ms = limit_ms

    async def highest(self, start: float, seconds: float) -> Report:
        """Return the figures of the highest rate that holds for so long, of the last one tried when none does."""
        rate = await self._found(start)
        for _ in range(HOLDS):
            if await self._holds(rate, seconds):
                break
            rate *= BACK_OFF
        return self.tries[-1]

    async def _found(self, start: float) -> float:
        """Return the highest rate that holds for a few seconds."""
        low = start
        while not await self._holds(low, STEP_S):
            low /= 2
        high = low * 2
        while await self._holds(high, STEP_S):
            low, high = high, high * 2
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            if await self._holds(middle, STEP_S):
                low = middle
            else:
                high = middle
        return low

    async def _holds(self, rate: float, seconds: float) -> bool:
        result = await measure(self._bots, self._running, rate, seconds, self._limit_ms)
        held = keeps_up(result, self._limit_ms)
        self.tries.append(result)
        p99, made = result["acknowledged_ms"]["p99"], f"{rate:.0f} a second for {result['wall_s']:.0f} s"
        print(f"{made}: p99 {p99} ms, {'held' if held else 'not held'}", file=sys.stderr, flush=True)
        await trio.sleep(QUIET_S)  # what is under way ends
        return held


async def settled(bots: Sequence[Bot]) -> None:
    """Return when nothing more is told: all trades have settled."""
    with trio.move_on_after(SETTLE_S):
        before = -1
        while (heard := sum(bot.view.frames + bot.book.frames for bot in bots)) != before:
            before = heard
            await trio.sleep(QUIET_S)


# ---------------------------------------------------------------- the run


def places(ready: dict[str, Any]) -> list[Place]:
    """Return the markets of a ready line."""
    return [Place(ready["urls"], row["condition_id"], row["yes"], row["no"]) for row in ready["markets"]]


async def load(chosen: argparse.Namespace) -> Report:
    """Run the exchange and the bots; return the figures and the list of failures."""
    options = ["--seed", "1", *(["--no-limits"] if chosen.no_limits else []), *chosen.option]
    async with exchange(*options) as running, trio.open_nursery() as nursery:
        markets = places(running.ready)
        bots = [Bot(number, markets[number // 2 % len(markets)]) for number in range(chosen.bots)]
        for bot in bots:
            await nursery.start(bot.run)
        idle_ms = await idle(bots[0]) * 1000
        limit_ms, rate = FACTOR * idle_ms, chosen.rate * chosen.bots
        search = Search(bots, running, limit_ms)
        if chosen.find_max:
            result = await search.highest(rate, chosen.seconds)
        else:
            result = await measure(bots, running, rate, chosen.seconds)
        await settled(bots)
        ledger = await trio.to_thread.run_sync(running.ledger)
        missed = [what for bot in bots for what in await bot.differences(ledger)]
        nursery.cancel_scope.cancel()
    result |= {
        "bots": chosen.bots,
        "limits": not chosen.no_limits,
        "idle_p50_ms": round(idle_ms, 3),
        "kept_up": keeps_up(result, limit_ms),
        "user_frames": sum(bot.view.frames for bot in bots),
        "market_frames": sum(bot.book.frames for bot in bots),
        "trades": ledger["trades"],
        "saturated": [name for name in ("exchange", "bots") if result[f"{name}_cpu"] > BUSY],
        "tries": [{name: one[name] for name in TOLD} for one in search.tries],
    }
    return judged(result, missed, ledger["faults"])


def judged(result: Report, missed: list[str], faults: list[str]) -> Report:
    """Return the figures with ``failures`` in words."""
    checks = {
        f"{len(missed)} views differ from the ledger": not missed,
        f"the ledger has {len(faults)} faults": not faults,
        "memory is not flat": result["memory_growth"] <= MEMORY_GROWTH_MAX,
        "the rate was not kept up": result["kept_up"],
    }
    failures = [what for what, held in checks.items() if not held]
    return {**result, "differences": missed[:20], "failures": failures}


def table(report: Report) -> str:
    """Return the figures for a person."""
    acknowledged, cancelled = report["acknowledged_ms"], report["cancelled_ms"]
    rows = [
        ("bots, limits", f"{report['bots']}, {'on' if report['limits'] else 'off'}"),
        ("orders acknowledged", f"{report['orders']} in {report['wall_s']} s: {report['orders_per_s']} a second"),
        ("acknowledgement", " ".join(f"{name} {value} ms" for name, value in acknowledged.items())),
        (
            "idle p50",
            f"{report['idle_p50_ms']} ms; p99 is {acknowledged['p99'] / report['idle_p50_ms']:.1f} times that",
        ),
        ("cancels", f"{report['cancels']}: " + " ".join(f"{name} {value} ms" for name, value in cancelled.items())),
        ("refused", str(report["refused"] or "none")),
        ("trades", str(report["trades"])),
        ("frames", f"{report['user_frames']} to users, {report['market_frames']} of books"),
        ("cpu", f"exchange {report['exchange_cpu']:.0%} of a core, bots {report['bots_cpu']:.0%}"),
        ("saturated", ", ".join(report["saturated"]) or "neither side"),
        ("memory", " / ".join(f"{size} MiB" for size in report["memory_mib"]) + " (start, middle, end)"),
        ("lost or told twice", str(len(report["differences"]))),
        ("failures", "; ".join(report["failures"]) or "none"),
    ]
    return "\n".join([f"{name:<22}{value}" for name, value in rows] + report["differences"])


def main() -> int:
    """Read the arguments, run, print; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--bots", type=int, default=20)
    parser.add_argument("--rate", type=float, default=8, help="orders a second of each bot")
    parser.add_argument("--no-limits", action="store_true", help="run the exchange without the venue's rate limits")
    parser.add_argument("--find-max", action="store_true", help="look for the highest rate from --rate on, and hold it")
    parser.add_argument("--option", action="append", default=[], help="a further option of the exchange")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10_000)  # a full collection here would count as the exchange's slowness
    report = trio.run(load, chosen)
    print(json.dumps(report, indent=1) if chosen.json else table(report))
    return int(bool(report["failures"]))


if __name__ == "__main__":
    sys.exit(main())
