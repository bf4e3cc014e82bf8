"""Computes again every number of a result that follows from others, and lists those that do not."""

from __future__ import annotations

from aibench.analysis.checking.account import account_faults
from aibench.analysis.checking.goal import goal_faults
from aibench.analysis.checking.history import history_faults
from aibench.results.result import Result

# Numbers that were measured or counted, so that the rest of the file cannot give them; `*` is any part of a name.
# What bounds them is checked all the same.
MEASURED = {
    "history.*.seconds": "a clock's; it grows, holds the training, and the last one fits in the times",
    "history.*.training_seconds": "a clock's; it grows no faster than seconds, and the last one is that of the times",
    "history.*.samples": "counted; steps times the batch but where it holds tokens, and the last one is the phases'",
    "history.*.metrics.*": "computed from the model; the target's metric gives quality, best_quality and to_quality",
    "phases.*.units": "counted; the throughputs follow from it",
    "throughput.steps.median": "of steps that are not in the file; in order, and no more than the phase took",
    "throughput.steps.p10": "as the median",
    "throughput.steps.p90": "as the median",
    "throughput.compute.value": "after a warm-up, whose part of the computing is not in the file; bounded by the split",
    "memory.process.value": "measured; no more than the machine has",
    "memory.device.value": "measured",
    "energy.idle.value": "the power at rest is not in the file; above_idle follows from it",
    "energy.to_quality.value": "read at that moment; no more than the total",
    "energy.per_sample.value": "of the training alone, whose energy is not in the file; no more than the total",
    "energy.sources.*.sampling_hz": "as the sensor was read",
    "energy.sources.*.relative_error": "the sensor's resolution is not in the file",
    "model.parameters": "counted on the model; no fewer than trainable",
    "model.trainable": "counted on the model; no more than parameters",
    "model.flops.value": "counted on the model",
    "model.uncounted.*": "counted on the model",
    "data.train": "counted on the data",
    "data.val": "counted on the data",
    "data.facts.*": "of the data",
    "estimate.*": "said before the run",
    "resumed": "counted",
    "config.*": "what was asked for",
    "system.*": "of the machine",
    "parts.*.system.*": "of the machine of a process",
    "schema_version": "of the file; every reader refuses one that it does not know",
}


def faults(result: Result) -> list[str]:
    """Return what in `result` contradicts itself, a line each."""
    return [*history_faults(result), *goal_faults(result), *account_faults(result)]
