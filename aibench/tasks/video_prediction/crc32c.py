"""Computes CRC-32C (Castagnoli), the checksum of TFRecord files, many bytes at once."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]

_POLYNOMIAL = np.uint32(0x82F63B78)  # of RFC 3720, B.4, its bits reversed
_ONES = 0xFFFFFFFF
_LANE = 256  # bytes that are read one after another; the lanes of a message are read side by side
_SHORT = 4 * _LANE


def crc32c(message: bytes) -> int:
    """Return the checksum of `message`.

    The checksum is linear in the message's bits. So the lanes are taken as messages of their own, and each is then
    moved over what follows it, two and two, by multiplying with as many zero bytes.
    """
    table = _table()
    if len(message) < _SHORT:
        state = _ONES
        for byte in message:
            state = int(table[(state ^ byte) & 255]) ^ (state >> 8)
        return state ^ _ONES
    lanes = 1 << (-(-len(message) // _LANE) - 1).bit_length()
    padded = np.zeros(lanes * _LANE, dtype=np.uint8)  # zeros in front change nothing
    start = len(padded) - len(message)
    padded[start:] = np.frombuffer(message, dtype=np.uint8)
    padded[start : start + 4] ^= 255  # stands for the register's start at all ones
    states: Words = np.zeros(lanes, dtype=np.uint32)
    for column in np.ascontiguousarray(padded.reshape(lanes, _LANE).T):
        states = table[(states ^ column) & 255] ^ (states >> 8)
    level = 0
    while len(states) > 1:
        states = _moved(states[0::2], level) ^ states[1::2]
        level += 1
    return int(states[0]) ^ _ONES


@cache
def _table() -> Words:
    """Return what each value of a byte does to the register, (256,)."""
    values: Words = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        values = (values >> np.uint32(1)) ^ (values & np.uint32(1)) * _POLYNOMIAL
    return values


def _moved(states: Words, level: int) -> Words:
    """Return `states` after `_LANE * 2**level` zero bytes."""
    first, second, third, fourth = _moves(level)
    moved: Words = first[states & 255] ^ second[states >> 8 & 255] ^ third[states >> 16 & 255] ^ fourth[states >> 24]
    return moved


@cache
def _moves(level: int) -> list[Words]:
    """Return what `_moved`'s zero bytes make of each value of the register's bytes, lowest first, 4 x (256,)."""
    registers = [np.arange(256, dtype=np.uint32) << np.uint32(8 * place) for place in range(4)]
    if level:
        return [_moved(_moved(states, level - 1), level - 1) for states in registers]
    table = _table()
    for _ in range(_LANE):
        registers = [table[states & 255] ^ (states >> 8) for states in registers]
    return registers
