"""Reference prices in a whole run beside a venue on loopback: they reach the core, and their loss costs no book."""

from __future__ import annotations

import time

import pytest

from agbot.run import plans
from agbot.run.modes import trade_paper
from agbot.run.plans import Start
from agbot.run.session import Session, prepare_state_dir
from agbot.settings import Mode, PolymarketSettings, RtdsSettings, Settings
from agbot.store.verify import verify
from agbot.testing.venue_stub import StubKey

ENVIRON = {
    "POLYMARKET_API_KEY": StubKey().key,
    "POLYMARKET_SECRET": StubKey().secret,
    "POLYMARKET_PASSPHRASE": StubKey().passphrase,
}


@pytest.fixture
def start(stub, no_screens, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    settings = Settings(
        mode=Mode.PAPER,
        markets=("will-it-rain",),
        polymarket=PolymarketSettings(hosts=stub.hosts),
        rtds=RtdsSettings(subscribe_topics=("clob_market", "crypto_prices:btcusdt"), reconnect_delay_ns=10**7),
        realtime=("btcusd",),
        strategies=(),
    )
    return Start(settings=settings, state_dir=prepare_state_dir("p", tmp_path / "s"), screens=no_screens)


def price(value):
    payload = {"symbol": "btcusdt", "timestamp": time.time_ns() // 10**6, "value": value}
    return {"topic": "crypto_prices", "type": "update", "timestamp": time.time_ns() // 10**6, "payload": payload}


def realtime_price(value):
    ms = time.time_ns() // 10**6
    payload = {"symbol": "btcusd", "timestamp": ms, "value": float(value), "full_accuracy_value": value}
    return {"v": 1, "channel": "price.crypto", "seq": 1, "ts": ms, "payload": payload}


async def test_prices_reach_the_core_and_a_lost_socket_costs_no_book(stub, start, monkeypatch, until, nursery):
    sessions = []

    class Watched(Session):
        def __init__(self, plan):
            super().__init__(plan)
            sessions.append(self)

    monkeypatch.setattr(plans, "Session", Watched)
    summaries = []

    async def run():
        summaries.append(await trade_paper(start))

    nursery.start_soon(run)
    rtds, realtime = await stub.rtds_sockets.next(), await stub.realtime_sockets.next()
    assert [(await realtime.receive())["op"] for _ in range(2)] == ["auth", "subscribe"]
    engine = sessions[0].engine

    def values():
        return {key: e.value for key, e in engine.state.references.latest.items()}

    await rtds.send(price(61_000))
    await realtime.send(realtime_price("61000.5"))
    await until(lambda: len(values()) == 2)
    assert values() == {("crypto_prices", "btcusdt"): 61_000_000_000, ("price.crypto", "btcusd"): 61_000_500_000}
    await until(lambda: engine.books and all(book.trusted for book in engine.books.values()))

    rtds.drop()
    again = await stub.rtds_sockets.next()
    await again.send(price(62_000))
    await until(lambda: values()["crypto_prices", "btcusdt"] == 62_000_000_000)
    assert all(book.trusted for book in engine.books.values())

    report = await sessions[0].operator().handlers()["feeds"]({})
    rows = {row["topic"]: row["trust"] for row in report["feeds"]}
    assert rows == {
        "will-it-rain YES": "ok",
        "will-it-rain NO": "ok",
        "crypto_prices:btcusdt": "ok",
        "price.crypto:btcusd": "ok",
    }
    assert [(s["source"], s["losses"]) for s in report["sockets"]] == [("market", 0), ("rtds", 1), ("realtime", 0)]

    sessions[0].stop.ask("enough")
    await until(lambda: summaries)
    verdict = verify(sessions[0].journal.path)
    assert (verdict.agrees, verdict.complete) == (True, True)
