"""Lists the labels as the authors' code does: CTC's blank, the apostrophe, A to Z, the space. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

BLANK = 0
CHARACTERS = "'ABCDEFGHIJKLMNOPQRSTUVWXYZ "  # labels 1 to 28
LABELS = len(CHARACTERS) + 1

_LABEL_OF = {character: label for label, character in enumerate(CHARACTERS, start=1)}


def encode(transcript: str) -> list[int]:
    """Return the labels of `transcript`, which holds no other characters."""
    return [_LABEL_OF[character] for character in transcript]


def decode(labels: Iterable[int]) -> str:
    """Return the characters of `labels`, blanks left out."""
    return "".join(CHARACTERS[label - 1] for label in labels if label != BLANK)


def steps_for(transcript: str) -> int:
    """Return the fewest steps in which CTC can spell `transcript`: one a letter, and a blank between two equal ones."""
    return len(transcript) + sum(one == other for one, other in pairwise(transcript))


def strange(transcript: str) -> str | None:
    """Return what keeps `transcript` from being one, for a message; None where nothing does."""
    if not transcript.strip():
        return "no transcript"
    odd = next((character for character in transcript if character not in _LABEL_OF), None)
    return None if odd is None else f"the character {odd!r}, which is none of A to Z, apostrophe and space"
