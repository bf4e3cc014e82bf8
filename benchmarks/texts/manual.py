"""Extracts the text of `task=neural_architecture_search`: `python -m benchmarks.texts.manual`.

It is the prose of Python's language reference and of the docstrings of its standard library. What is in the package was
made with Python 3.11.7; another release has another text, so this is run again only for a new text with new targets.
"""

from __future__ import annotations

import ast
import pydoc_data.topics
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from benchmarks.texts.prose import Heard, assigned, docstrings, paragraphs, write

ROOM = Path(__file__).parents[2] / "aibench/tasks/neural_architecture_search/texts"
SHARES = {"train": 0.74, "reward": 0.04, "val": 0.11, "test": 0.11}  # shares of all words
LEFT_OUT = {  # tests, what is no part of the library proper, and what others hold the rights to
    *("site-packages", "test", "tests", "idlelib", "lib2to3", "ensurepip", "turtledemo", "pydoc_data", "distutils"),
    *("_pydecimal.py", "turtle.py", "tix.py"),
}
SMALLEST = 100  # words of a topic
WORD = re.compile(r"[a-z_][a-z_0-9]*(?:[.'][a-z_0-9]+)*(?:\(\))?|\d+(?:\.\d+)*|[^\sa-z\d]")


def topics() -> Iterator[tuple[str, list[str]]]:
    """Yield the name of each topic and module, with its paragraphs."""
    for name, text in sorted(pydoc_data.topics.topics.items()):
        yield name, paragraphs(text)
    library = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(library.rglob("*.py")):
        inside = path.relative_to(library)
        if not LEFT_OUT & set(inside.parts):
            documented = docstrings(ast.parse(path.read_text(encoding="utf-8")))
            yield inside.as_posix(), [block for _, docstring in documented for block in paragraphs(docstring)]


def words(block: str) -> list[str]:
    """Return the words of a paragraph in lower case, each number as `N`."""
    return ["N" if word[0].isdigit() else word for word in WORD.findall(block.lower())]


def parts() -> dict[str, list[str]]:
    """Return the paragraphs of the parts, which share no topic and hardly repeat each other.

    The topics quote each other: a paragraph that shares more than a fifth of its runs of eight words with those before
    it is left out.
    """
    heard, kept = Heard(), {}
    for name, blocks in topics():
        said = [" ".join(words(block)) for block in blocks if not heard.repeats(block)]
        if sum(len(line.split()) for line in said) >= SMALLEST:
            kept[name] = said
    part_of = assigned({name: sum(len(line.split()) for line in said) for name, said in kept.items()}, SHARES)
    return {part: [line for name in kept if part_of[name] == part for line in kept[name]] for part in SHARES}


if __name__ == "__main__":
    write(ROOM, parts())
