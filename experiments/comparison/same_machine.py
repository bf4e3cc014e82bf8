"""A hundred comparisons of a machine with itself: the runs of a study, split at random, compared as A and B.

    python experiments/comparison/same_machine.py RESULTS... [--splits 100] [--side 8] [--markdown FILE] [--csv FILE]

Of each task eight runs against eight, or half against half where there are fewer. Every verdict should be `undecided`,
and one unadjusted probability in twenty below 5 %.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from aibench.analysis.comparison.comparison import LEVEL, UNDECIDED, Comparison, compare
from aibench.analysis.comparison.ratio import Ratio
from aibench.analysis.comparison.score import judged, score
from aibench.analysis.grid import Grid, percent
from aibench.analysis.runs.compared import SPEED, TIME
from aibench.analysis.runs.pooling import Pool, pools
from aibench.analysis.runs.reader import read_runs
from aibench.analysis.runs.runs import Run

SPLITS, SIDE, SMALL = 100, 8, 0.05


def sides(found: Sequence[Pool], seed: int, most: int) -> tuple[list[Run], list[Run]]:
    """Return two samples of each task's runs, without a run in both, of equal size: at most `most` and half of them."""
    draw = random.Random(seed)
    a: list[Run] = []
    b: list[Run] = []
    for pool in found:
        size = min(most, len(pool.runs) // 2)
        shuffled = draw.sample(pool.runs, 2 * size)
        a += shuffled[:size]
        b += shuffled[size:]
    return a, b


@dataclass(slots=True)
class Tests:
    """Holds the tests of one quantity over all splits: probabilities, and in which split an alarm was."""

    probabilities: list[float] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)
    splits: set[int] = field(default_factory=set)

    def add(self, split: int, name: str, found: Ratio | None, verdict: str) -> None:
        if found is None or found.p is None:
            return
        self.probabilities.append(found.p)
        if verdict != UNDECIDED:
            self.alarms.append(f"split {split}: {name} {verdict}, {found.value:.3f}")
            self.splits.add(split)


def tests(splits: Sequence[Comparison]) -> dict[str, Tests]:
    """Return the tests of scores and rows, by quantity."""
    found: dict[str, Tests] = {}
    for split, one in enumerate(splits, start=1):
        for verdict in judged([score(one, SPEED), score(one, TIME)], LEVEL / 2):
            name = f"score, {verdict.quantity.name}"
            found.setdefault(name, Tests()).add(split, name, verdict.ratio, verdict.verdict)
        for row in one.rows:
            name = f"rows, {row.quantity.name}"
            found.setdefault(name, Tests()).add(split, f"{row.family[0]} {row.quantity.name}", row.ratio, row.verdict)
    return {name: of for name, of in found.items() if of.probabilities}


def table(found: dict[str, Tests], splits: int, sizes: Sequence[int]) -> Grid:
    """Return a row for each kind of test."""
    alarmed = {split for of in found.values() for split in of.splits}
    shown = f"{min(sizes)}" if min(sizes) == max(sizes) else f"{min(sizes)} to {max(sizes)}"
    records = [
        {
            "tests": name,
            "tested": len(of.probabilities),
            "share_below_5_percent": statistics.fmean(p < SMALL for p in of.probabilities),
            "least_p": min(of.probabilities),
            "alarms": len(of.alarms),
            "splits_with_alarm": len(of.splits),
            "splits": splits,
        }
        for name, of in found.items()
    ]
    return Grid(
        title=f"{splits} comparisons of a machine with itself, {shown} runs a side",
        heads=("tests", "tested", "p < 5 %, in %", "least p", "alarms", "splits with an alarm"),
        rows=[
            [
                str(one["tests"]),
                f"{one['tested']:,}",
                percent(float(str(one["share_below_5_percent"]))),
                f"{one['least_p']:.2g}",
                str(one["alarms"]),
                str(one["splits_with_alarm"]),
            ]
            for one in records
        ],
        legend=(
            "p < 5 %: unadjusted probabilities below 5 %, of which there should be 5 in 100. alarm: a verdict that is "
            f"not undecided; one split in a hundred may have one, at {100 * LEVEL:g} % for scores and rows together. "
            "The splits share their runs, so their number counts for less than as many studies."
        ),
        notes=list(_notes(found, alarmed, splits, sizes)),
        records=records,
    )


def _notes(found: dict[str, Tests], alarmed: set[int], splits: int, sizes: Sequence[int]) -> Iterator[str]:
    yield f"{len(alarmed)} of {splits} splits raise an alarm."
    yield from (alarm for of in found.values() for alarm in of.alarms)
    different = min(math.comb(2 * size, size) // 2 for size in sizes)
    if different < splits:
        yield f"With {min(sizes)} runs a side a task has {different} different splits, so most of {splits} repeat one."
    if min(sizes) < SIDE:
        yield f"{SIDE} a side take {2 * SIDE} runs of each task."


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+", type=Path)
    parser.add_argument("--splits", type=int, default=SPLITS)
    parser.add_argument("--side", type=int, default=SIDE)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--csv", type=Path)
    words = parser.parse_args()
    for name in ("splits", "side"):
        if getattr(words, name) < 1:
            parser.error(f"--{name}={getattr(words, name)}: must be 1 or more.")
    found = [pool for pool in pools(read_runs(words.results).runs) if len(pool.runs) > 1]
    if not found:
        print("no task has two runs: there is nothing to split.", file=sys.stderr)
        return 1
    splits = [compare(*sides(found, seed, words.side)) for seed in range(1, words.splits + 1)]
    sizes = [min(words.side, len(pool.runs) // 2) for pool in found]
    grid = table(tests(splits), words.splits, sizes)
    grid.show(Console())
    if words.markdown:
        words.markdown.write_text(grid.markdown(), encoding="utf-8")
    if words.csv:
        grid.write_csv(words.csv)
    return 0


if __name__ == "__main__":
    sys.exit(main())
