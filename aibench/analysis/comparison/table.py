"""Writes a comparison as tables: what differs, the rows with their verdicts, the scores, MLPerf's check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aibench.analysis.comparison.comparison import LEVEL, NO_VALUE, Comparison, Row
from aibench.analysis.comparison.ratio import Ratio
from aibench.analysis.comparison.reference_points import Convergence
from aibench.analysis.comparison.score import Score
from aibench.analysis.grid import NONE, Grid, number, percent

DIFFERENCES_SHOWN = 12
MOST_VISIBLE = 11  # a ratio: whoever needs more than 1,000 % to see a change sees nothing


def differences(found: Comparison, tasks: int) -> list[str]:
    """Return a line for each key in which A and B differ, with the tasks where not all of them do."""
    lines = []
    for (key, a, b), where in found.differs.items():
        of = "" if len(set(where)) == tasks else f" ({', '.join(sorted(set(where)))})"
        lines.append(f"{key}: A {a}, B {b}{of}")
    more = len(lines) - DIFFERENCES_SHOWN
    return [*lines[:DIFFERENCES_SHOWN], f"and {more} more keys"] if more > 1 else lines


def rows(found: Comparison, level: float = LEVEL) -> Grid:
    """Return a table of the compared quantities, by task."""
    return Grid(
        title="B against A",
        heads=("task", "quantity", "can show %", "runs", "B / A", "95 %", "p", "verdict"),
        rows=[_cells(row) for row in found.rows if row.verdict != NO_VALUE],
        names=2,
        legend=(
            "can show: the least change in % that such runs show in 80 of 100 repetitions. runs: of A and B with a "
            "value, or pairs of one seed. B / A: ratio of geometric means, above 1 where B needs more. 95 %: its "
            "interval, Student's t on logarithms, the scatter shared between tasks. p: after Holm, over all rows. "
            f"verdict: at {100 * level / 2:g} % for the whole table, so that a machine compared with itself comes out "
            "undecided."
        ),
        notes=[*found.alone, *_reasons(found)],
        records=[_record(row) for row in found.rows],
        dispensable=("can show %", "runs", "p"),
    )


def _task(row: Row) -> str:
    task, scale, session = row.family
    return task if (scale, session) == ("mini", "entire") else f"{task} {scale} {session}"


def _cells(row: Row) -> list[str]:
    pairs = row.ratio.pairs if row.ratio else None
    runs = f"{pairs} pairs" if pairs else f"{row.runs_a}, {row.runs_b}"
    cells = [_task(row), row.quantity.name, visible(row.smallest), runs]
    if row.ratio is None:
        return [*cells, NONE, NONE, NONE, row.verdict]
    return [*cells, f"{row.ratio.value:.3f}", interval(row.ratio), probability(row.adjusted), row.verdict]


def interval(found: Ratio | None) -> str:
    """Return the 95 % interval of a ratio as text."""
    if found is None or found.low is None or found.high is None:
        return NONE
    return f"{found.low:.3f}-{found.high:.3f}"


def visible(smallest: float | None) -> str:
    """Return the least change that can be shown, in per cent, as text."""
    return NONE if smallest is None else percent(smallest - 1) if smallest < MOST_VISIBLE else "> 1,000"


def probability(value: float | None) -> str:
    """Return an adjusted probability as text."""
    return NONE if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _reasons(found: Comparison) -> Iterator[str]:
    by_text: dict[str, list[str]] = {}
    for row in found.rows:
        if row.why:
            by_text.setdefault(f"{row.quantity.name}: {row.why}.", []).append(_task(row))
    tasks = len({row.family for row in found.rows})
    for text, where in by_text.items():
        yield text if len(where) == tasks > 1 else f"{', '.join(where)}: {text}"


def _record(row: Row) -> dict[str, Any]:
    task, scale, session = row.family
    found = row.ratio
    return {
        "task": task,
        "scale": scale,
        "session": session,
        "quantity": row.quantity.name,
        "runs_a": row.runs_a,
        "runs_b": row.runs_b,
        "pairs": found and found.pairs,
        "ratio": found and found.value,
        "low": found and found.low,
        "high": found and found.high,
        "smallest_detectable": row.smallest,
        "p": found and found.p,
        "p_holm": row.adjusted,
        "verdict": row.verdict,
        "why": row.why,
    }


def scores(named: dict[str, list[Score]]) -> Grid:
    """Return a table of the scores of each side, by quantity."""
    cells, notes = [], []
    for side, found in named.items():
        for one in found:
            of = f"{len(one.scored)} of {len(one.scored) + len(one.missing)}"
            shown = [
                visible(one.smallest),
                number(one.value),
                interval(one.ratio),
                probability(one.adjusted),
                one.verdict,
            ]
            cells.append([side, one.quantity.name, of, *shown])
            if one.missing:
                left = "; ".join(f"{task} ({why})" for task, why in sorted(one.missing.items()))
                notes.append(
                    f"{side}, {one.quantity.name}: not in the score: {left}. It is not that of the whole suite."
                )
    return Grid(
        title="Suite score",
        heads=("side", "quantity", "tasks", "can show %", "score", "95 %", "p", "verdict"),
        rows=cells,
        names=2,
        legend="score: geometric mean over the tasks of the reference's value over the side's; 2 is twice as fast. "
        "Tested before the rows, at half of the level.",
        notes=notes,
    )


def convergence(found: Comparison) -> Grid:
    """Return a table of MLPerf's check of the epochs, with A as the reference."""
    cells, notes = [], []
    for (task, _, _), one in found.convergence.items():
        if isinstance(one, Convergence):
            numbers = (f"{value:.3f}" for value in (one.mean, one.least, one.most, one.submitted))
            cells.append([task, *numbers, f"{one.factor:.5f}", one.verdict])
        else:
            notes.append(f"{task}: {one}.")
    return Grid(
        title="Convergence as MLPerf checks it, A as the reference",
        heads=("task", "mean", "least", "most", "B", "factor", "verdict"),
        rows=cells,
        legend=(
            "mean, B: olympic means of the epochs to quality. least, most: limits of B's, one-sided t-tests at 5 % "
            "with A's deviation (divisor n) for both; MLPerf has no upper one. factor: what B's time is multiplied by."
        ),
        notes=notes,
    )
