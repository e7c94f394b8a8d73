"""Host and Origin, row by row."""

from __future__ import annotations

import pytest

from agbot.web.http import Request
from agbot.web.origin import host_is_ours, is_loopback, is_unspecified, origin_is_ours, refusal_of_pages

V4 = ("127.0.0.1", 8080)
V6 = ("::1", 8080)
LAN = ("192.168.1.5", 8080)


@pytest.mark.parametrize(
    ("host", "local", "name", "ours"),
    [
        ("127.0.0.1:8080", V4, "", True),
        ("localhost:8080", V4, "", True),
        ("LOCALHOST:8080", V4, "", True),
        ("[::1]:8080", V6, "", True),
        ("[::1]:8080", V4, "", True),
        ("127.0.0.1:8080", ("::ffff:127.0.0.1", 8080), "", True),
        ("localhost", ("127.0.0.1", 80), "", True),
        ("192.168.1.5:8080", LAN, "", True),
        ("localhost:8080", LAN, "", True),  # a container's published port
        ("box.lan:8080", LAN, "box.lan", True),
        ("localhost", V4, "", False),
        ("127.0.0.1:8081", V4, "", False),
        ("evil.example:8080", V4, "", False),
        ("evil.example:8080", LAN, "box.lan", False),
        ("192.168.1.6:8080", LAN, "", False),
        ("0.0.0.0:8080", V4, "", False),
        ("127.0.0.1.evil.example:8080", V4, "", False),
        ("localhost:8080@evil.example", V4, "", False),
        ("user@localhost:8080", V4, "", False),
        ("localhost:8080/", V4, "", False),
        ("localhost:80800", V4, "", False),
        ("localhost:", V4, "", False),
        ("", V4, "", False),
        (" localhost:8080", V4, "", False),
        ("::1:8080", V6, "", False),
    ],
)
def test_host(host: str, local: tuple[str, int], name: str, *, ours: bool) -> None:
    assert host_is_ours(host, local, name) is ours


@pytest.mark.parametrize(
    ("origin", "host", "ours"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1:8080", True),
        ("HTTP://LocalHost:8080", "localhost:8080", True),
        ("http://localhost", "localhost:80", True),
        ("http://localhost:8080", "127.0.0.1:8080", False),
        ("http://localhost:9000", "localhost:8080", False),
        ("https://localhost:8080", "localhost:8080", False),
        ("http://evil.example", "127.0.0.1:8080", False),
        ("null", "127.0.0.1:8080", False),
        ("", "127.0.0.1:8080", False),
        ("file://", "127.0.0.1:8080", False),
        ("http://127.0.0.1:8080/", "127.0.0.1:8080", False),
        ("http://127.0.0.1:8080, http://evil.example", "127.0.0.1:8080", False),
        ("chrome-extension://abc", "127.0.0.1:8080", False),
    ],
)
def test_origin(origin: str, host: str, *, ours: bool) -> None:
    assert origin_is_ours(origin, host) is ours


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("box.lan", False),
        ("", False),
    ],
)
def test_is_loopback(host: str, *, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(("host", "all_of_them"), [("0.0.0.0", True), ("::", True), ("", True), ("127.0.0.1", False)])
def test_is_unspecified(host: str, *, all_of_them: bool) -> None:
    assert is_unspecified(host) is all_of_them


@pytest.mark.parametrize(
    ("local", "host", "origin", "passes"),
    [
        ("127.0.0.1", "127.0.0.1:8765", None, True),
        ("127.0.0.1", "exchange:9000", None, True),
        ("127.0.0.1", "127.0.0.1:8765", "http://127.0.0.1:8765", True),
        ("127.0.0.1", "localhost:8765", "http://localhost:3000", True),
        ("::1", "[::1]:8765", "http://[::1]:3000", True),
        ("127.0.0.1", "127.0.0.1:8765", "https://example.com", False),
        ("127.0.0.1", "127.0.0.1:8765", "null", False),
        ("127.0.0.1", "127.0.0.1:8765", "", False),
        ("127.0.0.1", "rebound.example:8765", "http://rebound.example:8765", False),
        ("172.17.0.2", "exchange:8765", "http://exchange:8765", True),
        ("172.17.0.2", "exchange:8765", "http://example.com", False),
    ],
)
def test_pages_of_other_sites_are_refused_and_programs_are_not(
    local: str, host: str, origin: str | None, passes: bool
) -> None:
    headers = {"host": host} | ({} if origin is None else {"origin": origin})
    refusal = refusal_of_pages(Request("POST", "/order", "", headers), (local, 8765))
    assert (refusal is None) is passes
    assert refusal is None or (refusal.status, refusal.closes) == (403, True)
