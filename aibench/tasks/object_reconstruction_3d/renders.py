"""Draws shaded pictures of solids: of the generated ones for training, and of predictions for a person."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aibench.tasks.object_reconstruction_3d.camera import Camera, axes, lines_of_sight

_AMBIENT, _DIFFUSE = 0.35, 0.65
_LIGHT = np.array([-0.45, 0.75, 0.5])  # right, up and towards the camera; of length 1


class Renderer:
    """Draws pictures of solids of one resolution from fixed azimuths.

    A line of sight ends at the first full voxel on it. The face through which it comes in is lit from the upper left
    of the camera. Which voxels a line passes is worked out once; a picture is a look-up.

    Args:
        camera: Enough samples on a line of sight not to step over a voxel.
        azimuths: (views,), in degrees.
        resolution: Voxels along an edge of the cube.
    """

    def __init__(self, camera: Camera, azimuths: NDArray[np.float64], resolution: int) -> None:
        self.size = camera.size
        self.pixels = np.arange(camera.size**2)
        self.light = np.einsum("i,vij->vj", _LIGHT, axes(azimuths, camera.elevation)).astype(np.float32)
        padded = resolution + 2  # an empty voxel more on each side, the first of which stands for all outside
        self.strides = np.array([padded**2, padded, 1], dtype=np.int32)
        self.cells = np.empty((len(azimuths), camera.samples, camera.size**2, 3), dtype=np.int16)
        for cells, azimuth in zip(self.cells, azimuths, strict=True):
            points = lines_of_sight(camera, [azimuth])[0]
            cells[:] = np.floor((points + 1) * (resolution / 2)).reshape(cells.shape)
        within = ((self.cells >= 0) & (self.cells < resolution)).all(-1)
        self.index = np.where(within, (self.cells + 1).astype(np.int32) @ self.strides, 0)

    def __call__(self, solid: NDArray[np.bool_], view: int) -> NDArray[np.float32]:
        """Return how bright each pixel is, (size, size) in 0.35 to 1; 0 where the solid is not.

        Args:
            solid: (x, y, z).
            view: Index into the azimuths.
        """
        padded = np.pad(solid, 1).ravel()
        filled = padded[self.index[view]]
        first = filled.argmax(0)
        hit = filled[first, self.pixels]
        cells, here = self.cells[view], self.index[view][first, self.pixels]
        step = cells[np.maximum(first - 1, 0), self.pixels] - cells[first, self.pixels]
        # A line can come in from a voxel diagonally above: of the three faces those that have a full voxel before
        # them are hidden.
        covered = padded[here[:, None] + np.where(hit[:, None], step * self.strides, 0)]
        normal = np.where(covered & ~covered.all(1, keepdims=True), 0, step).astype(np.float32)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1)
        lit = _AMBIENT + _DIFFUSE * np.maximum(normal @ self.light[view], 0)
        return np.where(hit, lit, 0).astype(np.float32).reshape(self.size, self.size)
