"""Reads the embedded text: prose of Python's language reference and standard library (PSF licence), kept in `texts/`.

benchmarks/texts/manual.py extracted it once, from Python 3.11.7. It does not depend on the Python that runs.
"""

from __future__ import annotations

import lzma
from pathlib import Path

FOLDER = Path(__file__).parent / "texts"
PARTS = ("train", "reward", "val", "test")
LEAST = 5  # occurrences of a word in the training text, lest it be <unk>

Paragraph = list[str]  # its words


def sentences() -> dict[str, list[Paragraph]]:
    """Return the paragraphs of each part. No two parts share a topic or a module."""
    return {part: [line.split() for line in _text(part).splitlines()] for part in PARTS}


def _text(part: str) -> str:
    return lzma.decompress((FOLDER / f"{part}.txt.xz").read_bytes()).decode()


__all__ = ["FOLDER", "LEAST", "PARTS", "Paragraph", "sentences"]
