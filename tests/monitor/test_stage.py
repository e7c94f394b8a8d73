"""Which run the page shows when bots share it: real money before all else, then the youngest."""

from __future__ import annotations

from collections.abc import Callable

from agbot.monitor.hub import Feed, Hub

Make = Callable[..., str]


def test_a_live_run_is_pushed_off_the_stage_by_nothing_but_a_younger_live_one(event: Make) -> None:
    hub, feeds = Hub(), dict[str, Feed]()

    def shown_after(run_id: str, mode: str) -> str:
        feeds[run_id] = hub.feed()
        feeds[run_id].take(event("run", run_id=run_id, mode=mode))
        hub.tick(1)
        return hub.shown.run_id

    assert [shown_after(*run) for run in (("p", "PAPER"), ("a", "LIVE"), ("r", "READ-ONLY"), ("d", "DEMO"))] == [
        "p", "a", "a", "a",
    ]  # fmt: skip
    assert (hub.health().runs, hub.health().live) == (4, 1)
    assert shown_after("b", "LIVE") == "b"
    for gone, shown in (("b", "a"), ("a", "d"), ("d", "r")):
        feeds[gone].close()
        hub.tick(1)
        assert hub.shown.run_id == shown
