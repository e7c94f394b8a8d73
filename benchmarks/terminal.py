"""The terminal beside a busy bot: from a key to the screen, beside an idle Textual app, and the CPU it takes.

    python -m benchmarks.terminal --seconds 30

A monitor of its own tells of 50 markets, 500 resting orders and 100 fills a second. Both apps sit on a pseudo-terminal
of 160 × 50, and a key of each is pressed in turn. The idle app is a plain one of two of Textual's own tables; a
key shows the other. Prints one JSON object; exit 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import pty
import random
import re
import select
import subprocess
import sys
import termios
import time
from statistics import median
from typing import Any, Final

MARKETS: Final = 50
ORDERS: Final = 500
FILLS_A_SECOND: Final = 100
TICK_S: Final = 0.1
RATIO_MAX: Final = 2.0
CPU_MAX: Final = 0.25
SIZE: Final = (50, 160)
WAIT_S: Final = 20.0
Frame = dict[str, Any]


class Bot:
    """Frames of a run that never rests."""

    def __init__(self) -> None:
        self._dice = random.Random(3)
        self._tick = 0
        self._fills = 0

    def _line(self, kind: str, body: Frame) -> Frame:
        return {"timestamp": time.time_ns() // 1_000_000, "event_type": kind, "run_id": "busy", "event": body}

    def _order(self, n: int, filled: int = 0) -> Frame:
        body = {"client_order_id": f"busy-{n}", "correlation_id": f"busy-{n}", "strategy_id": f"maker-{n % 5}"}
        body |= {"market_id": f"m{n % MARKETS}", "outcome": ("YES", "NO")[n % 2], "side": ("BUY", "SELL")[n // 2 % 2]}
        body |= {"price": f"0.{20 + n % 60}", "size": "100", "filled": str(filled), "reason": ""}
        body |= {"state": "PARTIALLY_FILLED" if filled else "OPEN", "why": f"fair 0.{30 + n % 60}, one tick behind"}
        return self._line("order", body)

    def _fill(self) -> list[Frame]:
        self._fills += 1
        n = self._dice.randrange(ORDERS)
        order = self._order(n, self._dice.randrange(1, 99))
        body = {**order["event"], "trade_id": f"t{self._fills}", "fee_usd": "0.01", "liquidity": "MAKER", "size": "1"}
        return [order, self._line("fill", body)]

    def _metrics(self) -> list[list[Any]]:
        at, dice = time.time_ns() // 1_000_000, self._dice
        rows: list[list[Any]] = [
            ["agbot.equity_usd", {}, "gauge", 10_000 + dice.uniform(-9, 9), at],
            ["polymarket.rtds.lag_ms", {"topic": "clob_market"}, "gauge", dice.uniform(1, 9), at],
            ["exec.latency_ms", {"venue": "v"}, "histogram", {"count": 1, "sum": 5, "min": 5, "max": 5, "last": 5}, at],
        ]
        for n in range(MARKETS):
            mid = round(dice.uniform(0.2, 0.8), 2)
            rows.append(["polymarket.book.best_bid", {"market_id": f"m{n}"}, "gauge", mid, at])
            rows.append(["polymarket.book.best_ask", {"market_id": f"m{n}"}, "gauge", mid + 0.02, at])
            rows.append(["strategy.pnl_usd", {"strategy_id": f"maker-{n % 5}", "market": f"m{n}"}, "gauge", mid, at])
        return rows

    def snapshot(self) -> Frame:
        """Return all that is known at the start."""
        markets = {f"m{n}": {"market_id": f"m{n}", "slug": f"will-it-happen-{n}"} for n in range(MARKETS)}
        run = {"run_id": "busy", "mode": "PAPER", "version": "0", "protocol": 1, "pid": 1}
        frame = {"v": 1, "kind": "snapshot", "tick": self._tick, "at": time.time_ns() // 1_000_000, "run": run}
        frame |= {"connected": True, "metrics": self._metrics(), "series": {}, "markets": markets}
        return {**frame, "orders": [self._order(n) for n in range(ORDERS)], "fills": [], "decisions": [], "logs": []}

    def delta(self) -> Frame:
        """Return a tenth of a second."""
        self._tick += 1
        events = [line for _ in range(round(FILLS_A_SECOND * TICK_S)) for line in self._fill()]
        frame = {"v": 1, "kind": "delta", "tick": self._tick, "at": time.time_ns() // 1_000_000, "connected": True}
        return {**frame, "metrics": self._metrics(), "events": events}


def monitor() -> None:
    """Serve the bot's frames until the input ends; the first line printed is the port."""
    from websockets.asyncio.server import ServerConnection, serve  # noqa: PLC0415
    from websockets.exceptions import ConnectionClosed  # noqa: PLC0415

    async def tell(link: ServerConnection) -> None:
        bot = Bot()
        await link.send(json.dumps(bot.snapshot()))
        due = time.monotonic()
        with contextlib.suppress(ConnectionClosed):
            while True:
                due += TICK_S
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                await link.send(json.dumps(bot.delta()))

    async def main() -> None:
        async with serve(tell, "127.0.0.1", 0, compression=None) as server:
            print(server.sockets[0].getsockname()[1], flush=True)
            await asyncio.to_thread(sys.stdin.read)
            server.close()

    asyncio.run(main())


