"""Finds MNIST's four files: in a folder, its `raw` or its `MNIST/raw`, compressed or not. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from aibench.datasets.folders import not_found, plain_or_compressed

SPLITS = {"train": "train", "val": "t10k"}
FOLDERS = (".", "raw", "MNIST/raw")


def mnist_files(root: Path, split: str) -> tuple[Path, Path] | None:
    """Return the files of images and labels of `split`; None where one is missing.

    The names are `train-images-idx3-ubyte` or `train-images.idx3-ubyte`, with `.gz` where they are compressed.
    """
    images, labels = (_found(root, name) for name in _names(split))
    return None if images is None or labels is None else (images, labels)


def problems(root: Path, typed: str) -> Iterator[str]:
    """Yield what keeps the folder `root` from being MNIST's, a line each."""
    for split in SPLITS:
        for name in _names(split):
            if _found(root, name) is None:
                yield not_found(
                    typed,
                    f"{name} (or {name}.gz, also in raw and MNIST/raw)",
                    root,
                    "Set data.root to the folder that holds MNIST's four files.",
                )


def _names(split: str) -> tuple[str, str]:
    return f"{SPLITS[split]}-images-idx3-ubyte", f"{SPLITS[split]}-labels-idx1-ubyte"


def _found(root: Path, name: str) -> Path | None:
    dotted = name.replace("-idx", ".idx")
    candidates = (plain_or_compressed(root / folder / spelling) for folder in FOLDERS for spelling in (name, dotted))
    return next((path for path in candidates if path is not None), None)
