"""Checks run side by side, end in time, and say why they could not be asked."""

from __future__ import annotations

import types

import trio

from agbot.doctor import Check, Status, run_all
from agbot.doctor.report import ok, skip, warn
from agbot.errors import ConfigError, VenueAuthFailed, VenueProtocolError, VenueUnavailable
from agbot.secrets import Secret

HOSTS = types.SimpleNamespace(clob="https://clob.example")


def check(id_, run, host=""):
    return Check(id_, f"title {id_}", run, host)


def raising(error):
    async def run(_world):
        raise error

    return run


async def fine(_world):
    return ok("well")


async def forever(_world):
    await trio.sleep_forever()


async def test_order_is_that_of_the_checks():
    async def slow(_world):
        await trio.testing.wait_all_tasks_blocked()
        return skip("later")

    report = await run_all(None, [check("D01", slow), check("D02", fine)], HOSTS)
    assert [(row.id, row.finding.status) for row in report.rows] == [("D01", Status.SKIP), ("D02", Status.OK)]
    assert report.green


async def test_one_deadline_for_all(autojump_clock):
    start = trio.current_time()
    report = await run_all(None, [check(f"D{n:02}", forever, "clob") for n in range(20)], HOSTS, deadline_s=8.0)
    assert trio.current_time() - start == 8.0
    assert not report.green
    (first,) = report.failures
    assert (first.id, first.finding.cause) == ("D00", "cannot reach https://clob.example: no answer within 8 s")
    assert "--offline" in first.finding.remedy
    assert {row.finding.cause for row in report.rows[1:]} == {"not checked: D00 failed"}


async def test_where_somebody_was_answered_nobody_is_silent(autojump_clock):
    report = await run_all(None, [check("D01", forever, "clob"), check("D02", fine, "clob")], HOSTS)
    assert [row.id for row in report.failures] == ["D01"]
    report = await run_all(
        None, [check(f"D0{n}", each, "clob") for n, each in enumerate((forever, fine, forever))], HOSTS
    )
    assert [row.id for row in report.failures] == ["D00", "D02"]


async def test_what_to_do_about_the_network_stands_once():
    hosts = types.SimpleNamespace(clob="https://clob.example", data="https://data.example")
    silent = raising(VenueUnavailable("refused"))
    report = await run_all(None, [check("D01", silent, "clob"), check("D02", silent, "data")], hosts)
    assert [row.finding.remedy[:11] for row in report.failures] == ["look at the", "as for D01"]


async def test_one_refused_key_is_told_once_and_nobody_says_what_is_being_done():
    silent = raising(VenueAuthFailed("no", remedy="agbot doctor"))
    report = await run_all(None, [check("D01", silent, "clob"), check("D02", silent, "clob")], HOSTS)
    assert [row.finding.cause for row in report.rows] == ["[AGB-404] no", "not checked: D01 failed"]
    assert report.rows[0].finding.remedy == "docs/errors.md, AGB-404"


async def test_an_exchange_on_this_machine_is_to_be_started():
    hosts = types.SimpleNamespace(clob="http://127.0.0.1:8765")
    report = await run_all(None, [check("D01", raising(VenueUnavailable("refused")), "clob")], hosts)
    assert "agbot exchange" in report.rows[0].finding.remedy


async def test_what_cannot_be_reached_is_named():
    report = await run_all(None, [check("D01", raising(VenueUnavailable("refused", venue="x")), "clob")], HOSTS)
    assert report.rows[0].finding.cause == "cannot reach https://clob.example: refused"
    assert not report.green


async def test_an_error_keeps_its_remedy_and_loses_secrets():
    secret = Secret("hunter2-passphrase")
    error = ConfigError(f"bad {secret.reveal()}", id="AGB-107", key="k", remedy=f"not {secret.reveal()}")
    report = await run_all(None, [check("D01", raising(error))], HOSTS)
    finding = report.rows[0].finding
    assert (finding.status, finding.cause, finding.remedy) == (Status.FAIL, "[AGB-107] k: bad ***", "not ***")


async def test_an_error_without_a_remedy_points_to_its_page():
    report = await run_all(None, [check("D01", raising(VenueProtocolError("odd")))], HOSTS)
    assert report.rows[0].finding.remedy == "docs/errors.md, AGB-408"


async def test_a_warning_is_green_and_json_says_it():
    async def odd(_world):
        return warn("odd", "look", "line")

    report = await run_all(None, [check("D01", odd)], HOSTS)
    assert report.json() == {
        "green": True,
        "checks": [
            {
                "id": "D01",
                "title": "title D01",
                "status": "warn",
                "cause": "odd",
                "remedy": "look",
                "details": ("line",),
            }
        ],
    }
