"""Draws recommendations as a person reads them: what a user did last, and what comes first in the ranking."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

SEEN, HIT, MISS = "#dfe3ea", "#2e8b57", "#ffffff"
USERS = 6


def recommendations(
    users: Tensor, sequences: Tensor, held_out: Tensor, items: Tensor, names: Sequence[str] | None, *, ranked: str
) -> Figure:
    """Draw a row for each of the first users: the last items, then the ranked ones, those that came true in green.

    Args:
        users: int64 (users,); from 0. They are shown from 1, as items are, and as MovieLens numbers both.
        sequences: int64 (users, L); the last items, oldest first.
        held_out: int64 (users, any); what came later, filled up with 0.
        items: int64 (users, shown); the ranking's head.
        names: What item `i` is called is `names[i - 1]`; numbers where None.
        ranked: What is ranked: the title of the right-hand side.
    """
    count, length, shown = min(USERS, len(users)), sequences.shape[1], items.shape[1]
    figure = Figure(figsize=(1.2 * (length + shown) + 1.6, 0.75 * count + 1.3), layout="constrained")
    axes = figure.subplots()
    axes.set(xlim=(-1.9, length + shown + 0.4), ylim=(count - 0.3, -1.1))
    axes.axis("off")
    axes.text(length / 2, -0.65, "last items, newest on the right", ha="center", weight="bold")
    axes.text(length + 0.4 + shown / 2, -0.65, f"{ranked}, best first", ha="center", weight="bold")
    for row in range(count):
        later = set(held_out[row].tolist()) - {0}
        hits = sum(item in later for item in items[row].tolist())
        axes.text(-1.85, row, f"user {int(users[row]) + 1}\n{hits} of {len(later)} found", va="center", fontsize=9)
        for place, item in enumerate(sequences[row].tolist()):
            _box(axes, place, row, _name(item, names), SEEN)
        for place, item in enumerate(items[row].tolist()):
            _box(axes, length + 0.4 + place, row, _name(item, names), HIT if item in later else MISS)
    axes.text(length + 0.4, count - 0.45, "green: among the held-out items, which came later", va="top", fontsize=9)
    return figure


def _box(axes: Axes, left: float, row: int, text: str, colour: str) -> None:
    style = {"facecolor": colour, "edgecolor": "#8a93a3", "boxstyle": "round,pad=0.3"}
    white = colour == HIT
    axes.text(
        left + 0.5, row, text, ha="center", va="center", fontsize=9, color="white" if white else "black", bbox=style
    )


def _name(item: int, names: Sequence[str] | None) -> str:
    if item == 0:
        return "none"
    return names[item - 1] if names else str(item)
