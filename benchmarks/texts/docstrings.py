"""Extracts the texts of `task=text_summarization` from installed packages: `python -m benchmarks.texts.docstrings`.

A text is what a docstring says below its first line, and its summary is the first line. What is in the package was
made with the versions that `VERSIONS` names; others have other docstrings, so this is run again only for new texts with
new targets.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.texts.prose import Heard, docstrings, runs, write

ROOM = Path(__file__).parents[2] / "aibench/tasks/text_summarization/texts"
VERSIONS = {
    "matplotlib": "3.11.2",
    "networkx": "3.6.1",
    "numpy": "2.4.6",
    "pandas": "3.1.1",
    "scikit-learn": "1.9.1",
    "scipy": "1.17.1",
}
MODULES = {"scikit-learn": "sklearn"}
LEFT_OUT = {"tests", "testing", "_vendor", "externals"}
SHARES = {"train": 0.62, "val": 0.19, "test": 0.19}  # of the files
HELD_OUT = ("val", "test")
SUMMARY_WORDS = range(3, 13)
TEXT_WORDS = (10, 30)  # the least and the most
_WORD = re.compile(r"[a-z]+")

Pair = tuple[str, str]


def pairs(package: str) -> Iterator[tuple[str, Pair]]:
    """Yield the text and the summary of each docstring of an installed package, with the file that it is in."""
    module = MODULES.get(package, package)
    spec = importlib.util.find_spec(module)
    assert spec is not None, f"{package} is not installed"
    assert spec.submodule_search_locations, f"{package} is no folder"
    root = Path(spec.submodule_search_locations[0])
    for path in sorted(root.rglob("*.py")):
        inside = path.relative_to(root)
        if not LEFT_OUT & set(inside.parts):
            for name, docstring in docstrings(ast.parse(path.read_text(encoding="utf-8"))):
                found = pair(docstring)
                if name and found is not None:
                    yield f"{module}/{inside.as_posix()}", found


def pair(docstring: str) -> Pair | None:
    """Return the words below a docstring's first line, and those of the first line; None where it is unfit."""
    first, _, rest = docstring.strip().partition("\n\n")
    summary, words = _WORD.findall(first.lower()), _WORD.findall(rest.lower())
    if len(summary) not in SUMMARY_WORDS or ">>>" in first or len(words) < TEXT_WORDS[0]:
        return None
    return " ".join(words[: TEXT_WORDS[1]]), " ".join(summary)


def part_of(file: str) -> str:
    """Return the part that the docstrings of a file go to."""
    place = int.from_bytes(hashlib.sha256(file.encode()).digest()[:4], "big") / 2**32
    for part, share in SHARES.items():
        if place < share:
            return part
        place -= share
    return part


def parts() -> dict[str, list[str]]:
    """Return the lines of the parts, text and summary with a tab between them, in random order.

    No two pairs have the same text or the same summary. A held-out text that shares more than a fifth of its runs of
    eight words with the training texts, or with a held-out one before it, is left out.
    """
    kept: dict[str, list[str]] = {part: [] for part in SHARES}
    known: set[str] = set()
    for package in VERSIONS:
        for file, (text, summary) in pairs(package):
            if not {text, summary} & known:
                known |= {text, summary}
                kept[part_of(file)].append(f"{text}\t{summary}")
    heard = Heard()
    for line in kept["train"]:
        heard.runs |= runs(line.split("\t")[0])
    for part in HELD_OUT:
        kept[part] = [line for line in kept[part] if not heard.repeats(line.split("\t")[0])]
    return {
        part: [lines[at] for at in np.random.default_rng(0).permutation(len(lines))] for part, lines in kept.items()
    }


if __name__ == "__main__":
    for name, wanted in VERSIONS.items():
        assert version(name) == wanted, f"{name} {version(name)}: the texts are of {wanted}"
    write(ROOM, parts())
