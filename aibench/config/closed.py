"""Marks the keys that a run of the closed division may set otherwise than the suite, beside the keys themselves.

`lr: Annotated[Positive, LEARNING_RATE]` lets `optim.lr` change. A key without a mark may not, so a new one keeps its
value until somebody marks it. The paper's 4.2.2 lets a run adjust "the hyper parameters to suit for the system under
test, e.g., learning rate, batch size"; here that is the learning rate, its schedule and warm-up, momentum, batch size,
precision and hardware. What enters the loss, the samples of an epoch, the evaluation, the metric or the model is not
among them, nor are the optimiser, weight decay, clipping and dropout. `docs/rules.md` has the table.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from aibench.config.bounds import ExistingFile
from aibench.config.errors import ConfigError
from aibench.config.places import expanded


@dataclass(frozen=True, slots=True)
class Free:
    """Lets a key change in the closed division.

    Attributes:
        kind: What the key is a part of.
    """

    kind: str


LEARNING_RATE = Free("learning rate")
SCHEDULE = Free("schedule")
WARM_UP = Free("warm-up")
MOMENTUM = Free("momentum")
BATCH_SIZE = Free("batch size")
PRECISION = Free("precision")
HARDWARE = Free("hardware")
LENGTH = Free("seed and session")  # a submission has its own rules for these

KINDS = (LEARNING_RATE, SCHEDULE, WARM_UP, MOMENTUM, BATCH_SIZE, PRECISION, HARDWARE, LENGTH)


def free_keys(config: Any) -> dict[str, str]:
    """Return the dotted keys of a run that the closed division lets change, each with its kind."""
    return {key: mark.kind for key, _, mark in _marked(config) if isinstance(mark, Free)}


def published_files(config: Any) -> dict[str, tuple[str, ...]]:
    """Return the keys of a run that name a user's file, with the first digits of the SHA-256 of the published ones."""
    return {key: mark.published for key, _, mark in _marked(config) if isinstance(mark, ExistingFile)}


def file_digests(config: Any) -> dict[str, str]:
    """Return the SHA-256 of the file that each key of a run names, for the keys that name one.

    Raises:
        ConfigError: Such a file cannot be read.
    """
    named = {key: str(value) for key, value, mark in _marked(config) if value and isinstance(mark, ExistingFile)}
    return {key: _sha256(key, value) for key, value in named.items()}


def _sha256(key: str, value: str) -> str:
    try:
        with expanded(value).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(f"{key}={value}: cannot be read: {error.strerror}. Give another file.") from error


def _marked(node: Any, prefix: str = "") -> Iterator[tuple[str, Any, object]]:
    """Yield each mark of a dotted key at and below `node`: the key, its value, and what its type is marked with."""
    schema: Any = type(node)
    marks = _marks(schema)
    for one in fields(node):
        value, key = getattr(node, one.name), f"{prefix}{one.name}"
        if is_dataclass(value):
            yield from _marked(value, f"{key}.")
        else:
            yield from ((key, value, mark) for mark in marks[one.name])


@functools.cache
def _marks(schema: Any) -> Mapping[str, tuple[object, ...]]:
    return {name: tuple(_of(hint)) for name, hint in get_type_hints(schema, include_extras=True).items()}


def _of(hint: Any) -> Iterator[object]:
    """Yield the marks of a type: its own, and those of what it may be instead of null."""
    if get_origin(hint) is Annotated:
        inner, *marks = get_args(hint)
        yield from marks
        yield from _of(inner)
    elif get_origin(hint) is not list:
        for inner in get_args(hint):
            yield from _of(inner)
