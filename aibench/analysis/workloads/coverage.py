"""Computes how far each suite's workloads reach in the three characteristics of the paper's 5.2.1 (Figures 1(a), 2)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from aibench.analysis.grid import Grid, number
from aibench.analysis.runs.runs import Run
from aibench.analysis.variation.rows import variation
from aibench.analysis.workloads.paper_sizes import quantity
from aibench.results.record import Record

SUITES = ("AIBench", "MLPerf")
NAMES = {"flops": "forward FLOPs of one sample", "parameters": "parameters", "epochs": "epochs to quality"}
# 5.2.1, in the paper's own terms: FLOPs in its tool's multiply-adds, epochs to its convergent qualities.
PAPER: dict[str, dict[str, tuple[float, float]]] = {
    "flops": {"AIBench": (0.09e6, 157_802e6), "MLPerf": (0.213248e6, 24_500e6)},
    "parameters": {"AIBench": (0.03e6, 68.4e6), "MLPerf": (5.2e6, 49.53e6)},
    "epochs": {"AIBench": (6, 96), "MLPerf": (3, 49)},
}


@dataclass(frozen=True, slots=True)
class Point:
    """Holds a workload's values of the paper's three characteristics.

    Attributes:
        name: The workload's name.
        suite: `AIBench` or `MLPerf`.
        scale: `mini` or `reference`.
        flops: Operations of one sample's forward pass, twice the multiply-adds; None where not counted.
        parameters: Numbers learnt.
        epochs: Mean epochs to quality over `runs` runs; None where no run is stored.
        runs: How many runs `epochs` is the mean of.
        trained: Scale of these runs: the other one where no run is stored at the workload's own.
        varies: Whether its operations differ from step to step, for which the paper reports no number (5.2.1).
    """

    name: str
    suite: str
    scale: str
    flops: float | None
    parameters: float | None
    epochs: float | None = None
    runs: int = 0
    trained: str | None = None
    varies: bool = False

    @property
    def stands_in(self) -> bool:
        """Return whether the epochs come from another scale than the rest."""
        return self.trained not in (None, self.scale)


@dataclass(frozen=True, slots=True)
class Range:
    """Holds the least and the greatest value of a characteristic among the workloads of a suite.

    Attributes:
        suite: The suite's name.
        least, most: The two values, each with its workload's name.
        count: Workloads that have the characteristic.
    """

    suite: str
    least: tuple[float, str]
    most: tuple[float, str]
    count: int

    @property
    def decades(self) -> float:
        """Return the base-10 logarithm of the greatest over the least value."""
        return math.log10(self.most[0] / self.least[0])


def points(records: Iterable[Record], runs: Iterable[Run] = ()) -> list[Point]:
    """Return a point for each record with characteristics, except for configurations other than the suite's own."""
    epochs = epochs_to_quality(runs)
    return [
        Point(
            record.name,
            record.suite,
            record.scale,
            quantity(record, "flops"),
            quantity(record, "parameters"),
            *_epochs(epochs, record),
            varies=bool(record.characteristics.get("varying")),
        )
        for record in records
        if record.characteristics and not record.characteristics.get("words")
    ]


def _epochs(
    found: dict[tuple[str, str], tuple[float | None, int]], record: Record
) -> tuple[float | None, int, str | None]:
    """Return mean epochs, number of runs and their scale: the record's own where runs are stored, else another."""
    for scale in sorted({scale for _, scale in found}, key=lambda scale: scale != record.scale):
        if (record.name, scale) in found:
            return *found[record.name, scale], scale
    return None, 0, None


def epochs_to_quality(runs: Iterable[Run]) -> dict[tuple[str, str], tuple[float | None, int]]:
    """Return mean epochs and number of runs that reached their quality, by task and scale, of the largest study."""
    found: dict[tuple[str, str], tuple[float | None, int]] = {}
    for row in variation(runs):
        key = (row.task, row.scale)
        if row.epochs.mean is not None and row.converged > found.get(key, (None, 0))[1]:
            found[key] = (row.epochs.mean, row.converged)
    return found


