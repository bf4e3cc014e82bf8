"""Reads RGB-D faces in the authors' layout: a list of pairs of a PNG and an array of depths."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from aibench.contract import DataError, digest
from aibench.datasets.folders import require_regular
from aibench.tasks.face_recognition_3d.config import DataConfig
from aibench.tasks.face_recognition_3d.depth import levels, stacked
from aibench.tasks.face_recognition_3d.layout import COLUMNS, LISTS
from aibench.vision.files import read_image


class Pairs(Dataset[tuple[Tensor, Tensor]]):
    """Reads the pairs of one list. A sample is an image, uint8 (4, size, size), and its person's index, int64 ().

    Paths lie in arrays, not in strings by the hundred thousand: processes that read samples share their memory.

    Args:
        root: Holds the lists; what they name is relative to it, or absolute.
        split: `train` or `val`.
        classes: Names of the people; their order gives the indices.
        config: `size`, `near`, `far`, `train_size` and `val_size` are used. A size takes evenly spaced lines.

    Raises:
        DataError: A line that is none, a person that the training list lacks, or fewer lines than asked for.
    """

    def __init__(self, root: Path, split: str, classes: list[str], config: DataConfig) -> None:
        self.root = root
        self.config = config
        path = root / LISTS[split]
        rows = read_list(path)
        index = {name: place for place, name in enumerate(classes)}
        for line, row in enumerate(rows, start=2):
            if row[2] not in index:
                raise DataError(
                    f"{path}, line {line}: the person {row[2]!r} is not in {LISTS['train']}, which fixes the classes."
                )
        count = config.train_size if split == "train" else config.val_size
        if count is not None and count > len(rows):
            raise DataError(f"{path}: {len(rows):,} pairs, fewer than data.{split}_size={count}. Lower it.")
        kept = rows if count is None else [rows[place * len(rows) // count] for place in range(count)]
        self.colours = np.array([os.fsencode(row[0]) for row in kept])
        self.depths = np.array([os.fsencode(row[1]) for row in kept])
        self.labels = np.array([index[row[2]] for row in kept], dtype=np.int64)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        colour_path, depth_path = (self.root / os.fsdecode(names[index]) for names in (self.colours, self.depths))
        colour = read_image(colour_path)
        depth = read_depth(depth_path)
        if depth.shape != (colour.height, colour.width):
            raise DataError(
                f"{depth_path}: depths of shape {depth.shape}, and {colour_path.name} has {colour.height} rows of "
                f"{colour.width} pixels. Restore the pair."
            )
        known = np.isfinite(depth) & (depth != 0)
        picture = Image.fromarray(levels(depth, known, self.config.near, self.config.far))
        return stacked(colour, picture, self.config.size), torch.tensor(self.labels[index])

    def fingerprint(self) -> str:
        """Name the files and people."""
        return digest(self.colours.view(np.uint8), self.depths.view(np.uint8), self.labels)

    def file_paths(self) -> Iterator[Path]:
        """Yield the pictures, each followed by its depths."""
        for pair in zip(self.colours, self.depths, strict=True):
            yield from (self.root / os.fsdecode(name) for name in pair)


def people(root: Path) -> list[str]:
    """Return the names of the people in the training list, sorted: the closed set."""
    return sorted({row[2] for row in read_list(root / LISTS["train"])})


def require_apart(root: Path) -> None:
    """Check that the two lists share no picture.

    Raises:
        DataError: They do.
    """
    trained = {row[0] for row in read_list(root / LISTS["train"])}
    for line, row in enumerate(read_list(root / LISTS["val"]), start=2):
        if row[0] in trained:
            raise DataError(f"{root / LISTS['val']}, line {line}: {row[0]} is in {LISTS['train']} too.")


def read_list(path: Path) -> list[list[str]]:
    """Return the lines of a list below its header: path of the colours, path of the depths, name.

    Raises:
        DataError: It cannot be read, has no line, or one of another number of fields.
    """
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            rows = list(csv.reader(lines))[1:]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: {getattr(error, 'strerror', None) or error}. Restore this file.") from error
    if not rows:
        raise DataError(f"{path}: no line below the header. Restore this file.")
    named: dict[str, int] = {}
    for line, row in enumerate(rows, start=2):
        if len(row) != len(COLUMNS) or not all(row):
            raise DataError(f"{path}, line {line}: looked for {','.join(COLUMNS)}, found {','.join(row)!r}.")
        if row[0] in named:
            raise DataError(f"{path}, line {line}: {row[0]} a second time, after line {named[row[0]]}.")
        named[row[0]] = line
    return rows


def read_depth(path: Path) -> NDArray[np.floating]:
    """Return the depths in `path`, (height, width); 0 where there is none.

    Raises:
        DataError: It is no array of numbers in two dimensions.
    """
    try:
        require_regular(path)
        depth = np.load(path, allow_pickle=False, mmap_mode="r")  # a header that promises more than there is is refused
    except (OSError, ValueError, EOFError) as error:
        reason = getattr(error, "strerror", None) or f"not an array of depths ({' '.join(str(error).split())})"
        raise DataError(f"{path}: {reason}. Restore this file.") from error
    if not isinstance(depth, np.ndarray) or depth.ndim != 2 or depth.dtype.kind not in "fiu":
        shape = getattr(depth, "shape", "unknown")
        raise DataError(f"{path}: looked for depths of shape (height, width), found shape {shape}. Restore this file.")
    return depth.astype(np.float64)
