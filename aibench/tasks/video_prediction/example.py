"""Reads `tf.train.Example` messages without TensorFlow or protobuf.

An Example holds in its field 1 Features, which hold in theirs an entry for each feature: field 1 is its name, field 2 a
Feature. A Feature holds bytes (field 1) or floats (field 2) or whole numbers (field 3), each as a list whose field 1 is
the values. A SequenceExample's context is laid out alike.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5  # wire types of protocol buffers
_FIXED = {_FIXED64: 8, _FIXED32: 4}
_BYTES, _FLOATS = 1, 2


class MalformedError(ValueError):
    """Says that a message is none, or lacks what is asked for."""


def features(example: memoryview) -> Iterator[tuple[str, memoryview]]:
    """Yield names and Feature messages of an Example, in the order in which they are stored; values are not looked at.

    Raises:
        MalformedError: It is no Example.
    """
    for group in _delimited(example, 1):
        for entry in _delimited(group, 1):
            names, values = list(_delimited(entry, 1)), list(_delimited(entry, 2))
            if not names or not values:
                raise MalformedError("a feature without name or value")
            try:
                yield bytes(names[-1]).decode(), values[-1]
            except UnicodeDecodeError as error:
                raise MalformedError("a feature whose name is not UTF-8") from error


def bytes_in(feature: memoryview) -> bytes:
    """Return the one byte string of a Feature. Raises `MalformedError` where it has none."""
    values = [value for group in _delimited(feature, _BYTES) for value in _delimited(group, 1)]
    if len(values) != 1:
        raise MalformedError(f"{len(values)} byte strings where one belongs")
    return bytes(values[0])


def floats_in(feature: memoryview) -> NDArray[np.float32]:
    """Return the numbers of a Feature, float32 (count,), packed or not.

    Raises `MalformedError` where they are no floats.
    """
    parts = [
        bytes(value)
        for group in _delimited(feature, _FLOATS)
        for number, wire, value in _fields(group)
        if number == 1 and wire in (_DELIMITED, _FIXED32)
    ]
    packed = b"".join(parts)
    if len(packed) % 4:
        raise MalformedError(f"floats of {len(packed)} bytes")
    return np.frombuffer(packed, dtype="<f4").astype(np.float32)


def _delimited(message: memoryview, wanted: int) -> Iterator[memoryview]:
    """Yield the values of a message's field `wanted`."""
    for number, wire, value in _fields(message):
        if number == wanted and wire == _DELIMITED:
            yield value


def _fields(message: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """Yield number, wire type and value of each field of a message."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, wire = key >> 3, key & 7
        start = place
        if wire == _VARINT:
            _, end = _varint(message, place)
        elif wire == _DELIMITED:
            length, start = _varint(message, place)
            end = start + length
        elif wire in _FIXED:
            end = place + _FIXED[wire]
        else:
            raise MalformedError(f"a field of unknown wire type {wire}")
        if end > len(message):
            raise MalformedError("a field that ends beyond its message")
        yield number, wire, message[start:end]
        place = end


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """Return the whole number at `place`, seven bits a byte, and the place behind it."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            raise MalformedError("a number that ends beyond its message")
        byte = message[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise MalformedError("a number of more than 10 bytes")
