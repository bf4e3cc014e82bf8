"""Reads Penn Treebank's text as Mikolov prepared it: a sentence a line, 10,000 different words with `<unk>` and `N`."""

from __future__ import annotations

from pathlib import Path

from aibench.contract import DataError
from aibench.tasks.neural_architecture_search.layout import FILES, text_file
from aibench.text.lines import read_lines


def sentences(root: Path, part: str) -> list[list[str]]:
    """Return the words of each line of the file of `part`: `train`, `val` or `test`.

    Raises:
        DataError: The file is missing, empty, or has a line without words.
    """
    path = file_of(root, part)
    found = [line.split() for line in read_lines(path)]
    if not found:
        raise DataError(f"{path}: holds no line. Restore this file.")
    for number, words in enumerate(found, start=1):
        if not words:
            raise DataError(f"{path}, line {number:,}: holds no word. Restore this file, or remove the line.")
    return found


def file_of(root: Path, part: str) -> Path:
    """Return the file of `part`."""
    path = text_file(root, part)
    if path is None:
        raise DataError(f"data.root={root}: looked for {FILES[part]}, found none. Restore this file.")
    return path
