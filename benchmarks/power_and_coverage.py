"""How often the suite's statistics are right: coverage of intervals, bias, false alarms and power, by simulation.

    python benchmarks/power_and_coverage.py [--trials 500] [--output experiments/statistics] [--resume]

Runs are drawn from five distributions, four, eight and twelve of them, with known truths; every statistic that the
verbs print is computed from them by the verbs' own functions. The same seeds draw the same runs. With 500 trials it
takes some five minutes of a processor; `simulated.csv` has every number with its standard error.
"""

from __future__ import annotations

import argparse
import csv
import math
import statistics
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from rich.console import Console
from simulated_suites import can_show, of_a_ranking, of_a_slower_machine, of_one_machine
from simulated_tasks import COUNTS, SHAPES, of_one_sample, of_two_samples, truth

from aibench.analysis.grid import NONE, Grid

OUTPUT = Path(__file__).parents[1] / "experiments" / "statistics"
TRIALS = 500
RANKINGS = 5  # times fewer trials: one ranking is a dozen comparisons
FIELDS = ("statistic", "distribution", "runs", "mean", "standard_error", "trials")


def gathered(
    trials: int, simulation: partial[Iterator[tuple[str, float]]], seed: Iterable[int]
) -> dict[str, list[float]]:
    """Return all values of each statistic of a simulation."""
    random = np.random.default_rng(list(seed))
    found: dict[str, list[float]] = {}
    for _ in range(trials):
        for name, value in simulation(random):
            found.setdefault(name, []).append(value)
    return found


def simulated(trials: int, shape: str, count: int) -> Iterator[dict[str, object]]:
    """Yield a record for each statistic of so many runs from one distribution."""
    place = list(SHAPES).index(shape)
    shown = can_show(np.random.default_rng([place, count]), shape, count)
    parts = (
        (trials, of_one_sample, {}),
        (trials, of_two_samples, {}),
        (trials, of_one_machine, {}),
        (trials, of_a_slower_machine, {"shown": shown}),
        (max(1, trials // RANKINGS), of_a_ranking, {}),
    )
    for part, (times, function, more) in enumerate(parts):
        simulation = partial(function, shape=shape, count=count, **more)
        for name, values in gathered(times, simulation, (place, count, part)).items():
            error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
            numbers = (round(statistics.fmean(values), 4), round(error, 4), trials)
            yield dict(zip(FIELDS, (name, shape, count, *numbers), strict=True))


def kept(path: Path, trials: int) -> list[dict[str, object]]:
    """Return the records that an interrupted simulation with as many trials left in `path`."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [{**row, "runs": int(row["runs"])} for row in csv.DictReader(file) if int(row["trials"]) == trials]


def write(path: Path, records: list[dict[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)


def table(records: list[dict[str, object]]) -> Grid:
    """Return a row for each statistic, with a cell for each distribution: its values with 4, 8 and 12 runs."""
    longest = sorted(records, key=lambda one: -int(str(one["runs"])))  # of few runs some statistics are not made
    cells: dict[str, dict[str, dict[int, float]]] = {str(one["statistic"]): {} for one in longest}
    for one in records:
        of_shape = cells[str(one["statistic"])].setdefault(str(one["distribution"]), {})
        of_shape[int(str(one["runs"]))] = float(str(one["mean"]))
    return Grid(
        title=f"Statistics of {', '.join(map(str, COUNTS[:-1]))} and {COUNTS[-1]} runs with known truths",
        heads=("statistic", *SHAPES),
        rows=[[name, *(_cell(of.get(shape, {})) for shape in SHAPES)] for name, of in cells.items()],
        legend=(
            "covers: % of the 95 % intervals that hold the truth. / true: mean of the estimates over the truth, in %. "
            "silent, no alarm, no place: % of the cases without a false verdict; at the default level 99.5 % or more "
            "of the comparisons (99 % of the rankings) should be so. found: % of the cases in which the slower task is "
            "told; `can show` is the change that the table says would be told in 80."
        ),
        notes=[f"{shape}: true CV {100 * truth(shape).cv:.1f} %." for shape in SHAPES],
    )


def _cell(of: dict[int, float]) -> str:
    return " ".join(f"{100 * of[count]:.1f}" if count in of else NONE for count in COUNTS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--shapes", nargs="+", choices=list(SHAPES), default=list(SHAPES))
    parser.add_argument("--counts", nargs="+", type=int, choices=COUNTS, default=list(COUNTS))
    parser.add_argument("--resume", action="store_true", help="Go on with what an interrupted simulation left.")
    words = parser.parse_args()
    if words.trials < 1:
        parser.error(f"--trials={words.trials}: must be 1 or more.")
    console = Console()
    path = words.output / "simulated.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    records = kept(path, words.trials) if words.resume else []
    done = {(one["distribution"], one["runs"]) for one in records}
    for shape, count in product(words.shapes, words.counts):
        if (shape, count) not in done:
            records += simulated(words.trials, shape, count)
            write(path, records)
            console.print(f"{shape}, {count} runs: done")
    grid = table(records)
    (words.output / "table.md").write_text(grid.markdown(), encoding="utf-8")
    grid.show(console)


if __name__ == "__main__":
    main()
