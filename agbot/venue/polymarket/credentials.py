"""Who trades on Polymarket: the private key, the API key, and the wallet that pays, from environment or keyring."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import attrs

from agbot.errors import ConfigError
from agbot.secrets import SERVICE, find, lookup
from agbot.venue.polymarket.auth import API_KEY, API_PASSPHRASE, API_SECRET, ApiCredentials
from agbot.venue.polymarket.keys import SigningKey, parse_address
from agbot.venue.polymarket.wallets import Account, SignatureType, Wallets, derive

PRIVATE_KEY: Final = "POLYMARKET_PRIVATE_KEY"
FUNDER: Final = "POLYMARKET_FUNDER"
SIGNATURE_TYPE: Final = "POLYMARKET_SIGNATURE_TYPE"

API: Final = (API_KEY, API_SECRET, API_PASSPHRASE)
ALL: Final = (PRIVATE_KEY, *API)

_TYPES: Final = {name: kind for kind in SignatureType for name in (str(int(kind)), kind.name.lower())}


@attrs.frozen(kw_only=True)
class Credentials:
    """What was found. `account` follows from the key, the funder and the signature type; it is None without a key."""

    key: SigningKey | None = None
    api: ApiCredentials | None = None
    account: Account | None = None


def load_credentials(environ: Mapping[str, str] | None = None, *, required: Collection[str] = ALL) -> Credentials:
    """Return the credentials found in `environ` (else the process's environment) or the keyring. Blocks.

    Args:
        environ: names and values; None is ``os.environ``.
        required: names that must be there. Of the API key's three parts, one that is there requires the others.

    Raises:
        ConfigError: AGB-135 names are missing, all in one error; AGB-130, -131, -137, -138 a value is malformed;
            AGB-132, AGB-139 key, funder and signature type do not fit together.
    """
    there = {name for name in ALL if find(name, environ)}
    needed = {*required, *(API if there & set(API) else ())}
    if missing := [name for name in ALL if name in needed - there]:
        raise ConfigError(
            f"not in the environment and not in the keyring: {', '.join(missing)}",
            id="AGB-135",
            remedy=f"for each: export {missing[0]}=…, or: keyring set {SERVICE} {missing[0]}",
        )
    key = _key(environ) if PRIVATE_KEY in there else None
    return Credentials(
        key=key,
        api=_api(environ) if API_KEY in there else None,
        account=_account(key.address, find(FUNDER, environ), find(SIGNATURE_TYPE, environ)) if key else None,
    )


def _key(environ: Mapping[str, str] | None) -> SigningKey:
    try:
        return SigningKey.parse(lookup(PRIVATE_KEY, environ))
    except ConfigError as e:
        e.key = PRIVATE_KEY
        raise


def _api(environ: Mapping[str, str] | None) -> ApiCredentials:
    key, secret, passphrase = (lookup(name, environ) for name in API)
    return ApiCredentials(key=key.reveal(), secret=secret, passphrase=passphrase)


def _account(owner: str, funder_text: str | None, type_text: str | None) -> Account:
    wallets = derive(owner)
    asked = None if type_text is None else _signature_type(type_text)
    if funder_text is None:
        if asked is None or asked is SignatureType.EOA:
            return Account.of_owner(owner)
        raise _unclear(f"type {asked:d} pays from a contract wallet, and none is named", FUNDER, _own(wallets, asked))
    funder = parse_address(funder_text, key=FUNDER)
    known = wallets.type_of(funder)
    kind = known if asked is None else asked
    if kind is None:
        kinds = ", ".join(f"{kind:d} ({kind.name.lower()})" for kind in SignatureType if kind)
        raise _unclear(f"{funder} is no known wallet of the key {owner}", SIGNATURE_TYPE, f"one of {kinds}")
    if known is not None and kind is not known:
        raise _unclear(f"{funder} is the key's {known.name.lower()} wallet", SIGNATURE_TYPE, f"{known:d}")
    return Account(owner, funder, kind)


def _signature_type(text: str) -> SignatureType:
    kind = _TYPES.get(text.lower())
    if kind is None:
        choices = ", ".join(f"{kind:d} or {kind.name.lower()}" for kind in SignatureType)
        raise ConfigError(f"{text!r} is no signature type", id="AGB-138", key=SIGNATURE_TYPE, remedy=choices)
    return kind


def _own(wallets: Wallets, kind: SignatureType) -> str:
    own = [address for address in attrs.astuple(wallets) if wallets.type_of(address) is kind]
    return f"the wallet that polymarket.com shows; for this key {' or '.join(own)}"


def _unclear(reason: str, name: str, value: str) -> ConfigError:
    return ConfigError(reason, id="AGB-139", key=name, remedy=f"set {name} to {value}")
