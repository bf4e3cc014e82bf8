"""Reads the embedded texts: docstrings of six packages, each to be said in its first line, kept in `texts/`.

benchmarks/texts/docstrings.py extracted them once. They do not depend on what is installed.
"""

from __future__ import annotations

import lzma
from pathlib import Path

from aibench.tasks.text_summarization.corpus import Corpus, Example, encoded

FOLDER = Path(__file__).parent / "texts"
PARTS = ("train", "val", "test")


def examples(part: str) -> list[Example]:
    """Return the words of each text and of its summary, in random order. No two parts share a file of a package."""
    lines = lzma.decompress((FOLDER / f"{part}.txt.xz").read_bytes()).decode().splitlines()
    pairs = (line.split("\t") for line in lines)
    return [(text.split(), summary.split()) for text, summary in pairs]


def docstrings(text_words: int) -> Corpus:
    """Return what classes and functions do; a text is cut off after `text_words` words."""
    return encoded({part: examples(part) for part in PARTS}, text_words)


__all__ = ["FOLDER", "PARTS", "docstrings", "examples"]
