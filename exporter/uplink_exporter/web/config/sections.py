"""From the file's bytes to a WebConfig. What this server cannot do of the toolkit's file is refused, never ignored."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from uplink_exporter.web.config.document import Value, document, shown
from uplink_exporter.web.config.model import RateLimit, WebConfig
from uplink_exporter.web.config.tls import tls

# The only ones that the toolkit lets be set, and what some of them may be.
HEADERS: dict[str, tuple[str, ...]] = {
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
    "Content-Security-Policy": (),
}
_HASH = re.compile(r"(\$2[abxy]?\$(\d\d)\$[./A-Za-z0-9]{21})([./A-Za-z0-9])([./A-Za-z0-9]{31})", re.ASCII)
_ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_COSTS = range(4, 19)  # 18 takes some 20 s: more than any scrape waits
_SPAN = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_LONGEST_SPAN = 2**63 / 1e9  # Go counts nanoseconds
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse(data: bytes, directory: Path) -> WebConfig:
    """The web config in these bytes; its paths are relative to `directory`. Raises ConfigError."""
    root = document(data)
    if root is None:
        return WebConfig()
    found = root.section(("tls_server_config", "http_server_config", "basic_auth_users", "rate_limit"))
    return WebConfig(
        tls=tls(found["tls_server_config"], directory) if "tls_server_config" in found else None,
        users=_users(found["basic_auth_users"]) if "basic_auth_users" in found else {},
        headers=_headers(found["http_server_config"]) if "http_server_config" in found else {},
        rate_limit=_rate_limit(found["rate_limit"]) if "rate_limit" in found else None,
    )


def _users(users: Value) -> Mapping[bytes, bytes]:
    return {name.encode(): _hash(value) for name, value in users.entries().items()}


def _hash(value: Value) -> bytes:
    # Never the value itself: it may be a password.
    hashed = value.text()
    match = _HASH.fullmatch(hashed)
    if match is None:
        raise value.error("is not a bcrypt hash; make one with `htpasswd -nBC 10 NAME`, and take what follows `NAME:`")
    begin, cost, last, end = match.groups()
    if int(cost) not in _COSTS:
        raise value.error(f"has the cost {int(cost)}; allowed is {_COSTS[0]} to {_COSTS[-1]}, usual is 10")
    # What the first version means is what 2b means, for all that Go's bcrypt reads.
    begin = re.sub(r"^\$2\$", "$2b$", begin)
    # The salt's last character has four bits too many, which Go does not look at and the library does not take.
    return f"{begin}{_ALPHABET[_ALPHABET.index(last) & ~0xF]}{end}".encode()


def _headers(section: Value) -> Mapping[str, str]:
    found = section.section(("http2", "headers"))
    if "http2" in found and found["http2"].flag():
        raise found["http2"].error("this exporter speaks HTTP/1.1 alone; leave it out, or set it to false")
    headers = found["headers"].section(HEADERS) if "headers" in found else {}
    return {name: _header(value, HEADERS[name]) for name, value in headers.items()}


def _header(value: Value, allowed: tuple[str, ...]) -> str:
    text = value.text()
    if allowed and text not in allowed:
        raise value.error(f"{shown(text)} is not allowed; allowed is {' or '.join(allowed)}")
    if not text.isprintable() or not text.isascii():
        raise value.error("a header is one line of ASCII; fold a long one with `>-`")
    return text


def _rate_limit(section: Value) -> RateLimit | None:
    found = section.section(("interval", "burst"))
    interval = _seconds(found["interval"]) if "interval" in found else 0.0
    burst = _number(found["burst"]) if "burst" in found else 0
    if not interval:
        return None
    if burst < 1:
        raise section.error("without a burst of at least 1 every request would be refused; add `burst: 1`")
    return RateLimit(interval=interval, burst=burst)


def _number(value: Value) -> int:
    text = value.text()
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise value.error(f"{shown(text)} is no whole number from 0 on")
    return int(text)


def _seconds(value: Value) -> float:
    text = value.text()
    if text == "0":
        return 0.0
    parts = _SPAN.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise value.error(f"{shown(text)} is no span of time; write it with its unit, such as 500ms or 1s")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if seconds > _LONGEST_SPAN:
        raise value.error(f"{shown(text)} is longer than 292 years")
    return seconds
