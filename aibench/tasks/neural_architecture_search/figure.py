"""Draws a child of the search: its graph, and the text that it writes."""

from __future__ import annotations

import textwrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aibench.tasks.neural_architecture_search.cell import ACTIVATIONS, Cell

COLOURS = dict(zip(ACTIVATIONS, ("#8ecae6", "#ffb703", "#dfe3ea", "#b7e4c7"), strict=True))
TEXTS = 6
_WIDTH = 88  # characters of a line


def draw(cell: Cell, prompts: list[str], continuations: list[str]) -> Figure:
    """Draw the cell on the left; on the right what was read (grey) and how the child goes on (black)."""
    figure = Figure(figsize=(13, 6.5), layout="constrained")
    graph, texts = figure.subplots(1, 2, width_ratios=(1, 2))
    _draw_graph(graph, cell)
    texts.axis("off")
    texts.set_title("read, and how the child goes on", loc="left")
    line = 1.0
    for prompt, answer in list(zip(prompts, continuations, strict=True))[:TEXTS]:
        for text, colour in ((f"... {prompt}", "#7a8594"), (answer, "black")):
            lines = textwrap.wrap(text.replace("$", r"\$"), _WIDTH)
            texts.text(0, line, "\n".join(lines), va="top", fontsize=9, family="monospace", color=colour)
            line -= 0.036 * len(lines)
        line -= 0.03
    return figure


def _draw_graph(axes: Axes, cell: Cell) -> None:
    """Draw nodes below the one that they take, input and last state above, the mean of the loose ends below all."""
    places = layout(cell)
    depth = max(row for _, row in places) + 1
    axes.axis("off")
    axes.set_title("the child's cell", loc="left")
    top = (places[0][0], -1.0)
    bottom = (sum(column for column, _ in places) / len(places), float(depth))
    for node, (column, row) in enumerate(places):
        start = top if node == 0 else places[cell.parents[node - 1]]
        _arrow(axes, start, (column, row))
        if node in cell.loose_ends:
            _arrow(axes, (column, row), bottom)
    for node, place in enumerate(places):
        name = ACTIVATIONS[cell.activations[node]]
        _box(axes, place, f"{node}: {name}", COLOURS[name])
    _box(axes, top, "x[t], h[t-1]", "white")
    _box(axes, bottom, "mean: h[t]", "white")
    columns = [column for column, _ in places]
    axes.set(xlim=(min(columns) - 0.7, max(columns) + 0.7), ylim=(depth + 0.5, -1.5))


def layout(cell: Cell) -> list[tuple[float, float]]:
    """Return column and row of each node: a row below its parent; a node with one child has it straight below."""
    children: dict[int, list[int]] = {node: [] for node in range(len(cell.activations))}
    rows = [0.0]
    for node, parent in enumerate(cell.parents, start=1):
        children[parent].append(node)
        rows.append(rows[parent] + 1)
    columns = dict.fromkeys(children, 0.0)
    for place, end in enumerate(_ends(0, children)):
        columns[end] = float(place)
    for node in sorted(children, reverse=True):
        if children[node]:
            columns[node] = sum(columns[child] for child in children[node]) / len(children[node])
    return [(columns[node], rows[node]) for node in children]


def _ends(node: int, children: dict[int, list[int]]) -> list[int]:
    """Return the loose ends below `node`, from left to right."""
    return [end for child in children[node] for end in _ends(child, children)] or [node]


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    style = {"arrowstyle": "-|>", "color": "#5b6573", "shrinkA": 14, "shrinkB": 14}
    axes.annotate("", xy=end, xytext=start, arrowprops=style)


def _box(axes: Axes, place: tuple[float, float], text: str, colour: str) -> None:
    style = {"facecolor": colour, "edgecolor": "#5b6573", "boxstyle": "round,pad=0.4"}
    axes.text(*place, text, ha="center", va="center", fontsize=9, bbox=style)
