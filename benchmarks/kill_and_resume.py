"""Kills runs of four tasks at random moments, goes on with each, and compares it with the run that nobody killed.

    python benchmarks/kill_and_resume.py                    # 20 SIGKILLs and 10 SIGTERMs; some minutes on two cores
    python benchmarks/kill_and_resume.py --kills 2 --terms 1 --tasks learning_to_rank

Exits with 1 where a history or a weight differs. The moments are drawn from --seed, within the last 0.7 of the
time that the whole run took; where a run is over before its moment, that is said.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from aibench.results.result import Result, read_result

ROOT = Path(__file__).parents[1]
A_RUN = 4  # signals
COMMON = ("session=epochs", "hardware=cpu", "hardware.threads=1", "hardware.telemetry_hz=10", "progress=false")
SMALL = ("data.train_size=2048", "data.val_size=128", "data.batch_size=64", "data.eval_batch_size=64")
TASKS = {
    # Two phases, negatives drawn anew for each epoch.
    "learning_to_rank": ("epochs=4", "optim.teacher_epochs=2", "target.evaluations_per_epoch=1.7", *SMALL),
    # Two networks under manual optimisation.
    "image_generation": ("epochs=4", "target.evaluations_per_epoch=1.7", *SMALL),
    # Distorted anew for each epoch.
    "spatial_transformer": ("epochs=4", "target.evaluations_per_epoch=1.7", *SMALL),
    # Read picture by picture in other processes, each under its own random state.
    "image_classification": (
        *(
            "scale=reference",
            "model=image_classification/mini",
            "epochs=4",
            "target.evaluations_per_epoch=1.7",
            "data.workers=2",
            "data.classes=3",
        ),
        *("data.size=32", "data.resize=36", "data.batch_size=8", "data.eval_batch_size=8", "optim.lr=0.01"),
    ),
}


@dataclass
class Tally:
    """What was done to one task.

    Attributes:
        whole: Seconds of the run that nobody killed.
        kills, terms: How many signals of each kind ended a process.
        late: Signals for which the run was over already.
        resumed: How often the result says that the run was taken up.
        equal: Whether history and weights are those of the whole run.
    """

    whole: float
    kills: int = 0
    terms: int = 0
    late: int = 0
    resumed: list[int] = field(default_factory=list)
    equal: bool = True


def pictures(folder: Path, classes: int = 3, count: int = 32) -> Path:
    """A tree of ImageNet's form with random pictures."""
    import numpy as np
    from PIL import Image

    generator = np.random.default_rng(0)
    for split, number in (("train", count), ("val", 8)):
        for label in range(classes):
            place = folder / split / f"n{label:08d}"
            place.mkdir(parents=True)
            for index in range(number):
                pixels = generator.integers(0, 256, (40, 48, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(place / f"n{label:08d}_{index}.JPEG")
    return folder


def start(task: str, words: tuple[str, ...], folder: Path) -> subprocess.Popen[bytes]:
    """Start the run in `folder`, or go on with it."""
    command = [sys.executable, str(ROOT / "train.py"), f"task={task}", *COMMON, *words, f"output={folder}"]
    return subprocess.Popen(
        [*command, "resume=auto"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def to_end(task: str, words: tuple[str, ...], folder: Path) -> float:
    """Run to the end. Returns the seconds that it took."""
    begun = time.monotonic()
    process = start(task, words, folder)
    _, said = process.communicate()
    if process.returncode != 0:
        sys.exit(f"{task}: exit status {process.returncode}: {said.decode()}")
    return time.monotonic() - begun


def outcome(folder: Path) -> tuple[Result, dict[str, torch.Tensor]]:
    """The result of a run and its weights."""
    return read_result(folder), torch.load(folder / "last.ckpt", weights_only=True)["state_dict"]


def same(folder: Path, whole: Path) -> bool:
    """Whether two runs have one history and the same weights, bit for bit."""
    (resumed, weights), (expected, others) = outcome(folder), outcome(whole)
    histories = [
        [(row.epochs, row.steps, row.samples, row.phase, row.metrics) for row in result.history]
        for result in (resumed, expected)
    ]
    try:
        torch.testing.assert_close(weights, others, rtol=0, atol=0, equal_nan=True)
    except AssertionError:
        return False
    return histories[0] == histories[1]


def attack(task: str, words: tuple[str, ...], signals: list[signal.Signals], moments: random.Random, at: Path) -> Tally:
    """Give `signals` to runs of `task`, four to each, at random moments, and compare what comes out."""
    tally = Tally(to_end(task, words, at / "whole"))
    for number in range(0, len(signals), A_RUN):
        folder = at / f"run{number}"
        for one in signals[number : number + A_RUN]:
            process = start(task, words, folder)
            try:
                process.wait(timeout=moments.uniform(0.3, 0.95) * tally.whole)
                tally.late += 1
            except subprocess.TimeoutExpired:
                process.send_signal(one)
                _, said = process.communicate()
                tally.kills += one is signal.SIGKILL
                tally.terms += one is signal.SIGTERM
                if one is signal.SIGTERM and (process.returncode not in (130, -15) or b"Traceback" in said):
                    print(f"{task}: SIGTERM: exit status {process.returncode}: {said.decode()}", file=sys.stderr)
                    tally.equal = False
        to_end(task, words, folder)
        tally.resumed.append(read_result(folder).resumed)
        tally.equal = tally.equal and same(folder, at / "whole")
    return tally


def main() -> int:
    """Attack the tasks, print the table. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="SIGKILLs, over all tasks")
    parser.add_argument("--terms", type=int, default=10, help="SIGTERMs, over all tasks")
    parser.add_argument("--seed", type=int, default=1, help="of the moments and of the order of signals")
    parser.add_argument("--tasks", default=",".join(TASKS), help="some of them, with commas")
    asked = parser.parse_args()
    moments, names = random.Random(asked.seed), asked.tasks.split(",")
    signals = [signal.SIGKILL] * asked.kills + [signal.SIGTERM] * asked.terms
    moments.shuffle(signals)
    table = Table("task", "whole run", "SIGKILL", "SIGTERM", "over already", "resumed", "history and weights")
    equal = True
    with tempfile.TemporaryDirectory() as scratch:
        root = pictures(Path(scratch) / "pictures") if "image_classification" in names else None
        for index, task in enumerate(names):
            words = TASKS[task] + ((f"data.root={root}",) if task == "image_classification" else ())
            found = attack(task, words, signals[index :: len(names)], moments, Path(scratch) / task)
            equal = equal and found.equal
            table.add_row(
                *(task, f"{found.whole:.1f} s", str(found.kills), str(found.terms), str(found.late)),
                *(", ".join(map(str, found.resumed)), "equal" if found.equal else "DIFFER"),
            )
    Console().print(table)
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
