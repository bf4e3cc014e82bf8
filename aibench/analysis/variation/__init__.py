"""Holds the run-to-run variation of the epochs to quality: its rows, table and figure. May import `analysis.runs`."""

from aibench.analysis.variation.rows import variation

__all__ = ["variation"]
