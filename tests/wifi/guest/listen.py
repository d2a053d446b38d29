"""Prints what nl80211 says, as hexadecimal lines: `ask COMMAND` the answers to one request, `hear` each event."""

import socket
import struct
import sys
from collections.abc import Iterator

HEADER = struct.Struct("=IHHII")


def message(kind: int, flags: int, command: int, body: bytes = b"") -> bytes:
    return HEADER.pack(HEADER.size + 4 + len(body), kind, flags, 1, 0) + struct.pack("=BBH", command, 1, 0) + body


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        length, kind, *_ = HEADER.unpack_from(data)
        yield kind, data[HEADER.size : length]
        data = data[(length + 3) & ~3 :]


def ask(sock: socket.socket, kind: int, flags: int, command: int, body: bytes = b"") -> list[bytes]:
    sock.send(message(kind, flags, command, body))
    answers: list[bytes] = []
    while True:
        for got, answer in messages(sock.recv(1 << 16)):
            if got in (2, 3):
                return answers
            answers.append(answer)
            if not flags & 0x300:
                return answers


def attributes(data: bytes) -> dict[int, bytes]:
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        found[kind & 0x3FFF] = data[4:length]
        data = data[(length + 3) & ~3 :]
    return found


def main() -> None:
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
    sock.bind((0, 0))
    (family,) = ask(sock, 16, 1, 3, attribute(2, b"nl80211\0"))
    found = attributes(family[4:])
    number = int.from_bytes(found[1], sys.byteorder)
    if sys.argv[1] == "family":
        print(family.hex())
    elif sys.argv[1] == "ask":
        command, extra = int(sys.argv[2]), bytes.fromhex(sys.argv[3]) if len(sys.argv) > 3 else b""
        for answer in ask(sock, number, 0x301, command, extra):
            print(answer.hex())
    else:
        for group in attributes(found[7]).values():
            inner = attributes(group)
            if inner[1].rstrip(b"\0") in (b"mlme", b"regulatory"):
                sock.setsockopt(270, 1, int.from_bytes(inner[2], sys.byteorder))
        print("ready", flush=True)
        while True:
            for _, event in messages(sock.recv(1 << 16)):
                print(event.hex(), flush=True)


main()
