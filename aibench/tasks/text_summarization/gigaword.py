"""Reads the headlines of Gigaword: line files of tokenised text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from aibench.config import DataError
from aibench.contract import digest
from aibench.datasets.arrays import Arrays, kept_arrays
from aibench.tasks.text_summarization.corpus import Corpus, Example, encoded
from aibench.tasks.text_summarization.layout import HeldOut, line_files
from aibench.text.lines import pairs

RECIPE = "2"
LARGE = 1 << 24  # bytes: more than this takes seconds to read


def gigaword(root: Path, held_out: HeldOut, cache: str, text_words: int) -> Corpus:
    """Read one text and one headline a line; words stand between spaces.

    Training pairs with an empty text or an empty headline are left out. Held-out ones are all kept, so that a
    published number of lines stays what it is: an empty text is read as one unknown word.

    Args:
        root: `data.root`.
        held_out: The files that are held out.
        cache: Where the encoded corpus is kept.
        text_words: A text is cut off after so many words.

    Raises:
        DataError: A file has a byte that is no UTF-8, or is cut off; two files have not as many lines; or none is left.
    """
    files = line_files(root, held_out)
    assert files is not None, "Config.problems lets no other folder pass"
    states = [f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}" for pair in files.values() for path in pair]

    def make() -> Arrays:
        lines = {"training pairs": 0, "held-out pairs": 0}
        parts = {"train": _training(*files["train"], lines), "val": _held_out(*files["val"], lines)}
        corpus = encoded(parts, text_words)
        return replace(corpus, lines=lines).arrays()

    size = sum(file.stat().st_size for pair in files.values() for file in pair)
    doing = f"text_summarization: encodes {size / 1e6:,.0f} MB of lines" if size > LARGE else None
    return Corpus.of(kept_arrays(cache, f"gigaword-{digest(RECIPE, str(text_words), *states)}", make, doing=doing))


def _training(texts: Path, summaries: Path, lines: dict[str, int]) -> Iterator[Example]:
    count = 0
    for text, summary in pairs(texts, summaries):
        lines["training pairs"] += 1
        words, short = text.split(), summary.split()
        if words and short:
            count += 1
            yield words, short
    _need_some(count, texts)


def _held_out(texts: Path, summaries: Path, lines: dict[str, int]) -> Iterator[Example]:
    for text, summary in pairs(texts, summaries):
        lines["held-out pairs"] += 1
        yield text.split() or ["<unk>"], summary.split()
    _need_some(lines["held-out pairs"], texts)


def _need_some(count: int, path: Path) -> None:
    if not count:
        raise DataError(f"{path}: holds no pair of a text and a headline. Restore this file and the one beside it.")


__all__ = ["gigaword"]
