"""kill -9 of a live bot with orders at an exchange: what status says is what the exchange's ledger says."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.crash.rounds import World, wait_for


@pytest.mark.slow
def test_a_killed_bots_orders_are_told_found_and_taken_off(dice, tmp_path_factory):
    world = World(tmp_path_factory.mktemp("k"), dice)

    def agbot(*words: str, code: int = 0) -> str:
        done = subprocess.run(
            world.agbot(*words, "--profile", "real"), env=world.environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done
        return done.stdout

    with world.exchange():
        bot = world.start()
        try:
            wait_for(lambda: (world.status() or {}).get("open_orders") and world.ledger()["orders"], "orders", bot)
        finally:
            bot.kill()
            bot.wait(10)
        venue = world.ready["urls"]["clob"]
        resting = set(world.ledger()["orders"])
        (told,) = json.loads(agbot("status", "--json", code=3))["left"]
        assert told["ended"] is None
        assert told["venue"] == venue
        assert resting <= {order["venue_order_id"] for order in told["orders"]} | unanswered(told, resting)
        assert f"{len(told['orders'])} order" in agbot("status", code=3)
        assert {row["order_id"] for row in json.loads(agbot("orders", "--json"))} == set(world.ledger()["orders"])
        agbot("cancel", "--all")
        assert world.ledger()["orders"] == []


def unanswered(told: dict[str, list[dict[str, str]]], resting: set[str]) -> set[str]:
    """Return orders at the venue whose acknowledgement the kill cut off: the journal knows no venue's id of them."""
    nameless = sum(not order["venue_order_id"] for order in told["orders"])
    known = {order["venue_order_id"] for order in told["orders"]}
    return resting - known if len(resting - known) <= nameless else set()
