"""The database that deploy/ starts is for this machine only, of a fixed version, and has no password of ours."""

from __future__ import annotations

from pathlib import Path

from ruamel.yaml import YAML


def test_compose_starts_a_timescale_for_this_machine_only(root: Path) -> None:
    compose = YAML(typ="safe").load((root / "deploy" / "compose.yaml").read_text(encoding="utf-8"))
    (database,) = compose["services"].values()
    image, _, tag = database["image"].partition(":")
    assert (image, tag[0].isdigit()) == ("timescale/timescaledb", True)
    assert [port.startswith("127.0.0.1:") for port in database["ports"]] == [True]
    assert database["environment"]["POSTGRES_PASSWORD"].startswith("${AGBOT_POSTGRES_PASSWORD:?")
    assert {volume.partition(":")[0] for volume in database["volumes"]} == set(compose["volumes"])
