"""agbot report --venue: rebates and what else the venue credited, beside what the journals know."""

from __future__ import annotations

import pytest

from agbot.errors import ConfigError
from agbot.testing.venue_stub import ADDRESS
from agbot.units import NS_PER_S
from tests.backtest.written import MIDNIGHT_NS, Written

DAY = "2024-10-04"
AT_S = MIDNIGHT_NS // NS_PER_S


def row(kind, usd, at_s=AT_S + 60):
    return {"type": kind, "usdc_size": usd, "timestamp": at_s, "proxy_wallet": ADDRESS, "condition_id": ""}


@pytest.fixture
def asked(stub, run, told, tmp_path):
    """Return functions that report the day, with the venue's rows in it and before it."""
    (tmp_path / "runs").mkdir()
    Written(tmp_path / "runs", MIDNIGHT_NS + NS_PER_S).end()
    stub.sites.activity = [
        row("MAKER_REBATE", 1.25), row("MAKER_REBATE", 0.75), row("TAKER_REBATE", 0.5), row("REDEEM", 12),
        row("TRADE", 99), row("MAKER_REBATE", 50, AT_S - 1), row("REWARD", 50, AT_S + 86_400),
    ]  # fmt: skip
    words = ("report", "day", "--end", DAY, "--state-dir", tmp_path, "--venue")
    return lambda *more, **how: run(*words, *more, **how), lambda *more, **how: told(*words, *more, **how)


async def test_what_the_venue_credited_in_the_period_is_told_by_kind(asked, stub):
    text, json = asked
    found = await json("--wallet", ADDRESS)
    assert found["credits"] == [
        {"kind": "maker_rebate", "times": 2, "usd": 2_000_000},
        {"kind": "taker_rebate", "times": 1, "usd": 500_000},
        {"kind": "redeem", "times": 1, "usd": 12_000_000},
    ]
    lines = (await text("--wallet", ADDRESS)).stdout.splitlines()
    assert next(line for line in lines if line.startswith("rebates usd")).split()[-1] == "2.50"
    assert any("maker rebate" in line and line.endswith("2.00") for line in lines)
    hidden = [r.query.get("exclude_deposits_withdrawals") for r in stub.asked("GET", "/data-api/v2/activity")]
    assert hidden.count("false") == 2 * 2, "untold, the venue hides deposits and withdrawals"


async def test_what_cannot_be_read_is_no_silence(asked, stub):
    text, json = asked
    stub.sites.activity = [*stub.sites.activity, row("REWARD", "a lot")]
    assert (await json("--wallet", ADDRESS))["credits_unread"] == 1
    lines = (await text("--wallet", ADDRESS)).stdout.splitlines()
    assert any(line.split() == ["could", "not", "be", "read", "1", "not", "known"] for line in lines)


async def test_with_keys_it_is_ones_own_wallet(asked, signed_in):
    _, json = asked
    assert (await json())["credits"][0]["kind"] == "maker_rebate"


@pytest.mark.parametrize(("more", "told"), [((), "AGB-454"), (("--wallet", "0x12"), "0x12")])
async def test_whose_it_is_has_to_be_said(asked, more, told):
    text, _ = asked
    result = await text(*more, code=None)
    assert isinstance(result.exception, ConfigError)
    assert told in str(result.exception)


async def test_without_asking_nothing_is_said_of_it(run, tmp_path):
    result = await run("report", "day", "--end", DAY, "--state-dir", tmp_path, code=2)
    assert "--wallet and --config go with --venue" in result.output
