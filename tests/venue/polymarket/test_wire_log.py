"""The wire log holds what went over the wire, never a secret, and never more than its bound."""

import stat
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.errors import ConfigError
from agbot.secrets import Secret
from agbot.venue.polymarket.wire_log import BODY_MAX, WireLog, cleaned, shown


def lines(path: Path) -> list[dict[str, object]]:
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


def test_a_request_and_its_reply_share_an_id(tmp_path: Path) -> None:
    log = WireLog(tmp_path, now_ns=lambda: 7)
    first = log.request("POST", "http://h/order", {"POLY_API_KEY": "k", "Accept": "json"}, b'{"owner":"uuid","a":1}')
    second = log.request("GET", "http://h/time", {}, b"")
    log.lost(second, "ReadError")
    log.reply(first, 200, {"set-cookie": "x", "Poly-RateLimit-Remaining": "5"}, b"{}")
    log.frame("market", sent=True, payload="PING")
    log.close()
    log.frame("market", sent=True, payload="after the end")
    told = lines(log.path)
    assert [(line["kind"], line.get("id")) for line in told] == [
        ("request", 1),
        ("request", 2),
        ("lost", 2),
        ("reply", 1),
        ("sent", None),
    ]
    assert told[0]["headers"] == {"POLY_API_KEY": "***", "Accept": "json"}
    assert told[0]["body"] == '{"owner":"***","a":1}'
    assert told[3]["headers"] == {"set-cookie": "***", "Poly-RateLimit-Remaining": "5"}
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "text",
    [
        '{"apiKey":"HIDE","secret":"HIDE","passphrase":"HIDE"}',
        '{"type":"user","auth":{"apiKey" : "HIDE", "secret":"HIDE" ,"passphrase":\n"HIDE"}}',
        '{"filters":"{\\"clob_auth\\":{\\"key\\":\\"HIDE\\",\\"secret\\":\\"HIDE\\"}}"}',
        '{"apiKeys":["HIDE","HIDE"]}',
        '{"trade_owner":"HIDE","maker_orders":[{"owner":"HIDE"}]}',
    ],
)
def test_credentials_in_bodies_are_masked(text: str) -> None:
    assert "HIDE" not in cleaned(text)
    assert "***" in cleaned(text)


def test_known_secrets_are_masked_anywhere_and_ids_are_not() -> None:
    secret = Secret("very-secret-value-of-this-test")
    order_id = "0x" + "ab" * 32
    assert cleaned(f"a {secret.reveal()} {order_id}") == f"a *** {order_id}"
    assert shown({"x": secret.reveal(), "poly-address": "0x1", "Authorization": "b"}) == {
        "x": "***",
        "poly-address": "***",
        "Authorization": "***",
    }


@given(st.binary(max_size=3 * BODY_MAX))
def test_any_body_is_cut_and_is_text(body: bytes) -> None:
    assert len(cleaned(body)) <= BODY_MAX


def test_two_files_and_no_more(tmp_path: Path) -> None:
    log = WireLog(tmp_path, now_ns=lambda: 7, bytes_max=4000)
    for n in range(200):
        log.frame("market", sent=False, payload=f"{n} " + "x" * 100)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["wire.jsonl", "wire.jsonl.1"]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 4000
    assert str(lines(log.path)[-1]["body"]).startswith("199 ")
    log.close()
    again = WireLog(tmp_path, now_ns=lambda: 8, bytes_max=4000)
    again.frame("market", sent=False, payload="z" * 1500)
    again.close()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 4000


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="AGB-417"):
        WireLog(tmp_path / "nowhere", now_ns=lambda: 7)


def test_a_full_disk_ends_the_log_and_not_the_caller(tmp_path: Path) -> None:
    log = WireLog(tmp_path, now_ns=lambda: 7, bytes_max=400)
    (tmp_path / "wire.jsonl.1").mkdir()  # turning the file fails
    for _ in range(10):
        log.frame("market", sent=False, payload="x" * 100)
    assert len(lines(log.path)) == 1
