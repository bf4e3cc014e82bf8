"""Whether a subset orders systems as all seventeen tasks do: makes systems of this machine, times all tasks on each.

    python experiments/subset/rank_fidelity.py                     # measures what is not there yet, then the tables
    python experiments/subset/rank_fidelity.py --tables            # the tables alone, from the results that are there
    python experiments/subset/rank_fidelity.py --systems one_thread,bf16 --repeats 1

Each run is a process of its own and trains a miniature for so many steps; its seconds a sample count. Systems take
turns, task by task, so that what else the machine does meets all of them. An interrupted measurement goes on where it
stopped: a run whose result is there is not made again. On two idle cores two repeats of all systems are estimated to
take two to three hours. A system on which a task fails is named and left out.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from pathlib import Path

from rich.console import Console

from aibench.analysis.comparison.comparison import LEVEL, compare
from aibench.analysis.comparison.ratio import Ratio, tested
from aibench.analysis.comparison.score import score
from aibench.analysis.grid import Grid
from aibench.analysis.paper import SUBSET
from aibench.analysis.runs.compared import SPEED
from aibench.analysis.runs.reader import read_runs
from aibench.analysis.runs.runs import Run
from aibench.analysis.subset.fidelity import KEPT, Fidelity, fidelity
from aibench.analysis.subset.table import fidelity_in_words
from aibench.cli import ENVIRONMENT
from aibench.composition import registry

HERE = Path(__file__).parent
RESULTS, STEPS, WARMUP, REPEATS, MINUTES = HERE / "systems", 30, 5, 2, 10
GLIBC = {"MALLOC_TRIM_THRESHOLD_": "131072", "MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TOP_PAD_": "131072"}
PLAIN_TORCH = "import torch; torch.backends.mkldnn.set_flags(False)"
TRAIN = "import sys; from aibench.cli import run_training; run_training(sys.argv[1:])"


@dataclass(frozen=True, slots=True)
class System:
    """Describes a system that this machine can be: words of the run, environment, cores, and Python before all."""

    words: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    cores: int | None = None
    before: str = ""

    @property
    def threads(self) -> tuple[str, ...]:
        return () if any(word.startswith("hardware.threads=") for word in self.words) else ("hardware.threads=1",)


OLD = {"ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"}
AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
SYSTEMS: dict[str, System] = {
    "one_thread": System(),
    "two_threads": System(("hardware.threads=2",)),
    "two_threads_on_one_core": System(("hardware.threads=2",), cores=1),
    "channels_first": System(("hardware.channels_last=false",)),
    "bf16": System(("hardware.precision=bf16",)),
    "deterministic": System(("hardware.deterministic=true",)),
    "compiled": System(("hardware.compile=true",)),
    "glibc_memory": System(environment=GLIBC),
    "huge_pages": System(environment={"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}),
    "without_onednn": System(before=PLAIN_TORCH),
    "avx2": System(environment=AVX2),
    "sse4": System(environment=OLD),
}


def train(system: System, task: str, seed: int, output: Path) -> int:
    """Train a task for some steps on a system in a process of its own; return its exit status."""
    words = [
        f"task={task}",
        "session=steps",
        f"steps={STEPS}",
        f"warmup_steps={WARMUP}",
        "hardware=cpu",
        f"seed={seed}",
    ]
    words += ["progress=false", "tracking=none", f"output={output}", *system.threads, *system.words]
    code = "; ".join(filter(None, (system.before, TRAIN)))
    place: Callable[[], None] | None = None
    if system.cores is not None:
        place = partial(os.sched_setaffinity, 0, sorted(os.sched_getaffinity(0))[: system.cores])
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        env={**ENVIRONMENT, **os.environ, **system.environment},
        preexec_fn=place,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=60 * MINUTES,
        check=False,
    )
    return done.returncode


Work = tuple[str, str, int, Path]


def missing(names: Iterable[str], repeats: int, results: Path, tasks: Iterable[str]) -> Iterator[Work]:
    """Yield each system, task and seed whose result is not in `results`, with its place: the systems take turns."""
    systems = list(names)
    for seed in range(1, repeats + 1):
        for task in tasks:
            for name in systems:
                path = results / name / f"{task}_{seed}.json"
                if not path.exists() and not path.with_suffix(".failed").exists():
                    yield name, task, seed, path


def measure(work: Iterable[Work], console: Console, run: Callable[[System, str, int, Path], int] = train) -> None:
    """Make the runs of `work`; a run that fails leaves a file that says so, and is not tried again."""
    for name, task, seed, path in work:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            try:
                status = run(SYSTEMS[name], task, seed, Path(folder) / "run")
            except subprocess.TimeoutExpired:
                status = -1
            result = Path(folder) / "run" / "result.json"
            if status == 0 and result.exists():
                shutil.copy(result, path)
            else:
                path.with_suffix(".failed").write_text(f"exit status {status}\n", encoding="utf-8")
        console.print(f"{name} {task} {seed}: {'measured' if path.exists() else 'failed'}", highlight=False)


def measured(results: Path, tasks: list[str]) -> tuple[dict[str, list[Run]], list[str]]:
    """Return the runs of each system that has all tasks, and a line for each that has not."""
    found, lines = {}, []
    for name in SYSTEMS:
        folder = results / name
        runs = read_runs([folder]).runs if any(folder.glob("*.json")) else []
        lacking = sorted(set(tasks) - {run.task for run in runs if SPEED.of(run).value})
        if lacking:
            what = f"{len(lacking)} tasks" if len(lacking) > 3 else ", ".join(lacking)
            lines.append(f"{name}: left out, no result of {what}.")
        else:
            found[name] = runs
    return found, lines


def decided(systems: dict[str, list[Run]], tasks: list[str], subset: tuple[str, ...]) -> tuple[int, int, int]:
    """Return how many pairs of systems the seventeen decide, how many of these the subset turns, and all pairs."""
    of_suite, of_subset = [], []
    for a, b in combinations(systems, 2):
        of_suite.append(_lead(systems[a], systems[b], tasks))
        of_subset.append(_lead(systems[a], systems[b], subset))
    sure = [p is not None and p <= LEVEL for p, _ in tested(of_suite, LEVEL)]
    turned = [
        one and (whole.value > 1) != (part.value > 1)
        for one, whole, part in zip(sure, of_suite, of_subset, strict=True)
    ]
    return sum(sure), sum(turned), len(sure)


def _lead(a: list[Run], b: list[Run], tasks: Iterable[str]) -> Ratio:
    chosen = set(tasks)
    sides = ([run for run in runs if run.task in chosen] for runs in (a, b))
    found = score(compare(*sides, LEVEL, (SPEED,)), SPEED).ratio
    assert found is not None
    return found


def conclusion(of: str, found: Fidelity, pairs: tuple[int, int, int]) -> str:
    """Return in one sentence whether a subset keeps the order of the systems."""
    sure, turned, every = pairs
    said = {"kept": "confirmed", "not kept": "refuted", "open": "left open"}[found.verdict]
    return (
        f"That few tasks order systems as all {len(found.tasks)} do is {said} for {of}: {fidelity_in_words(found)}; of "
        f"{every} pairs of systems the suite decides {sure}, and the subset orders {turned} of these the other way. "
        f"(Confirmed is a 95 % interval of tau above {KEPT}, refuted one below.)"
    )


def table(found: dict[str, Fidelity]) -> Grid:
    """Return the scores of the systems by the suite and by each subset."""
    first = next(iter(found.values()))
    rows = [
        [name, f"{first.whole[place]:.3f}", *(f"{one.part[place]:.3f}" for one in found.values())]
        for place, name in enumerate(first.systems)
    ]
    return Grid(
        title=f"{len(first.systems)} systems of one machine by {first.quantity}",
        heads=("system", f"all {len(first.tasks)}", *found),
        rows=sorted(rows, key=lambda row: -float(row[1])),
        legend="Geometric mean over the tasks of the first system's time over the system's; more is better.",
        records=[
            {
                "system": name,
                "suite": first.whole[place],
                **{of.replace(" ", "_"): one.part[place] for of, one in found.items()},
            }
            for place, name in enumerate(first.systems)
        ],
    )


def choice(path: Path) -> tuple[str, ...]:
    """Return the tasks that `aibench subset` chose, of its CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return tuple(row["task"] for row in csv.DictReader(file) if row.get("chosen") == "True")


