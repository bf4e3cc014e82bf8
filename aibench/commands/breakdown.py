"""Runs `aibench breakdown`: shows where the time of training steps goes."""

from __future__ import annotations

from aibench.commands.arguments import Csv, Markdown
from aibench.commands.console import publish
from aibench.commands.profiles import Figure, Records, Scale, bars, draw, end


def breakdown(
    records: Records, scale: Scale = None, csv: Csv = None, markdown: Markdown = None, figure: Figure = None
) -> None:
    """Show where the time of training steps goes, by category of work (paper, 5.5): from records with profiles."""
    from aibench.analysis.workloads import breakdown as analysis

    found, faults = bars(records, scale, analysis.table)
    publish([analysis.table(found)], csv, markdown)
    if figure is not None:
        from aibench.analysis.workloads.breakdown_figure import plot

        draw(figure, lambda: plot(found, figure))
    end(faults)
