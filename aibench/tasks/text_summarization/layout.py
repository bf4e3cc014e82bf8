"""Finds the line files of Gigaword's headlines. Imports no torch."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from pathlib import Path

from aibench.datasets.folders import not_found, plain_or_compressed


class HeldOut(enum.StrEnum):
    """Lists which pairs of a collection may be held out."""

    valid = enum.auto()  # its validation files, on which the authors' code is measured
    test = enum.auto()  # its test files: what papers report


# Texts and summaries of each split, by folder; a name may have .gz after it.
LAYOUTS: dict[str, dict[str, tuple[str, str]]] = {
    "harvardnlp/sent-summary": {
        "train": ("train/train.article.txt", "train/train.title.txt"),
        HeldOut.valid: ("train/valid.article.filter.txt", "train/valid.title.filter.txt"),
        HeldOut.test: ("Giga/input.txt", "Giga/task1_ref0.txt"),
    },
    "UniLM's org_data": {
        "train": ("train.src.txt", "train.tgt.txt"),
        HeldOut.valid: ("dev.src.txt", "dev.tgt.txt"),
        HeldOut.test: ("test.src.txt", "test.tgt.txt"),
    },
}
_FOLDERS = (".", "sumdata", "org_data")


def line_files(root: Path, held_out: HeldOut) -> dict[str, tuple[Path, Path]] | None:
    """Return texts and summaries of `train` and `val` below `root`; None where one of the files is missing."""
    for files in LAYOUTS.values():
        for folder in _FOLDERS:
            found = {
                split: _pair(root / folder, *files[name]) for split, name in (("train", "train"), ("val", held_out))
            }
            pairs = {split: pair for split, pair in found.items() if pair is not None}
            if len(pairs) == len(found):
                return pairs
    return None


def _pair(folder: Path, texts: str, summaries: str) -> tuple[Path, Path] | None:
    first, second = plain_or_compressed(folder / texts), plain_or_compressed(folder / summaries)
    return (first, second) if first is not None and second is not None else None


def problems(root: Path, typed: str, held_out: HeldOut) -> Iterator[str]:
    """Yield what keeps the folder `root` from holding a collection, a line each."""
    if line_files(root, held_out) is not None:
        return
    wanted = " or ".join(
        ", ".join((*files["train"], *files[held_out])) + f" ({origin})" for origin, files in LAYOUTS.items()
    )
    yield not_found(
        typed,
        f"{wanted}, each also as .gz and also in {' or '.join(_FOLDERS[1:])}",
        root,
        "Set data.root to the folder that holds them.",
    )
