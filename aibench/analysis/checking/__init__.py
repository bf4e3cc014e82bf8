"""Checks whether a result's numbers follow from its own history and parts."""

from aibench.analysis.checking.beside import beside
from aibench.analysis.checking.checking import MEASURED, faults

__all__ = ["MEASURED", "beside", "faults"]
