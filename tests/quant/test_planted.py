"""Five sign errors, each planted alone: the published values see every one of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from agbot.quant import costs, options, performance, quotes, var
from agbot.selftest.check import Status
from agbot.selftest.schemas import SCHEMAS


def _gains_for_losses(honest: Any) -> Callable[..., Any]:
    return lambda losses, *rest: honest([-each for each in losses], *rest)


def _theta_ahead(honest: Any) -> Callable[..., Any]:
    def value(*args: Any, **how: Any) -> Any:
        found = honest(*args, **how)
        return attrs.evolve(found, theta=-found.theta)

    return value


def _sales_like_purchases(honest: Any) -> Callable[..., Any]:
    return lambda _sign, *rest: honest(1, *rest)


def _inventory_the_wrong_way(honest: Any) -> Callable[..., Any]:
    return lambda mid, inventory, *rest: honest(mid, -inventory, *rest)


PLANTED = {
    "var.discrete": (var, "discrete", _gains_for_losses),
    "options": (options, "value", _theta_ahead),
    "execution.slippage_guard": (costs, "guarded", _sales_like_purchases),
    "market_making": (quotes, "avellaneda_stoikov", _inventory_the_wrong_way),
    "performance": (performance, "deepest", lambda honest: lambda path: honest(list(reversed(path)))),
}


def judged(shared: Path, area: str) -> set[Status]:
    schema = SCHEMAS["quant-vectors/1"]
    file = json.loads((shared / "vectors" / "quant_vectors.json").read_text("utf-8"))
    return {schema.judge(row).status for row in schema.rows(file) if row.kind == area}


@pytest.mark.parametrize("area", PLANTED)
def test_a_sign_error_is_seen(area: str, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(shared, area) == {Status.PASSED}
    module, name, plant = PLANTED[area]
    monkeypatch.setattr(module, name, plant(getattr(module, name)))
    assert Status.FAILED in judged(shared, area)
