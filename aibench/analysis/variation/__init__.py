"""Computes the run-to-run variation of the epochs to quality."""

from aibench.analysis.variation.rows import variation

__all__ = ["variation"]