def tables(results: Path, output: Path, chosen: tuple[str, ...], tasks: list[str], console: Console) -> int:
    """Write the tables; return the exit status."""
    systems, lines = measured(results, tasks)
    if len(systems) < 3:
        console.print(f"{results}: {len(systems)} systems have all tasks, and it takes 3.", *lines, sep="\n")
        return 1
    subsets = {"the choice": chosen, "the paper's three": SUBSET}
    found = {of: one for of, tasks_ in subsets.items() if not isinstance(one := fidelity(systems, tasks_), str)}
    lines += [conclusion(of, one, decided(systems, one.tasks, subsets[of])) for of, one in found.items()]
    grid = table(found)
    output.mkdir(parents=True, exist_ok=True)
    grid.write_csv(output / "rank_fidelity.csv")
    text = grid.markdown() + "\n" + "".join(f"- {line}\n" for line in lines)
    (output / "rank_fidelity.md").write_text(text, encoding="utf-8")
    grid.show(console)
    console.print(*lines, sep="\n", highlight=False)
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--output", type=Path, default=HERE)
    parser.add_argument("--subset", type=Path, default=HERE / "table.csv", help="CSV of `aibench subset`.")
    parser.add_argument("--tables", action="store_true", help="Measure nothing.")
    words = parser.parse_args()
    names = words.systems.split(",")
    if unknown := sorted(set(names) - set(SYSTEMS)):
        parser.error(f"--systems={words.systems}: no system {', '.join(unknown)}. There are: {', '.join(SYSTEMS)}.")
    console, tasks = Console(), registry.task_names()
    if not words.tables:
        measure(missing(names, words.repeats, words.results, tasks), console)
    sys.exit(tables(words.results, words.output, choice(words.subset), tasks, console))


if __name__ == "__main__":
    main()
