"""Where the target is, and with which keys; from options, or from the ready line of an exchange."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import attrs
import msgspec

from agbot.errors import ConfigError
from agbot.secrets import Secret, lookup
from agbot.venue.polymarket.auth import ApiCredentials
from agbot.venue.polymarket.hosts import Hosts
from agbot.venue.polymarket.keys import SigningKey
from agbot.venue.polymarket.wallets import Account, SignatureType, derive

REAL: Final = "polymarket"
"""The name that stands for the real venue's hosts."""
_REAL_DOMAIN: Final = "polymarket.com"
_NAMES: Final = {
    "clob": "clob",
    "clob_url": "clob",
    "gamma": "gamma",
    "gamma_url": "gamma",
    "data": "data",
    "data_url": "data",
    "data_api": "data",
    "market": "market_socket",
    "market_socket": "market_socket",
    "market_ws": "market_socket",
    "ws_market": "market_socket",
    "user": "user_socket",
    "user_socket": "user_socket",
    "user_ws": "user_socket",
    "ws_user": "user_socket",
    "rtds": "rtds",
    "rtds_ws": "rtds",
    "ws_rtds": "rtds",
    "realtime": "realtime",
    "realtime_ws": "realtime",
    "ws_realtime": "realtime",
    "geoblock": "geoblock",
}
"""What a ready line may call each address, and our name for it."""


@attrs.frozen(kw_only=True)
class TestKey:
    """A private key of the target's play money. `creds` is None when the API key is to be asked for."""

    __test__ = False  # no class of tests

    key: SigningKey = attrs.field(repr=False)
    account: Account
    creds: ApiCredentials | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class Target:
    """What is checked. `market` is a condition id or slug, empty to choose."""

    hosts: Hosts
    keys: Sequence[TestKey] = ()
    market: str = ""

    @property
    def real(self) -> bool:
        """Return whether an address is the real venue's: then nothing is ever ordered or changed."""
        fields = (self.hosts.clob, self.hosts.user_socket, self.hosts.gamma, self.hosts.data)
        return any((urlsplit(url).hostname or "").endswith(_REAL_DOMAIN) for url in fields)


def hosts_at(url: str, **explicit: str | None) -> Hosts:
    """Return all addresses behind one port; `explicit` ones (fields of `Hosts`) replace those that are not None.

    Raises:
        ConfigError: AGB-881 not an address.
    """
    given = {name: value.rstrip("/") for name, value in explicit.items() if value}
    if url == REAL or (urlsplit(url).hostname or "") == f"clob.{_REAL_DOMAIN}":
        return attrs.evolve(Hosts(), **given)
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        reason = f"{url!r} is no address of an exchange"
        raise ConfigError(reason, id="AGB-881", key="--target", remedy=f"http://HOST:PORT, or {REAL}")
    base = url.rstrip("/")
    sockets = base.replace("http", "ws", 1)
    hosts = Hosts(
        clob=base,
        market_socket=f"{sockets}/ws/market",
        user_socket=f"{sockets}/ws/user",
        rtds=f"{sockets}/ws/rtds",
        realtime=f"{sockets}/ws/realtime",
        gamma=f"{base}/gamma",
        data=f"{base}/data-api",
        geoblock=f"{base}/geoblock",
    )
    return attrs.evolve(hosts, **given)


def key_named(name: str, environ: Mapping[str, str] | None = None) -> TestKey:
    """Return the private key in the environment variable `name`, trading with its own address.

    Raises:
        ConfigError: AGB-115 it is not set; AGB-130 it is no private key.
    """
    key = SigningKey.parse(lookup(name, environ))
    return TestKey(key=key, account=Account.of_owner(key.address))


def from_ready(text: str, **explicit: str | None) -> tuple[Hosts, list[TestKey]]:
    """Return addresses and keys of an exchange's ready line: one JSON object with ``urls`` and ``keys``.

    Raises:
        ConfigError: AGB-881 it is none.
    """
    try:
        line = next(line for line in text.splitlines() if line.lstrip().startswith("{"))
        told = msgspec.json.decode(line)
        urls = {_NAMES[name]: url for name, url in told["urls"].items() if name in _NAMES}
        keys = [_test_key(row) for row in told.get("keys", ())]
        hosts = hosts_at(urls["clob"], **{**urls, **{name: url for name, url in explicit.items() if url}})
    except (StopIteration, msgspec.DecodeError, LookupError, TypeError, AttributeError, ValueError) as e:
        remedy = "it is what agbot exchange --json prints first: one JSON object with urls and keys"
        raise ConfigError("no ready line of an exchange", id="AGB-881", key="--ready", remedy=remedy) from e
    return hosts, keys


def _test_key(row: Mapping[str, Any]) -> TestKey:
    key = SigningKey.parse(Secret(row["private_key"]))
    wallet = row.get("wallet") or key.address
    kind = derive(key.address).type_of(wallet)
    account = Account(key.address, wallet, SignatureType.EOA if kind is None else kind)
    if not row.get("apiKey"):
        return TestKey(key=key, account=account)
    secret, passphrase = Secret(row["secret"]), Secret(row["passphrase"])
    return TestKey(
        key=key, account=account, creds=ApiCredentials(key=row["apiKey"], secret=secret, passphrase=passphrase)
    )
