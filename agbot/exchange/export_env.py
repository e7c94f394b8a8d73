"""What `agbot exchange --export-env CLIENT` prints: how one client is pointed at the exchange that runs.

The clients that read an environment get ``export`` lines for ``eval``; the unified SDKs read none, they get a snippet.
Nothing here is a secret: the keys are those the exchange made for tests.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

Urls: TypeAlias = Mapping[str, str]
"""The ready line's ``urls``: clob, market_socket, user_socket, rtds, realtime, gamma, data, and relayer if served."""
Key: TypeAlias = Mapping[str, Any]
"""One of the ready line's ``keys``."""

CHAIN: Final = 137
_PLAIN_EOA: Final = 0


def export_env(client: str, urls: Urls, keys: Sequence[Key]) -> str:
    """Return the text for `client` (one of `CLIENTS`), to trade with the first of `keys`; it ends with a newline."""
    return CLIENTS[client](urls, keys[0]) + "\n"


def _exports(**values: object) -> str:
    return "\n".join(f"export {name}={shlex.quote(str(value))}" for name, value in values.items())


def _agbot(urls: Urls, key: Key) -> str:
    found = {
        "POLYMARKET_PRIVATE_KEY": key["private_key"],
        "POLYMARKET_API_KEY": key["apiKey"],
        "POLYMARKET_SECRET": key["secret"],
        "POLYMARKET_PASSPHRASE": key["passphrase"],
    }
    if int(key["signature_type"]) != _PLAIN_EOA:
        found |= {"POLYMARKET_FUNDER": key["wallet"], "POLYMARKET_SIGNATURE_TYPE": key["signature_type"]}
    names = ("clob", "market_socket", "user_socket", "realtime", "gamma", "data", "geoblock")
    hosts = [f"#   {name}: {urls[name]}" for name in names if name in urls]
    where = ["# and in its configuration file:", "# polymarket:", *hosts, "# rtds:", f"#   endpoint: {urls['rtds']}"]
    return "\n".join([_exports(**found), *where])


def _clob_client(urls: Urls, key: Key) -> str:
    return _exports(
        CLOB_API_URL=urls["clob"],
        CHAIN_ID=CHAIN,
        PK=key["private_key"],
        CLOB_API_KEY=key["apiKey"],
        CLOB_SECRET=key["secret"],
        CLOB_PASS_PHRASE=key["passphrase"],
        SIGNATURE_TYPE=key["signature_type"],
        FUNDER=key["wallet"],
    )


_PY: Final = """\
from dataclasses import replace

from polymarket import SecureClient
from polymarket._internal.environment import PRODUCTION_CONFIG, create_environment

environment = create_environment(
    name="agbot exchange",
    config=replace(
        PRODUCTION_CONFIG,
{fields}
    ),
)
client = SecureClient.create(
    private_key={private_key},
    wallet={wallet},
    environment=environment,
)"""


def _polymarket_client(urls: Urls, key: Key) -> str:
    fields = {
        "clob_url": "clob",
        "clob_market_ws_url": "market_socket",
        "clob_user_ws_url": "user_socket",
        "rtds_ws_url": "rtds",
        "realtime_ws_url": "realtime",
        "gamma_url": "gamma",
        "data_url": "data",
        "relayer_url": "relayer",
    }
    rows = [f"        {field}={json.dumps(urls[name])}," for field, name in fields.items() if name in urls]
    quoted = {name: json.dumps(key[name]) for name in ("private_key", "wallet")}
    return _PY.format(fields="\n".join(rows), **quoted)


_TS: Final = """\
import {{ createSecureClient, forkEnvironmentConfig }} from '@polymarket/client';
import {{ privateKey }} from '@polymarket/client/viem';

const environment = forkEnvironmentConfig({fork});
const client = await createSecureClient({{
  environment,
  signer: privateKey({private_key}),
  wallet: {wallet},
}});"""


def _client(urls: Urls, key: Key) -> str:
    fork = {
        "name": "agbot exchange",
        "clob": {
            "rest": urls["clob"],
            "market": {"ws": urls["market_socket"]},
            "user": {"ws": urls["user_socket"]},
        },
        "gamma": {"rest": urls["gamma"]},
        "data": {"rest": urls["data"]},
        "rtds": {"ws": urls["rtds"]},
        **({"relayer": {"rest": urls["relayer"]}} if "relayer" in urls else {}),
    }
    quoted = {name: json.dumps(key[name]) for name in ("private_key", "wallet")}
    return _TS.format(fork=json.dumps(fork, indent=2), **quoted)


def _real_time_data_client(urls: Urls, key: Key) -> str:  # noqa: ARG001 - it needs no key
    return _exports(RTDS_URL=urls["rtds"])


CLIENTS: Final[Mapping[str, Callable[[Urls, Key], str]]] = {
    "agbot": _agbot,
    "py-clob-client-v2": _clob_client,
    "polymarket-client": _polymarket_client,
    "clob-client-v2": _clob_client,
    "client": _client,
    "real-time-data-client": _real_time_data_client,
}
"""By name on PyPI, or on npm without the scope."""
