"""Describes two things in the words of a small grammar."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

COLOURS = ("red", "green", "blue", "yellow", "purple", "white")
SHAPES = ("circle", "square", "triangle", "ring", "cross")
KINDS = len(COLOURS) * len(SHAPES)

_RELATIONS = (  # the relation of `a` to `b`, and of `b` to `a`
    (("above", "below"), ("over", "under")),
    (("left of", "right of"), ("to the left of", "to the right of")),
)
_SENTENCES = (
    "{a} {relation} {b}",
    "{a} is {relation} {b}",
    "there is {a} {relation} {b}",
    "the picture shows {a} {relation} {b}",
    "{a} with {b} {turned} it",
    "{a} and {turned} it {b}",
)
DESCRIPTIONS = len(_SENTENCES) * 2  # how many a scene has


class Scene(NamedTuple):
    """Describes two things of different kinds.

    Attributes:
        first: Kind of the upper thing, or of the left one, in 0 to 29: its colour times 5, and its shape.
        second: Kind of the other.
        beside: Whether they lie side by side, rather than one above the other.
    """

    first: int
    second: int
    beside: bool


def description(scene: Scene, number: int) -> str:
    """Return description `number`, in 0 to 11, of `scene`; no two are alike."""
    a, b = (f"a {COLOURS[kind // len(SHAPES)]} {SHAPES[kind % len(SHAPES)]}" for kind in (scene.first, scene.second))
    relation, turned = _RELATIONS[scene.beside][number % 2]
    return _SENTENCES[number // 2].format(a=a, b=b, relation=relation, turned=turned)


def drawn(scenes: list[Scene], count: int, generator: np.random.Generator) -> list[list[str]]:
    """Draw `count` different descriptions of each of `scenes`, every one as likely as any other."""
    numbers: NDArray[np.int64] = generator.random((len(scenes), DESCRIPTIONS)).argsort(axis=1)[:, :count]
    return [[description(scene, number) for number in row] for scene, row in zip(scenes, numbers.tolist(), strict=True)]
