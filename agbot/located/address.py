"""Addresses in a configuration file: right in form, and encrypted where credentials travel."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from agbot.located.value import Located

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def websocket(node: Located) -> str:
    """Return a WebSocket address."""
    remedy = "write it as ws://127.0.0.1:8080/metrics or wss://host/path"
    return _address(node, ("ws", "wss"), "a WebSocket address", remedy)


def private_socket(node: Located) -> str:
    """Return a WebSocket address that credentials may be sent to: encrypted, or on this machine."""
    return _private(node, ("ws", "wss"), "a WebSocket address")


def private_page(node: Located) -> str:
    """Return an HTTP address that credentials may be sent to: encrypted, or on this machine."""
    return _private(node, ("http", "https"), "an HTTP address")


def _private(node: Located, schemes: tuple[str, ...], what: str) -> str:
    text = _address(node, schemes, what, f"write it as {schemes[-1]}://host/path").rstrip("/")
    url = urlsplit(text)
    if "@" in url.netloc or url.query or url.fragment:
        raise node.fault(f"{node} is more than host and path", id="AGB-107", remedy=f"{url.scheme}://host/path")
    if url.scheme != schemes[-1] and url.hostname not in LOOPBACK:
        raise node.fault(f"{node} is not encrypted", id="AGB-107", remedy=f"write it as {schemes[-1]}://{url.netloc}")
    return text


def _address(node: Located, schemes: tuple[str, ...], what: str, remedy: str) -> str:
    text = node.as_text()
    try:
        url = urlsplit(text)
        right = url.scheme in schemes and bool(url.hostname) and url.port != 0 and not re.search(r"\s", text)
    except ValueError:
        right = False
    if not right:
        raise node.fault(f"{node} is not {what}", id="AGB-107", remedy=remedy)
    return text
