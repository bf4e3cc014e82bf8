"""Generates samples: a gripper that pushes two things on a table, seen from above."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aibench.tasks.video_prediction.config import EMBEDDED_SIZE

EPISODES = {"train": 0, "val": 1, "test": 3}  # each part draws episodes of its own,
_TABLE_DRAW = 2  # all on one table
THINGS = 2
_GRIPPER = 0.10  # radius; lengths are parts of the table's side
_ARM = 0.045  # half of the arm's width
_LONGEST = 0.09  # the longest way of the gripper along an axis in one step
_STEPS_TO_A_THING = 3  # after which the gripper may choose another
_SQUARE = 0.88  # half of a square's side, as a part of the radius of a disc of the same size class
_TABLE = np.array([0.62, 0.50, 0.38], dtype=np.float32)
_ARM_COLOUR = np.array([0.35, 0.35, 0.38], dtype=np.float32)
_GRIPPER_COLOUR = np.array([0.10, 0.10, 0.12], dtype=np.float32)

Floats = NDArray[np.float64]
Pixels = NDArray[np.float32]


@dataclass(slots=True)
class _World:
    """Holds all episodes at one moment.

    Attributes:
        gripper: Places, (episodes, 2); the first number runs to the right, the second down.
        things: Places, (episodes, things, 2).
        radius: (episodes, things).
        square: Whether a thing is a square, not a disc; (episodes, things).
        colour: In 0 to 1, (episodes, things, 3).
        light: Brightness of all, (episodes,).
    """

    gripper: Floats
    things: Floats
    radius: Floats
    square: NDArray[np.bool_]
    colour: Floats
    light: Floats

    @classmethod
    def drawn(cls, count: int, generator: np.random.Generator) -> _World:
        """Draw two things that do not touch, and a gripper within reach of one of them."""
        first = generator.uniform(0.2, 0.8, (count, 2))
        angle = generator.uniform(0, 2 * np.pi, (2, count))
        away = np.stack([np.cos(angle), np.sin(angle)], axis=2) * generator.uniform(0.28, 0.4, (2, count, 1))
        radius = generator.uniform(0.09, 0.14, (count, THINGS))
        world = cls(
            gripper=np.clip(first + away[0], 0.05, 0.95),
            things=np.stack([first, first + away[1]], axis=1),
            radius=radius,
            square=generator.random((count, THINGS)) < 0.5,
            colour=generator.uniform(0, 1, (count, THINGS, 3)),
            light=generator.uniform(0.85, 1.1, count),
        )
        world.settle()
        return world

    def settle(self) -> None:
        """Move the things out of the gripper and out of each other, and back onto the table."""
        for _ in range(4):
            for thing in range(THINGS):
                self.things[:, thing] += _out_of(self.things[:, thing], self.gripper, _GRIPPER + self.radius[:, thing])
            apart = _out_of(self.things[:, 1], self.things[:, 0], self.radius.sum(1)) / 2
            self.things[:, 1] += apart
            self.things[:, 0] -= apart
            np.clip(self.things, self.radius[..., None], 1 - self.radius[..., None], out=self.things)


def pushing(count: int, frames: int, split: str, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Make episodes of pushing; no two parts share an episode, hence no thing.

    Colours are rounded once, to bytes: machines whose floating-point results differ in the last bit make the same
    samples but for rare pixels.

    Args:
        count: Number of episodes.
        frames: Frames in each.
        split: A key of `EPISODES`.
        seed: Decides everything random.

    Returns:
        Frames, uint8 (count, frames, 3, 32, 32); actions, float (count, frames, 2): the gripper's way to the next frame
        in parts of the longest one; and states, float (count, frames, 2): its place, -1 to 1 across the table.
    """
    generator = np.random.default_rng((seed, EPISODES[split]))
    table = _table(np.random.default_rng((seed, _TABLE_DRAW)))
    world = _World.drawn(count, generator)
    video = np.empty((count, frames, 3, EMBEDDED_SIZE, EMBEDDED_SIZE), dtype=np.uint8)
    actions, states = np.empty((count, frames, 2)), np.empty((count, frames, 2))
    goal = world.gripper
    for frame in range(frames):
        if frame % _STEPS_TO_A_THING == 0:
            goal = world.things[np.arange(count), generator.integers(THINGS, size=count)]
            goal = goal + generator.normal(0, 0.1, (count, 2))
        way = _towards(goal - world.gripper, generator)
        way = np.clip(world.gripper + way, 0.05, 0.95) - world.gripper
        video[:, frame] = _drawn(world, table)
        actions[:, frame], states[:, frame] = way / _LONGEST, 2 * world.gripper - 1
        world.gripper = world.gripper + way
        world.settle()
    return torch.from_numpy(video), torch.from_numpy(actions).float(), torch.from_numpy(states).float()


