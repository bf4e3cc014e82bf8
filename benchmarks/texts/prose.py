"""Finds prose in texts about programs, its words, and what one text repeats of another."""

from __future__ import annotations

import ast
import lzma
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

RUN = 8  # words in a row that two texts hardly have in common by chance
REPEATED = 0.2
LONGEST = 1500  # characters: longer paragraphs are tables
FEWEST = 8  # words in prose

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def docstrings(node: Documented, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield name and docstring of a module, and of its classes and functions, of their own ones too."""
    docstring = ast.get_docstring(node)
    if docstring:
        yield name, docstring
    for inner in node.body:
        if isinstance(inner, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from docstrings(inner, inner.name)


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a text that are prose, each in one line."""
    return [re.sub(r"\s+", " ", block).strip() for block in re.split(r"\n\s*\n", text) if _is_prose(block)]


def _is_prose(block: str) -> bool:
    """Return whether a paragraph is neither code nor grammar nor table nor heading."""
    lines = [line.strip() for line in block.split("\n")]
    aside = any(sign in block for sign in ("::=", "+--", "===", "***", "|"))
    code = any(line.startswith((">>>", "...")) for line in lines)
    return not aside and not code and len(block) <= LONGEST and len(re.findall("[a-z]+", block.lower())) >= FEWEST


def runs(text: str) -> set[tuple[str, ...]]:
    """Return all runs of eight words in a row, or the one shorter run that there is."""
    words = re.findall("[a-z]+", text.lower())
    return {tuple(words[at : at + RUN]) for at in range(max(1, len(words) - RUN + 1))}


class Heard:
    """Remembers texts, and says which of later ones repeat them."""

    def __init__(self) -> None:
        self.runs: set[tuple[str, ...]] = set()

    def repeats(self, text: str) -> bool:
        """Return whether more than a fifth of a text's runs were heard before; remember them if not."""
        said = runs(text)
        if len(said & self.runs) > REPEATED * len(said):
            return True
        self.runs |= said
        return False


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


def write(folder: Path, parts: dict[str, Iterable[str]]) -> None:
    """Write the lines of each part into a compressed file, the same bytes each time."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, lines in parts.items():
        content = "".join(f"{line}\n" for line in lines).encode()
        (folder / f"{part}.txt.xz").write_bytes(lzma.compress(content, preset=9 | lzma.PRESET_EXTREME))


__all__ = ["Heard", "assigned", "docstrings", "paragraphs", "runs", "write"]
