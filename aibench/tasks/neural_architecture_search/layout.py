"""Finds the three files of Penn Treebank's language model split. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from aibench.datasets.folders import not_found

FILES = {"train": "ptb.train.txt", "val": "ptb.valid.txt", "test": "ptb.test.txt"}
FOLDERS = (".", "data", "simple-examples/data")  # where Mikolov's archive has them


def text_file(root: Path, part: str) -> Path | None:
    """Return the file of `part`, `train`, `val` or `test`; None where it is missing."""
    candidates = (root / folder / FILES[part] for folder in FOLDERS)
    return next((path for path in candidates if path.is_file()), None)


def problems(root: Path, typed: str) -> Iterator[str]:
    """Yield what keeps the folder `root` from being Penn Treebank's, a line each."""
    for part, name in FILES.items():
        if text_file(root, part) is None:
            yield not_found(
                typed,
                f"{name} (also in data and simple-examples/data)",
                root,
                "Set data.root to the folder that holds Mikolov's ptb.train.txt, ptb.valid.txt and ptb.test.txt.",
            )
