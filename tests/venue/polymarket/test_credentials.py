"""Credentials come whole or as one error that says what to type; no value of theirs is ever in a message."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from agbot.errors import ConfigError
from agbot.secrets import redact
from agbot.venue.polymarket.auth import l2_headers
from agbot.venue.polymarket.credentials import ALL, PRIVATE_KEY, load_credentials
from agbot.venue.polymarket.wallets import SignatureType, derive

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
STRANGER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
OWN = derive(OWNER)
FULL = {
    "POLYMARKET_PRIVATE_KEY": KEY,
    "POLYMARKET_API_KEY": "00000000-0000-0000-0000-0000000000a1",
    "POLYMARKET_SECRET": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "POLYMARKET_PASSPHRASE": "passphrase-a",
}
SECRETS = [KEY, KEY[2:], *FULL.values()]


@pytest.fixture(autouse=True)
def keyring(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Put an empty keyring in place of the system's."""
    stored: dict[str, str] = {}
    module, errors = ModuleType("keyring"), ModuleType("keyring.errors")
    module.get_password = lambda service, name: stored.get(name) if service == "agbot" else None
    errors.KeyringError = type("KeyringError", (Exception,), {})
    monkeypatch.setitem(sys.modules, "keyring", module)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    return stored


def refused(environ: dict[str, str], error_id: str, *, required: tuple[str, ...] = ALL) -> str:
    with pytest.raises(ConfigError) as caught:
        load_credentials(environ, required=required)
    assert caught.value.id == error_id
    text = str(caught.value)
    assert not [value for value in environ.values() if value in SECRETS and value in text]
    return text


def test_everything() -> None:
    creds = load_credentials(FULL)
    assert creds.key is not None
    assert creds.api is not None
    assert creds.account is not None
    assert (creds.key.address, creds.api.key, creds.api.passphrase.reveal()) == (OWNER, *list(FULL.values())[1::2])
    assert (creds.account.owner, creds.account.funder, creds.account.signature_type) == (OWNER, OWNER, 0)
    assert l2_headers(creds.api, OWNER, "GET", "/x", b"", 1)["POLY_PASSPHRASE"] == "passphrase-a"


def test_nothing_of_it_shows() -> None:
    creds = load_credentials(FULL)
    shown = repr(creds) + str(creds) + f"{creds.key} {creds.api} {creds.account}"
    assert [value for value in SECRETS if value in shown] == []
    assert [value for value in SECRETS if value in redact(f"sent {SECRETS}")] == []


def test_the_keyring_fills_what_the_environment_lacks(keyring: dict[str, str]) -> None:
    keyring |= FULL | {"POLYMARKET_PASSPHRASE": "from the ring", "POLYMARKET_SIGNATURE_TYPE": "eoa"}
    creds = load_credentials({"POLYMARKET_PASSPHRASE": " passphrase-a\n"})
    assert creds.api is not None
    assert creds.api.passphrase.reveal() == "passphrase-a"


def test_all_that_is_missing_is_one_error() -> None:
    text = refused({}, "AGB-135")
    assert ", ".join(ALL) in text
    assert "export POLYMARKET_PRIVATE_KEY=…, or: keyring set agbot POLYMARKET_PRIVATE_KEY" in text
    partly = {PRIVATE_KEY: KEY, "POLYMARKET_API_KEY": "k", "POLYMARKET_PASSPHRASE": "  "}
    assert "keyring: POLYMARKET_SECRET, POLYMARKET_PASSPHRASE →" in refused(partly, "AGB-135")


def test_less_may_be_asked_for() -> None:
    nothing = load_credentials({}, required=())
    assert (nothing.key, nothing.api, nothing.account) == (None, None, None)
    only_key = load_credentials({PRIVATE_KEY: KEY}, required=(PRIVATE_KEY,))
    assert only_key.api is None
    assert only_key.account is not None
    without_key = load_credentials({name: FULL[name] for name in ALL[1:]}, required=())
    assert without_key.api is not None
    assert (without_key.key, without_key.account) == (None, None)
    assert "POLYMARKET_SECRET" in refused({"POLYMARKET_API_KEY": "k"}, "AGB-135", required=())