def idle() -> None:
    """Run a plain app of two tables until it is told to quit."""
    from textual.app import App, ComposeResult  # noqa: PLC0415
    from textual.widgets import ContentSwitcher, DataTable, Footer, Static  # noqa: PLC0415

    class Idle(App[None]):
        BINDINGS = [("3", "show('one')", "one"), ("4", "show('two')", "two"), ("q", "quit", "quit")]  # noqa: RUF012

        def compose(self) -> ComposeResult:
            yield Static("idle")
            with ContentSwitcher(initial="one"):
                for name, title in (("one", "orders"), ("two", "positions")):
                    table: DataTable[str] = DataTable(id=name)
                    table.add_columns(title, *(f"column-{n}" for n in range(8)))
                    for n in range(MARKETS):
                        table.add_row(*(f"{title}-{n}" for _ in range(9)))
                    yield table
            yield Footer()

        def action_show(self, name: str) -> None:
            self.query_one(ContentSwitcher).current = name

    Idle().run()


class Terminal:
    """A program on a pseudo-terminal."""

    def __init__(self, *argv: str) -> None:
        self._keys, slave = pty.openpty()
        termios.tcsetwinsize(slave, SIZE)
        env = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        self.process = subprocess.Popen(
            [sys.executable, *argv], stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True
        )
        os.close(slave)

    def until(self, words: bytes, within_s: float = WAIT_S) -> float:
        """Read until `words` were written and return how long that took, seconds; TimeoutError when they are not."""
        began, written = time.perf_counter(), b""
        while re.search(words, written) is None:
            left = began + within_s - time.perf_counter()
            if left <= 0 or not select.select([self._keys], [], [], left)[0]:
                raise TimeoutError(f"{words!r} did not come; the end of what did: {written[-300:]!r}")
            written += os.read(self._keys, 1 << 20)
        return time.perf_counter() - began

    def drain(self, seconds: float = 0.0) -> None:
        """Throw away what is written for so long, and what waits."""
        end = time.monotonic() + seconds
        while select.select([self._keys], [], [], max(0.0, end - time.monotonic()))[0]:
            os.read(self._keys, 1 << 20)
            if time.monotonic() > end + 1:
                return

    def press(self, key: bytes, words: bytes) -> float:
        """Press a key and return how long it took until `words` were on the screen, seconds."""
        self.drain()
        os.write(self._keys, key)
        return self.until(words)

    def cpu_s(self) -> float:
        """Return the processor time used so far, seconds."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def quit(self) -> None:
        """End the program."""
        os.write(self._keys, b"q")
        end = time.monotonic() + WAIT_S
        while self.process.poll() is None and time.monotonic() < end:
            with contextlib.suppress(OSError):  # the last program on it has gone
                self.drain(0.1)
        self.process.kill()
        self.process.wait(WAIT_S)
        os.close(self._keys)


def press(busy: Terminal, calm: Terminal, seconds: float) -> tuple[dict[str, list[float]], float]:
    """Return how long the keys of each took, seconds, and the part of a core that the busy one used."""
    busy.until(b"PAPER")
    calm.until(b"positions|orders")
    keys = ((b"4", b"positions"), (b"3", b"orders"))
    took: dict[str, list[float]] = {"busy": [], "idle": []}
    for key, words in keys:  # both screens are made before it counts
        busy.press(key, words)
        calm.press(key, words)
    cpu, began = busy.cpu_s(), time.monotonic()
    while time.monotonic() < began + seconds:
        for key, words in keys:
            took["busy"].append(busy.press(key, words))
            took["idle"].append(calm.press(key, words))
            busy.drain(0.4)
    return took, (busy.cpu_s() - cpu) / (time.monotonic() - began)


def measure(seconds: float) -> Frame:
    """Return what was measured, with the goals."""
    served = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.terminal", "--as", "monitor"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert served.stdin is not None
    assert served.stdout is not None
    port = served.stdout.readline().strip()
    busy = Terminal("-m", "agbot", "tui", "--url", f"ws://127.0.0.1:{port}/dashboard")
    calm = Terminal("-m", "benchmarks.terminal", "--as", "idle")
    try:
        took, used = press(busy, calm, seconds)
    finally:
        busy.quit()
        calm.quit()
        served.stdin.close()
        served.wait(WAIT_S)
    ours, theirs = (median(took[name]) for name in ("busy", "idle"))
    return {
        "markets": MARKETS,
        "orders": ORDERS,
        "fills_a_second": FILLS_A_SECOND,
        "presses": len(took["busy"]),
        "key_to_screen_ms": round(ours * 1000, 1),
        "idle_app_ms": round(theirs * 1000, 1),
        "ratio": round(ours / theirs, 2),
        "ratio_goal": RATIO_MAX,
        "cpu_of_a_core": round(used, 3),
        "cpu_goal": CPU_MAX,
        "ok": ours / theirs <= RATIO_MAX and used <= CPU_MAX,
    }


def main() -> int:
    """Measure, or be one of the programs that are measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.terminal", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--as", dest="part", choices=("monitor", "idle"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part:
        {"monitor": monitor, "idle": idle}[given.part]()
        return 0
    report = measure(given.seconds)
    print(json.dumps(report, indent=1))
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
