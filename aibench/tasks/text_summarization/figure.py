"""Draws texts, their true summaries and the model's."""

from __future__ import annotations

import textwrap

from matplotlib.figure import Figure

WIDTH = 95  # characters in a line
LINE = 0.19  # inches


def draw(texts: list[str], true: list[str], written: list[str]) -> Figure:
    """Draw each text with what it should be in short, and what the model wrote, one below the other."""
    blocks = [
        [
            *((line, "0.35", "normal") for line in textwrap.wrap(text, WIDTH)[:4]),
            *((line, "black", "normal") for line in textwrap.wrap(f"true:   {right}", WIDTH)),
            *((line, "tab:blue", "bold") for line in textwrap.wrap(f"model: {ours or '(nothing)'}", WIDTH)),
        ]
        for text, right, ours in zip(texts, true, written, strict=True)
    ]
    lines = sum(map(len, blocks)) + len(blocks)
    figure = Figure(figsize=(8, LINE * (lines + 1)))
    at = 0.7
    for block in blocks:
        for line, colour, weight in block:
            place = 1 - at / (lines + 1)
            figure.text(0.02, place, line, color=colour, weight=weight, fontsize=9, va="center", parse_math=False)
            at += 1
        at += 1
    return figure