def _out_of(place: Floats, other: Floats, distance: Floats) -> Floats:
    """Return the way, (episodes, 2), that takes what is at `place` to `distance` from `other`; 0 where it is beyond."""
    apart = place - other
    length = np.maximum(np.linalg.norm(apart, axis=1), 1e-6)
    way: Floats = apart * (np.maximum(distance - length, 0) / length)[:, None]
    return way


def _towards(way: Floats, generator: np.random.Generator) -> Floats:
    """Draw a step along `way`, (episodes, 2), unsteady in length and direction."""
    length = generator.uniform(0.5, 0.9, (len(way), 1)) * _LONGEST
    step = way / np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-6) * length
    unsteady: Floats = np.clip(step + generator.normal(0, 0.01, step.shape), -_LONGEST, _LONGEST)
    return unsteady


def _table(generator: np.random.Generator) -> Pixels:
    """Draw the empty table, (3, 32, 32): patches of wood, brighter towards the right."""
    patches = np.kron(generator.normal(0, 0.05, (8, 8)), np.ones((EMBEDDED_SIZE // 8, EMBEDDED_SIZE // 8)))
    slope = 1 + 0.25 * (np.linspace(0, 1, EMBEDDED_SIZE) - 0.5)
    return (_TABLE[:, None, None] * slope + patches).astype(np.float32)


def _drawn(world: _World, table: Pixels) -> NDArray[np.uint8]:
    """Return what a camera above the table sees, uint8 (episodes, 3, 32, 32); edges are one pixel soft."""
    count = len(world.gripper)
    images = np.repeat(table[None], count, axis=0)
    for thing in range(THINGS):
        across, down = _offsets(world.things[:, thing])
        square = world.square[:, thing, None, None]
        distance = np.where(square, np.maximum(abs(across), abs(down)) / _SQUARE, np.hypot(across, down))
        _paint(images, world.radius[:, thing, None, None] - distance, world.colour[:, thing])
    across, down = _offsets(world.gripper)
    _paint(images, np.minimum(_ARM - abs(across), -down), np.broadcast_to(_ARM_COLOUR, (count, 3)))
    _paint(images, _GRIPPER - np.hypot(across, down), np.broadcast_to(_GRIPPER_COLOUR, (count, 3)))
    images *= (255 * world.light.astype(np.float32))[:, None, None, None]
    return np.rint(np.clip(images, 0, 255)).astype(np.uint8)


def _offsets(places: Floats) -> tuple[Pixels, Pixels]:
    """Return how far each pixel is to the right of and below `places`, (episodes, 2): twice (episodes, 32, 32)."""
    grid = ((np.arange(EMBEDDED_SIZE) + 0.5) / EMBEDDED_SIZE).astype(np.float32)
    start = places.astype(np.float32)[:, :, None, None]
    shape = (len(places), EMBEDDED_SIZE, EMBEDDED_SIZE)
    return np.broadcast_to(grid - start[:, 0], shape), np.broadcast_to(grid[:, None] - start[:, 1], shape)


def _paint(images: Pixels, inside: NDArray[np.floating], colour: NDArray[np.floating]) -> None:
    """Paint over `images` where `inside`, (episodes, 32, 32), is positive: how far a pixel lies within the edge."""
    cover = np.clip(inside * EMBEDDED_SIZE + 0.5, 0, 1)[:, None]
    images += cover * (colour.astype(np.float32)[:, :, None, None] - images)
