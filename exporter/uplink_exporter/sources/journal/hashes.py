"""The two hashes by which journald finds a field's value in a file: lookup3 before systemd 246, SipHash since."""

from __future__ import annotations

from struct import unpack

_WORD = 0xFFFFFFFF
_LONG = 0xFFFFFFFFFFFFFFFF


def siphash24(data: bytes, key: bytes) -> int:
    """SipHash-2-4 (Aumasson and Bernstein, 2012), which a file with the keyed-hash flag uses with its file id."""
    low, high = unpack("<QQ", key)
    state = (low ^ 0x736F6D6570736575, high ^ 0x646F72616E646F6D, low ^ 0x6C7967656E657261, high ^ 0x7465646279746573)
    whole = len(data) & ~7
    last = int.from_bytes(data[whole:], "little") | (len(data) & 0xFF) << 56
    for word in (*unpack(f"<{whole // 8}Q", data[:whole]), last):
        state = _sip_rounds((state[0], state[1], state[2], state[3] ^ word), 2)
        state = (state[0] ^ word, state[1], state[2], state[3])
    a, b, c, d = _sip_rounds((state[0], state[1], state[2] ^ 0xFF, state[3]), 4)
    return a ^ b ^ c ^ d


def _sip_rounds(state: tuple[int, int, int, int], count: int) -> tuple[int, int, int, int]:
    a, b, c, d = state
    for _ in range(count):
        a = (a + b) & _LONG
        b = ((b << 13 | b >> 51) & _LONG) ^ a
        a = (a << 32 | a >> 32) & _LONG
        c = (c + d) & _LONG
        d = ((d << 16 | d >> 48) & _LONG) ^ c
        a = (a + d) & _LONG
        d = ((d << 21 | d >> 43) & _LONG) ^ a
        c = (c + b) & _LONG
        b = ((b << 17 | b >> 47) & _LONG) ^ c
        c = (c << 32 | c >> 32) & _LONG
    return a, b, c, d


def lookup3(data: bytes) -> int:
    """Both halves of Bob Jenkins' hashlittle2 (lookup3.c, 2006), the first one above, as journald has it."""
    a = b = c = (0xDEADBEEF + len(data)) & _WORD
    if not data:
        return c << 32 | b
    padded = data + bytes(-len(data) % 12)
    words = unpack(f"<{len(padded) // 4}I", padded)
    for at in range(0, len(words) - 3, 3):
        a, b, c = _mix((a + words[at]) & _WORD, (b + words[at + 1]) & _WORD, (c + words[at + 2]) & _WORD)
    a, b, c = (a + words[-3]) & _WORD, (b + words[-2]) & _WORD, (c + words[-1]) & _WORD
    for shifts in ((14, 11, 25), (16, 4, 14)):
        c = _less(c ^ b, b, shifts[0])
        a = _less(a ^ c, c, shifts[1])
        b = _less(b ^ a, a, shifts[2])
    c = _less(c ^ b, b, 24)
    return c << 32 | b


def _rotate(word: int, by: int) -> int:
    return (word << by | word >> 32 - by) & _WORD


def _less(word: int, other: int, by: int) -> int:
    return (word - _rotate(other, by)) & _WORD


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    for shifts in ((4, 6, 8), (16, 19, 4)):
        a = ((a - c) & _WORD) ^ _rotate(c, shifts[0])
        c = (c + b) & _WORD
        b = ((b - a) & _WORD) ^ _rotate(a, shifts[1])
        a = (a + c) & _WORD
        c = ((c - b) & _WORD) ^ _rotate(b, shifts[2])
        b = (b + a) & _WORD
    return a, b, c
