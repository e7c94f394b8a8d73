"""YAML and JSON read into plain values that know where they came from.

``load(path)`` and ``loads(text, name)`` return a `Located`: it can say its file, line and key, and a number keeps the
text it was written with, so money never passes through a float. Every fault is a `ConfigError`; nothing is built from
tags, anchors or aliases, and size and depth are bounded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, TypeAlias

from agbot.errors import ConfigError
from agbot.located.fields import Fields
from agbot.located.value import Kind, Located, suggest

__all__ = ["MAX_BYTES", "Fields", "File", "Kind", "Located", "Syntax", "load", "loads", "suggest"]

MAX_BYTES: Final = 256 * 1024

Syntax: TypeAlias = Literal["yaml", "json"]
File: TypeAlias = str | Path
"""Where a file is; named here so that the pure layers need not import what opens files."""

_SMALLER: Final = f"keep it under {MAX_BYTES // 1024} KiB"


def load(path: str | Path, syntax: Syntax | None = None) -> Located:
    """Read a file; unless `syntax` is given, ``.json`` is JSON and anything else YAML.

    Raises:
        ConfigError: AGB-100 it cannot be read as text, AGB-101…103 it is not what it claims to be.
    """
    return loads(_read(Path(path)), str(path), syntax)


def loads(text: str, name: str, syntax: Syntax | None = None) -> Located:
    """Read `text`; `name` stands for the file in messages and tells the syntax when none is given.

    Raises:
        ConfigError: AGB-100 empty or too large, AGB-101…103 it is not what it claims to be.
    """
    if len(text) > MAX_BYTES:
        raise ConfigError("the file is too large for configuration", id="AGB-100", path=name, remedy=_SMALLER)
    if not text.strip():
        raise _empty(name)
    parse = _json if (syntax or _syntax(name)) == "json" else _yaml
    node = parse(text, name)
    if node is None:
        raise _empty(name)
    return node


def _syntax(name: str) -> Syntax:
    return "json" if name.lower().endswith(".json") else "yaml"


def _yaml(text: str, name: str) -> Located | None:
    from agbot.located.yaml_text import parse  # noqa: PLC0415 - the YAML library takes 80 ms to import

    return parse(text, name)


def _json(text: str, name: str) -> Located | None:
    from agbot.located.json_text import parse  # noqa: PLC0415

    return parse(text, name)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as e:
        raise _unreadable(path, e) from e
    if len(raw) > MAX_BYTES:
        raise ConfigError("the file is too large for configuration", id="AGB-100", path=path, remedy=_SMALLER)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        line = raw.count(b"\n", 0, e.start) + 1
        remedy = "save the file as UTF-8"
        raise ConfigError("the text is not UTF-8", id="AGB-100", path=path, line=line, remedy=remedy) from e


def _unreadable(path: Path, cause: OSError | ValueError) -> ConfigError:
    if isinstance(cause, IsADirectoryError):
        reason, remedy = "this is a directory, not a file", "name the file inside it"
    elif isinstance(cause, FileNotFoundError):
        reason, remedy = "there is no such file", "check the path"
    elif isinstance(cause, PermissionError):
        reason, remedy = "the file may not be read", f"allow it: chmod u+r {path}"
    else:
        text = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
        reason, remedy = f"the file cannot be read: {text}", "check the path"
    return ConfigError(reason, id="AGB-100", path=path, remedy=remedy)


def _empty(name: str) -> ConfigError:
    remedy = "write what belongs there: config.example.yaml, policies/example.yaml and docs show it"
    return ConfigError("the file is empty", id="AGB-100", path=name, remedy=remedy)
