"""Draws heads in colour and depth, 32x32 pixels: people differ in shape and complexion, pictures in pose and light.

A head is a height field over the plane of its face: half an ellipsoid with smooth bumps and dents for its features. It
is turned as a cloud of points and drawn into a depth buffer; what is in front is then coloured and shaded. All of it is
computed in double precision: the pictures are then the same on processors whose exponentials differ in the last digit.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

SIZE = 32
NEAREST, FARTHEST = 1.3, -0.8  # z, towards the camera, that depth 255 and depth 1 stand for
_GRID = 80  # points of the height field in each direction: a little over two a pixel
_REACH = 1.15  # the field covers -1.15 to 1.15; a head is about one unit tall from its middle
_FRAME = 1.2  # half the height of the picture, in the same unit
_PIVOT = 0.3  # z of the point that a head turns about
_CHUNK = 64  # heads drawn at once: what they need stays in the processor's cache
_COLOUR_NOISE = 5.0  # standard deviation, of 255
_DEPTH_NOISE = 0.015
_DROPOUTS = 0.02  # share of the depth sensor's pixels without an answer

Array = NDArray[np.float64]
_MOUTH: Array = np.array([0.15, 0.05, 0.05])
_WHITE: Array = np.array([0.95, 0.95, 0.95])
_AXIS: Array = np.linspace(-_REACH, _REACH, _GRID)


@dataclass(frozen=True)
class People:
    """Holds what tells people apart: float64 (people, columns) each; lengths are in half heights of a head.

    Attributes:
        oval: Half width, half height and depth of the head, and by how much the jaw is narrower.
        nose: Height, half width, and how far below the middle of the face.
        eyes: Distance from the nose's line, how far below the middle (negative: above), depth of the sockets.
        bones: Heights of the brow, the chin and the cheekbones.
        mouth: How far below the middle, and half width.
        skin, hair, lips, iris: Colours, three columns each, 0 to 1.
        growth: Hairline (negative: above the middle), hair beside the face, half height of the eyebrows, beard, 0 to 1.
    """

    oval: Array
    nose: Array
    eyes: Array
    bones: Array
    mouth: Array
    skin: Array
    hair: Array
    lips: Array
    iris: Array
    growth: Array

    def __len__(self) -> int:
        return len(self.oval)

    def take(self, which: NDArray[np.int64]) -> People:
        """Return the people at `which`, int64 (count,), in that order."""
        return People(*(getattr(self, field.name)[which] for field in fields(self)))


@dataclass(frozen=True)
class _Shots:
    """Holds what tells pictures of one person apart; float64 (pictures, columns)."""

    turns: Array  # the rotation matrix, (pictures, 3, 3)
    light: Array  # direction towards it, unit length; then how much of the light comes from everywhere
    gain: Array  # exposure, one column
    mouth: Array  # how far open, 0 to 1; how far its corners rise
    frame: Array  # shift right and down, scale, shift towards the camera
    backdrop: Array  # two colours, blended from the top to the bottom

    def take(self, part: slice) -> _Shots:
        return _Shots(*(getattr(self, field.name)[part] for field in fields(self)))


def people(count: int, generator: np.random.Generator) -> People:
    """Draw `count` people with `generator`."""

    def uniform(*ranges: tuple[float, float]) -> Array:
        low, high = np.array(ranges).T
        return generator.uniform(low, high, (count, len(ranges)))

    skin = np.array([0.87, 0.67, 0.55]) * uniform((0.5, 1.1)) * uniform(*[(0.93, 1.07)] * 3)
    fair, red = uniform((0, 1), (0, 1)).T[:, :, None]
    hair = np.array([0.09, 0.07, 0.06]) + fair**1.5 * [0.7, 0.5, 0.25] + red**3 * [0.25, 0.02, -0.04]
    return People(
        oval=uniform((0.66, 0.86), (0.92, 1.08), (0.65, 0.9), (-0.2, 0.25)),
        nose=uniform((0.16, 0.38), (0.08, 0.16), (-0.02, 0.16)),
        eyes=uniform((0.24, 0.37), (-0.26, -0.1), (0.05, 0.15)),
        bones=uniform((0.01, 0.11), (0.0, 0.15), (0.0, 0.1)),
        mouth=uniform((0.4, 0.54), (0.15, 0.3)),
        skin=np.clip(skin, 0, 1),
        hair=np.clip(hair, 0, 1),
        lips=np.array([0.75, 0.3, 0.3]) * uniform((0.65, 1.15)),
        iris=uniform(*[(0.05, 0.55)] * 3),
        growth=uniform((-0.78, -0.45), (0.72, 1.1), (0.03, 0.08), (0.0, 0.6)),
    )


def portraits(sitters: People, generator: np.random.Generator) -> NDArray[np.uint8]:
    """Draw a picture of each of `sitters`; `generator` decides pose, light, mouth, backdrop and noise.

    The pose is a turn of up to 35 degrees to a side, 15 up or down and 8 about the line of sight.

    Returns:
        uint8 (sitters, 4, 32, 32): red, green, blue, and depth: 0 where the sensor saw nothing, else 1 (far) to 255
        (near).
    """
    shots = _shots(len(sitters), generator)
    pictures = np.empty((len(sitters), 4, SIZE, SIZE), dtype=np.uint8)
    for start in range(0, len(sitters), _CHUNK):
        part = slice(start, min(start + _CHUNK, len(sitters)))
        chunk = sitters.take(np.arange(part.start, part.stop))
        pictures[part] = _sensed(*_drawn(chunk, shots.take(part)), generator)
    return pictures


def _shots(count: int, generator: np.random.Generator) -> _Shots:
    def uniform(*ranges: tuple[float, float]) -> Array:
        low, high = np.array(ranges).T
        return generator.uniform(low, high, (count, len(ranges)))

    sideways, nod, roll = np.deg2rad(uniform((-35, 35), (-15, 15), (-8, 8))).T
    direction = np.concatenate([uniform((-0.8, 0.8), (-0.8, 0.3)), np.ones((count, 1))], axis=1)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    backdrop = uniform((0.1, 0.9)) + uniform(*[(-0.2, 0.2)] * 3)
    return _Shots(
        turns=_about(1, sideways) @ _about(0, nod) @ _about(2, roll),
        light=np.concatenate([direction, uniform((0.2, 0.45))], axis=1),
        gain=uniform((0.75, 1.15)),
        mouth=uniform((0, 1), (-0.06, 0.06)),
        frame=uniform((-0.08, 0.08), (-0.08, 0.08), (0.88, 1.0), (-0.05, 0.05)),
        backdrop=np.clip(np.concatenate([backdrop, backdrop + uniform(*[(-0.2, 0.2)] * 3)], axis=1), 0, 1),
    )


def _about(axis: int, angles: Array) -> Array:
    """Return the rotation matrices about a coordinate axis, (angles, 3, 3)."""
    first, second = (index for index in range(3) if index != axis)
    turns = np.zeros((len(angles), 3, 3))
    turns[:, axis, axis] = 1
    turns[:, first, first] = turns[:, second, second] = np.cos(angles)
    turns[:, first, second] = -np.sin(angles)
    turns[:, second, first] = np.sin(angles)
    return turns


def _bell(x: Array, middle: Array | float, width: Array | float) -> Array:
    bell: Array = np.exp(-(((x - middle) / width) ** 2))
    return bell


def _columns(table: Array) -> list[Array]:
    """Return the columns of (people, columns), each (people, 1)."""
    return [table[:, index : index + 1] for index in range(table.shape[1])]


def _heights(sitters: People, shots: _Shots) -> tuple[Array, NDArray[np.bool_]]:
    """Return each head's height over its face's plane, (heads, v, u), and where it is. u runs right, v down."""
    (width, height, depth, jaw), (nose, nose_width, nose_at) = _columns(sitters.oval), _columns(sitters.nose)
    (apart, eyes_at, sockets), (brow, chin, cheeks) = _columns(sitters.eyes), _columns(sitters.bones)
    (mouth_at, mouth_width), (opened, _) = _columns(sitters.mouth), _columns(shots.mouth)
    pair = _bell(_AXIS, apart, 0.12) + _bell(_AXIS, -apart, 0.12)
    features: list[tuple[Array, Array, Array]] = [  # height, its course along u, its course along v
        (nose, _bell(_AXIS, 0.0, nose_width), _bell(_AXIS, nose_at, 0.2)),
        (-sockets, pair, _bell(_AXIS, eyes_at, 0.07)),
        (brow, _bell(_AXIS, apart, 0.16) + _bell(_AXIS, -apart, 0.16), _bell(_AXIS, eyes_at - 0.14, 0.05)),
        (chin, _bell(_AXIS, 0.0, 0.2), _bell(_AXIS, 0.78, 0.14)),
        (cheeks, _bell(_AXIS, 0.42, 0.2) + _bell(_AXIS, -0.42, 0.2), _bell(_AXIS, 0.2, 0.2)),
        (np.full_like(nose, 0.05), _bell(_AXIS, 0.0, mouth_width), _bell(_AXIS, mouth_at, 0.05 + 0.03 * opened)),
        (-0.06 * opened, _bell(_AXIS, 0.0, 0.7 * mouth_width), _bell(_AXIS, mouth_at, 0.04)),
    ]
    shape = (len(sitters), _GRID)
    along_u = np.stack([np.broadcast_to(size * course, shape) for size, course, _ in features], axis=1)
    along_v = np.stack([np.broadcast_to(course, shape) for _, _, course in features], axis=2)
    narrowed = width * (1 - jaw * np.clip(_AXIS, 0, 1))  # (heads, v)
    radius = (_AXIS / narrowed[:, :, None]) ** 2 + ((_AXIS / height) ** 2)[:, :, None]
    return depth[:, :, None] * np.sqrt(np.clip(1 - radius, 0, 1)) + along_v @ along_u, radius < 1


def _drawn(sitters: People, shots: _Shots) -> tuple[Array, Array]:
    """Draw colours, (heads, 3, SIZE, SIZE) in 0 to 1, and z, (heads, SIZE, SIZE), NaN on the backdrop."""
    count = len(sitters)
    heights, inside = _heights(sitters, shots)
    u, v = _AXIS[None, None, :], _AXIS[None, :, None]
    turns = shots.turns[:, :, :, None, None]
    x, y, z = (turns[:, row, 0] * u + turns[:, row, 1] * v + turns[:, row, 2] * (heights - _PIVOT) for row in range(3))
    right, down, scale, nearer = (column[:, :, None] for column in _columns(shots.frame))
    column, row = (
        ((position * scale + _FRAME + shift) * (SIZE / (2 * _FRAME))).astype(np.int64)
        for position, shift in ((x, right), (y, down))
    )
    seen = inside & (column >= 0) & (column < SIZE) & (row >= 0) & (row < SIZE)
    head = np.arange(count)[:, None, None]
    place = ((head * SIZE + row) * SIZE + column)[seen]
    point = np.flatnonzero(seen)
    # One number tells which point is nearer, and which one it is: the greatest of each pixel is what the camera sees.
    key = ((z[seen] + 8) * 2**24).astype(np.int64) << 32 | point
    front = np.full(count * SIZE * SIZE, -1, np.int64)
    np.maximum.at(front, place, key)
    hit = np.flatnonzero(front >= 0)
    point = front[hit] & (2**32 - 1)
    colours = np.moveaxis(_backdrops(shots), 1, 3).reshape(-1, 3)
    colours[hit] = _shaded(point, heights, sitters, shots)
    buffer = np.full(count * SIZE * SIZE, np.nan)
    buffer[hit] = (z + nearer).reshape(-1)[point]
    return np.moveaxis(colours.reshape(count, SIZE, SIZE, 3), 3, 1), buffer.reshape(count, SIZE, SIZE)


def _backdrops(shots: _Shots) -> Array:
    part = np.linspace(0, 1, SIZE)[:, None]
    blended = (1 - part) * shots.backdrop[:, :3, None, None] + part * shots.backdrop[:, 3:, None, None]
    return np.broadcast_to(blended, (len(blended), 3, SIZE, SIZE)).copy()


def _shaded(point: NDArray[np.int64], heights: Array, sitters: People, shots: _Shots) -> Array:
    """Colour points of the height fields, (points, 3), by Lambert's cosine law and light from everywhere."""
    head, v, u = np.unravel_index(point, heights.shape)
    (left, right), (above, below) = ((np.maximum(at - 1, 0), np.minimum(at + 1, _GRID - 1)) for at in (u, v))
    step = 4 * _REACH / (_GRID - 1)  # between the points before and after
    slope_u = (heights[head, v, right] - heights[head, v, left]) / step
    slope_v = (heights[head, below, u] - heights[head, above, u]) / step
    normal = np.stack([-slope_u, -slope_v, np.ones_like(slope_u)], axis=1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    towards = np.einsum("nji,nj->ni", shots.turns, shots.light[:, :3])  # the light, as the unturned head sees it
    direct = np.clip((normal * towards[head]).sum(1), 0, None)
    brightness = (shots.light[head, 3] + 0.75 * direct) * shots.gain[head, 0]
    colours = _complexion(_AXIS[u], _AXIS[v], sitters.take(head), shots.mouth[head])
    shaded: Array = np.clip(colours * brightness[:, None], 0, 1)
    return shaded


def _complexion(u: Array, v: Array, sitters: People, expression: Array) -> Array:
    """Return the colour of the skin, or of what is on it, at (u, v) of each sitter's face, (points, 3)."""
    (apart, eyes_at, _), (mouth_at, mouth_width) = sitters.eyes.T, sitters.mouth.T
    hairline, beside, brows, beard = sitters.growth.T
    opened, rise = expression.T
    side = np.abs(u)  # a face is symmetric
    lips_at = mouth_at - rise * (u / mouth_width) ** 2
    lips = _bell(u, 0.0, mouth_width) * _bell(v, lips_at, 0.05 + 0.04 * opened)
    inner = opened * _bell(u, 0.0, 0.7 * mouth_width) * _bell(v, lips_at, 0.035)
    white = np.clip(1.3 * _bell(side, apart, 0.1) * _bell(v, eyes_at, 0.05), 0, 1)
    iris = np.clip(1.5 * _bell(side, apart, 0.05) * _bell(v, eyes_at, 0.05), 0, 1)
    eyebrow = _bell(side, apart, 0.15) * _bell(v, eyes_at - 0.15, brows)
    stubble = beard * np.clip((np.hypot(u, v - 0.2) - 0.42) * 8, 0, 1) * np.clip((v - 0.15) * 5, 0, 1)
    curved = hairline - 0.1 * np.cos(2 * u)
    scalp = np.clip((curved - v) * 15, 0, 1)
    locks = np.clip((side / sitters.oval[:, 0] - beside) * 15, 0, 1) * np.clip((0.75 - v) * 8, 0, 1)
    layers: list[tuple[Array, Array]] = [  # how opaque, which colour; the last is on top
        (stubble, sitters.hair),
        (lips, sitters.lips),
        (inner, _MOUTH),
        (white, _WHITE),
        (iris, sitters.iris),
        (eyebrow, sitters.hair),
        (np.maximum(scalp, locks), sitters.hair),
    ]
    colour = sitters.skin
    for cover, paint in layers:
        colour = colour + np.clip(cover, 0, 1)[:, None] * (paint - colour)
    return colour


def _sensed(colours: Array, z: Array, generator: np.random.Generator) -> NDArray[np.uint8]:
    """Return what the camera makes of it, uint8 (heads, 4, SIZE, SIZE): noise, and pixels without a depth."""
    grain = _COLOUR_NOISE * generator.standard_normal(colours.shape)
    measured = z + _DEPTH_NOISE * generator.standard_normal(z.shape)
    lost = np.isnan(z) | (generator.random(z.shape) < _DROPOUTS)
    level = 1 + 254 * (np.nan_to_num(measured) - FARTHEST) / (NEAREST - FARTHEST)
    picture = np.concatenate([255 * colours + grain, np.clip(level, 1, 255)[:, None]], axis=1)
    picture[:, 3][lost] = 0
    counts: NDArray[np.uint8] = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    return counts
