"""Reads RGB-D faces of the BIWI Kinect Head Pose Database (Fanelli et al. 2013, IJCV 101(3)), cut out around the head.

A sequence's folder holds `frame_00003_rgb.png`, `frame_00003_depth.bin` and `frame_00003_pose.txt` for each frame, and
the cameras' calibrations, `rgb.cal` and `depth.cal`. Poses and depths are in millimetres, in the depth camera's frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from aibench.contract import DataError, digest
from aibench.datasets.folders import files_like, require_regular
from aibench.tasks.face_recognition_3d.config import DataConfig
from aibench.tasks.face_recognition_3d.depth import levels, stacked
from aibench.tasks.face_recognition_3d.layout import AGAIN, PEOPLE, sequences
from aibench.vision.files import read_image

_WIDEST = 1 << 13  # pixels: a damaged header must not ask for all memory
TRAIN_PART, VAL_FROM = 0.75, 0.8  # parts of a sequence; what lies between is left out: no two frames are neighbours
PEOPLE_NAMES = sorted(set(PEOPLE.values()))


@dataclass(frozen=True)
class Camera:
    """Holds a calibrated camera.

    Attributes:
        intrinsic: float (3, 3).
        rotation: From the depth camera's frame to its own, float (3, 3).
        translation: The same, in millimetres, float (3,).
    """

    intrinsic: NDArray[np.float64]
    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]

    def window(self, middle: NDArray[np.float64], side: float) -> tuple[int, int, int, int]:
        """Return left, upper, right and lower edge of a square of `side` millimetres around `middle`, in pixels."""
        point = self.rotation @ middle + self.translation
        x, y = (self.intrinsic @ point)[:2] / point[2] + 0.5  # from a pixel's middle to its edge
        half = side / 2 * self.intrinsic[0, 0] / point[2]
        return round(x - half), round(y - half), round(x + half), round(y + half)


class Frames(Dataset[tuple[Tensor, Tensor]]):
    """Reads the frames of one split. A sample is an image, uint8 (4, size, size), and its person's index, int64 ().

    Neighbouring frames look alike, so the splits are blocks of time: held out are the second recordings of the four
    people who have one, and the last fifth of everybody else's sequence, whose first three quarters are trained on.

    Colour and depth are each cut out around the projection of the same point, as large as the same length appears
    there; what is left of the two cameras' parallax on a head is a pixel or two.

    Args:
        root: Holds the database.
        split: `train` or `val`.
        config: `size`, `near`, `far`, `window`, `train_size` and `val_size` are used.

    Raises:
        DataError: A sequence without frames or with a broken calibration, or fewer frames than asked for.
    """

    def __init__(self, root: Path, split: str, config: DataConfig) -> None:
        self.split = split
        folder = sequences(root)
        assert folder is not None, "Config.problems lets no such root through"
        self.folder = folder
        self.config = config
        found = [(sequence, number) for sequence in PEOPLE for number in _part(folder / sequence, split)]
        count = config.train_size if split == "train" else config.val_size
        if count is not None and count > len(found):
            raise DataError(f"{folder}: {len(found):,} frames, fewer than data.{split}_size={count}. Lower it.")
        kept = found if count is None else [found[place * len(found) // count] for place in range(count)]
        self.frames = np.array(kept, dtype="U5")
        self.labels = np.array([PEOPLE_NAMES.index(PEOPLE[sequence]) for sequence, _ in kept], dtype=np.int64)
        self.cameras = {
            sequence: tuple(read_camera(folder / sequence / f"{kind}.cal") for kind in ("rgb", "depth"))
            for sequence in PEOPLE
        }

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        sequence, number = self.frames[index]
        stem = str(self.folder / sequence / f"frame_{number}_")
        middle = _numbers(Path(f"{stem}pose.txt"), "pose", 4)[3]
        for_colour, for_depth = self.cameras[str(sequence)]
        colour = read_image(Path(f"{stem}rgb.png")).crop(for_colour.window(middle, self.config.window))
        depth = read_compressed(Path(f"{stem}depth.bin"))
        gray = levels(depth - middle[2], depth > 0, self.config.near, self.config.far)
        picture = Image.fromarray(gray).crop(for_depth.window(middle, self.config.window))
        return stacked(colour, picture, self.config.size), torch.tensor(self.labels[index])

    def fingerprint(self) -> str:
        """Name the frames and people."""
        return digest("\n".join(" ".join(frame) for frame in self.frames), self.labels)

    def file_paths(self) -> Iterator[Path]:
        """Yield the files of every frame, and with the training frames all calibrations."""
        for sequence, number in self.frames:
            for kind in ("rgb.png", "depth.bin", "pose.txt"):
                yield self.folder / sequence / f"frame_{number}_{kind}"
        for sequence in self.cameras if self.split == "train" else ():
            yield from (self.folder / sequence / f"{kind}.cal" for kind in ("rgb", "depth"))


def _part(folder: Path, split: str) -> list[str]:
    """Return the numbers of the frames of `split` in a sequence's folder, in order."""
    numbers = [name.split("_")[1] for name in files_like(folder, "frame_*_rgb.png")]
    if not numbers:
        raise DataError(f"{folder}: no frame_*_rgb.png in this sequence. Restore its frames.")
    if folder.name in AGAIN:
        return numbers if split == "val" else []
    if any(PEOPLE[folder.name] == PEOPLE[name] for name in AGAIN):
        return numbers if split == "train" else []
    count = len(numbers)
    return numbers[: int(TRAIN_PART * count)] if split == "train" else numbers[int(VAL_FROM * count) :]


