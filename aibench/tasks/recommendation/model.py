"""The network: NeuMF, which MLPerf's benchmark has too."""

from aibench.nn.neumf import NeuMF

__all__ = ["NeuMF"]
