"""Reads pairs of sentences, from files or from the grammar, as text."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from aibench.config.places import expanded
from aibench.contract import DataError, digest
from aibench.tasks.text_to_text import layout
from aibench.tasks.text_to_text.config import DataConfig
from aibench.tasks.text_to_text.grammar import Pair, corpus
from aibench.text.lines import lines, pairs

NAMES = {2_737: "newstest2014, the filtered 2,737 pairs", 3_003: "newstest2014, all 3,003 pairs"}
_SEGMENT = re.compile(r"<seg\b[^>]*>(.*)</seg>", re.IGNORECASE)
_GRAMMAR = 2  # to be raised with every change of what the grammar draws
_EMBEDDED_HELD_OUT = 1_500  # of each held-out part
_EMBEDDED_TRAINING = 12_000


@dataclass(frozen=True, slots=True)
class Text:
    """Gives the pairs of a split.

    Attributes:
        identity: Names them: equal ones are of the same sentences. Needs no reading.
        read: Gives them in order, anew at each call.
    """

    identity: str
    read: Callable[[], Iterator[Pair]]


def embedded(config: DataConfig, split: str) -> Text:
    """Return the grammar's sentences of `train`, `val` or `test`.

    Held-out ones are drawn first, so that they are the same for any training size.
    """
    held_out = config.val_size or _EMBEDDED_HELD_OUT
    training = config.train_size or _EMBEDDED_TRAINING
    own = {"val": slice(held_out), "test": slice(held_out, 2 * held_out), "train": slice(2 * held_out, None)}[split]
    identity = f"grammar {_GRAMMAR} {config.seed} {held_out} {training} {split}"
    return Text(identity, lambda: iter(corpus(2 * held_out + training, config.seed)[own]))


def from_files(config: DataConfig, split: str) -> Text:
    """Return the pairs below `data.root`: training's with two sides, of the held-out part the first `data.val_size`.

    Raises:
        DataError: By `read`: a file is damaged, the two are of unequal lengths, or a held-out line is empty.
    """
    files = _found(config, split)

    def read() -> Iterator[Pair]:
        every = (pair for both in files for pair in _pairs(both, may_be_empty=split == "train"))
        return every if split == "train" else islice(every, config.val_size)

    states = [f"{path.resolve()} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in paths(config, split)]
    return Text(digest(*states), read)


def paths(config: DataConfig, split: str) -> list[Path]:
    """Return the files of a split below `data.root`, English and German by turns."""
    return [path for both in _found(config, split) for path in (both.english, both.german)]


def without_a_side(config: DataConfig) -> int:
    """Return how many training pairs below `data.root` have an empty side, and are left out for that."""
    every = (pair for both in _found(config, "train") for pair in _both(both))
    return sum(not (english.strip() and german.strip()) for english, german in every)


def _found(config: DataConfig, split: str) -> list[layout.Files]:
    files = layout.found(expanded(config.root), config.corpus, split)
    assert files is not None, "Config.problems lets no such root through"
    return files


def _pairs(files: layout.Files, may_be_empty: bool) -> Iterator[Pair]:
    for number, (english, german) in enumerate(_both(files), start=1):
        if english.strip() and german.strip():
            yield english.strip(), german.strip()
        elif not may_be_empty:
            path = files.german if english.strip() else files.english
            unit = "segment" if _is_sgml(files) else "line"
            raise DataError(f"{path}, {unit} {number:,}: empty, and every held-out sentence counts. Restore this file.")


def _is_sgml(files: layout.Files) -> bool:
    return ".sgm" in files.english.suffixes


def _both(files: layout.Files) -> Iterator[Pair]:
    return _segments(files) if _is_sgml(files) else pairs(files.english, files.german)


def _segments(files: layout.Files) -> Iterator[Pair]:
    """Yield the segments of two SGML files, in which each is a line."""
    english, german = ([html.unescape(text) for text in _texts(path)] for path in (files.english, files.german))
    if len(english) != len(german):
        raise DataError(
            f"{files.english}: {len(english):,} segments, and {len(german):,} in {files.german}, which must be as "
            "many. Restore both files."
        )
    yield from zip(english, german, strict=True)


def _texts(path: Path) -> Iterator[str]:
    for number, line in enumerate(lines(path), start=1):
        if "<seg" in line.lower():
            match = _SEGMENT.search(line)
            if match is None:
                raise DataError(f"{path}, line {number:,}: a segment without its end, </seg>. Restore this file.")
            yield match[1]
