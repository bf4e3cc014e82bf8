"""What two ranks gain over two threads, and what a world of one costs under DDP: alternating pairs for each task.

    python benchmarks/scale_out.py --csv scale_out.csv --markdown scale_out.md [--pairs 3] [--steps 30] [TASK ...]

Two comparisons for each task, by the timed steps of `session=steps`:

- two ranks, a thread each, that exchange gradients by gloo / one rank with two threads: median step, of the same global
  batch. Below 1 the ranks are quicker. Both have two cores; run it with nothing beside it.
- one rank in a group of one under DDP, or under `reduce` where a task moves several networks / the same without: what
  that costs where there is nothing to reduce. It is of the 10th percentile of the steps, and on a CPU in seconds in
  which a core computed for the process: other processes disturb both less.

Each run is a process of its own, forked from one that has loaded the libraries. The CSV file has a line for each run
and is written as they end; started again with the same file, the script makes what is missing. The Markdown table is
written anew after each task. `--only ranks` or `--only one` makes one comparison; KEY=VALUE changes the runs: on a
machine with a GPU, `--only one hardware=auto`.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from rich.console import Console

from aibench.cli import ENVIRONMENT
from aibench.composition import registry
from aibench.composition.compose import composed
from aibench.config import ConfigError, RunConfig
from aibench.meters import instruments
from aibench.meters.steps import HostClock
from aibench.training.run import train
from aibench.training.session import Session
from aibench.training.strategies import Overlapping, Summing
from aibench.world import World

# By comparison: what stands above the line, and what below.
COMPARISONS = {"ranks": ("two ranks", "two threads"), "one": ("group of one", "alone")}
WORDS = {
    "two ranks": ("hardware.devices=2", "hardware.threads=1"),
    "two threads": ("hardware.threads=2",),
    "group of one": ("hardware.threads=1",),
    "alone": ("hardware.threads=1",),
}
COMMON = ("session=steps", "hardware=cpu", "hardware.telemetry_hz=0", "progress=false")


@dataclass(frozen=True)
class Measurement:
    """One run.

    Attributes:
        task, comparison, pair, variant: Which.
        step: Median of the timed steps in seconds; empty where the run failed.
        p10: Their 10th percentile.
        samples_per_second: Samples over seconds of all timed steps.
        message: Why there is no step.
    """

    task: str
    comparison: str
    pair: int
    variant: str
    step: float | None = None
    p10: float | None = None
    samples_per_second: float | None = None
    message: str = ""

    @property
    def key(self) -> tuple[str, str, int, str]:
        """Which run it is."""
        return self.task, self.comparison, self.pair, self.variant


NAMES = [field.name for field in fields(Measurement)]
NUMBERS = ("step", "p10", "samples_per_second")


def known(path: Path) -> list[Measurement]:
    """What the file has already."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = []
    for row in rows:
        numbers = {name: float(row[name]) if row[name] else None for name in NUMBERS}
        found.append(Measurement(**{**row, **numbers, "pair": int(row["pair"])}))
    return found


def add(path: Path, found: Measurement) -> None:
    """Write one more line."""
    is_new = not path.is_file()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, NAMES)
        if is_new:
            writer.writeheader()
        writer.writerow({name: "" if value is None else value for name, value in asdict(found).items()})


def in_a_group_of_one() -> None:
    """Let the sessions of this process train under DDP, in a group that has one member."""
    on_gpu = torch.cuda.is_available()
    dist.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo", store=dist.HashStore(), rank=0, world_size=1)

    def devices(self: Session) -> dict[str, Any]:
        device = torch.device("cuda", torch.cuda.current_device()) if self.on_gpu else torch.device("cpu")
        own = {"devices": [device.index] if self.on_gpu else 1}
        kind = Summing if self.config.by_hand else Overlapping
        return {**own, "strategy": kind(World(), device, self.module.idles)}

    Session._devices = devices  # type: ignore[method-assign]


def measured(variant: str, comparison: str, config: RunConfig) -> dict[str, Any]:
    """Train once in this process. Returns the numbers of a measurement, or the message why there are none."""
    if comparison == "one":
        if not torch.cuda.is_available() or config.hardware.accelerator == "cpu":
            instruments.step_clock = lambda: HostClock(time.process_time)  # type: ignore[attr-defined]
        if variant == "group of one":
            in_a_group_of_one()
    with tempfile.TemporaryDirectory() as folder:
        result = train(config, Path(folder), None, Console(quiet=True))
    if result.throughput is None or result.throughput.steps.median is None:
        return {"message": result.message or str(result.status)}
    steps = result.throughput.steps
    return {"step": steps.median, "p10": steps.p10, "samples_per_second": result.throughput.samples.value}


