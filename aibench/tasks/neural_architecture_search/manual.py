"""Reads the embedded text: the prose of Python's language reference, from the standard library (PSF licence)."""

from __future__ import annotations

import pydoc_data.topics
import re

Paragraph = list[str]  # its words

WORD = re.compile(r"[a-z_][a-z_0-9]*(?:[.'][a-z_0-9]+)*(?:\(\))?|\d+(?:\.\d+)*|[^\sa-z\d]")
SHARES = {"train": 0.8, "reward": 0.05, "val": 0.075, "test": 0.075}  # shares of all words
_LONGEST = 1500  # characters: longer ones are tables
_FEWEST = 8  # words in prose
_RUN = 8  # words
_REPEATED = 0.2


def manual() -> dict[str, list[Paragraph]]:
    """Return paragraphs of the parts `train`, `reward`, `val` and `test`, which share no topic and repeat no paragraph.

    The topics quote each other: whole paragraphs stand in several of them. A paragraph that shares more than a fifth
    of its runs of eight words with those before it is left out.
    """
    topics = _distinct({name: _prose(text) for name, text in sorted(pydoc_data.topics.topics.items())})
    sizes = {name: sum(map(len, paragraphs)) for name, paragraphs in topics.items()}
    part_of = assigned(sizes, SHARES)
    return {part: [words for name in topics if part_of[name] == part for words in topics[name]] for part in SHARES}


def assigned(sizes: dict[str, int], shares: dict[str, float]) -> dict[str, str]:
    """Return the part that each topic goes to: the largest first, each to the part that lacks the most of its share.

    A topic of more than a quarter of a small part goes elsewhere, so that each is of many topics.

    Args:
        sizes: Words of each topic.
        shares: Each part's share of all words; the first is the largest.
    """
    total = sum(sizes.values())
    held = dict.fromkeys(shares, 0)
    largest = next(iter(shares))
    found = {}
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        fitting = [part for part in shares if part == largest or sizes[name] <= shares[part] * total / 4]
        found[name] = min(fitting, key=lambda part: held[part] / shares[part])
        held[found[name]] += sizes[name]
    return found


def _prose(text: str) -> list[str]:
    return [re.sub(r"\s+", " ", block).strip() for block in re.split(r"\n\s*\n", text) if _is_prose(block)]


def _is_prose(block: str) -> bool:
    """Return whether a paragraph is neither code nor grammar nor table nor heading."""
    lines = [line.strip() for line in block.split("\n")]
    aside = any(sign in block for sign in ("::=", "+--", "===", "***", "|"))
    code = any(line.startswith((">>>", "...")) for line in lines)
    return not aside and not code and len(block) <= _LONGEST and len(re.findall("[a-z]+", block.lower())) >= _FEWEST


def _distinct(topics: dict[str, list[str]]) -> dict[str, list[Paragraph]]:
    """Return the words of the paragraphs that say something new."""
    seen: set[tuple[str, ...]] = set()
    kept: dict[str, list[Paragraph]] = {name: [] for name in topics}
    for name, blocks in topics.items():
        for block in blocks:
            said = runs(block)
            if len(said & seen) <= _REPEATED * len(said):
                seen |= said
                kept[name].append(["N" if word[0].isdigit() else word for word in WORD.findall(block.lower())])
    return kept


def runs(block: str) -> set[tuple[str, ...]]:
    """Return all runs of eight words in a row, or the one shorter run that there is."""
    words = re.findall("[a-z]+", block.lower())
    return {tuple(words[at : at + _RUN]) for at in range(max(1, len(words) - _RUN + 1))}
