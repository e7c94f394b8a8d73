"""The way to Redis: which addresses are taken, and that every failure is one kind of failure."""

from __future__ import annotations

import pytest

from agbot.errors import ConfigError
from agbot.secrets import Secret, redact
from agbot.shared.link import URL, Link, Unreadable, checked

WORD = "hunter2" * 2


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379/0",
        "redis://localhost",
        f"rediss://user:{WORD}@elsewhere:6380/0",
        "unix:///run/redis.sock",
    ],
)
def test_addresses_that_are_taken(url):
    assert checked(Secret(url)).reveal() == url


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("redis://elsewhere:6379", "not encrypted"),
        ("http://127.0.0.1:6379", "begins with http"),
        ("127.0.0.1:6379", "begins with"),
        ("redis://127.0.0.1:port", "no port"),
    ],
)
def test_addresses_that_are_not(url, says):
    with pytest.raises(ConfigError, match=says) as caught:
        checked(Secret(url))
    assert (caught.value.id, caught.value.key) == ("AGB-155", URL)


def test_an_unencrypted_one_elsewhere_is_taken_when_it_is_meant():
    assert checked(Secret("redis://elsewhere:6379"), plain=True).reveal() == "redis://elsewhere:6379"


def test_a_password_in_it_is_known_as_a_secret():
    checked(Secret(f"rediss://me:{WORD}@elsewhere"))
    assert redact(f"AUTH {WORD}") == "AUTH ***"


def test_without_an_address_it_says_what_to_type(monkeypatch):
    monkeypatch.delenv(URL, raising=False)
    with pytest.raises(ConfigError, match=f"export {URL}"):
        Link.found()


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "redis", None)
    with pytest.raises(ConfigError, match="agbot\\[redis\\]") as caught:
        Link(Secret("redis://127.0.0.1:1"))
    assert caught.value.id == "AGB-154"


def test_nobody_there_is_unreadable():
    with pytest.raises(Unreadable):
        Link(Secret("unix:///nowhere/redis.sock")).ask(lambda redis: redis.ping())


def test_a_stopped_server_is_unreadable_within_its_time(server, link):
    assert link.ask(lambda redis: redis.ping())
    server.pause()
    with pytest.raises(Unreadable, match="Timeout"):
        link.ask(lambda redis: redis.ping())
    server.go_on()


def test_a_refusal_is_unreadable(link):
    with pytest.raises(Unreadable, match="unknown command"):
        link.ask(lambda redis: redis.execute_command("NONSENSE"))


def test_whether_changes_are_logged(link):
    assert link.logs_changes() is False
    link.ask(lambda redis: redis.config_set("appendonly", "yes"))
    assert link.logs_changes() is True
