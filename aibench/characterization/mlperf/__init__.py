"""Defines MLPerf's training models of the paper's comparison: to be characterised, not trained to a target."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from aibench.characterization.mlperf.catalogue import NOT_REPORTED, benchmark, names
from aibench.config import ConfigError

if TYPE_CHECKING:
    from aibench.characterization.workload import Workload

__all__ = ["NOT_REPORTED", "names", "workload"]


def workload(name: str, batch_size: int | None = None) -> Workload:
    """Return one of the models with its made-up training batches, at the only scale, `reference`.

    Args:
        name: The model's name, with or without `mlperf/` before it.
        batch_size: Samples of a training step; None for MLPerf's own.

    Raises:
        ConfigError: There is no such model, it is not reported, or the batch size is none.
    """
    short = name.removeprefix("mlperf/")
    if reason := NOT_REPORTED.get(short):
        raise ConfigError(f"task=mlperf/{short}: {reason}. One of: {', '.join(names())}.")
    found = benchmark(short)
    if found is None:
        near = difflib.get_close_matches(short, names(), n=1)
        hint = f"Did you mean mlperf/{near[0]}?" if near else f"One of: {', '.join(names())}."
        raise ConfigError(f"task=mlperf/{short}: MLPerf has no such model here. {hint}")
    if batch_size is not None and batch_size < 1:
        raise ConfigError(f"data.batch_size={batch_size}: not a number of samples. Give 1 or more.")
    from aibench.characterization.mlperf.subject import MlperfWorkload

    return MlperfWorkload(found, batch_size)
