"""Penn Treebank's text as Mikolov prepared it: a sentence a line, 10,000 different words with `<unk>` and `N`."""

from __future__ import annotations

import hashlib
from pathlib import Path

from aibench.contract import DataError
from aibench.tasks.neural_architecture_search.layout import FILES, text_file
from aibench.text.lines import read_lines

PUBLISHED = {  # MD5 sums of the files in Mikolov's archive, as torchtext checked them
    "train": "f26c4b92c5fdc7b3f8c7cdcb991d8420",
    "val": "aa0affc06ff7c36e977d7cd49e3839bf",
    "test": "8b80168b89c18661a38ef683c0dc3721",
}


def sentences(root: Path, part: str) -> list[list[str]]:
    """The words of each line of the file of `part`: `train`, `val` or `test`.

    Raises:
        DataError: The file is missing, empty, or has a line without words.
    """
    path = _file(root, part)
    found = [line.split() for line in read_lines(path)]
    if not found:
        raise DataError(f"{path}: holds no line. Restore this file.")
    for number, words in enumerate(found, start=1):
        if not words:
            raise DataError(f"{path}, line {number:,}: holds no word. Restore this file, or remove the line.")
    return found


def is_published(root: Path, part: str) -> bool:
    """Whether the file of `part` is Mikolov's, byte for byte."""
    content = _file(root, part).read_bytes()
    return hashlib.md5(content, usedforsecurity=False).hexdigest() == PUBLISHED[part]


def _file(root: Path, part: str) -> Path:
    path = text_file(root, part)
    if path is None:
        raise DataError(f"data.root={root}: looked for {FILES[part]}, found none. Restore this file.")
    return path
