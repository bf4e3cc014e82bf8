"""Returns results as pandas tables: a row for each run, or for each evaluation. Imports no torch."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aibench.analysis.runs.reader import read_runs
from aibench.results.result import Evaluation, ResultError, read_result
from aibench.results.shown import shown

if TYPE_CHECKING:
    import pandas as pd

    from aibench.analysis.runs.runs import Run

NUMBERS = {  # columns of measured numbers, in their units, and their places in the result
    "throughput": "throughput.training",
    "throughput_whole": "throughput.whole",
    "joules": "energy.total",
    "joules_to_quality": "energy.to_quality",
    "process_memory": "memory.process",
    "device_memory": "memory.device",
}
COLUMNS = (
    *("run_id", "task", "scale", "session", "seed", "status", "message", "started", "suite_version", "commit"),
    *("division", "trust", "metric", "mode", "target", "quality", "best_quality"),
    *("epochs_to_quality", "samples_to_quality", "seconds_to_quality", "seconds_to_quality_without_evaluation"),
    *("evaluations", "trained_epochs", "trained_seconds", "unit", *NUMBERS, "parameters"),
    *("cpu", "gpu", "threads", "precision", "file"),
)
FLOATS = (
    *("target", "quality", "best_quality", "epochs_to_quality", "samples_to_quality", "seconds_to_quality"),
    *("seconds_to_quality_without_evaluation", "trained_epochs", "trained_seconds", *NUMBERS, "parameters"),
)


def results(*folders: Path | str) -> pd.DataFrame:
    """Return a table with a row for each run at or below `folders`.

    Args:
        folders: Runs, sweeps, folders of result files, or result files.

    Returns:
        The columns of docs/python.md, whatever lies there; a value that was not measured is missing (NaN or None), and
        never 0. Files that cannot be read are left out, with a warning that names each.

    Raises:
        ResultError: There is no result at all.
    """
    import pandas as pd

    table = pd.DataFrame([_row(run) for run in _runs(folders)], columns=list(COLUMNS))
    return table.astype(dict.fromkeys(FLOATS, float))  # a column without any value is one of numbers too


def history(*folders: Path | str) -> pd.DataFrame:
    """Return a table with a row for each evaluation of each run at or below `folders`, in the order of time.

    Args:
        folders: Runs, sweeps, folders of result files, or result files.

    Returns:
        The columns `run_id`, `task`, `scale`, `seed`, `epochs`, `steps`, `samples`, `seconds`, `training_seconds`,
        `phase`, and one for each metric that was logged, such as `val/accuracy`.

    Raises:
        ResultError: There is no result at all.
    """
    import pandas as pd

    rows = []
    for run in _runs(folders):
        named = {name: getattr(run, name) for name in ("run_id", "task", "scale", "seed")}
        rows += [{**named, **_evaluation(point)} for point in read_result(Path(run.path)).history]
    return pd.DataFrame(rows)


def _runs(folders: tuple[Path | str, ...]) -> list[Run]:
    found = read_runs([Path(folder) for folder in folders], keep=True)
    if not found.runs:
        raise ResultError(found.faults[0] if found.faults else "no folder was given")
    for fault in found.faults:
        warnings.warn(shown(fault), stacklevel=3)
    return found.runs


def _evaluation(point: Evaluation) -> dict[str, Any]:
    position = ("epochs", "steps", "samples", "seconds", "training_seconds", "phase")
    return {**{name: getattr(point, name) for name in position}, **point.metrics}


def _row(run: Run) -> dict[str, Any]:
    record, reached, measured = run.record, run.to_quality, run.measured
    assert record is not None
    system = record.system
    gpu = system.get("gpu")
    hardware = record.config.get("hardware")
    return {
        **{name: getattr(run, name) for name in COLUMNS[:10] if name != "status"},
        "status": str(run.status),
        "division": run.division.name if run.division else None,
        "trust": run.trust.level if run.trust else None,
        "metric": run.target.metric,
        "mode": run.target.mode,
        "target": run.target.quality,
        "quality": record.quality,
        "best_quality": record.best_quality,
        "epochs_to_quality": reached.epochs,
        "samples_to_quality": reached.samples,
        "seconds_to_quality": reached.seconds,
        "seconds_to_quality_without_evaluation": reached.seconds_without_evaluation,
        "evaluations": run.evaluations,
        "trained_epochs": run.trained_epochs,
        "trained_seconds": run.trained_seconds,
        "unit": run.unit,
        **{column: measured[name].value if name in measured else None for column, name in NUMBERS.items()},
        "parameters": run.parameters,
        "cpu": system.get("cpu"),
        "gpu": gpu.get("name") if isinstance(gpu, dict) else None,
        "threads": system.get("threads"),
        "precision": hardware.get("precision") if isinstance(hardware, dict) else None,
        "file": run.path,
    }
