"""The reading commands beside a venue on loopback: a configuration that points there, and credentials it knows."""

from __future__ import annotations

import json

import attrs
import pytest
import trio
from click.testing import CliRunner

from agbot import cli
from agbot.testing.venue_stub import ADDRESS, CONDITION, PRIVATE_KEY, YES, StubKey, StubMarket, venue_stub

KEY = StubKey()
ENVIRON = {
    "POLYMARKET_PRIVATE_KEY": PRIVATE_KEY,
    "POLYMARKET_API_KEY": KEY.key,
    "POLYMARKET_SECRET": KEY.secret,
    "POLYMARKET_PASSPHRASE": KEY.passphrase,
}
SECRETS = (PRIVATE_KEY[2:], KEY.secret, KEY.passphrase)


@pytest.fixture
async def stub():
    async with venue_stub() as stub:
        stub.add_market(StubMarket(fee_rate="0.05", gamma={"description": "It rains\n when   it rains."}))
        stub.set_book(YES, bids=[("0.48", "100"), ("0.47", "50.5")], asks=[("0.52", "100")])
        yield stub


@pytest.fixture
def config(stub, tmp_path):
    hosts = attrs.asdict(stub.hosts)
    rtds = hosts.pop("rtds")
    path = tmp_path / "config.yaml"
    lines = [f"  {name}: {address}" for name, address in hosts.items()]
    path.write_text("\n".join(["mode: paper", "polymarket:", *lines, "rtds:", f"  endpoint: {rtds}"]))
    return path


@pytest.fixture
def signed_in(monkeypatch):
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(autouse=True)
def _no_credentials_of_mine(monkeypatch):
    for name in (*ENVIRON, "POLYMARKET_FUNDER", "POLYMARKET_SIGNATURE_TYPE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run(config):
    """Return a function that runs a command in a thread, beside the venue; it returns click's result."""

    async def invoke(*args, code=0):
        def call():
            return CliRunner().invoke(cli.cli, [*map(str, args), "--config", str(config)])

        result = await trio.to_thread.run_sync(call)
        assert not [secret for secret in SECRETS if secret in result.output]
        if code is not None:
            assert result.exit_code == code, (result.output, result.exception)
        return result

    return invoke


@pytest.fixture
def told(run):
    """Return a function that gives a command's JSON."""

    async def ask(*args, code=0):
        return json.loads((await run(*args, "--json", code=code)).stdout)

    return ask


@pytest.fixture
def rest(stub):
    """Return a function that puts an order of ours on the venue's book."""

    def put(name, token, side, price, size, matched="0"):
        row = {
            "id": "0x" + name * 64,
            "status": "LIVE",
            "owner": KEY.key,
            "maker_address": ADDRESS,
            "market": CONDITION,
            "asset_id": token,
            "side": side,
            "original_size": size,
            "size_matched": matched,
            "price": price,
            "outcome": "Yes" if token == YES else "No",
            "expiration": "0",
            "order_type": "GTC",
            "associate_trades": [],
            "created_at": 1_790_000_000,
        }
        stub.exchange.live[row["id"]] = row

    return put
