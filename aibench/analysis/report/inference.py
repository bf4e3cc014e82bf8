"""Tabulates what was measured of serving the trained models, and of the kernels, where there is any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from aibench.analysis.grid import NONE, Grid, number
from aibench.analysis.report.suite import Entry
from aibench.analysis.serving import table
from aibench.results.files import within
from aibench.results.inference import INFERENCE, Inference, read_inference
from aibench.results.result import ResultError


def serving(found: Sequence[Entry], faults: list[str]) -> Grid | None:
    """Return a row for each scenario of every `inference.json` at or below a run's folder; None where there is none.

    One that cannot be read gives a line in `faults`.
    """
    return table((entry.label, session) for entry in found for session in _sessions(entry, faults))


def _sessions(entry: Entry, faults: list[str]) -> Iterator[Inference]:
    """Yield what the files hold; skip one that cannot be read."""
    folders = dict.fromkeys(Path(run.path).parent for run in entry.runs if run.path)
    for folder in folders:
        for path in sorted(folder.rglob(INFERENCE)):
            try:
                yield read_inference(within(folder, str(path.relative_to(folder))))
            except OSError as error:
                faults.append(f"{path}: {error.strerror}.")
            except ResultError as error:
                faults.append(str(error))


def characterisation(values: dict[str, dict[str, float]]) -> Grid | None:
    """Return a table of the measured characteristics by task; None without any."""
    names = list(dict.fromkeys(name for of in values.values() for name in of))
    if not names:
        return None
    return Grid(
        title="Characterisation",
        heads=("task", *(name.replace("_", " ") for name in names)),
        rows=[[task, *(number(of[name]) if name in of else NONE for name in names)] for task, of in values.items()],
        records=[{"task": task, **of} for task, of in values.items()],
    )
