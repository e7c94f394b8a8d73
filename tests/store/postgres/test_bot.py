"""A bot that keeps its history in a PostgreSQL too, killed in between: both hold the same rows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time

from agbot.secrets import Secret
from agbot.store.postgres import open_store
from agbot.store.rows import Filter

AGBOT = [sys.executable, "-m", "agbot"]
CONFIG = "mode: demo\nhistory: {postgres: {}}\n"


def until(look, what, seconds=90.0):
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        pause.wait(0.1)
    return found


def test_files_and_database_say_the_same(dsn: Secret, database: str, tmp_path) -> None:
    (tmp_path / "c.yaml").write_text(CONFIG)
    env = {**os.environ, "HOME": str(tmp_path), "XDG_STATE_HOME": "", "AGBOT_POSTGRES_DSN": dsn.reveal()}

    def agbot(*words):
        return subprocess.run([*AGBOT, *words], env=env, capture_output=True, text=True, timeout=60, check=False)

    def asked(question):
        said = agbot("sql", question, "--json", "--profile", "default")
        assert said.returncode == 0, said.stderr
        return json.loads(said.stdout)

    def started():
        words = ("run", str(tmp_path / "c.yaml"), "--simulated", "--no-web")
        with (tmp_path / "out.log").open("a") as log:
            return subprocess.Popen([*AGBOT, *words], env=env, stdout=log, stderr=subprocess.STDOUT)

    def fills():
        said = agbot("sql", "select count(*) n from fills", "--json", "--profile", "default")
        return json.loads(said.stdout)[0]["n"] if said.returncode == 0 else 0

    first = started()
    until(lambda: fills() > 2, "fills")
    first.send_signal(signal.SIGKILL)
    first.wait(10)
    kept = fills()
    second = started()
    until(lambda: fills() > kept, "more fills")
    assert agbot("stop").returncode == 0
    second.wait(30)
    store = open_store(dsn)
    try:
        told = {row.trade_id for row in store.query_fills(Filter(limit=100_000))}
        placed = {row.client_order_id: row.state for row in store.query_orders(Filter(limit=100_000))}
    finally:
        store.close()
    assert told == {row["trade_id"] for row in asked("select trade_id from fills")}
    assert placed == {
        row["client_order_id"]: row["state"] for row in asked("select client_order_id, state from orders")
    }
    said = agbot("db", "status", "--postgres", "--json")
    assert json.loads(said.stdout)["pending"] == []
    assert dsn.reveal() not in (tmp_path / "out.log").read_text()
