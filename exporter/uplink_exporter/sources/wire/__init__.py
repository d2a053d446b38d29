"""Netlink, for the sources that ask the kernel: sockets, messages, attributes."""

from uplink_exporter.sources.wire.contents import attributes, ip, listed, number, text
from uplink_exporter.sources.wire.message import (
    DONE,
    ERROR,
    HEADER,
    Flag,
    Message,
    attribute,
    error_code,
    messages,
    request,
)
from uplink_exporter.sources.wire.socket import DUMP_TIMEOUT, NETLINK_GENERIC, NETLINK_ROUTE, Wire, judged, opened

__all__ = [
    "DONE",
    "DUMP_TIMEOUT",
    "ERROR",
    "HEADER",
    "NETLINK_GENERIC",
    "NETLINK_ROUTE",
    "Flag",
    "Message",
    "Wire",
    "attribute",
    "attributes",
    "error_code",
    "ip",
    "judged",
    "listed",
    "messages",
    "number",
    "opened",
    "request",
    "text",
]
