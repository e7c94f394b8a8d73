"""Logging: JSON lines to a file in the state directory, short lines for people, secrets in neither.

Log public ids under their own key (``market_id=…``, `PUBLIC_KEYS`): anywhere else 0x and 64 hexadecimal digits are
taken for a private key and masked. All methods are synchronous; a full disk never stops the caller.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import logging.handlers
import os
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from agbot.errors import ConfigError
from agbot.secrets import MASK, redact, redact_known

FILE_NAME: Final = "agbot.log"
STORY: Final = "agbot.story"
"""The logger for turns in orders' lives: for the file; the console gets its warnings only."""
MAX_BYTES: Final = 10_000_000
BACKUPS: Final = 5
MAX_NESTING: Final = 8

PUBLIC_KEYS: Final = frozenset({
    "block_hash", "client_order_id", "condition_id", "correlation_id", "digest", "event_id", "market", "market_id",
    "order_id", "replaces", "token", "token_id", "trade_id", "transaction_hash", "tx_hash", "venue_order_id",
})  # fmt: skip
"""Keys whose 64 hexadecimal digits are an id and stay readable."""

_SECRET_WORDS: Final = ("secret", "passphrase", "private_key", "privatekey", "password", "mnemonic", "api_key")
_OUR_HANDLER: Final = "agbot"


class Log(Protocol):
    """What a logger can do: ``log.info("order.placed", market_id=…)``. Synchronous on purpose."""

    def debug(self, event: str, **fields: object) -> None: ...
    def info(self, event: str, **fields: object) -> None: ...
    def warning(self, event: str, **fields: object) -> None: ...
    def error(self, event: str, **fields: object) -> None: ...
    def critical(self, event: str, **fields: object) -> None: ...
    def exception(self, event: str, **fields: object) -> None:
        """Log at level error with the traceback of the exception being handled."""
        ...

    def bind(self, **fields: object) -> Log:
        """Return a logger that adds `fields` to each of its lines."""
        ...


def get_logger(name: str = "agbot") -> Log:
    """Return the logger called `name`, under ``agbot.``. It redacts also before `configure` is called."""
    full = name if name.partition(".")[0] == "agbot" else f"agbot.{name}"
    wrap = structlog.stdlib.ProcessorFormatter.wrap_for_formatter
    logger = structlog.wrap_logger(
        logging.getLogger(full),
        processors=[structlog.stdlib.filter_by_level, *_shared(), wrap],
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return cast("Log", logger)


def configure(
    *,
    file: Path | None,
    console: TextIO | None = sys.stderr,
    level: str = "info",
    max_bytes: int = MAX_BYTES,
    backups: int = BACKUPS,
) -> None:
    """Send log lines to `file` (mode 0600, rotated) and to `console`; a second call replaces the first.

    Lines of libraries arrive at the same places from level warning up.

    Raises:
        ConfigError: AGB-116 the file cannot be written.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    handlers = [_file_handler(file, max_bytes, backups)] if file else []
    if console:
        handlers.append(_console_handler(console))
    close()
    root = logging.getLogger()
    root.setLevel(max(threshold, logging.WARNING))
    for handler in handlers:
        handler.set_name(_OUR_HANDLER)
        root.addHandler(handler)
    logging.getLogger("agbot").setLevel(threshold)


def close() -> None:
    """Flush and close what `configure` opened."""
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if handler.get_name() == _OUR_HANDLER]:
        root.removeHandler(handler)
        handler.close()


def redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Return the event without secrets: by key, by known value and by the look of a private key."""
    return {key: _clean(key, value, 0) for key, value in event.items()}


def _clean(key: str, value: object, depth: int) -> Any:
    if any(word in key.lower() for word in _SECRET_WORDS):
        return MASK
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if depth < MAX_NESTING and isinstance(value, Mapping):
        return {redact_known(str(name)): _clean(str(name), item, depth + 1) for name, item in value.items()}
    if depth < MAX_NESTING and isinstance(value, (list, tuple, set, frozenset)):
        return [_clean(key, item, depth + 1) for item in value]
    return redact_known(str(value)) if key in PUBLIC_KEYS else redact(str(value))


def _traceback(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Turn exc_info into text before redaction: a traceback may quote a secret."""
    given = event.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else sys.exc_info()[1] if given else None
    if isinstance(given, tuple):
        error = given[1]
    if error is not None:
        event["exception"] = "".join(traceback.format_exception(error)).rstrip()
    return event


def _shared() -> list[Processor]:
    return [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _traceback,
        redact_event,
    ]


def _formatter(*renderers: Processor) -> logging.Formatter:
    drop = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_shared(), processors=[drop, *renderers])


def _for_people(*, colors: bool) -> logging.Formatter:
    return _formatter(_printable, structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=0))


def _file_handler(file: Path, max_bytes: int, backups: int) -> logging.Handler:
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handler = _PrivateFile(file, maxBytes=max_bytes, backupCount=backups, encoding="utf-8")
    except OSError as e:
        remedy = "choose another --state-dir or allow writing"
        raise ConfigError(f"the log cannot be written: {e.strerror}", id="AGB-116", path=file, remedy=remedy) from e
    handler.setFormatter(_formatter(_json_line))
    return handler


def _console_handler(stream: TextIO) -> logging.Handler:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_for_people(colors=stream.isatty() and "NO_COLOR" not in os.environ))
    handler.addFilter(lambda record: record.name != STORY or record.levelno >= logging.WARNING)
    return handler


def _printable(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace what could drive a terminal: market texts come from strangers. The file has them in full, escaped."""
    return {key: _plain(_in_words(value)) if _nested(value) else value for key, value in event.items()}


def _nested(value: object) -> bool:
    return isinstance(value, (str, Mapping, list, tuple, set, frozenset))


def _in_words(value: object) -> str:
    """Return a list or a mapping as a person reads it, not as Python writes it."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_in_words(item)}" for name, item in value.items()) or "none"
    if isinstance(value, (list, tuple, set, frozenset)):
        mark = "; " if any(_nested(item) and not isinstance(item, str) for item in value) else ", "
        return mark.join(map(_in_words, value)) or "none"
    return str(value)


def _plain(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)


def _json_line(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    first = {key: event.pop(key) for key in ("timestamp", "level", "event") if key in event}
    return json.dumps({**first, **event}, ensure_ascii=False, default=str)


class _PrivateFile(logging.handlers.RotatingFileHandler):
    _told = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - the standard library's name
        """Say once that lines are lost; the line itself is not repeated, it may not be redacted yet."""
        self._tell(sys.exc_info()[1])

    def close(self) -> None:
        """Close the file; what a full disk did not take is lost and said so."""
        try:
            super().close()
        except OSError as e:
            self._tell(e)

    def _tell(self, error: BaseException | None) -> None:
        if not self._told:
            self._told = True
            print(f"agbot: the log cannot be written: {error}", file=sys.stderr)  # noqa: T201

    def _open(self) -> io.TextIOWrapper:
        stream = open(self.baseFilename, self.mode, encoding=self.encoding, errors="backslashreplace", opener=_private)  # noqa: SIM115
        return cast("io.TextIOWrapper", stream)


def _private(path: str, flags: int) -> int:
    descriptor = os.open(path, flags, 0o600)
    with contextlib.suppress(OSError):  # not ours to change: a log in /dev/stdout, another owner's file
        os.fchmod(descriptor, 0o600)
    return descriptor


if logging.lastResort is not None:  # a command that configures nothing: Python would print each line as a dict
    logging.lastResort.setFormatter(_for_people(colors=False))
