"""Finds LibriSpeech's transcripts and recordings. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from aibench.datasets.folders import class_folders, files_like, listed, not_found

HOME = "LibriSpeech"
TRANSCRIPTS = "*.trans.txt"


def home(root: Path) -> Path:
    """Return the folder that holds the sets: `root` or its folder `LibriSpeech`."""
    return root / HOME if (root / HOME).is_dir() else root


def transcript_files(folder: Path) -> list[Path]:
    """Return the transcripts of a set, `<speaker>/<chapter>/<speaker>-<chapter>.trans.txt`, sorted."""
    return list(_transcripts(folder))


def _transcripts(folder: Path) -> Iterator[Path]:
    for speaker in class_folders(folder):
        for chapter in class_folders(folder / speaker):
            place = folder / speaker / chapter
            yield from (place / name for name in files_like(place, TRANSCRIPTS))


def problems(root: Path, typed: str, sets: Sequence[str]) -> Iterator[str]:
    """Yield what keeps the folder `root` from holding LibriSpeech's `sets`, a line each."""
    folder = home(root)
    for name in sets:
        if not (folder / name).is_dir():
            yield not_found(
                typed,
                f"the folder {name} (also in {HOME})",
                folder,
                "Set data.root to the folder that holds LibriSpeech's sets.",
            )
        elif next(_transcripts(folder / name), None) is None:
            yield (
                f"data.root={typed}: looked for {name}/SPEAKER/CHAPTER/{TRANSCRIPTS}, found {listed(folder / name)} in "
                f"{name}. Unpack the set {name} again."
            )
