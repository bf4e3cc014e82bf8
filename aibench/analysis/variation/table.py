"""Writes the variation rows as a table: on a screen, as Markdown, as CSV."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aibench.analysis.grid import Grid
from aibench.analysis.variation.rows import VariationRow
from aibench.results.shown import shown

if TYPE_CHECKING:
    from rich.console import Console

DIFFERENCES_SHOWN = 4
SYSTEM, BETWEEN = "system", " · "  # the trait that stands for all in which systems differ; between a task and its name
NONE = "-"

LEGEND = (
    "runs: reached the target of all. mean, SD (n - 1), CV = SD / mean: of the epochs to quality, over the runs that "
    "reached it. olympic: mean without the best and the worst run, one that missed being the worst. corr.: "
    "CV (1 + 1/4n). 95 % of CV: Vangel's interval, for normal epochs; any shape: Bonett's, from eight runs on; both "
    "widened by what the quantum hides. Neither knows of a slow kind of run that was not seen. quantum: epochs between "
    "evaluations. time: CV of the seconds to quality. for 5 %: runs for a 95 % interval of +-5 % on the mean, the "
    "smallest n >= (t(n-1) corr. / 5 %)^2; 95 % of that: at the ends of Vangel's interval. paper: its 5.3.1, other "
    "hardware, reference scale."
)


def percent(ratio: float | None) -> str:
    """Return `ratio` in percent to three digits, without the sign: `1.12`, `38.5`."""
    if ratio is None:
        return NONE
    value = 100 * ratio
    return f"{value:.2f}" if value < 9.995 else f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:.3g}" if value < 100 else f"{value:.0f}"


def cv_cell(row: VariationRow) -> str:
    """Return the coefficient of variation in percent, `<= x` where the quantum explains it, `-` where there is none."""
    return f"<= {percent(row.cv_floor)}" if row.within_quantum else percent(row.epochs.cv)


def _interval(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return NONE
    return f">= {percent(low)}" if math.isinf(high) else f"{percent(low)}-{percent(high)}"


def _needed(row: VariationRow) -> str:
    return NONE if row.runs_needed is None else f"{'<= ' if row.within_quantum else ''}{row.runs_needed}"


def _needed_between(row: VariationRow) -> str:
    if row.runs_needed_between is None:
        return NONE
    few, many = row.runs_needed_between
    return f">= {few:,}" if many is None else f"{few:,}-{many:,}"


def _paper(row: VariationRow) -> str:
    return NONE if row.paper is None else "none" if row.paper.cv is None else f"{100 * row.paper.cv:.4g}"


# Header; the cell of a row.
Column = tuple[str, Callable[[VariationRow], str]]
COLUMNS: tuple[Column, ...] = (
    ("runs", lambda row: f"{row.converged}/{row.runs}"),
    ("mean", lambda row: _number(row.epochs.mean)),
    ("SD", lambda row: _number(row.epochs.std)),
    ("olympic", lambda row: _number(row.olympic)),
    ("CV %", cv_cell),
    ("corr. %", lambda row: NONE if row.within_quantum else percent(row.epochs.cv_corrected)),
    ("95 % of CV %", lambda row: _interval(row.cv_low, row.cv_high)),
    ("any shape %", lambda row: _interval(row.cv_low_any_shape, row.cv_high_any_shape)),
    ("quantum", lambda row: _number(row.quantum)),
    ("time %", lambda row: percent(row.seconds.cv)),
    ("for 5 %", _needed),
    ("95 % of that", _needed_between),
    ("paper %", _paper),
)
DISPENSABLE = (
    "any shape %",
    "95 % of that",
    "olympic",
    "corr. %",
    "SD",
    "quantum",
    "time %",
)  # what a narrow terminal does without, first to last


def title(rows: Sequence[VariationRow]) -> str:
    """Return a title that says what the table shows, with the scale and the session where all rows share them."""
    shared = {f"scale={row.scale} session={row.session}" for row in rows}
    return shown(", ".join(["Run-to-run variation of the epochs to quality", *(shared if len(shared) == 1 else [])]))


def names(rows: Sequence[VariationRow]) -> list[list[str]]:
    """Return for each row the lines that tell it from the others: task, scale and session, keys that differ."""
    one = len({(row.scale, row.session) for row in rows}) == 1
    lines = ([_named(row), *([] if one else [f"{row.scale} {row.session}"]), *_differing(row)] for row in rows)
    return [[shown(line).replace("\n", " ") for line in several] for several in lines]


def _named(row: VariationRow) -> str:
    """Return the task, and the short name of the system where the rows are of several."""
    system = row.differs.get(SYSTEM)
    return row.task if system is None else f"{row.task}{BETWEEN}{system}"


def _differing(row: VariationRow) -> list[str]:
    differs = [f"{key}={value}" for key, value in row.differs.items() if key != SYSTEM]
    shown, more = differs[:DIFFERENCES_SHOWN], len(differs) - DIFFERENCES_SHOWN
    return [*shown, f"and {more} more keys"] if more > 0 else shown


def labels(rows: Sequence[VariationRow]) -> list[str]:
    """Return the names in one line each; the task alone where it has one row."""
    several = Counter(row.task for row in rows)
    return [
        f"{name} ({', '.join(rest)})" if several[row.task] > 1 and rest else name
        for row, (name, *rest) in zip(rows, names(rows), strict=True)
    ]


def notes(rows: Sequence[VariationRow]) -> list[str]:
    """Return a line for each row that has notes."""
    named = zip(labels(rows), rows, strict=True)
    return [shown(f"{label}: {'; '.join(row.notes)}.") for label, row in named if row.notes]


def show(rows: Sequence[VariationRow], console: Console) -> None:
    """Print the table, its legend and the notes."""
    grid(rows).show(console)


# Column of the CSV file; its value. Ratios, not percents; `inf` where an interval has no upper end.
CSV_COLUMNS: dict[str, Callable[[VariationRow], Any]] = {
    "task": lambda row: row.task,
    "scale": lambda row: row.scale,
    "session": lambda row: row.session,
    "differs": lambda row: " ".join(f"{key}={value}" for key, value in row.differs.items()),
    "metric": lambda row: row.metric,
    "quality": lambda row: row.quality,
    "seeds": lambda row: " ".join(map(str, row.seeds)),
    "runs": lambda row: row.runs,
    "converged": lambda row: row.converged,
    "missed": lambda row: row.missed,
    "diverged": lambda row: row.diverged,
    "interrupted": lambda row: row.interrupted,
    "failed": lambda row: row.failed,
    "epochs": lambda row: " ".join(map(str, row.epochs.values)),
    "epochs_mean": lambda row: row.epochs.mean,
    "epochs_std": lambda row: row.epochs.std,
    "epochs_mean_half_width": lambda row: row.epochs.mean_half_width,
    "epochs_olympic": lambda row: row.olympic,
    "epochs_median": lambda row: row.censored and row.censored.median,
    "epochs_restricted_mean": lambda row: row.censored and row.censored.restricted_mean,
    "restricted_to": lambda row: row.censored and row.censored.limit,
    "epochs_with_restarts": lambda row: row.censored and row.censored.with_restarts,
    "share_low": lambda row: row.censored and row.censored.share_low,
    "share_high": lambda row: row.censored and row.censored.share_high,
    "cv": lambda row: row.epochs.cv,
    "cv_corrected": lambda row: row.epochs.cv_corrected,
    "cv_low": lambda row: row.cv_low,
    "cv_high": lambda row: row.cv_high,
    "cv_low_any_shape": lambda row: row.cv_low_any_shape,
    "cv_high_any_shape": lambda row: row.cv_high_any_shape,
    "quantum": lambda row: row.quantum,
    "cv_floor": lambda row: row.cv_floor,
    "within_quantum": lambda row: row.within_quantum,
    "runs_needed": lambda row: row.runs_needed,
    "runs_needed_low": lambda row: row.runs_needed_between and row.runs_needed_between[0],
    "runs_needed_high": lambda row: row.runs_needed_between and row.runs_needed_between[1],
    "seconds_mean": lambda row: row.seconds.mean,
    "seconds_cv": lambda row: row.seconds.cv,
    "seconds_cv_low": lambda row: row.seconds_cv_low,
    "seconds_cv_high": lambda row: row.seconds_cv_high,
    "samples_mean": lambda row: row.samples.mean,
    "samples_cv": lambda row: row.samples.cv,
    "paper_cv": lambda row: row.paper.cv if row.paper else None,
    "notes": lambda row: "; ".join(row.notes),
}


def grid(rows: Sequence[VariationRow]) -> Grid:
    """Return the rows in the form of the other tables, which the committed studies and the report hold."""
    heads = ["task", *(header for header, _ in COLUMNS)]
    cells = [
        ["\n".join(lines), *(cell(row) for _, cell in COLUMNS)] for lines, row in zip(names(rows), rows, strict=True)
    ]
    records = [{name: value(row) for name, value in CSV_COLUMNS.items()} for row in rows]
    return Grid(
        *(title(rows), heads, cells), legend=LEGEND, notes=notes(rows), records=records, dispensable=DISPENSABLE
    )


def markdown(rows: Sequence[VariationRow]) -> str:
    """Return `rows` as a Markdown table with its legend and notes."""
    return grid(rows).markdown()


def write_markdown(rows: Sequence[VariationRow], path: Path) -> None:
    """Write what `markdown` makes of `rows`."""
    path.write_text(markdown(rows), encoding="utf-8")


def write_csv(rows: Sequence[VariationRow], path: Path) -> None:
    """Write `rows` as CSV, an empty field where there is no value."""
    grid(rows).write_csv(path)
