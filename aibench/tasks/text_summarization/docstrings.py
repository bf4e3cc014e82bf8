"""Reads the embedded texts: docstrings of installed packages, each to be said in its first line."""

from __future__ import annotations

import ast
import gc
import hashlib
import importlib.util
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np

from aibench.contract import digest
from aibench.datasets.arrays import Arrays, kept_arrays
from aibench.datasets.folders import files_below
from aibench.tasks.text_summarization.corpus import Corpus, Example, encoded

RECIPE = "1"
PACKAGES = {
    "numpy": "numpy",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "pandas": "pandas",
    "matplotlib": "matplotlib",
}
HELD_OUT = 10  # one of so many files
FIRST_LINE_WORDS = range(3, 13)
LEAST_REST_WORDS = 8
SKIPPED = ("tests", "_vendor", "externals")
_WORD = re.compile(r"[a-z]+")
_NAME = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")  # the words of snake_case and CamelCase


def docstrings(cache: str, text_words: int) -> Corpus:
    """Return what classes and functions do: texts are an object's name and its docstring without the first line.

    A file's docstrings are all trained on or all held out. A summary, or a text, that occurs twice is kept once. The
    sources are read and parsed, never imported. Words are runs of the letters a to z, in lower case.

    Args:
        cache: Where the prepared corpus is kept.
        text_words: A text is cut off after so many words.
    """
    name = f"docstrings-{digest(RECIPE, str(text_words), *versions())}"

    def make() -> Arrays:
        parts: dict[bool, list[Example]] = {False: [], True: []}
        for is_held_out, example in _examples(text_words):
            parts[is_held_out].append(example)
        for part in parts.values():
            order = np.random.default_rng(0).permutation(len(part))
            part[:] = [part[at] for at in order]  # so that the first ones are of all packages
        return encoded(parts[False], parts[True], text_words).arrays()

    doing = f"text_summarization: reads the docstrings of {', '.join(versions())}"
    return Corpus.of(kept_arrays(cache, name, make, doing=doing))


def versions() -> list[str]:
    """Return the packages that are read, with their versions."""
    return [f"{name} {version(name)}" for name in PACKAGES.values()]


def _examples(text_words: int) -> Iterator[tuple[bool, Example]]:
    """Yield whether each is held out, and its words; those of the text cut off after `text_words`."""
    texts: set[str] = set()
    summaries: set[str] = set()
    for package in PACKAGES:
        for file, source in _sources(package):
            if '"""' not in source:
                continue
            is_held_out = hashlib.sha256(file.encode()).digest()[0] % HELD_OUT == 0
            for name, docstring in documented(source):
                example = _example(name, docstring, text_words)
                if example is None or " ".join(example[0]) in texts or " ".join(example[1]) in summaries:
                    continue
                texts.add(" ".join(example[0]))
                summaries.add(" ".join(example[1]))
                yield is_held_out, example


def _sources(package: str) -> Iterator[tuple[str, str]]:
    """Yield each file of an installed package, by its path from the package on, and what is in it."""
    spec = importlib.util.find_spec(package)
    assert spec is not None, f"{package} is not installed"
    assert spec.submodule_search_locations, f"{package} is not a package"
    root = Path(spec.submodule_search_locations[0])
    for path in sorted(files_below(root, "*.py")):
        inside = path.relative_to(root)
        if not set(inside.parts) & set(SKIPPED):
            yield Path(package, inside).as_posix(), path.read_text(encoding="utf-8")


def documented(source: str) -> list[tuple[str, str]]:
    """Name and docstring of each class and function of a module, of their own classes and functions too."""
    was_enabled = gc.isenabled()
    gc.disable()  # a syntax tree is a million objects without a cycle: parsing takes half the time
    try:
        return list(_documented(ast.parse(source)))
    finally:
        if was_enabled:
            gc.enable()


def _documented(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[str, str]]:
    for inner in node.body:
        if isinstance(inner, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(inner)
            if docstring:
                yield inner.name, docstring
            yield from _documented(inner)


def _example(name: str, docstring: str, text_words: int) -> Example | None:
    """Return the words of an object's name and of the rest of its docstring, and the first line's; None if unfit."""
    first, _, rest = docstring.strip().partition("\n\n")
    summary, words = _WORD.findall(first.lower()), _WORD.findall(rest.lower())
    if len(summary) not in FIRST_LINE_WORDS or ">>>" in first or len(words) < LEAST_REST_WORDS:
        return None
    return ([word.lower() for word in _NAME.findall(name)] + words)[:text_words], summary


__all__ = ["docstrings", "documented", "versions"]
