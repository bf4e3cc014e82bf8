"""Collects what tells the tasks of a suite apart: size, computation, profile (paper, 5.2), and extra columns."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aibench.analysis.cost.cost import Cost
from aibench.analysis.paper import WITHOUT_ACCEPTED_METRIC
from aibench.analysis.runs.runs import Run
from aibench.analysis.workloads.similarity import EPOCHS, features, standardised
from aibench.results.files import content
from aibench.results.record import Record

Floats = NDArray[np.float64]
Columns = dict[tuple[str, str], Floats]

VARIANCE = 0.9  # of the standardised characteristics, that the principal components must hold
MOST_MISSING = 0.25  # of the tasks; a characteristic that more of them lack is left out
SPANS_DECADES = 10  # greatest over smallest, from which a positive characteristic is taken as its logarithm
RENAMED = {"flops_forward": "flops"}
NOT_CHARACTERISTICS = ("task", "scale")


class CharacteristicsError(ValueError):
    """Reports a file of characteristics that cannot be read. The message is one line that names it."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Describes a task as the choice of a subset sees it.

    Attributes:
        task: Its name.
        cost: What it costs, with its variation.
        characteristics: Numbers by name; None where not measured.
        accepted: Whether a widely accepted metric ends its run (paper, 5.3.1).
    """

    task: str
    cost: Cost
    characteristics: dict[str, float | None]
    accepted: bool

    @property
    def cv(self) -> float | None:
        """Return the corrected coefficient of variation of the epochs, at least what the evaluation quantum hides."""
        row = self.cost.variation
        known = [value for value in (row.epochs.cv_corrected, row.cv_floor) if value is not None]
        return max(known) if row.epochs.cv_corrected is not None else None


def subjects(costs: Sequence[Cost], runs: Iterable[Run], extra: dict[str, dict[str, float]]) -> list[Subject]:
    """Return one subject for each task of `costs`, with `extra` characteristics before the results' own.

    The epochs to quality are no characteristic: they are in the cost already.
    """
    sizes: dict[str, dict[str, float | None]] = {}
    for run in runs:
        flops = run.measured.get("model.flops")
        found = {"parameters": run.parameters, "flops": flops.value if flops else None}
        known = sizes.setdefault(run.task, dict(found))
        sizes[run.task] = {name: value if known[name] is None else known[name] for name, value in found.items()}
    return [
        Subject(
            cost.variation.task,
            cost,
            {**sizes[cost.variation.task], **extra.get(cost.variation.task, {})},
            cost.variation.task not in WITHOUT_ACCEPTED_METRIC,
        )
        for cost in costs
    ]


def read_characteristics(path: Path, scale: str) -> dict[str, dict[str, float]]:
    """Return the numbers of a CSV file with a column `task`, perhaps `scale`, and one for each characteristic.

    Raises:
        CharacteristicsError: The file cannot be read, has no such column, or has a task twice.
    """
    found: dict[str, dict[str, float]] = {}
    try:
        reader = csv.DictReader(io.StringIO(content(path).decode("utf-8"), newline=""))
        if "task" not in (reader.fieldnames or ()):
            raise CharacteristicsError(f"{path}: no column `task`, but {', '.join(reader.fieldnames or ['nothing'])}.")
        for row in reader:
            if row.get("scale", scale) != scale:
                continue
            if row["task"] in found:
                raise CharacteristicsError(f"{path}, line {reader.line_num}: {row['task']} is there twice.")
            found[row["task"]] = dict(_numbers(row))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CharacteristicsError(f"{path}: {getattr(error, 'strerror', None) or error}.") from error
    return found


def _numbers(row: dict[str, str | None]) -> Iterable[tuple[str, float]]:
    for name, text in row.items():
        try:
            value = float(text or "nan")
        except (TypeError, ValueError):
            continue
        if name not in NOT_CHARACTERISTICS and math.isfinite(value):
            yield RENAMED.get(name, name), value


@dataclass(frozen=True, slots=True)
class Space:
    """Holds the tasks as points whose distances say how unlike they are.

    Attributes:
        columns: By group and name, the characteristics used: logarithms (base 10) where they span decades, NaN where
            missing. Each group weighs the same.
        points: float (tasks, components): the standardised values in their principal components.
        explained: Share of the variance that each component holds.
        remarks: What was left out or filled in, a line each.
    """

    columns: Columns
    points: Floats
    explained: Floats
    remarks: list[str]

    @property
    def groups(self) -> list[str]:
        """Return the groups, each once."""
        return list(dict.fromkeys(group for group, _ in self.columns))

    def without(self, group: str) -> Space:
        """Return the space that the other groups span."""
        return _spanned({key: column for key, column in self.columns.items() if key[0] != group}, len(self.points), [])

    def described(self) -> str:
        """Return the characteristics in words, those of a group in brackets."""
        parts = []
        for group in self.groups:
            names = [name for other, name in self.columns if other == group]
            parts.append(group if names == [group] else f"{group} ({', '.join(names)})")
        return ", ".join(parts)


def space(found: Sequence[Subject], records: Sequence[Record] = ()) -> Space:
    """Return the space of what is known of the tasks `found`.

    With `records`, sizes and the shares of a training step's time are theirs, as `aibench similarity` takes them, in
    two groups; else the sizes of the results' models. Every other characteristic is a group of its own. One that a
    quarter of the tasks lack is left out; where fewer lack it, they stand at the others' mean. One that is the same
    for all says nothing and is left out.

    Raises:
        TooFewError: Records are given, and fewer than four are of these tasks.
    """
    columns, remarks = _of_records(found, records) if records else ({}, [])
    known = {"parameters", "flops"} if records else set()
    names = list(dict.fromkeys(name for subject in found for name in subject.characteristics if name not in known))
    for name in names:
        column = np.array([_float(subject.characteristics.get(name)) for subject in found])
        missing = [subject.task for subject, value in zip(found, column, strict=True) if math.isnan(value)]
        if len(missing) > MOST_MISSING * len(found):
            remarks.append(f"{name}: left out, {len(missing)} of {len(found)} tasks have none")
            continue
        column = _scaled(column)
        if missing:
            lacks = "has none and stands" if len(missing) == 1 else "have none and stand"
            remarks.append(f"{name}: {', '.join(missing)} {lacks} at the others' mean")
        if np.nanmax(column) == np.nanmin(column):
            remarks.append(f"{name}: left out, the same for all tasks")
            continue
        columns[name, name] = column
    return _spanned(columns, len(found), remarks)


def _of_records(found: Sequence[Subject], records: Sequence[Record]) -> tuple[Columns, list[str]]:
    """Return the features of the tasks' records by group and name, in the order of `found`."""
    tasks = [subject.task for subject in found]
    known = features([record for record in records if record.name in tasks])
    places = [known.names.index(task) if task in known.names else None for task in tasks]
    columns = {
        (group, name): np.array([math.nan if place is None else column[place] for place in places])
        for group, name, column in zip(known.groups, known.features, known.values.T, strict=True)
    }
    lacking = [task for task, place in zip(tasks, places, strict=True) if place is None]
    remarks = [f"{', '.join(lacking)}: no usable record; they stand at the others' mean"] if lacking else []
    return columns, [*remarks, *(line for line in known.remarks if EPOCHS not in line)]


def _spanned(columns: Columns, count: int, remarks: list[str]) -> Space:
    if not columns:
        return Space(columns, np.zeros((count, 1)), np.zeros(0), remarks)
    values = np.column_stack(list(columns.values()))
    points, explained = principal_components(standardised(values, [group for group, _ in columns]))
    return Space(columns, points, explained, remarks)


def _float(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _scaled(column: Floats) -> Floats:
    least, most = float(np.nanmin(column)), float(np.nanmax(column))
    return np.log10(column) if least > 0 and most / least >= SPANS_DECADES else column


def principal_components(standard: Floats) -> tuple[Floats, Floats]:
    """Return the fewest principal components of `standard` that hold 90 % of its variance; and the shares of all.

    Args:
        standard: float (tasks, characteristics), with mean 0 in each column.
    """
    left, singular, _ = np.linalg.svd(standard, full_matrices=False)
    explained = singular**2 / np.sum(singular**2)
    count = int(np.searchsorted(np.cumsum(explained), VARIANCE - 1e-12)) + 1
    return left[:, :count] * singular[:count], explained