def forked(task: str, comparison: str, variant: str, words: list[str]) -> dict[str, Any]:
    """Do `measured` in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        answer: dict[str, Any] = {}
        try:
            config = composed([f"task={task}", *COMMON, *WORDS[variant], *words])
            answer = measured(variant, comparison, config)
        except ConfigError as error:
            answer = {"message": str(error)}
        except Exception as error:
            answer = {"message": f"{type(error).__name__}: {error}"}
        finally:
            os.write(writing, json.dumps(answer).encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return json.loads(said) if len(said) > 2 else {"message": "the process died"}


def missing(asked: argparse.Namespace, there: list[Measurement]) -> Iterator[Measurement]:
    """The runs that the file has not: each pair in the other order than the one before."""
    done = {one.key for one in there}
    for task in asked.tasks:
        for comparison in asked.only:
            for pair in range(asked.pairs):
                variants = COMPARISONS[comparison]
                for variant in variants if pair % 2 else variants[::-1]:
                    one = Measurement(task, comparison, pair, variant)
                    if one.key not in done:
                        yield one


def ratios(found: list[Measurement], task: str, comparison: str) -> list[float]:
    """The ratio of each pair that is whole."""
    number = "p10" if comparison == "one" else "step"
    of_both = [one for one in found if (one.task, one.comparison) == (task, comparison)]
    steps = {(one.pair, one.variant): getattr(one, number) for one in of_both}
    above, below = COMPARISONS[comparison]
    pairs = [(steps.get((pair, above)), steps.get((pair, below))) for pair in sorted({pair for pair, _ in steps})]
    return [one / other for one, other in pairs if one and other]


def table(found: list[Measurement]) -> str:
    """The Markdown table: for each task the median of the pairs, with the least and the greatest."""
    heads = [f"{above} / {below}" for above, below in COMPARISONS.values()]
    lines = [f"| task | {' | '.join(heads)} |", f"| --- |{' ---: |' * len(heads)}"]
    for task in dict.fromkeys(one.task for one in found):
        cells = [_cell(ratios(found, task, comparison), found, task, comparison) for comparison in COMPARISONS]
        lines.append(f"| {task} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(of_pairs: list[float], found: list[Measurement], task: str, comparison: str) -> str:
    if not of_pairs:
        why = [one.message for one in found if (one.task, one.comparison) == (task, comparison) and one.message]
        return why[0].replace("|", "/") if why else "-"
    middle = statistics.median(of_pairs)
    return f"{middle:.3f} ({min(of_pairs):.3f} to {max(of_pairs):.3f}, {len(of_pairs)} pairs)"


def main() -> None:
    """Measure what is missing, write both files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="tasks, all without; KEY=VALUE")
    parser.add_argument("--csv", type=Path, default=Path("scale_out.csv"))
    parser.add_argument("--markdown", type=Path, default=Path("scale_out.md"))
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--steps", type=int, default=30, help="timed ones")
    parser.add_argument("--warmup", type=int, default=5, help="steps before them")
    parser.add_argument("--only", choices=list(COMPARISONS), action="append", help="one comparison")
    asked = parser.parse_args()
    asked.only = asked.only or list(COMPARISONS)
    asked.tasks = [word for word in asked.words if "=" not in word] or registry.task_names()
    if unknown := [task for task in asked.tasks if task not in registry.task_names()]:
        sys.exit(f"{unknown[0]}: no task. There are {', '.join(registry.task_names())}.")
    os.environ.update(ENVIRONMENT)
    changes = [word for word in asked.words if "=" in word]
    words = [f"steps={asked.steps}", f"warmup_steps={asked.warmup}", *changes]
    there = known(asked.csv)
    for one in missing(asked, there):
        answer = forked(one.task, one.comparison, one.variant, words)
        there.append(Measurement(*one.key, **{**answer, "message": " ".join(answer.get("message", "").split())}))
        add(asked.csv, there[-1])
        asked.markdown.write_text(table(there), encoding="utf-8")
        print(*there[-1].key, f"{there[-1].step:.4g} s" if there[-1].step else there[-1].message, flush=True)
    print(table(there))


if __name__ == "__main__":
    main()
