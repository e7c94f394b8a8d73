"""Load on the monitor: metrics at a rate to many pages, one of which never reads. Four processes, loopback.

    python benchmarks/load_monitor.py --seconds 60 --rate 10000 --clients 20

Prints one JSON object and ends with 1 unless every healthy client has the bot's counter totals and saw every tick,
the stalled client was dropped, every loss was counted and the monitor's memory stayed flat.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from functools import partial
from statistics import quantiles
from typing import Any

import msgspec
import trio

from agbot.telemetry.push import push
from agbot.telemetry.registry import Registry
from agbot.telemetry.websocket import open_websocket

COUNTERS, GAUGES = 500, 300
STEPS_A_SECOND = 100
BATCH = 100
COUNTER_SHARE, GAUGE_SHARE = 0.5, 0.3
MEMORY_GROWTH_MAX = 1.10
"""The monitor's memory at the end over that at a third of the time."""
SETTLE_S = 20.0
Report = dict[str, Any]


async def bot(url: str, seconds: float, rate: int) -> None:
    """Record `rate` observations a second for `seconds`, then print the totals."""
    registry = Registry(time.time_ns, run_id="load")
    run = {"run_id": "load", "mode": "DEMO", "version": "0", "protocol": 1, "pid": 0, "capital_usd": "0"}
    counters = [registry.counter("load.counter", n=str(n)) for n in range(COUNTERS)]
    gauges = [registry.gauge("load.gauge", n=str(n)) for n in range(GAUGES)]
    latency = registry.histogram("load.histogram")
    totals: dict[str, int] = dict.fromkeys(map(str, range(COUNTERS)), 0)
    recorded = observed = 0
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(push, registry, url, run_event=run))
        began = trio.current_time()
        while (passed := trio.current_time() - began) < seconds:
            due = int(min(passed + 1 / STEPS_A_SECOND, seconds) * rate)
            while recorded < due:
                share = recorded % 10 / 10
                if share < COUNTER_SHARE:
                    n = (recorded // 10 * 5 + recorded % 10) % COUNTERS
                    counters[n].add()
                    totals[str(n)] += 1
                elif share < COUNTER_SHARE + GAUGE_SHARE:
                    gauges[(recorded // 10 * 3 + recorded % 10) % GAUGES].set(recorded)
                else:
                    latency.observe(recorded)
                    observed += 1
                recorded += 1
                if recorded % BATCH == 0:
                    await trio.lowlevel.checkpoint()  # after a stall of the machine: an engine yields between batches
            await trio.sleep(1 / STEPS_A_SECOND)
        took = trio.current_time() - began
        registry.event("run", run_id="load", ended=True, exit_code=0, reason="load is over")
        registry.close()
    dropped = registry.dropped("metric")
    print(
        json.dumps({"totals": totals, "observed": observed, "recorded": recorded, "took_s": took, "dropped": dropped})
    )


async def client(url: str, reports: list[Report]) -> None:
    """Follow the dashboard until the run has ended; append what was seen."""
    counters: dict[str, float] = {}
    observed = frames = gaps = 0
    late: list[float] = []
    last_tick, last_at = None, trio.current_time()
    async with open_websocket(url) as ws:
        while True:
            frame = msgspec.json.decode(await ws.get_message())
            now = trio.current_time()
            if last_tick is not None:
                gaps += frame["tick"] != last_tick + 1
                late.append(now - last_at)
            last_tick, last_at = frame["tick"], now
            frames += 1
            for name, labels, _, value, _ in frame["metrics"]:
                if name == "load.counter":
                    counters[labels["n"]] = value
                elif name == "load.histogram":
                    observed = value["count"] + (observed if frame["kind"] == "delta" else 0)
            if (frame.get("run") or {}).get("ended") or any(
                line["event"].get("ended") for line in frame.get("events", ())
            ):
                break
    p99 = quantiles(late, n=100)[98] if len(late) > 1 else 0.0
    reports.append(
        {"counters": counters, "observed": observed, "frames": frames, "gaps": gaps, "p99_s": p99, "worst_s": max(late)}
    )


async def clients(url: str, number: int) -> None:
    """Run `number` − 1 healthy clients and one that never reads; print what they saw."""
    reports: list[Report] = []
    host, port = re.search(r"//(.+):(\d+)/", url).groups()  # type: ignore[union-attr]
    async with await trio.open_tcp_stream(host, int(port)) as stalled, trio.open_nursery() as nursery:
        await stalled.send_all(
            f"GET /dashboard HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        for _ in range(number - 1):
            nursery.start_soon(client, url, reports)
        print("ready", flush=True)
    print(json.dumps(reports))


def load(seconds: float, rate: int, number: int) -> Report:
    """Run the four processes and return what they found, with ``failures`` in words."""
    with Started("-m", "agbot", "monitor", "--port", "0", stderr=subprocess.PIPE) as monitor:
        assert monitor.stderr is not None
        place = re.search(r"http://(\S+)", monitor.stderr.readline()).group(1)  # type: ignore[union-attr]
        with Started(
            __file__, "--role", "clients", "--url", f"ws://{place}/dashboard", "--clients", str(number)
        ) as pages:
            assert pages.stdout is not None
            assert pages.stdout.readline() == "ready\n"
            arguments = [
                "--role",
                "bot",
                "--url",
                f"ws://{place}/metrics",
                "--seconds",
                str(seconds),
                "--rate",
                str(rate),
            ]
            with Started(__file__, *arguments) as pushing:
                memory = watch_memory(pushing, monitor.pid)
                told = json.loads(pushing.communicate()[0].splitlines()[-1])  # the log is above
            reports = json.loads(pages.communicate(timeout=SETTLE_S)[0])
        monitor.terminate()
        dropped = monitor.communicate()[1].count("slow reader dropped")
    return judge(told, reports, memory, number, dropped)


class Started(subprocess.Popen[str]):
    """A Python process that does not outlive its block."""

    def __init__(self, *arguments: str, stderr: int | None = None) -> None:
        super().__init__([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=stderr, text=True)

    def __exit__(self, *exc: object) -> None:
        self.kill()
        super().__exit__(None, None, None)


def watch_memory(until: subprocess.Popen[str], pid: int) -> list[int]:
    """Return the memory of `pid` in KiB, twice a second while `until` runs."""
    sizes: list[int] = []
    while until.poll() is None:
        sizes.append(int(subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=True).stdout))
        try:
            until.wait(0.5)
        except subprocess.TimeoutExpired:
            continue
    return sizes


def judge(told: Report, reports: list[Report], memory: list[int], number: int, readers_dropped: int) -> Report:
    """Return the figures and the list of failures."""
    growth = max(memory[-3:]) / max(memory[: len(memory) // 3 + 1])
    checks = {
        f"{number - 1} healthy clients reported": len(reports) == number - 1,
        "every counter total is equal": all(r["counters"] == told["totals"] for r in reports),
        "every observation arrived or was counted as dropped": all(
            told["observed"] - told["dropped"] <= r["observed"] <= told["observed"] for r in reports
        ),
        "no tick is missing": all(r["gaps"] == 0 for r in reports),
        "the stalled client was dropped, no other": readers_dropped == 1,
        "memory is flat": growth <= MEMORY_GROWTH_MAX,
    }
    return {
        "metrics": told["recorded"],
        "metrics_per_s": round(told["recorded"] / told["took_s"]),
        "clients": number,
        "metrics_dropped": told["dropped"],
        "frames": sum(r["frames"] for r in reports),
        "tick_p99_ms": round(max(r["p99_s"] for r in reports) * 1000, 1),
        "tick_worst_ms": round(max(r["worst_s"] for r in reports) * 1000, 1),
        "memory_mib": [round(memory[0] / 1024, 1), round(max(memory) / 1024, 1), round(memory[-1] / 1024, 1)],
        "memory_growth": round(growth, 3),
        "failures": [what for what, held in checks.items() if not held],
    }


def main() -> None:
    """Read the arguments and play the role they name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=int, default=10_000, help="observations a second")
    parser.add_argument("--clients", type=int, default=20, help="pages, one of them stalled")
    parser.add_argument("--role", choices=["load", "bot", "clients"], default="load", help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.role == "bot":
        trio.run(bot, chosen.url, chosen.seconds, chosen.rate)
    elif chosen.role == "clients":
        trio.run(clients, chosen.url, chosen.clients)
    else:
        report = load(chosen.seconds, chosen.rate, chosen.clients)
        print(json.dumps(report, indent=2))
        sys.exit(bool(report["failures"]))


if __name__ == "__main__":
    main()