@pytest.mark.parametrize(
    ("name", "value", "error_id", "says"),
    [
        (PRIVATE_KEY, KEY[2:], "AGB-130", "0x and 64 hexadecimal digits"),
        (PRIVATE_KEY, KEY + "0", "AGB-130", "POLYMARKET_PRIVATE_KEY: "),
        (PRIVATE_KEY, "0x" + "f" * 64, "AGB-130", "outside the curve"),
        ("POLYMARKET_SECRET", "not base64!", "AGB-137", "POLYMARKET_SECRET: malformed"),
        ("POLYMARKET_PASSPHRASE", "two words", "AGB-137", "POLYMARKET_PASSPHRASE: malformed"),
        ("POLYMARKET_FUNDER", "0x1234", "AGB-131", "POLYMARKET_FUNDER: "),
        ("POLYMARKET_FUNDER", OWN.safe.replace("d93B", "D93b"), "AGB-131", "checksum"),
        ("POLYMARKET_SIGNATURE_TYPE", "4", "AGB-138", "2 or safe"),
        ("POLYMARKET_SIGNATURE_TYPE", "gnosis", "AGB-138", "'gnosis' is no signature type"),
    ],
)
def test_malformed_values_are_refused_with_the_format(name: str, value: str, error_id: str, says: str) -> None:
    text = refused(FULL | {name: value}, error_id)
    assert says in text
    assert value not in text or name in ("POLYMARKET_FUNDER", "POLYMARKET_SIGNATURE_TYPE")


@pytest.mark.parametrize(
    ("funder", "kind", "expected"),
    [
        (None, None, SignatureType.EOA),
        (None, "0", SignatureType.EOA),
        (None, "EOA", SignatureType.EOA),
        (OWNER, None, SignatureType.EOA),
        (OWN.proxy, None, SignatureType.PROXY),
        (OWN.safe.lower(), None, SignatureType.SAFE),
        ("0x" + OWN.safe[2:].upper(), "safe", SignatureType.SAFE),
        (OWN.deposit_uups, None, SignatureType.DEPOSIT),
        (OWN.deposit_beacon, "3", SignatureType.DEPOSIT),
        (STRANGER, "1", SignatureType.PROXY),
        (STRANGER, "deposit", SignatureType.DEPOSIT),
    ],
)
def test_the_account(funder: str | None, kind: str | None, expected: SignatureType) -> None:
    named = {"POLYMARKET_FUNDER": funder, "POLYMARKET_SIGNATURE_TYPE": kind}
    account = load_credentials(FULL | {name: value for name, value in named.items() if value}).account
    assert account is not None
    assert account.signature_type is expected
    assert account.funder.lower() == (funder or OWNER).lower()
    assert account.owner == OWNER


@pytest.mark.parametrize(
    ("funder", "kind", "error_id", "says"),
    [
        (
            None,
            "2",
            "AGB-139",
            f"set POLYMARKET_FUNDER to the wallet that polymarket.com shows; for this key {OWN.safe}",
        ),
        (None, "3", "AGB-139", f"{OWN.deposit_uups} or {OWN.deposit_beacon}"),
        (STRANGER, None, "AGB-139", "set POLYMARKET_SIGNATURE_TYPE to one of 1 (proxy), 2 (safe), 3 (deposit)"),
        (OWN.safe, "1", "AGB-139", "the key's safe wallet → set POLYMARKET_SIGNATURE_TYPE to 2"),
        (OWN.safe, "0", "AGB-139", "set POLYMARKET_SIGNATURE_TYPE to 2"),
        (STRANGER, "0", "AGB-132", "signature type 0"),
    ],
)
def test_what_does_not_fit_together(funder: str | None, kind: str | None, error_id: str, says: str) -> None:
    named = {"POLYMARKET_FUNDER": funder, "POLYMARKET_SIGNATURE_TYPE": kind}
    assert says in refused(FULL | {name: value for name, value in named.items() if value}, error_id)
