"""Twenty comparisons of a machine with itself: the runs of a study in two random halves, compared as A and B.

    python experiments/comparison/same_machine.py RESULTS... [--markdown FILE]

Every verdict should be `undecided`.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from pathlib import Path

from rich.console import Console

from aibench.analysis.comparison.comparison import UNDECIDED, Comparison, Row, compare
from aibench.analysis.grid import Grid
from aibench.analysis.runs.pooling import pools
from aibench.analysis.runs.reader import read_runs
from aibench.analysis.runs.runs import Run

COMPARISONS = 20


def halves(runs: list[Run], seed: int) -> tuple[list[Run], list[Run]]:
    """Each set of repeats, cut in two at random."""
    draw = random.Random(seed)
    a: list[Run] = []
    b: list[Run] = []
    for pool in pools(runs):
        shuffled = draw.sample(pool.runs, len(pool.runs))
        a += shuffled[::2]
        b += shuffled[1::2]
    return a, b


def row(number: int, found: Comparison) -> list[str]:
    """One comparison: verdicts, and the row that came nearest to one."""
    judged = [one for one in found.rows if one.adjusted is not None]
    verdicts = Counter(one.verdict for one in judged)
    nearest = min(judged, key=_p)
    told = [f"{one.family[0]} {one.quantity.name} {one.verdict}" for one in judged if one.verdict != UNDECIDED]
    assert nearest.ratio is not None
    return [
        str(number),
        str(len(judged)),
        str(verdicts[UNDECIDED]),
        "; ".join(told) or "none",
        f"{nearest.family[0]} {nearest.quantity.name}",
        f"{nearest.ratio.value:.3f}",
        f"{_p(nearest):.3f}",
        f"{nearest.adjusted:.3f}",
    ]


def _p(one: Row) -> float:
    return 1.0 if one.ratio is None or one.ratio.p is None else one.ratio.p


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+", type=Path)
    parser.add_argument("--markdown", type=Path)
    words = parser.parse_args()
    runs = read_runs(words.results).runs
    rows = [row(number, compare(*halves(runs, number))) for number in range(1, COMPARISONS + 1)]
    grid = Grid(
        title="Twenty comparisons of a machine with itself",
        heads=("no.", "rows judged", "undecided", "alarms", "nearest to one", "B / A", "p", "Holm"),
        rows=rows,
        legend="nearest to one: the row with the least p. Holm: p adjusted for all rows; from 0.01 down an alarm.",
    )
    grid.show(Console())
    if words.markdown:
        words.markdown.write_text(grid.markdown(), encoding="utf-8")


if __name__ == "__main__":
    main()
