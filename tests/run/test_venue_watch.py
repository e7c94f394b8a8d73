"""Venue health while a bot runs: told once a change, measured each second, and read by the gate."""

from __future__ import annotations

import json

import attrs
import pytest

from agbot.core.backoff import Backoff
from agbot.core.health import STEADY_S, WELL, Condition
from agbot.errors import VenueAmbiguous, VenueThrottled
from agbot.model.events import Health, VenueHealth
from agbot.run.facts import RunFacts
from agbot.run.inbox import Inbox
from agbot.run.venue_watch import VenueWatch
from agbot.run.venues import VenueLink
from agbot.telemetry.registry import Registry
from agbot.units import NS_PER_MS
from agbot.venue.care import Care


@attrs.define
class Venue:
    venue_id: str = "v"


class Bench:
    def __init__(self) -> None:
        self.now_s, self.seen, self.used = 0.0, WELL, {}
        self.care = Care("v", lambda: self.now_s, lambda: 0.5, held={"submit": Backoff()})
        self.inbox = Inbox()
        self.registry = Registry(lambda: NS_PER_MS, run_id="r")
        link = VenueLink(
            venue=Venue(),
            run=None,
            condition=lambda: self.seen,
            care=self.care,
            utilisation=lambda: self.used,
        )
        self.watch = VenueWatch(link, self.inbox, self.registry, lambda: 7, lambda: self.now_s)

    async def second(self, seen: Condition) -> list[VenueHealth]:
        """Let a second pass; returns what the core is told."""
        self.now_s += 1.0
        self.seen = seen
        self.watch.second()
        return await self.inbox.receive() if len(self.inbox) else []

    def metrics(self) -> dict[tuple[str, str], list[float]]:
        """Return the values that would be pushed by name and labels."""
        found: dict[tuple[str, str], list[float]] = {}
        for line in map(json.loads, self.registry.drain(10**6).lines):
            if "metric_name" in line:
                labels = ",".join(f"{k}={v}" for k, v in sorted(line["labels"].items()))
                found.setdefault((line["metric_name"], labels), []).append(line["value"])
        return found

    def fails(self, operation: str, error: Exception) -> None:
        with self.care.request(operation):
            self.now_s += 0.25
            raise error


DEAF = Condition(Health.DOWN, "deaf")


async def test_a_change_is_told_once_with_its_reason_and_better_after_a_while(caplog) -> None:
    caplog.set_level("INFO")
    bench = Bench()
    assert await bench.second(WELL) == []
    assert await bench.second(DEAF) == [VenueHealth("v", Health.DOWN, "deaf", 7)]
    assert await bench.second(DEAF) == []
    better = [await bench.second(WELL) for _ in range(int(STEADY_S) + 2)]
    assert [told for told in better if told] == [[VenueHealth("v", Health.HEALTHY, "", 7)]]
    assert better[0] == []
    lines = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    said = [(line["level"], line["health"], line["reason"]) for line in lines if line["event"] == "venue.health"]
    assert said == [("error", "down", "deaf"), ("info", "healthy", "")]


async def test_every_answer_is_measured_and_counted_once() -> None:
    bench = Bench()
    with pytest.raises(VenueAmbiguous):
        bench.fails("submit", VenueAmbiguous("so", venue="v"))
    with pytest.raises(VenueThrottled):
        bench.fails("cancel", VenueThrottled("so", venue="v", retry_after_s=1.0))
    bench.used = {"signer-orders": 0.75}
    await bench.second(DEAF)
    await bench.second(DEAF)
    told = bench.metrics()
    assert told["exec.api_response_ms", "operation=submit,venue=v"] == [250.0]
    assert told["exec.api_response_ms", "operation=cancel,venue=v"] == [250.0]
    assert told["exec.api_errors", "error=ambiguous,operation=submit,venue=v"] == [1]
    assert told["exec.api_errors", "error=throttled,operation=cancel,venue=v"] == [1]
    assert told["exec.rate_limit_violations", "operation=cancel,venue=v"] == [1]
    assert told["exec.rate_limit_utilisation", "meter=signer-orders,venue=v"] == [0.75]
    assert told["venue.health", "venue=v"] == [2]


async def test_a_meter_that_is_not_in_use_any_more_is_told_as_empty() -> None:
    bench = Bench()
    bench.used = {"signer-orders": 0.75}
    await bench.second(WELL)
    bench.used = {}
    await bench.second(WELL)
    assert bench.metrics()["exec.rate_limit_utilisation", "meter=signer-orders,venue=v"] == [0.0]


def test_status_says_how_each_venue_is_as_the_gate_reads_it(make_core) -> None:
    core = make_core()
    core.open()
    facts = RunFacts(run_id="r", mode="LIVE", page="", started_ns=0, journal="", capital=0)
    (market,) = core.engine.markets.values()
    well = {"health": "healthy", "reason": ""}
    assert facts.status(core.engine, 1)["venues"] == {market.venue: well}
    core.step(VenueHealth(market.venue, Health.DOWN, "deaf", 1), VenueHealth("other", Health.HEALTHY, "", 1))
    told = facts.status(core.engine, 1)["venues"]
    assert told == {market.venue: {"health": "down", "reason": "deaf"}, "other": well}
