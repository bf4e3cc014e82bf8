"""Says where a camera sees what of a solid, for generated pictures, silhouettes and figures alike.

A solid is bool (x, y, z): right-handed axes, y up, which span the cube from -1 to 1. Azimuth and elevation, in degrees,
say where the camera stands: in the direction (cos a cos e, sin e, sin a cos e), so at azimuth 0 on the positive x axis
and at azimuth 90 on the positive z axis, as in the renderings of 3D-R2N2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Camera:
    """Describes a perspective camera that looks at the middle of the cube (Yan et al. 2016, arXiv 1612.00814, 3.1).

    It stands `focal_length + focal_range / 2` from the middle and sees what lies between `focal_length` and
    `focal_length + focal_range` away. What it sees at distance d is a square of half width `d / focal_length`.

    Attributes:
        elevation: Degrees above the horizon.
        focal_length: Distance of the nearest points that it sees; half the edge of the cube is 1.
        focal_range: From the nearest points to the farthest ones.
        size: Height and width of its pictures, in pixels.
        samples: Points on a line of sight, the nearest and the farthest included.
    """

    elevation: float
    focal_length: float
    focal_range: float
    size: int
    samples: int


def axes(azimuths: ArrayLike, elevation: float) -> Array:
    """Return unit vectors to the right, up, and from the middle of the cube to the camera, (views, 3 vectors, 3).

    Args:
        azimuths: (views,).
        elevation: The one elevation of all views.
    """
    around = np.radians(np.asarray(azimuths, dtype=np.float64))
    above = np.radians(elevation)
    cosine, sine, level = np.cos(around), np.sin(around), np.zeros_like(around)
    right = np.stack([sine, level, -cosine], axis=1)
    up = np.stack([-cosine * np.sin(above), level + np.cos(above), -sine * np.sin(above)], axis=1)
    back = np.stack([cosine * np.cos(above), level + np.sin(above), sine * np.cos(above)], axis=1)
    return np.stack([right, up, back], axis=1)


def lines_of_sight(camera: Camera, azimuths: ArrayLike) -> Array:
    """Return the points that the camera samples, (views, samples, rows, columns, 3), near to far, top row first.

    Points outside of the cube are among them.

    Args:
        camera: Its outermost lines of sight go through the outermost pixels' middles.
        azimuths: (views,).
    """
    right, up, back = (vector[:, None, None, None, :] for vector in np.moveaxis(axes(azimuths, camera.elevation), 1, 0))
    far = camera.focal_length + camera.focal_range
    distance = np.linspace(camera.focal_length, far, camera.samples)[:, None, None, None]
    side = np.linspace(-1, 1, camera.size)
    across = right * side[:, None] - up * side[:, None, None]
    middle = camera.focal_length + camera.focal_range / 2
    points: Array = back * (middle - distance) + across * (distance / camera.focal_length)
    return points


def around(views: int) -> Array:
    """Return the azimuths of so many views, evenly spaced from 0, in degrees."""
    azimuths: Array = np.arange(views, dtype=np.float64) * (360 / views)
    return azimuths
