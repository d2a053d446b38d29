"""`uplink-exporter healthcheck`: asks the exporter on this machine whether it is healthy, as an exec probe does.

It is run every few seconds for as long as the node lives, so its usual form imports nothing but sockets: to load the
settings would take longer than all that is done here. It asks in plain, and by TLS if it is told to: no web config is
read. One that asks for a password or a client's certificate is alive, whoever is let in.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence

COMMAND = "healthcheck"
VARIABLE = "UPLINK_EXPORTER_WEB_LISTEN_ADDRESS"
DEFAULT = ":10077"
HEALTHY = b"uplink-exporter is healthy.\n"
OURS = b"uplink-exporter: "
BY_TLS = OURS + b"Client sent an HTTP request to an HTTPS server."
REQUEST = b"GET /-/healthy HTTP/1.0\r\nHost: localhost\r\n\r\n"
# The alert of one that cannot use its web config, and what OpenSSL makes of it and of other ends to a handshake.
BROKEN = b"\x15\x03\x03\x00\x02\x02\x50"
_BROKEN = "TLSV1_ALERT_INTERNAL_ERROR"
_CERTIFICATE_WANTED = ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_HANDSHAKE_FAILURE")
_UNUSABLE = "it cannot use its web config; its log says what is wrong with it"
TIMEOUT = 3.0
_LONGEST_ANSWER = 4096
_WILDCARDS = ("", "0.0.0.0", "::")

Address = tuple[str, int]
Encrypt = Callable[[socket.socket], socket.socket]


def quick(arguments: Sequence[str], environment: Mapping[str, str]) -> list[Address] | None:
    """Where the exporter listens, if that takes no parsing of flags; None if the settings must be parsed."""
    if list(arguments) != [COMMAND]:
        return None
    texts = (environment.get(VARIABLE) or DEFAULT).split(",")
    pairs = [text.strip().rpartition(":") for text in texts]
    if not all(port.isascii() and port.isdecimal() and int(port) < 65536 for _, _, port in pairs):
        return None  # the settings know how to say what is wrong with it
    return [(host.removeprefix("[").removesuffix("]"), int(port)) for host, _, port in pairs]


def run(listening: Sequence[Address]) -> int:
    """0 if the exporter says that it is healthy, else 1 and a line on standard error."""
    address = nearest(listening)
    complaint = complaint_of(address)
    if complaint:
        host, port = address
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        print(f"uplink-exporter: not healthy: {where}: {complaint}", file=sys.stderr)
    return 1 if complaint else 0


def nearest(listening: Sequence[Address]) -> Address:
    """By which of its addresses to ask: none leaves this machine, but loopback does not go away with a device."""
    here = [(host, port) for host, port in listening if host in _WILDCARDS or host.startswith("127.") or host == "::1"]
    host, port = (here or listening)[0]
    return ("127.0.0.1" if host in _WILDCARDS else host, port)


def complaint_of(address: Address, timeout: float = TIMEOUT) -> str:
    """What is wrong with the exporter at this address, and what to do; empty if it is healthy."""
    deadline = time.monotonic() + timeout
    try:
        answer = _ask(address, deadline)
        if BY_TLS in answer:
            answer = _ask(address, deadline, _encrypted)
    except TimeoutError:
        return f"no answer within {timeout:g} s; its log may say why, restart it"
    except ConnectionRefusedError:
        return "nothing listens there; start uplink-exporter, or give this command its --web.listen-address"
    except OSError as error:
        return _told(error)
    status, body = answer.split(b" ", 2)[1:2], answer.partition(b"\r\n\r\n")[2]
    if (status == [b"200"] and body == HEALTHY) or (status in ([b"401"], [b"429"]) and body.startswith(OURS)):
        return ""
    if answer == BROKEN or (status == [b"500"] and body.startswith(OURS)):
        return _UNUSABLE
    return "something else answers there; see who (sudo ss -ltnp), or give this command the --web.listen-address"


def _told(error: OSError) -> str:
    reason = getattr(error, "reason", "")  # of an ssl.SSLError
    if reason in _CERTIFICATE_WANTED:
        return ""
    return _UNUSABLE if reason == _BROKEN else f"cannot ask: {error.strerror or error}; its log may say why"


def _ask(address: Address, deadline: float, encrypt: Encrypt = lambda client: client) -> bytes:
    with _connected(address, deadline) as plain, encrypt(plain) as client:
        client.sendall(REQUEST)
        answer = b""
        while len(answer) < _LONGEST_ANSWER:
            client.settimeout(_left(deadline))
            received = client.recv(_LONGEST_ANSWER)
            if not received:
                break
            answer += received
    return answer


def _encrypted(client: socket.socket) -> socket.socket:
    import ssl  # only for an exporter that encrypts

    # It is on this machine, and all that it is asked is whether it lives.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(client)


def _connected(address: Address, deadline: float) -> socket.socket:
    # As bytes: a name as text would load the codec for international domain names, though it is a number.
    host, port = address[0].encode(), address[1]
    family, kind, _, _, resolved = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)[0]
    client = socket.socket(family, kind)
    try:
        client.settimeout(_left(deadline))
        client.connect(resolved)
    except OSError:
        client.close()
        raise
    return client


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:  # a timeout of 0 would mean: do not block
        raise TimeoutError
    return left
