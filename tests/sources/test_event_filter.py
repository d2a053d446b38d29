"""The socket filter, run by a small interpreter of classic BPF: it drops what never matters, and nothing else."""

from __future__ import annotations

import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures import datagrams
from uplink_exporter.sources.netlink import codec, requests
from uplink_exporter.sources.netlink.layout import Type

Instruction = tuple[int, int, int, int]
PROGRAM: list[Instruction] = list(struct.iter_unpack("=HBBI", requests.event_filter()))

# linux/bpf_common.h
LOAD_HALF, LOAD_BYTE, JUMP_EQUAL, JUMP_GREATER, JUMP_ANY_BIT, RETURN = 0x28, 0x30, 0x15, 0x25, 0x45, 0x06

# linux/neighbour.h: REACHABLE, STALE, FAILED, NOARP, PERMANENT; the others settle nothing.
SETTLED = 0x02 | 0x04 | 0x20 | 0x40 | 0x80


def passes(packet: bytes) -> bool:
    """Whether the filter gives the packet to the socket, as Documentation/networking/filter.rst has it."""
    accumulator = counter = 0
    while True:
        code, jump_true, jump_false, value = PROGRAM[counter]
        counter += 1
        if code == RETURN:
            return value > 0
        if code in (LOAD_HALF, LOAD_BYTE):
            size = 2 if code == LOAD_HALF else 1
            if value + size > len(packet):
                return False
            accumulator = int.from_bytes(packet[value : value + size], "big")
        else:
            holds = {
                JUMP_EQUAL: accumulator == value,
                JUMP_GREATER: accumulator > value,
                JUMP_ANY_BIT: bool(accumulator & value),
            }
            counter += jump_true if holds[code] else jump_false


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def matters(kind: int, body: bytes) -> bool:
    """What the filter is meant to let through."""
    if kind in (Type.NEWROUTE, Type.DELROUTE):
        return body[1] <= 7
    if kind == Type.NEWNEIGH:
        return bool(int.from_bytes(body[8:10], sys.byteorder) & SETTLED)
    return True


kinds = st.sampled_from([*Type, 104, 105]) | st.integers(0, 0xFFFF)


@given(kinds, st.binary(min_size=12, max_size=40))
def test_it_lets_through_what_matters_and_nothing_else(kind: int, body: bytes) -> None:
    assert passes(message(kind, body)) is matters(kind, body)


@pytest.mark.parametrize("bit", range(8))
@pytest.mark.parametrize("kind", [Type.NEWNEIGH, Type.DELNEIGH])
def test_each_neighbour_state(kind: Type, bit: int) -> None:
    body = struct.pack("=B3xiHBB", 2, 3, 1 << bit, 0, 0)
    assert passes(message(kind, body)) is (kind is Type.DELNEIGH or bool(1 << bit & SETTLED))


@pytest.mark.parametrize("prefix", [0, 1, 7, 8, 24, 32, 128])
@pytest.mark.parametrize("kind", [Type.NEWROUTE, Type.DELROUTE])
def test_only_routes_to_much_of_the_world_pass(kind: Type, prefix: int) -> None:
    assert passes(message(kind, bytes([2, prefix, *bytes(10)]))) is (prefix <= 7)


def test_what_a_kernel_sent_is_judged_alike() -> None:
    sent = [(data, next(iter(codec.split(data)))) for data in datagrams("events")]
    for data, first in sent:
        assert passes(data) is matters(first.type, bytes(first.body))
    dropped = sum(not passes(data) for data, _ in sent)
    assert 0 < dropped < len(sent)


def test_it_is_a_program_that_the_kernel_takes() -> None:
    assert 0 < len(PROGRAM) <= 4096  # BPF_MAXINSNS
    assert PROGRAM[-1][0] == RETURN
    for place, (code, jump_true, jump_false, _) in enumerate(PROGRAM):
        assert code in (LOAD_HALF, LOAD_BYTE, JUMP_EQUAL, JUMP_GREATER, JUMP_ANY_BIT, RETURN)
        if code in (JUMP_EQUAL, JUMP_GREATER, JUMP_ANY_BIT):
            assert place + 1 + max(jump_true, jump_false) < len(PROGRAM)
    assert len(PROGRAM) == 12
