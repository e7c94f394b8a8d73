"""Secrets give themselves away only through reveal."""

from __future__ import annotations

import copy
import json
import pickle
import sys
import types
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.errors import ConfigError
from agbot.secrets import MAX_KNOWN, Secret, lookup, redact

KEY = "0x" + "5e" * 32


def test_every_way_to_text_shows_stars() -> None:
    secret = Secret("open-sesame-1")
    template = "{}"
    shown = [str(secret), repr(secret), f"{secret}", f"{secret!r:>3}", f"{secret:>20}", template.format(secret)]
    assert set(shown) == {"***"}
    assert repr([secret]) == "[***]"
    assert secret.reveal() == "open-sesame-1"


ENCODERS = [json.dumps, msgspec.json.encode, msgspec.msgpack.encode, pickle.dumps, bytes, "".join]


@pytest.mark.parametrize("encode", ENCODERS)
def test_encoders_refuse(encode: Callable[[object], object]) -> None:
    with pytest.raises(TypeError):
        encode([Secret("open-sesame-2")])


def test_a_secret_does_not_change_and_is_not_copied() -> None:
    secret = Secret("open-sesame-3")
    with pytest.raises(AttributeError):
        secret._value = "x"
    with pytest.raises(ValueError, match="not empty"):
        Secret("")
    assert copy.copy(secret) is copy.deepcopy([secret])[0] is secret
    assert not hasattr(secret, "__dict__")


def test_equality_and_hash() -> None:
    assert Secret("open-sesame-4") == Secret("open-sesame-4")
    assert Secret("open-sesame-4") != Secret("open-sesame-5")
    assert Secret("open-sesame-4") != "open-sesame-4"
    assert len({Secret("ü-1234"), Secret("ü-1234")}) == 1


def test_redaction() -> None:
    Secret("long-secret-value")
    Secret("long-secret")
    assert redact("a long-secret-value b long-secret c") == "a *** b *** c"
    assert redact(f"key={KEY}, {KEY.upper()}") == "key=***, ***"
    assert redact(KEY + "00") == KEY + "00"
    assert redact("0x1234 and nothing else") == "0x1234 and nothing else"


def test_short_secrets_would_mask_ordinary_words() -> None:
    Secret("abc")
    assert redact("abc") == "abc"


def test_what_is_remembered_is_bounded_and_the_newest_stays() -> None:
    for n in range(MAX_KNOWN + 10):
        Secret(f"bounded-{n:04d}")
    assert redact(f"bounded-{MAX_KNOWN + 9:04d} bounded-0000") == "*** bounded-0000"


def test_the_oldest_is_forgotten_not_the_longest() -> None:
    Secret("the-longest-secret-of-all-of-them")
    for n in range(MAX_KNOWN - 1):
        Secret(f"younger-{n}")
    Secret("younger-0")
    assert redact("the-longest-secret-of-all-of-them") == "***"
    Secret("one more")
    assert redact("younger-0 younger-1") == "*** ***"
    assert redact("the-longest-secret-of-all-of-them") == "the-longest-secret-of-all-of-them"


@settings(deadline=None)
@given(st.text(min_size=4, max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_a_known_secret_never_survives(value: str, before: str, after: str) -> None:
    Secret(value)
    if value not in "***":
        assert value not in redact(before + value + after).replace("***", "")


def test_lookup_in_the_environment() -> None:
    assert lookup("AGBOT_KEY", {"AGBOT_KEY": " v4lue\n"}).reveal() == "v4lue"


def _keyring(monkeypatch: pytest.MonkeyPatch, *, fails: bool = False) -> None:
    errors = types.ModuleType("keyring.errors")
    keyring = types.ModuleType("keyring")

    class KeyringError(Exception):
        pass

    def get_password(service: str, name: str) -> str | None:
        if fails:
            raise KeyringError("locked")
        return "from-keyring" if (service, name) == ("agbot", "AGBOT_KEY") else None

    monkeypatch.setattr(errors, "KeyringError", KeyringError, raising=False)
    monkeypatch.setattr(keyring, "get_password", get_password, raising=False)
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)


def test_lookup_in_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    _keyring(monkeypatch)
    assert lookup("AGBOT_KEY", {}).reveal() == "from-keyring"
    assert lookup("AGBOT_KEY", {"AGBOT_KEY": "environment-first"}).reveal() == "environment-first"


@pytest.mark.parametrize("keyring", ["absent", "locked", "without it"])
@pytest.mark.parametrize("environ", [{}, {"OTHER": ""}, {"OTHER": "  "}])
def test_lookup_fails_with_a_remedy(monkeypatch: pytest.MonkeyPatch, keyring: str, environ: dict[str, str]) -> None:
    if keyring == "absent":
        monkeypatch.setitem(sys.modules, "keyring", None)
    else:
        _keyring(monkeypatch, fails=keyring == "locked")
    with pytest.raises(ConfigError) as caught:
        lookup("OTHER", environ)
    assert str(caught.value) == (
        "[AGB-115] OTHER: the secret is neither in the environment nor in the keyring → "
        "export OTHER=… in the environment, or: keyring set agbot OTHER"
    )
