"""Log lines on standard error, as logfmt or JSON; fields come by logging's `extra`."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from uplink_exporter.diagnosis import Diagnosis, Verdict
from uplink_exporter.settings import LogFormat, LogLevel

_LEVELS = {LogLevel.WARN: logging.WARNING}
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


def set_up(level: LogLevel, form: LogFormat) -> None:
    """Send log lines to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(json.dumps if form is LogFormat.JSON else logfmt))
    logging.basicConfig(level=_LEVELS.get(level, level.upper()), handlers=[handler], force=True)
    # asyncio tells at debug level which selector it uses; nobody asked.
    logging.getLogger("asyncio").setLevel(logging.WARNING)


class _Formatter(logging.Formatter):
    # logging knows no other way than inheritance to say how a record becomes a line.
    def __init__(self, line: Callable[[Mapping[str, str]], str]) -> None:
        super().__init__()
        self.line = line

    def format(self, record: logging.LogRecord) -> str:
        return self.line(self.fields(record))

    def fields(self, record: logging.LogRecord) -> dict[str, str]:
        extra = {key: str(value) for key, value in record.__dict__.items() if key not in _STANDARD}
        error = {"traceback": self.formatException(record.exc_info)} if record.exc_info else {}
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        level = "warn" if record.levelno == logging.WARNING else record.levelname.lower()
        return {"ts": time, "level": level, "msg": record.getMessage(), **extra, **error}


def logfmt(fields: Mapping[str, str]) -> str:
    """`key=value` pairs; a value that would not read back as one word is quoted as JSON quotes it."""
    return " ".join(f"{key}={_word(value)}" for key, value in fields.items())


def _word(value: str) -> str:
    plain = value.isprintable() and value and not any(char in value for char in ' "=\\')
    if plain:
        return value
    # What does not print may be a command to a terminal; json leaves the one that ASCII has beyond the letters.
    return json.dumps(value, ensure_ascii=not value.isprintable()).replace("\x7f", "\\u007f")


def warn(warnings: Iterable[str]) -> None:
    """Log what nobody may have meant."""
    for warning in warnings:
        logging.getLogger(__name__).warning(warning)


def tell(diagnosis: Diagnosis, before: Diagnosis | None) -> None:
    """Log that the verdict changed."""
    if before is None and diagnosis.verdict is Verdict.UNKNOWN:
        return  # nothing has been looked at yet
    fields = {
        "verdict": diagnosis.verdict,
        "was": before.verdict if before else "unknown",
        "summary": diagnosis.summary,
        "evidence": "; ".join(f"{e.subject}: {e.observed}" for e in diagnosis.evidence),
        "remedy": "; ".join(diagnosis.remedy),
    }
    level = logging.INFO if diagnosis.verdict is Verdict.HEALTHY else logging.WARNING
    logging.getLogger(__name__).log(level, "verdict changed", extra=fields)
