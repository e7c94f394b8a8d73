"""Make the pictures of README and pages from a running demo: docs/page.png, docs/tui*.svg. Run by `nox -s shots`."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright
from websockets.asyncio.client import connect

from agbot.control import request, socket_path
from agbot.tui.app import screenshot_svg
from agbot.tui.state import Dashboard

HERE = Path(__file__).parent
FRAMES = 600
AGBOT = [sys.executable, "-m", "agbot"]


def main() -> None:
    """Run the demo for a while, then look at it both ways."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        sys.exit("shots: chromium is needed")
    with tempfile.TemporaryDirectory() as home, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        env = {**os.environ, "HOME": home, "XDG_STATE_HOME": ""}
        bot = subprocess.Popen([*AGBOT, "run", "--port", str(port), "--seed", "3"], env=env, stdout=subprocess.DEVNULL)
        try:
            time.sleep(3)
            frames = asyncio.run(collect(port))
            page(chromium, port)
            terminal(frames, Path(home) / ".local" / "state" / "agbot" / "demo")
        finally:
            bot.terminate()
            bot.wait(20)
            subprocess.run(["pkill", "-f", f"agbot monitor .*--port {port}"], check=False)


async def collect(port: int) -> list[object]:
    """Return a minute of dashboard frames."""
    async with connect(f"ws://127.0.0.1:{port}/dashboard", max_size=None) as socket_:
        return [json.loads(await socket_.recv()) for _ in range(FRAMES)]


def terminal(frames: list[object], state_dir: Path) -> None:
    """Draw two screens of the terminal, with what the bot answers."""
    control, board = socket_path(state_dir), Dashboard()
    for frame in frames:
        board.apply(frame)
    told = {op: request(control, {"op": op}) for op in ("status", "risk")}
    told["ladder"] = request(control, {"op": "ladder", "market": board.markets()[0].market_id, "levels": 40})
    for view, name in (("overview", "tui.svg"), ("markets", "tui_markets.svg")):
        svg = screenshot_svg(frames, (120, 40), view=view, told=told)
        (HERE / name).write_text(svg, encoding="utf-8")


def page(chromium: str, port: int) -> None:
    """Photograph the page once its charts are full."""
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        view = browser.new_page(viewport={"width": 1280, "height": 1150})
        view.goto(f"http://127.0.0.1:{port}")
        view.wait_for_timeout(15_000)
        view.screenshot(path=str(HERE / "page.png"))
        browser.close()


if __name__ == "__main__":
    main()
