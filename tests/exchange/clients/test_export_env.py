"""What `--export-env` prints works in the program it is for: a shell, agbot's own reader, Python, JavaScript."""

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from agbot.config import load_settings
from agbot.exchange.export_env import CLIENTS, export_env
from agbot.venue.polymarket.credentials import load_credentials

URLS = {
    "clob": "http://127.0.0.1:7001",
    "market_socket": "ws://127.0.0.1:7001/ws/market",
    "user_socket": "ws://127.0.0.1:7001/ws/user",
    "rtds": "ws://127.0.0.1:7001/ws/rtds",
    "realtime": "ws://127.0.0.1:7001/ws/realtime",
    "gamma": "http://127.0.0.1:7001/gamma",
    "data": "http://127.0.0.1:7001/data-api",
}
KEY = {
    "private_key": "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "address": "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
    "wallet": "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
    "signature_type": 0,
    "apiKey": "00000000-1111-4222-8333-444444444444",
    "secret": "c3R1Yi1zZWNyZXQtc3R1Yi1zZWNyZXQtc3R1Yi1zZWM=",
    "passphrase": "it's;$(true)",
}


def sourced(text: str) -> dict[str, str]:
    """Return the environment of a shell that evaluated `text`."""
    shell = 'eval "$1" && env -0'
    run = subprocess.run(["sh", "-c", shell, "sh", text], capture_output=True, text=True, check=True, env={})
    return dict(row.split("=", 1) for row in run.stdout.split("\0") if "=" in row)


def test_agbot_reads_its_own(tmp_path: Path) -> None:
    text = export_env("agbot", URLS, [KEY])
    found = load_credentials(sourced(text))
    assert found.api is not None
    assert (found.api.key, found.api.passphrase.reveal()) == (KEY["apiKey"], KEY["passphrase"])
    assert found.account is not None
    assert found.account.funder == KEY["wallet"]

    config = tmp_path / "config.yaml"
    rows = [row.removeprefix("# ") for row in text.splitlines() if row.startswith("# ")]
    config.write_text("\n".join(rows[1:]))
    hosts = load_settings(config).polymarket.hosts
    assert (hosts.clob, hosts.rtds, hosts.data) == (URLS["clob"], URLS["rtds"], URLS["data"])


def test_a_wallet_that_is_no_plain_key_is_named_to_agbot() -> None:
    found = sourced(export_env("agbot", URLS, [KEY | {"wallet": "0x" + "ab" * 20, "signature_type": 3}]))
    assert (found["POLYMARKET_FUNDER"], found["POLYMARKET_SIGNATURE_TYPE"]) == ("0x" + "ab" * 20, "3")


@pytest.mark.parametrize("client", ["py-clob-client-v2", "clob-client-v2"])
def test_clob_clients_get_the_names_of_their_own_examples(client: str) -> None:
    found = sourced(export_env(client, URLS, [KEY]))
    assert (found["CLOB_API_URL"], found["CHAIN_ID"], found["PK"]) == (URLS["clob"], "137", KEY["private_key"])
    assert found["CLOB_PASS_PHRASE"] == KEY["passphrase"]


def test_the_real_time_client_needs_a_host_only() -> None:
    assert sourced(export_env("real-time-data-client", URLS, [KEY]))["RTDS_URL"] == URLS["rtds"]


def test_the_unified_python_client_takes_its_snippet(monkeypatch: pytest.MonkeyPatch) -> None:
    polymarket = pytest.importorskip("polymarket")
    given = SimpleNamespace()
    monkeypatch.setattr(polymarket.SecureClient, "create", lambda **options: vars(given).update(options))
    exec(export_env("polymarket-client", URLS, [KEY]), {})
    assert (given.private_key, given.wallet) == (KEY["private_key"], KEY["wallet"])
    config = given.environment._config
    assert (config.clob_url, config.clob_user_ws_url, config.rtds_ws_url) == (
        URLS["clob"],
        URLS["user_socket"],
        URLS["rtds"],
    )


def test_the_unified_typescript_client_gets_every_address() -> None:
    text = export_env("client", URLS | {"relayer": "http://127.0.0.1:7001/relayer"}, [KEY])
    assert "forkEnvironmentConfig" in text
    named = [f'"{url}"' for name, url in URLS.items() if name != "realtime"]
    assert [url for url in [*named, '"http://127.0.0.1:7001/relayer"'] if url not in text] == []


def test_every_client_of_the_show_is_there() -> None:
    assert list(CLIENTS) == [
        "agbot",
        "py-clob-client-v2",
        "polymarket-client",
        "clob-client-v2",
        "client",
        "real-time-data-client",
    ]
