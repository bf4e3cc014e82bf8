"""Scores a suite: one number of all tasks, with its interval and its test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from aibench.analysis.comparison.comparison import FASTER, NOT_COMPARABLE, SLOWER, UNDECIDED, Comparison, Row
from aibench.analysis.comparison.ratio import Ratio, tested
from aibench.analysis.runs.compared import Quantity


@dataclass(frozen=True, slots=True)
class Score:
    """Holds a suite's score: the geometric mean over tasks of the reference's value over the system's; more is better.

    Attributes:
        quantity: The quantity that is scored.
        ratio: The score with its 95 % interval, the tasks taken as fixed, and the probability of such a score between
            equal systems; None where no task can be scored, and without interval where a task has one run a side.
        scored: The tasks in it.
        missing: The reference's tasks that are not in the score, with the reason.
        smallest: The least change of the score that such runs detect in 80 of 100 repetitions, a ratio above 1.
        adjusted: The probability after Holm, over the scores of one comparison.
        verdict: `faster`, `slower` or `undecided`, of the system against the reference.
    """

    quantity: Quantity
    ratio: Ratio | None
    scored: list[str]
    missing: dict[str, str]
    smallest: float | None = None
    adjusted: float | None = None
    verdict: str = UNDECIDED

    @property
    def value(self) -> float | None:
        """Return the score itself."""
        return None if self.ratio is None else self.ratio.value


def score(reference: Comparison, quantity: Quantity) -> Score:
    """Return the score of side B of `reference`, a comparison whose side A is the reference.

    A logarithm of the score is the mean of the tasks' logarithms: its variance is the sum of theirs over the square of
    their number, with degrees of freedom by Welch and Satterthwaite. Tasks that share their scatter do not have
    independent errors, so that the score has no more degrees of freedom than all runs together.
    """
    rows = [row for row in reference.rows if row.quantity is quantity]
    usable = [row for row in rows if row.ratio is not None and row.verdict != NOT_COMPARABLE]
    good = [row.ratio for row in usable if row.ratio is not None]
    scored = [row.family[0] for row in usable]
    missing = {row.family[0]: row.why or row.verdict for row in rows if row.family[0] not in scored}
    missing |= {
        line.split()[0]: line.partition(": ")[2] for line in reference.alone if "only A" in line or "A holds" in line
    }
    if not good:
        return Score(quantity, None, scored, missing)
    found = Ratio(math.exp(-math.fsum(math.log(one.value) for one in good) / len(good)))
    parts = [(one.error / len(good)) ** 2 for one in good if one.error is not None]
    degrees = [one.degrees for one in good if one.degrees is not None]
    variance = math.fsum(parts)
    if len(degrees) < len(good) or variance == 0:
        return Score(quantity, found, scored, missing)
    freedom = variance**2 / math.fsum(part**2 / free for part, free in zip(parts, degrees, strict=True))
    freedom = min(freedom, sum(_degrees(row) for row in usable))
    return Score(quantity, found.of_error(math.sqrt(variance), freedom), scored, missing)


def _degrees(row: Row) -> int:
    """Return the degrees of freedom that a task's own runs have."""
    pairs = row.ratio.pairs if row.ratio else None
    return pairs - 1 if pairs else row.runs_a + row.runs_b - 2


def judged(scores: Sequence[Score], level: float) -> list[Score]:
    """Return the scores of one comparison with their verdicts, at `level` for all of them together."""
    found = []
    for one, (p, smallest) in zip(scores, tested([one.ratio for one in scores], level), strict=True):
        if one.ratio is None or p is None:
            found.append(one)
            continue
        verdict = UNDECIDED if p > level else FASTER if one.ratio.value > 1 else SLOWER
        found.append(replace(one, adjusted=p, verdict=verdict, smallest=smallest))
    return found
