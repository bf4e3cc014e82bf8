"""Generates solids, furniture and vehicles of continuously varying form, and shaded pictures of them.

Lengths are in half edges of the cube that a solid lies in; y is up and furniture stands on the floor at -0.92. Chairs
look along x, cars and planes drive and fly along it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from aibench.tasks.object_reconstruction_3d.backgrounds import backgrounds
from aibench.tasks.object_reconstruction_3d.camera import Camera, around
from aibench.tasks.object_reconstruction_3d.renders import Renderer

VIEWS = 24  # azimuths in steps of 15 degrees, at an elevation of 30, as in the pictures of Yan et al. 2016
ELEVATION, FOCAL_LENGTH, FOCAL_RANGE = 30.0, 5.0, 2.6
_FLOOR = -0.92
_NOISE = 4.0
_Solid = NDArray[np.bool_]


class Workbench:
    """Holds an empty cube to put parts into. A voxel is full where its middle lies in a part.

    Args:
        resolution: Voxels along an edge of the cube.
    """

    def __init__(self, resolution: int) -> None:
        middles = (2 * np.arange(resolution) + 1) / resolution - 1
        self.x, self.y, self.z = np.ix_(middles, middles, middles)
        self.solid: _Solid = np.zeros((resolution,) * 3, dtype=bool)

    def box(self, x: tuple[float, float], y: tuple[float, float], z: tuple[float, float]) -> None:
        """Fill all between the bounds of each axis."""
        self.solid |= _between(self.x, x) & _between(self.y, y) & _between(self.z, z)

    def upright(self, radius: float, y: tuple[float, float], top: float | None = None) -> None:
        """Fill a cylinder about the vertical axis, or a cone's part where the radius at the upper end is another."""
        share = np.clip((self.y - y[0]) / (y[1] - y[0]), 0, 1)
        radii = radius + ((radius if top is None else top) - radius) * share
        self.solid |= (self.x**2 + self.z**2 <= radii**2) & _between(self.y, y)

    def lying(self, radius: float, x: float, y: float, z: tuple[float, float]) -> None:
        """Fill a cylinder whose axis is parallel to z, at x and y."""
        self.solid |= ((self.x - x) ** 2 + (self.y - y) ** 2 <= radius**2) & _between(self.z, z)

    def spindle(self, radius: float, length: float, taper: float) -> None:
        """Fill a round body along x whose last part, in front, of length `taper`, narrows like an ellipsoid."""
        nose = np.clip((self.x - (length - taper)) / taper, 0, 1)
        inside = self.y**2 + self.z**2 <= radius**2 * (1 - nose**2)
        self.solid |= inside & _between(self.x, (-length, length))

    def wings(self, span: float, depth: float, x: float, sweep: float) -> None:
        """Fill a flat pair, `depth` long at the body and half as long at the tips, which lie `sweep` farther back."""
        out = np.abs(self.z) / span
        inside = np.abs(self.x - x + sweep * out) <= depth * (1 - out / 2)
        self.solid |= inside & (out <= 1) & (np.abs(self.y) <= 0.09)


def _between(axis: NDArray[np.float64], bounds: tuple[float, float]) -> _Solid:
    return (axis >= bounds[0]) & (axis <= bounds[1])


def _support(bench: Workbench, draw: np.random.Generator, wide: float, deep: float, top: float) -> None:
    """Build what carries a top: four legs, a central column on a foot, or two walls."""
    thick = draw.uniform(0.13, 0.2)
    match draw.integers(3):
        case 0:
            for x in ((-wide, -wide + thick), (wide - thick, wide)):
                for z in ((-deep, -deep + thick), (deep - thick, deep)):
                    bench.box(x, (_FLOOR, top), z)
        case 1:
            bench.upright(draw.uniform(0.1, 0.2), (_FLOOR, top))
            bench.upright(draw.uniform(0.3, 0.55), (_FLOOR, _FLOOR + 0.12))
        case _:
            for z in ((-deep, -deep + thick), (deep - thick, deep)):
                bench.box((-wide, wide), (_FLOOR, top), z)


def _table(bench: Workbench, draw: np.random.Generator) -> None:
    wide, deep = draw.uniform(0.45, 0.9, 2)
    top, thick = draw.uniform(-0.2, 0.5), draw.uniform(0.12, 0.25)
    _support(bench, draw, 0.9 * wide, 0.9 * deep, top)
    if draw.random() < 0.3:
        bench.upright(max(wide, deep), (top - thick, top))
    else:
        bench.box((-wide, wide), (top - thick, top), (-deep, deep))


