"""Draws translations as a person reads them."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation

INK, QUIET, RIGHT, WRONG = "#222222", "#6b7280", "#2e8b57", "#c0392b"
_ROWS = 3.6  # height of an entry, in lines


def draw(sources: Sequence[str], references: Sequence[str], answers: Sequence[str]) -> Figure:
    """Draw each source above its reference and its translation, whose words are green where the reference has them."""
    longest = max(len(text) for text in (*sources, *references, *answers))
    figure = Figure(figsize=(1.4 + 0.095 * max(longest, 60), 0.3 + 0.28 * _ROWS * len(sources)))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 1), ylim=(_ROWS * len(sources), -0.7))
    axes.axis("off")
    for place, (source, reference, answer) in enumerate(zip(sources, references, answers, strict=True)):
        for row, (name, text, ink) in enumerate((("source", source, INK), ("reference", reference, INK))):
            _line(axes, place * _ROWS + row, name, [(text, ink)])
        _line(axes, place * _ROWS + 2, "translation", _marked(reference.split(), answer.split()))
    return figure


def _marked(reference: list[str], answer: list[str]) -> list[tuple[str, str]]:
    """Return the words of `answer` with their colours."""
    matcher = SequenceMatcher(a=reference, b=answer, autojunk=False)
    right = {at for block in matcher.get_matching_blocks() for at in range(block.b, block.b + block.size)}
    return [(word, RIGHT if at in right else WRONG) for at, word in enumerate(answer)]


def _line(axes: Axes, row: float, name: str, parts: Sequence[tuple[str, str]]) -> None:
    """Draw a line of `parts`, texts with their colours, each to the right of the one before it."""
    style: dict[str, Any] = {"textcoords": "offset points", "va": "baseline"}
    axes.annotate(name, (0, row), (8, 0), color=QUIET, **style)
    before: Annotation | None = None
    for text, colour in parts:
        shown = text.replace("$", r"\$")
        if before is None:
            before = axes.annotate(shown, (0, row), (90, 0), color=colour, **style)
        else:
            before = axes.annotate(shown, (1, row), (4, 0), xycoords=(before, "data"), color=colour, **style)
