"""The listening sockets, bound also to addresses that are not there yet."""

from __future__ import annotations

import errno
import resource
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from uplink_exporter.settings import ListenAddress, SettingsError

_IPV6_FREEBIND = 78  # linux/in6.h; Python's socket module has no name for either
_IP_FREEBIND = 15
_LISTEN = "0A"
BACKLOG = 1024
# What the kernel holds of each connection counts as this process' memory. Requests are short; of an answer the kernel
# is to hold what is on its way, and little that is not.
_RECEIVED = 16 * 1024
_UNSENT = 16 * 1024

# Descriptors: more than clients may ever have, and what the exporter itself needs at most.
_ENOUGH = 4096
_OWN = 48


def connections() -> int:
    """How many connections there are descriptors for, after the soft limit is raised as far as it may be and helps.

    It is 1024 by systemd's default, or less, and what does not get one makes asyncio stop accepting for a second.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(OSError, ValueError):  # a sandbox may forbid to ask for more
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    return _ENOUGH if soft == resource.RLIM_INFINITY else max(soft - _OWN, 1)


def listen(address: ListenAddress, procfs: Path) -> socket.socket:
    """A listening socket. Raises SettingsError that says who holds the port, if that can be known.

    The kubelet probes a hostNetwork pod on the node's IP, which may be on the dead uplink: a process that starts in
    the outage must not exit because its address is not there yet.
    """
    try:
        return _bound(address)
    except OSError as error:
        raise SettingsError(f"--web.listen-address: {str(address)!r}: {_reason(error, address, procfs)}") from error


def _bound(address: ListenAddress) -> socket.socket:
    if address.host:
        return _socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET, address.host, address.port)
    try:
        return _socket(socket.AF_INET6, "::", address.port)
    except OSError as error:
        if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            raise
        return _socket(socket.AF_INET, "0.0.0.0", address.port)  # a kernel without IPv6


def _socket(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # IPV6_FREEBIND came with 4.15
            level, option = _freebind(family)
            made.setsockopt(level, option, 1)
        if family is socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != "::")
        # Those that are accepted inherit both.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVED)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
        made.bind(socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)[0][4])
        made.listen(BACKLOG)
    except OSError:
        made.close()
        raise
    return made


def _freebind(family: socket.AddressFamily) -> tuple[int, int]:
    return (socket.IPPROTO_IPV6, _IPV6_FREEBIND) if family is socket.AF_INET6 else (socket.IPPROTO_IP, _IP_FREEBIND)


def _reason(error: OSError, address: ListenAddress, procfs: Path) -> str:
    if error.errno == errno.EADDRINUSE:
        holder = next(_holders(address.port, procfs), "another process (sudo ss -ltnp shows which)")
        return f"the port is taken by {holder}; stop that, or choose another port"
    if error.errno == errno.EACCES:
        return "ports below 1024 need a privilege that this exporter should not have; choose another port"
    return f"cannot listen there: {error.strerror}"


def _holders(port: int, procfs: Path) -> Iterator[str]:
    inodes = {f"socket:[{inode}]" for table in ("tcp", "tcp6") for inode in _listening(procfs / "net" / table, port)}
    for process in procfs.glob("[0-9]*"):
        with suppress(OSError):
            if any(str(fd.readlink()) in inodes for fd in (process / "fd").iterdir()):
                yield f"{_name(process)} (process {process.name})"


def _name(process: Path) -> str:
    name = (process / "comm").read_text(errors="replace").strip()  # any bytes that the process likes
    return name if name.isprintable() else repr(name)


def _listening(table: Path, port: int) -> Iterator[str]:
    with suppress(OSError):
        yield from parse_listening(table.read_text(), port)


def parse_listening(text: str, port: int) -> Iterator[str]:
    """The inodes of the sockets that listen on the port, from /proc/net/tcp or tcp6."""
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == _LISTEN and fields[1].rpartition(":")[2] == f"{port:04X}":
            yield fields[9]
