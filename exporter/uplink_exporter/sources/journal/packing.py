"""What journald packed: values of 512 bytes and more, by default. Unpacked up to a bound, and never further.

XZ is in the standard library. LZ4's block format is small enough to be read here. ZSTD is libzstd's, which systemd
itself needs, so it is there wherever such a file is written; the standard library has it from Python 3.14 on.
"""

from __future__ import annotations

import ctypes
import lzma
from enum import IntFlag
from functools import lru_cache


class Packing(IntFlag):
    """The flags of a data object."""

    XZ = 1
    LZ4 = 2
    ZSTD = 4


class PackedError(Exception):
    """It cannot be unpacked: damaged, of no known kind, or there is no library for it."""


_XZ_MEMORY = 8 * 1024 * 1024
_ZSTD_WINDOW = 20
"""A power of two: libzstd takes no more memory than that for what a frame claims to need."""
_ZSTD_WINDOW_LOG_MAX = 100  # ZSTD_d_windowLogMax in zstd.h


def unpacked(packed: bytes, packing: int, most: int) -> bytes:
    """The first `most` bytes of a packed value, all of it if it is shorter. Raises PackedError."""
    match packing:
        case Packing.XZ:
            return _xz(packed, most)
        case Packing.LZ4:
            return _lz4(packed, most)
        case Packing.ZSTD:
            return _zstd(packed, most)
        case _:
            raise PackedError(f"packed in an unknown way ({packing})")


def _xz(packed: bytes, most: int) -> bytes:
    try:
        return lzma.LZMADecompressor(memlimit=_XZ_MEMORY).decompress(packed, max_length=most)
    except (lzma.LZMAError, MemoryError) as error:
        raise PackedError("damaged XZ") from error


def _lz4(packed: bytes, most: int) -> bytes:
    """A block of LZ4 (lz4_Block_format.md) behind its length, as journald writes it."""
    length = int.from_bytes(packed[:8], "little")
    most, at, out = min(most, length), 8, bytearray()
    while at < len(packed) and len(out) < most:
        token = packed[at]
        literals, at = _lz4_length(packed, at + 1, token >> 4)
        out += packed[at : at + literals]
        at += literals
        if at >= len(packed):
            break
        back = int.from_bytes(packed[at : at + 2], "little")
        copied, at = _lz4_length(packed, at + 2, token & 15)
        if not 0 < back <= len(out):
            raise PackedError("damaged LZ4")
        chunk = bytes(out[-back:])
        copied = min(copied + 4, most - len(out) + back)
        out += (chunk * (copied // back + 1))[:copied]
    if len(out) < most:
        raise PackedError("damaged LZ4")
    return bytes(out[:most])


def _lz4_length(packed: bytes, at: int, length: int) -> tuple[int, int]:
    if length == 15:
        while packed[at : at + 1] == b"\xff":
            length, at = length + 255, at + 1
        length, at = length + int.from_bytes(packed[at : at + 1], "little"), at + 1
    return length, at


class _Buffer(ctypes.Structure):
    """ZSTD_inBuffer, and ZSTD_outBuffer, which is laid out alike."""

    _fields_ = (("data", ctypes.c_char_p), ("size", ctypes.c_size_t), ("at", ctypes.c_size_t))


@lru_cache(maxsize=1)
def _libzstd() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL("libzstd.so.1")
        library.ZSTD_createDCtx.restype = ctypes.c_void_p
        library.ZSTD_isError.argtypes = (ctypes.c_size_t,)
        for function in (library.ZSTD_DCtx_setParameter, library.ZSTD_decompressStream):
            function.restype = ctypes.c_size_t
    except (OSError, AttributeError):
        return None
    return library


def _zstd(packed: bytes, most: int) -> bytes:
    library = _libzstd()
    if library is None:
        raise PackedError("packed by ZSTD, and this machine has no libzstd")
    context = ctypes.c_void_p(library.ZSTD_createDCtx())
    if not context:
        raise PackedError("no memory for ZSTD")
    room = ctypes.create_string_buffer(most)
    source, target = _Buffer(packed, len(packed), 0), _Buffer(ctypes.cast(room, ctypes.c_char_p), most, 0)
    try:
        library.ZSTD_DCtx_setParameter(context, _ZSTD_WINDOW_LOG_MAX, _ZSTD_WINDOW)
        left = library.ZSTD_decompressStream(context, ctypes.byref(target), ctypes.byref(source))
    finally:
        library.ZSTD_freeDCtx(context)
    if library.ZSTD_isError(left) or (left and target.at < most):
        raise PackedError("damaged ZSTD")
    return room.raw[: target.at]
