"""The sections of a configuration that say what a run keeps: `history` and `record`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from agbot.errors import ConfigError
from agbot.located import Fields, Located
from agbot.settings import DAY_NS, HistorySettings, RecordSettings

DISK_MAX_MB: Final = 2**40
DAYS_MAX: Final = 3650
POSTGRES: Final = "AGBOT_POSTGRES_DSN"
_SECRET: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}", re.ASCII)


def read_history(fields: Fields) -> HistorySettings:
    """Return what the section `history` says."""
    base = HistorySettings()
    return HistorySettings(
        enabled=fields.read("enabled", Located.as_bool, base.enabled),
        metrics_ns=DAY_NS * fields.read("metrics_days", _days, base.metrics_ns // DAY_NS),
        executions_ns=DAY_NS * fields.read("executions_days", _days, base.executions_ns // DAY_NS),
        postgres=_postgres(fields.get("postgres"), fields.faults),
    )


def _secret(node: Located) -> str:
    """Return the name of an environment variable, or of an entry of the keyring."""
    text = node.as_text()
    if not _SECRET.fullmatch(text):
        remedy = f"a name such as {POSTGRES}; the address itself is in the environment or the keyring"
        raise node.fault(f"{node} cannot be the name of a secret", id="AGB-107", remedy=remedy)
    return text


def _days(node: Located) -> int:
    return node.as_int(1, DAYS_MAX)


def _postgres(node: Located | None, faults: list[ConfigError]) -> str:
    if node is None:
        return ""
    section = Fields(node, faults)
    name = section.read("secret", _secret, POSTGRES) if node.kind == "mapping" else ""
    section.close()
    return name


def read_record(fields: Fields, path: Callable[[Located], Path]) -> RecordSettings:
    """Return what the section `record` says; `path` reads a path in it."""
    return RecordSettings(
        directory=fields.require("dir", path, Path()),
        free_min=fields.read("keep_free_mb", lambda node: node.as_int(0, DISK_MAX_MB), 1024) * 2**20,
    )
