"""Draws the breakdown as a picture: a stacked bar for each workload."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aibench.analysis.drawn import blank, short
from aibench.analysis.workloads.breakdown import REST, Bar, columns, label, of_column, where

# A category has the same colour in every figure.
COLORS = {
    "convolution": "#0072b2",
    "GEMM": "#d55e00",
    "data arrangement": "#009e73",
    "recurrent": "#cc79a7",
    "element-wise": "#f0e442",
    "embedding": "#56b4e9",
    "batch normalisation": "#e69f00",
    "softmax and loss": "#7f5539",
    "activation": "#5e4fa2",
    "reduction": "#a6d854",
    "allocation": "#444444",
    "random numbers": "#8dd3c7",
    "pooling": "#fb9a99",
    "optimiser": "#b2182b",
    "attention": "#1b4332",
    "normalisation": "#bc80bd",
    "memory copy": "#80b1d3",
    "communication": "#fdb462",
    "other": "#9e9e9e",
    REST: "#d9d9d9",
}
SPARE = "#c7b299"  # of a category of a user's rules
DARK = (
    "convolution",
    "GEMM",
    "data arrangement",
    "softmax and loss",
    "activation",
    "allocation",
    "optimiser",
    "attention",
)
LEAST = 7  # percent, for a number to fit in


def color(category: str) -> str:
    """Return the colour of a category."""
    return COLORS.get(category, SPARE)


def plot(found: Sequence[Bar], path: Path) -> None:
    """Draw a stacked bar for each workload.

    Args:
        found: At least one.
        path: Where to write; the suffix decides the format.
    """
    shown = columns(found)
    figure = blank(10, 1.8 + 0.34 * len(found))
    axes = figure.add_subplot()
    left = [0.0] * len(found)
    for name in shown:
        widths = [100 * of_column(bar, name, shown) for bar in found]
        axes.barh(
            range(len(found)), widths, 0.76, left, label=name, color=color(name), edgecolor="white", linewidth=0.5
        )
        for row, (start, width) in enumerate(zip(left, widths, strict=True)):
            if width >= LEAST:
                ink = "white" if name in DARK else "black"
                axes.text(start + width / 2, row, f"{width:.0f}", ha="center", va="center", fontsize=7, color=ink)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.set_yticks(range(len(found)), [short(label(bar.record, found)) for bar in found])
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.set_xlabel("share of the time in operators or kernels, percent")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_title(f"Where a training step's time goes{where(found)}"[:120], loc="left", fontsize="medium")
    figure.legend(loc="outside lower center", ncols=5, frameon=False, fontsize="small")
    figure.savefig(path, dpi=150)
