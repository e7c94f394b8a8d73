"""`agbot run` without a configuration trades on an exchange of its own, and says what that exchange's ledger says."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
from collections import Counter
from decimal import Decimal

import pytest


def ledger(bot):
    return json.loads(bot.run("exchange", "ledger", "--json").stdout)


def wallet(bot):
    """Return the bot's wallet: the test key's, which holds what no participant does."""
    state = json.loads((bot.home / ".local/state/agbot/demo/exchange.json").read_text())
    return next(name for name in state["parts"]["core"]["ledger"]["holdings"] if name == bot.wallet)


def rests(book, mine):
    rows = [o for o in book["orders"] if o["wallet"] == mine]
    return Counter(
        (o["market"], o["outcome"].upper(), o["side"], Decimal(o["price"]), Decimal(o["size"]) - Decimal(o["matched"]))
        for o in rows
    )


def told(rows):
    return Counter(
        (o["market_id"], o["outcome"], o["side"], Decimal(o["price"]), Decimal(o["size"]) - Decimal(o["filled"]))
        for o in rows
    )


def child(bot):
    found = subprocess.run(
        ["pgrep", "-f", f"agbot exchange .*{re.escape(str(bot.home))}"], capture_output=True, text=True, check=False
    )
    return [int(pid) for pid in found.stdout.split()]


@pytest.fixture
def trading(bot, until):
    bot.start("--exchange", "--seed", "1")
    until(lambda: bot.status()["open_orders"], what="orders")
    (bot.wallet,) = {o["wallet"] for o in ledger(bot)["orders"]} & {key_wallet()}
    return bot


def key_wallet():
    from agbot.exchange.clob.keys import Keyring  # noqa: PLC0415
    from agbot.exchange.testkeys import key_row  # noqa: PLC0415

    return key_row(Keyring(1), 1, 0)["wallet"]


@pytest.mark.slow
def test_orders_positions_and_money_are_the_ledgers(trading, until):
    def agree():
        book = ledger(trading)
        return book if told(json.loads(trading.run("orders", "--json").stdout)) == rests(book, trading.wallet) else None

    book = until(agree, what="orders as the ledger has them")
    assert book["faults"] == []

    def holds_the_same():
        held = ledger(trading)["wallets"][trading.wallet]
        if held["usd_unsettled"] != "0" or held["shares_unsettled"]:
            return None
        rows = json.loads(trading.run("positions", "--json").stdout)["positions"]
        return sorted(Decimal(r["size"]) for r in rows) == sorted(Decimal(size) for size in held["shares"].values())

    until(holds_the_same, what="positions as the ledger has them")


@pytest.mark.slow
def test_the_page_shows_the_orders_of_the_ledger(trading, browser, until, sees, opened):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    opened(page, trading)
    sees(page, "window.agbot.store.orders.size > 0", seconds=15)
    read = "[...window.agbot.store.orders.values()].map(line => line.event)"

    def agree():
        rows = [row for row in page.evaluate(read) if row["state"] in ("OPEN", "PARTIALLY_FILLED", "PENDING_CANCEL")]
        return told(rows) == rests(ledger(trading), trading.wallet)

    until(agree, what="the page's orders as the ledger has them", seconds=40)
    assert "DEMO" in page.inner_text("body")


DRAWN = re.compile(r"(BUY|SELL) (YES|NO) +([\d.]+) +([\d.]+)/([\d.]+) +(?:open|part|cancel…)")


def drawn(app):
    """Return the live orders in the lines of a screen, without their markets, whose names are cut to fit."""
    lines = (strip.text for strip in app.screen._compositor.render_strips())
    found = [match.groups() for line in lines for match in DRAWN.finditer(line)]
    return Counter((o, s, Decimal(price), Decimal(size) - Decimal(filled)) for s, o, price, filled, size in found)


@pytest.mark.slow
def test_the_terminal_shows_the_orders_and_the_cash_of_the_ledger(trading):
    from agbot.tui.app import AgbotApp  # noqa: PLC0415 - slow, and for this test alone
    from agbot.tui.widgets.status import StatusBar  # noqa: PLC0415

    async def agree(app, pilot):
        book = await asyncio.to_thread(ledger, trading)
        await pilot.pause()
        rows = rests(book, trading.wallet).items()
        expected = sum((Counter({row[1:]: count}) for row, count in rows), Counter())
        cash = f"cash {Decimal(book['wallets'][trading.wallet]['usd']):,.2f} "
        return expected and drawn(app) == expected and cash in str(app.query_one(StatusBar).content)

    async def look():
        app = AgbotApp(trading.page.replace("http", "ws") + "/dashboard")
        async with app.run_test(size=(160, 60)) as pilot, asyncio.timeout(60):
            await pilot.press("3", "z")
            while not await agree(app, pilot):
                pass

    asyncio.run(look())


@pytest.mark.slow
def test_kill_9_of_either_costs_no_cent_and_is_told(trading, until):
    before = ledger(trading)["wallets"][trading.wallet]
    trading.process.kill()
    trading.process.wait(10)
    until(lambda: not child(trading), what="the end of the exchange")
    trading.start("--exchange", "--seed", "1")
    after = ledger(trading)
    assert after["faults"] == []
    held = after["wallets"][trading.wallet]
    worth = Decimal(held["usd"]) + sum(map(Decimal, held["shares"].values()))
    assert worth >= Decimal(before["usd"])
    assert json.loads(trading.run("status", "--json").stdout)["mode"] == "DEMO"
    (pid,) = child(trading)
    os.kill(pid, signal.SIGKILL)
    assert trading.process.wait(30) == 1
    assert "AGB-870" in (trading.home / "out.log").read_text(), (
        "an exchange that is killed ends the run, and it says so"
    )


def test_a_saved_state_of_no_use_says_how_to_begin_anew(bot):
    place = bot.home / ".local/state/agbot/demo"
    place.mkdir(parents=True, mode=0o700)
    (place / "exchange.json").write_text("{}")
    done = bot.run("run", "--no-web", "--duration", "1")
    assert done.returncode == 2
    assert f"mv {place / 'exchange.json'} {place / 'exchange.json.old'}" in done.stderr
    assert done.stderr.count("agbot: ") == 1
