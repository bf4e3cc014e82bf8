"""Finds Gowalla's check-ins: the published split of two files, or SNAP's raw file. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from aibench.datasets.folders import listed

RAW_FILES = ("loc-gowalla_totalCheckins.txt", "loc-gowalla_totalCheckins.txt.gz")
SPLIT_FILES = ("test/train.txt", "test/test.txt")


def published_split(root: Path) -> tuple[Path, Path] | None:
    """Return the training and the held-out file of the published split below `root`; None where one is missing."""
    train, test = (root / name for name in SPLIT_FILES)
    return (train, test) if train.is_file() and test.is_file() else None


def raw_file(root: Path) -> Path | None:
    """Return SNAP's check-in file in `root`; None where there is none."""
    return next((root / name for name in RAW_FILES if (root / name).is_file()), None)


def problems(root: Path, typed: str) -> Iterator[str]:
    """Yield what keeps the folder `root`, as `typed`, from holding Gowalla's check-ins; at most a line."""
    if published_split(root) is None and raw_file(root) is None:
        yield (
            f"data.root={typed}: holds neither {' and '.join(SPLIT_FILES)} (the published split) nor {RAW_FILES[0]}"
            f"[.gz] (SNAP's check-ins), but {listed(root)}. Set data.root to the folder that holds them."
        )
