"""The address: from the environment only, and shown nowhere."""

from __future__ import annotations

import sys

import pytest

from agbot.errors import ConfigError
from agbot.secrets import redact
from agbot.store.postgres import find_dsn, open_store
from agbot.store.postgres.link import Away
from benchmarks.postgres_server import Server

pytest.importorskip("psycopg", reason="the extra postgres is not installed")

PASSWORD = "correct-horse"


def test_it_comes_from_the_environment_and_shows_as_stars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGBOT_POSTGRES_DSN", f"postgresql://bot:{PASSWORD}@db/history")
    dsn = find_dsn()
    assert dsn.reveal().endswith("@db/history")
    assert f"{dsn} {dsn!r}" == "*** ***"
    assert redact(f"password {PASSWORD} is wrong") == "password *** is wrong"


def test_another_name_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_DSN", "host=db")
    assert find_dsn("DESK_DSN").reveal() == "host=db"
    with pytest.raises(ConfigError, match="AGB-115"):
        find_dsn("NO_SUCH_DSN")


@pytest.mark.parametrize("text", [f"host=db {PASSWORD}", f"postgresql://bot:{PASSWORD}@[db/x", f"{PASSWORD}=1"])
def test_what_is_no_address_is_not_repeated(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("AGBOT_POSTGRES_DSN", text)
    with pytest.raises(ConfigError, match=r"AGB-911.*AGBOT_POSTGRES_DSN") as caught:
        find_dsn()
    assert PASSWORD not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.exit_code == 2


def test_without_psycopg_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGBOT_POSTGRES_DSN", "host=db")
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"AGB-910.*pip install 'agbot\[postgres\]'"):
        find_dsn()


def test_a_refused_password_is_not_shown(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGBOT_POSTGRES_DSN", f"host={server.folder} user=nobody_{PASSWORD} password={PASSWORD}")
    with pytest.raises(Away, match="AGB-912") as caught:
        open_store(find_dsn())
    assert PASSWORD not in str(caught.value)