def ranges(found: Sequence[Point], characteristic: str) -> dict[str, Range]:
    """Return the range of `characteristic` by suite; a suite without the characteristic is left out."""
    spans = {}
    for suite in SUITES:
        known = [
            (value, point.name)
            for point in found
            if point.suite == suite and (value := getattr(point, characteristic)) is not None and value > 0
        ]
        if known:
            spans[suite] = Range(suite, min(known), max(known), len(known))
    return spans


def reported(found: Sequence[Point], characteristic: str) -> list[Point]:
    """Return the workloads whose `characteristic` the paper reports: of models that vary, the epochs alone."""
    return [point for point in found if characteristic == "epochs" or not point.varies]


def coverage(found: Sequence[Point]) -> Grid:
    """Return a table of what both suites span, the ratio of their peaks, and the paper's numbers.

    Models whose operations vary are left out as in the paper; rows with them follow.
    """
    rows, plain = [], []
    names = ", ".join(point.name for point in found if point.varies)
    wanted = [(key, title, reported(found, key), "") for key, title in NAMES.items()]
    if names:
        with_them = [(key, f"{title}, with {names}") for key, title in NAMES.items() if key != "epochs"]
        wanted += [(key, title, list(found), names) for key, title in with_them]
    for key, title, some, varying in wanted:
        spans = ranges(some, key)
        ours, theirs = (spans.get(suite) for suite in SUITES)
        ratio = ours.most[0] / theirs.most[0] if ours and theirs else None
        printed = PAPER[key]
        paper_ratio = printed["AIBench"][1] / printed["MLPerf"][1]
        rows.append(
            [
                *(title, _cell(ours), _cell(theirs), number(ratio)),
                *(_printed(printed[suite]) for suite in SUITES),
                number(paper_ratio),
            ]
        )
        plain.append(
            {"characteristic": key, "with": varying}
            | {**_plain(spans), "ratio_of_peaks": ratio, "paper_ratio": paper_ratio}
        )
    return Grid(
        "Coverage of AIBench against MLPerf (paper, Figure 1(a))",
        ["characteristic", "AIBench here", "MLPerf here", "peak/peak", "paper: AIBench", "paper: MLPerf", "peak/peak"],
        rows,
        names=3,
        legend="From the least to the most, with the decades between them. FLOPs here are twice the multiply-adds; the "
        "paper's are its tool's, mostly multiply-adds, at batch sizes that differ (see the printed numbers).",
        notes=[*_notes(found)],
        records=plain,
    )


def standing_in(found: Sequence[Point]) -> str:
    """Return the scales whose epochs stand in for the workloads' own, with commas; empty where none do."""
    return ", ".join(sorted({str(point.trained) for point in found if point.stands_in}))


def _notes(found: Sequence[Point]) -> Iterator[str]:
    if names := ", ".join(point.name for point in found if point.varies):
        yield (
            f"The paper leaves out {names} and MLPerf's model of reinforcement learning, whose operations and "
            "parameters vary (5.2.1): so do the first rows. MLPerf's model of reinforcement learning is in no row."
        )
    if scales := standing_in(found):
        yield f"Epochs are of the tasks at scale={scales}: no run to quality at this scale is stored."
    if "MLPerf" not in ranges(found, "epochs"):
        yield "MLPerf's models are not trained here: no epochs."


def _cell(span: Range | None) -> str:
    if span is None:
        return "-"
    (low, lower), (high, upper) = span.least, span.most
    return f"{_short(low)} ({lower}) to {_short(high)} ({upper}), {span.decades:.1f} decades of {span.count}"


def _printed(span: tuple[float, float]) -> str:
    return f"{_short(span[0])} to {_short(span[1])}"


def _short(value: float) -> str:
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:.4g}{unit}"
    return f"{value:.3g}"


def _plain(spans: dict[str, Range]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for suite in SUITES:
        span = spans.get(suite)
        for end in ("least", "most"):
            value, name = getattr(span, end) if span else (None, None)
            found[f"{suite.lower()}_{end}"], found[f"{suite.lower()}_{end}_workload"] = value, name
    return found
