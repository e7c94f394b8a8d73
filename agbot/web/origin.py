"""Who may speak to the listener: any web page can open a WebSocket to loopback, so Host and Origin are checked."""

from __future__ import annotations

import re
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from agbot.web.http import Place, Refuse, Request, Response

_AUTHORITY: Final = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_HTTP_PORT: Final = 80


def refusal_of_strangers(name: str) -> Refuse:
    """Return the rule for a server that only reads: our Host, our own pages, GET and HEAD.

    Args:
        name: a host name clients may use besides addresses and localhost.
    """
    return partial(_refusal, name)


def _refusal(name: str, request: Request, local: Place) -> Response | None:
    host, origin = request.headers.get("host", ""), request.headers.get("origin")
    if not host_is_ours(host, local, name):
        return Response(403, b"this Host is not served here\n", closes=True)
    if origin is not None and not origin_is_ours(origin, host):
        return Response(403, b"this Origin may not read here\n", closes=True)
    if request.method not in {"GET", "HEAD"}:
        return Response(405, b"this server only reads\n", headers=[("Allow", "GET, HEAD")], closes=True)
    return None


def refusal_of_pages(request: Request, local: Place) -> Response | None:
    """Refuse what a browser sends for a page that is not of this machine; programs send no Origin, or our own.

    For a server that programs write to under any Host (a forwarded port, a container's name). A foreign name that
    resolves to us is its page's Origin too, so DNS rebinding does not get past this.
    """
    origin = request.headers.get("origin")
    if origin is None:
        return None
    place = _place(origin.partition("://")[2])
    ours = _address(local[0])
    if place is not None and (is_loopback(place[0]) or (ours is not None and not ours.is_loopback and _same(request))):
        return None
    return Response(403, b'{"error":"pages of other sites may not ask here"}', "application/json", closes=True)


def _same(request: Request) -> bool:
    return origin_is_ours(request.headers["origin"], request.headers.get("host", ""))


def host_is_ours(host: str, local: Place, name: str = "") -> bool:
    """Tell whether a `Host` names this listener.

    True for the address the connection came in on, for loopback under any of its names, and for `name` (what the
    operator told us to listen on), always with our port. A foreign name that resolves to us is DNS rebinding: False.
    """
    place = _place(host)
    if place is None or place[1] != local[1]:
        return False
    if place[0] in {"localhost", name.lower()}:
        return True
    asked, ours = _address(place[0]), _address(local[0])
    return asked is not None and (asked == ours or asked.is_loopback)


def origin_is_ours(origin: str, host: str) -> bool:
    """Tell whether a browser's `Origin` is a page of the `Host` it speaks to."""
    scheme, _, authority = origin.partition("://")
    place = _place(authority)
    return scheme.lower() == "http" and place is not None and place == _place(host)


def is_loopback(host: str) -> bool:
    """Tell whether a host to listen on can be reached from this machine only."""
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def is_unspecified(host: str) -> bool:
    """Tell whether a host to listen on means every address of this machine."""
    address = _address(host)
    return not host or (address is not None and address.is_unspecified)


def _place(authority: str) -> Place | None:
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        return None
    return found["name"].strip("[]").lower(), int(found["port"] or _HTTP_PORT)


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(name)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