def _chair(bench: Workbench, draw: np.random.Generator) -> None:
    wide, deep = draw.uniform(0.4, 0.65, 2)
    seat, back, thick = draw.uniform(-0.35, 0.0), draw.uniform(0.4, 0.92), draw.uniform(0.12, 0.2)
    _support(bench, draw, wide, deep, seat)
    bench.box((-wide, wide), (seat - 0.15, seat), (-deep, deep))
    if draw.random() < 0.6:
        bench.box((-wide, -wide + thick), (seat, back), (-deep, deep))
    else:  # a rail between two posts
        bench.box((-wide, -wide + thick), (back - draw.uniform(0.2, 0.4), back), (-deep, deep))
        for z in ((-deep, -deep + 0.16), (deep - 0.16, deep)):
            bench.box((-wide, -wide + thick), (seat, back), z)
    if draw.random() < 0.5:
        arm = seat + draw.uniform(0.2, 0.4)
        for z in ((-deep, -deep + 0.15), (deep - 0.15, deep)):
            bench.box((-wide, wide), (arm - 0.12, arm), z)
            bench.box((wide - 0.15, wide), (seat, arm), z)


def _lamp(bench: Workbench, draw: np.random.Generator) -> None:
    bottom = draw.uniform(-0.1, 0.5)
    height = min(0.92 - bottom, draw.uniform(0.35, 0.6))
    bench.upright(draw.uniform(0.3, 0.6), (_FLOOR, _FLOOR + draw.uniform(0.1, 0.25)))
    bench.upright(draw.uniform(0.09, 0.18), (_FLOOR, bottom + height))
    bench.upright(draw.uniform(0.45, 0.85), (bottom, bottom + height), top=draw.uniform(0.15, 0.45))


def _car(bench: Workbench, draw: np.random.Generator) -> None:
    long, wide = draw.uniform(0.7, 0.95), draw.uniform(0.32, 0.5)
    roof, bonnet, wheel = draw.uniform(0.15, 0.5), draw.uniform(-0.2, 0.0), draw.uniform(0.16, 0.27)
    rear = draw.uniform(-1, -0.5) * long
    front = rear + draw.uniform(0.6, 1.2) * long
    bench.box((-long, long), (-0.5, bonnet), (-wide, wide))
    bench.box((rear, min(front, long)), (bonnet, roof), (-0.9 * wide, 0.9 * wide))
    for x in (-0.6 * long, 0.6 * long):
        bench.lying(wheel, x, -0.5, (-wide, wide))


def _plane(bench: Workbench, draw: np.random.Generator) -> None:
    long = draw.uniform(0.7, 0.95)
    bench.spindle(draw.uniform(0.12, 0.22), long, draw.uniform(0.2, 0.5))
    bench.wings(draw.uniform(0.6, 0.95), draw.uniform(0.18, 0.35), draw.uniform(-0.15, 0.25), draw.uniform(0, 0.45))
    bench.wings(draw.uniform(0.3, 0.45), 0.16, -long + 0.18, 0.1)
    bench.box((-long, -long + draw.uniform(0.2, 0.35)), (0, draw.uniform(0.35, 0.6)), (-0.08, 0.08))


_MAKERS: dict[str, Callable[[Workbench, np.random.Generator], None]] = {
    "table": _table,
    "chair": _chair,
    "lamp": _lamp,
    "car": _car,
    "plane": _plane,
}


def made(kind: str, resolution: int, draw: np.random.Generator) -> _Solid:
    """Build a solid of its kind, bool (x, y, z)."""
    bench = Workbench(resolution)
    _MAKERS[kind](bench, draw)
    return bench.solid


def solids_and_pictures(
    kinds: list[str], count: int, views: int, size: int, resolution: int, draw: np.random.Generator
) -> tuple[NDArray[np.uint8], _Solid]:
    """Build solids whose kinds take turns, each in a colour of its own, before backgrounds, from azimuths of its own.

    Args:
        kinds: Some of `config.KINDS`.
        count: Number of solids.
        views: Pictures of each, from so many of the 24 azimuths, none twice.
        size: Height and width of a picture, in pixels.
        resolution: Voxels along an edge.
        draw: Decides everything random.

    Returns:
        Pictures, uint8 (solids, views, 3, size, size), and solids, bool (solids, x, y, z).
    """
    camera = Camera(ELEVATION, FOCAL_LENGTH, FOCAL_RANGE, size, samples=3 * resolution)
    render = Renderer(camera, around(VIEWS), resolution)
    solids = np.stack([made(kinds[index % len(kinds)], resolution, draw) for index in range(count)])
    seen = draw.permuted(np.tile(np.arange(VIEWS), (count, 1)), axis=1)[:, :views]
    bright = np.stack([render(solid, view) for solid, row in zip(solids, seen, strict=True) for view in row])
    bright = bright.reshape(count, views, 1, size, size)
    colour = draw.uniform(60, 225, (count, 1, 3, 1, 1)).astype(np.float32)
    behind = backgrounds(count * views, size, draw).reshape(count, views, 3, size, size)
    pictures = np.where(bright > 0, bright * colour, behind.astype(np.float32))
    pictures += _NOISE * draw.standard_normal(pictures.shape, dtype=np.float32)
    return np.clip(np.rint(pictures), 0, 255).astype(np.uint8), solids
