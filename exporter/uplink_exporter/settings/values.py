"""From the text of one setting to its value. Each raises ValueError for a text that is not allowed."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from uplink_exporter.flannel.options import parse_options, parse_version, split_args
from uplink_exporter.flannel.re2 import Pattern, compile_pattern
from uplink_exporter.settings.model import ListenAddress

Names = Callable[[str], bool]
"""Whether a name is meant."""

MOST_NAMES = 4096
# Pod-side veths by the names that CNI plugins give them, and the loopback; never the expected uplink.
DEFAULT_EXCLUDE = r"lo|veth.*|cali[0-9a-f]+|lxc.*|cilium_.*|eni[0-9a-f]{11}|azv[0-9a-f]+|gke[0-9a-f]+|[0-9a-f]{15}"


def listen(text: str) -> ListenAddress:
    """`ADDRESS:PORT`, `[ADDRESS]:PORT` or `:PORT`."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise ValueError
    if host:
        ip_address(host.partition("%")[0])
    return ListenAddress(host, int(port))


def telemetry_path(text: str) -> str:
    """An absolute path, other than those that the server keeps for itself."""
    if not re.fullmatch(r"/[A-Za-z0-9._~/-]+", text) or text.startswith("/-/"):
        raise ValueError
    return text


def device(text: str) -> str:
    """The name of a network interface."""
    # dev_valid_name() of the kernel's net/core/dev.c
    if not 0 < len(text.encode()) < 16 or text in (".", "..") or re.search(r"[/:\s]", text):
        raise ValueError
    return text


def whole_name(text: str) -> Names | None:
    """Whether a regular expression matches all of a name; None if it is empty."""
    if not text:
        return None
    if text == DEFAULT_EXCLUDE:  # which nothing can hold up, and a node may have hundreds of names
        plain = re.compile(text)
        return lambda name: plain.fullmatch(name) is not None
    compile_pattern(text)  # for its own complaints
    return lru_cache(maxsize=MOST_NAMES)(compile_pattern(f"^(?:{text})$").search)


def bounded_pattern(text: str) -> Pattern | None:
    """A regular expression for names that anybody may choose, so that none of them can hold everything up."""
    return compile_pattern(text) if text else None


def absolute_path(text: str) -> Path:
    """An absolute path."""
    if not text.startswith("/"):
        raise ValueError
    return Path(text)


def unit(text: str) -> str:
    """The name of a systemd unit or a shell's pattern of names; empty for `none`."""
    if text == "none":
        return ""
    if not re.fullmatch(r"[A-Za-z0-9:_.@*?\[\]\\-]{1,255}\.service", text):
        raise ValueError
    return text


def label(text: str) -> str:
    """A name as Kubernetes gives to namespaces and containers."""
    # A DNS label (RFC 1123), as Kubernetes asks of the names of namespaces and containers.
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", text):
        raise ValueError
    return text


def namespace(text: str) -> str:
    """A namespace's name; empty for `*`, which is all of them."""
    return "" if text == "*" else label(text)


def subdomain(text: str) -> str:
    """A name as Kubernetes gives to nodes."""
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", text):
        raise ValueError
    return text


def flannel_args(text: str) -> str:
    """Flannel's flags, in one string."""
    parse_options(split_args(text))
    return text


def flannel_version(text: str) -> str:
    """Flannel's version."""
    if parse_version(text) is None:
        raise ValueError
    return text


def time_span(text: str) -> float:
    """A time span from a minute to a day, in seconds."""
    match = re.fullmatch(r"([0-9]{1,5})(s|m|h)", text)
    if match is None or not 60 <= (seconds := int(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]) <= 86400:
        raise ValueError
    return float(seconds)


def api_server(text: str) -> str:
    """The URL of an API server, without a path. Never in clear: a token is sent there."""
    url = urlsplit(text)
    if url.scheme != "https" or not url.hostname or url.path not in ("", "/"):
        raise ValueError
    if url.port == 0 or url.query or url.fragment or url.username is not None:  # .port raises ValueError for no port
        raise ValueError
    return text.removesuffix("/")