def read_camera(path: Path) -> Camera:
    """Read a calibration: intrinsic matrix, distortion (none in this database), rotation, translation, size."""
    numbers = _numbers(path, "calibration", 8)
    shapes = [len(row) for row in numbers[:8]]
    if shapes != [3, 3, 3, 4, 3, 3, 3, 3]:
        raise DataError(f"{path}: rows of {shapes} numbers, looked for 3 3 3 4 3 3 3 3. Restore this file.")
    return Camera(np.stack(numbers[:3]), np.stack(numbers[4:7]), numbers[7])


def _numbers(path: Path, what: str, rows: int) -> list[NDArray[np.float64]]:
    """Return the lines of `path` that are not blank, each as its numbers."""
    try:
        require_regular(path)
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: {getattr(error, 'strerror', None) or error}. Restore this file.") from error
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            row = np.array([float(word) for word in line.split()])
            if not np.isfinite(row).all():
                raise ValueError("a number that is none")
            found += [row] if len(row) else []
        except ValueError as error:
            raise DataError(f"{path}, line {number}: {line[:40]!r} is not a row of numbers.") from error
    if len(found) < rows or any(len(row) < 2 for row in found[:rows]):
        raise DataError(f"{path}: {len(found)} rows of numbers, a {what} has {rows} or more. Restore this file.")
    return found


def read_compressed(path: Path) -> NDArray[np.float64]:
    """Return depths in millimetres, (height, width), 0 where there is none.

    The file is width and height as int32, then runs: how many pixels are empty, how many are not, and these as int16.

    Raises:
        DataError: It ends early, or its runs do not fill the picture.
    """
    try:
        require_regular(path)
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}. Restore this file.") from error
    try:
        width, height = (int(number) for number in np.frombuffer(content, "<i4", 2))
        if not (0 < width <= _WIDEST and 0 < height <= _WIDEST):
            raise ValueError(f"{width} x {height} pixels")
        depth = np.zeros(width * height, np.float64)
        at, place = 8, 0
        while place < len(depth):
            empty, full = (int(number) for number in np.frombuffer(content, "<i4", 2, at))
            place += empty
            depth[place : place + full] = np.frombuffer(content, "<i2", full, at + 8)
            at, place = at + 8 + 2 * full, place + full
            if min(empty, full) < 0 or empty + full == 0 or place > len(depth):
                raise ValueError("runs that do not fill it")
    except ValueError as error:
        raise DataError(f"{path}: not a depth image ({error}). Restore this file.") from error
    return depth.reshape(height, width)
