"""The CLOB's ``/auth`` routes: keys and what an address may do."""

from __future__ import annotations

from agbot.exchange.api import Ask, Reply, Route, Routes
from agbot.exchange.clob.keys import PER_ADDRESS_MAX, ApiKey
from agbot.exchange.clob.signatures import INVALID_PAYLOAD, checked_address
from agbot.exchange.clob.standing import Standing
from agbot.exchange.core.model import Refused
from agbot.exchange.routing import Gate
from agbot.units import ms


class AuthRoutes:
    """Routes that give out, list and take back API keys."""

    def __init__(self, gate: Gate, standing: Standing) -> None:
        self.gate = gate
        self.keys = gate.keys
        self.standing = standing

    def routes(self) -> Routes:
        """Return the routes."""
        signed: dict[tuple[str, str], Route] = {
            ("GET", "/auth/api-keys"): lambda ask: Reply({"apiKeys": self.keys.names(ask.address)}),
            ("DELETE", "/auth/api-key"): self._delete,
            ("GET", "/auth/ban-status/closed-only"): lambda ask: Reply(
                {"closed_only": ask.address in self.standing.closed_only}
            ),
            ("GET", "/auth/ban-status/cert-required"): lambda _: Reply({"cert_required": False}),
            ("POST", "/auth/readonly-api-key"): self._add_readonly,
            ("GET", "/auth/readonly-api-keys"): lambda ask: Reply(self._readonly(ask.address)),
            ("DELETE", "/auth/readonly-api-key"): self._delete_readonly,
            ("POST", "/auth/builder-api-key"): self._add_builder,
            ("GET", "/auth/builder-api-key"): self._builders,
        }
        return {
            ("POST", "/auth/api-key"): lambda ask: Reply(self.keys.create(*self._claim(ask)).json()),
            ("GET", "/auth/derive-api-key"): lambda ask: Reply(self.keys.derive(*self._claim(ask)).json()),
            ("GET", "/auth/validate-readonly-api-key"): self._validate,
            ("DELETE", "/auth/builder-api-key"): self._revoke,
            **self.gate.all_signed(signed),
        }

    def _claim(self, ask: Ask) -> tuple[str, int]:
        return self.keys.claim(ask.headers, *self.gate.clocks_s())

    def _key(self, ask: Ask) -> ApiKey:
        return self.keys.check(ask, *self.gate.clocks_s())

    def _delete(self, ask: Ask) -> Reply:
        self.keys.delete(self._key(ask))
        return Reply("OK")

    # ------------------------------------------------------------ readonly and builder keys

    def _add_readonly(self, ask: Ask) -> Reply:
        return Reply({"apiKey": self.keys.add_readonly(ask.address, ms(self.gate.now_ns())).key})

    def _readonly(self, address: str) -> list[str]:
        return [name for name, side in self.keys.readonly.items() if side.key.address == address]

    def _delete_readonly(self, ask: Ask) -> Reply:
        name = ask.json.get("key") if isinstance(ask.json, dict) else None
        if not isinstance(name, str):
            raise Refused(INVALID_PAYLOAD)
        if name not in self._readonly(ask.address):
            raise Refused("api key not found", 404)
        del self.keys.readonly[name]
        return Reply("OK")

    def _validate(self, ask: Ask) -> Reply:
        address, name = checked_address(ask.query.get("address", "")), ask.query.get("key", "")
        if name not in self._readonly(address):
            raise Refused("Unauthorized/Invalid api key", 401)
        return Reply("valid")

    def _add_builder(self, ask: Ask) -> Reply:
        key = self.keys.add_builder(ask.address, ms(self.gate.now_ns()))
        return Reply({"key": key.key, "secret": key.secret, "passphrase": key.passphrase})

    def _builders(self, ask: Ask) -> Reply:
        mine = [side for side in self.keys.builders.values() if side.key.address == ask.address][:PER_ADDRESS_MAX]
        rows = [
            {"key": side.key.key, "createdAt": side.created_ms, "revokedAt": side.revoked_ms or None} for side in mine
        ]
        return Reply(rows)

    def _revoke(self, ask: Ask) -> Reply:
        """Revoke the builder key that signed, or, under L2 headers, all of the address."""
        now_ms = ms(self.gate.now_ns())
        if "poly_builder_api_key" in ask.headers:
            self.keys.check_builder(ask, *self.gate.clocks_s()).revoked_ms = now_ms
            return Reply("OK")
        address = self._key(ask).address
        for side in self.keys.builders.values():
            if side.key.address == address and not side.revoked_ms:
                side.revoked_ms = now_ms
        return Reply("OK")
