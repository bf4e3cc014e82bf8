"""What a session adds to a plain PyTorch loop over the same model, data and evaluations.

    python benchmarks/overhead.py [--pairs 5] [--epochs 2] [--cpu] [TASK ...] [KEY=VALUE ...]
    python benchmarks/overhead.py --all          # every task, with a verdict; ends with 1 where one is above 1.05

Each pair runs both, in alternating order, in one process, and gives one ratio of wall times; set-up is left out of
both. `of the quickest` divides the least disturbed session by the least disturbed loop. `by the account` needs no pair:
it is 1 + what the session itself gives to no batch, pass, update or evaluation / the rest of it. The session has its
Trainer, recorder, history file, checkpoints, checks against NaN and all its meters; the plain loop has none of them. It
calls the same step of the same module, so whatever differs is what the harness costs. The second table has what each
meter costs by itself.

With --cpu, the seconds are those in which a core computed for this process, telemetry's thread included: where other
processes or other virtual machines take the cores at times, they scatter less. Waiting for a disk is not in them.
Use it with one thread: two that wait for each other compute meanwhile.

--all measures so, with one thread, and decides for each task by the 95 % interval of the mean of the pairs' logarithms
(Student's t): within 1.05, above it, or undecided. An undecided task gets as many pairs again, up to four times.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.special import stdtrit

if {"--cpu", "--all"} & {*sys.argv}:  # before the session's clocks bind to it
    time.perf_counter = time.process_time

from aibench.cli import ENVIRONMENT
from aibench.composition import registry
from aibench.composition.compose import composed
from aibench.config import PowerModel, RunConfig
from aibench.contract import batch_of
from aibench.meters.energy import energy_meter
from aibench.meters.gpu import current_gpu
from aibench.meters.steps import FORWARD, HostClock, timed
from aibench.meters.system import lay_out, usable_cores
from aibench.meters.telemetry import cost_of_a_sample
from aibench.training.goal import Schedule
from aibench.training.loader import EvalBatches
from aibench.training.run import train

LAST = ("of the quickest", "by the account")
MOST = 1.05  # times the plain loop that a session may take
AGAIN = 4  # rounds of pairs that an undecided task gets
WITHIN, ABOVE, UNDECIDED = "within", "above", "undecided"


def plain_loop(config: RunConfig) -> float:
    """Seconds of a loop written by hand over the task's module."""
    data = registry.data_class(config.task)(config)
    dataset, held_out = data.dataset("train"), EvalBatches(data, data.dataset("val"))
    torch.manual_seed(config.seed)
    module = registry.module_class(config.task)(config, data.facts)
    lay_out(module, config.hardware)
    logged: dict[str, Any] = {}
    module.log = lambda name, value, **_: logged.update({name: value})
    module.log_dict = lambda values, **_: logged.update(values)
    schedule = Schedule.of(config, len(data.plan(dataset, np.random.default_rng(config.seed))))
    stub = SimpleNamespace(
        estimated_stepping_batches=schedule.budget,
        num_training_batches=schedule.batches,
        max_epochs=schedule.epochs,
        current_epoch=0,
        global_step=0,
        train_dataloader=SimpleNamespace(dataset=dataset),
    )
    module.trainer = stub
    optimizers, schedulers = optimizers_and_schedulers(module)
    module.optimizers = lambda **_: optimizers if len(optimizers) > 1 else optimizers[0]
    module.lr_schedulers = lambda: schedulers if len(schedulers) != 1 else schedulers[0]
    module.manual_backward = lambda loss, **_: loss.backward()
    module.train()
    start, step = time.perf_counter(), 0
    for stub.current_epoch in range(schedule.epochs):
        if hasattr(dataset, "redraw"):
            dataset.redraw(np.random.default_rng((config.seed, stub.current_epoch, 1)))
        module.on_train_epoch_start()
        plan = data.plan if stub.current_epoch else data.first_plan
        for index, indices in enumerate(plan(dataset, np.random.default_rng((config.seed, stub.current_epoch)))):
            loss = module.training_step(batch_of(data, dataset, indices), index)
            if module.automatic_optimization:
                optimizers[0].zero_grad()
                loss.backward()
                optimizers[0].step()
                for scheduler in schedulers:
                    scheduler.step()
            step += 1
            stub.global_step = step
            if step % schedule.interval == 0:
                evaluate(module, held_out, logged)
    if step % schedule.interval:
        evaluate(module, held_out, logged)
    return time.perf_counter() - start


def evaluate(module: Any, held_out: EvalBatches, logged: dict[str, Any]) -> None:
    """One evaluation; the metrics' values are computed, as the session computes them."""
    module.eval()
    with torch.inference_mode():
        module.on_validation_epoch_start()
        for index, batch in enumerate(held_out):
            module.validation_step(batch, index)
        module.on_validation_epoch_end()
        for value in logged.values():
            value.compute() if hasattr(value, "compute") else float(value)
    module.train()


def optimizers_and_schedulers(module: Any) -> tuple[list[Any], list[Any]]:
    """What `configure_optimizers` returned: optimisers, and the schedules that move each step."""
    configured = module.configure_optimizers()
    if isinstance(configured, tuple) and configured and isinstance(configured[0], list):
        optimizers, schedules = configured
    elif isinstance(configured, list | tuple):
        optimizers, schedules = list(configured), []
    elif isinstance(configured, dict):
        optimizers, schedules = [configured["optimizer"]], [configured.get("lr_scheduler", {})]
    else:
        optimizers, schedules = [configured], []
    moved = [entry if isinstance(entry, dict) else {"scheduler": entry, "interval": "step"} for entry in schedules]
    return optimizers, [entry["scheduler"] for entry in moved if entry.get("interval") == "step"]


@dataclass(frozen=True, slots=True)
class Session:
    """A session's seconds, set-up left out.

    Attributes:
        all: Of its training, evaluations and checkpoints.
        around: The part of them that its own account gives to no batch, pass, update or evaluation.
    """

    all: float
    around: float


def session(config: RunConfig) -> Session:
    """The same training as a session."""
    with tempfile.TemporaryDirectory() as folder:
        times = train(config, Path(folder), None, Console(quiet=True)).times
    assert times is not None
    assert times.split is not None
    around = times.split.loop + times.split.transfer + times.checkpoint
    return Session(times.training + times.evaluation + times.checkpoint, around)


def pairs_of(task: str, epochs: int, count: int, changes: list[str]) -> list[tuple[Session, float]]:
    """Sessions and the seconds of plain loops, pair by pair; the first pair warms up and is dropped."""
    words = [f"task={task}", "hardware=cpu", "session=epochs", f"epochs={epochs}", "progress=false", *changes]
    config = composed(words)
    torch.set_num_threads(config.hardware.threads or usable_cores())
    measured = []
    for pair in track(range(count + 1), description=task, transient=True):
        if pair % 2:
            ours, theirs = session(config), plain_loop(config)
        else:
            theirs, ours = plain_loop(config), session(config)
        measured.append((ours, theirs))
    return measured[1:]


def row(measured: list[tuple[Session, float]]) -> list[str]:
    """The numbers of the table's row."""
    ours, theirs = [one.all for one, _ in measured], [other for _, other in measured]
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    accounts = [one.around / (one.all - one.around) for one, _ in measured]
    return [
        *(f"{statistics.median(seconds):.2f}" for seconds in (ours, theirs)),
        *(f"{ratio:.3f}" for ratio in (statistics.median(ratios), min(ratios), max(ratios), min(ours) / min(theirs))),
        f"{1 + statistics.median(accounts):.3f}",
    ]


def verdict(ratios: list[float]) -> str:
    """Whether the ratios of the pairs show that a session stays within `MOST`, that it does not, or neither."""
    logarithms = np.log(ratios)
    middle, half = float(logarithms.mean()), math.inf
    if len(ratios) > 1:
        half = float(stdtrit(len(ratios) - 1, 0.975) * logarithms.std(ddof=1) / math.sqrt(len(ratios)))
    if middle + half <= math.log(MOST):
        return WITHIN
    return ABOVE if middle - half > math.log(MOST) else UNDECIDED


def decided(task: str, epochs: int, count: int, changes: list[str]) -> tuple[list[tuple[Session, float]], str]:
    """Pairs of a task, as many as its verdict takes, and the verdict."""
    measured: list[tuple[Session, float]] = []
    found = UNDECIDED
    for _ in range(AGAIN):
        measured += pairs_of(task, epochs, count, [*changes, "hardware.threads=1"])
        found = verdict([ours.all / theirs for ours, theirs in measured])
        if found != UNDECIDED:
            break
    return measured, found


def judge(found: dict[str, str]) -> int:
    """Print the verdict over all tasks, and return the exit status."""
    parts = [[task for task, said in found.items() if said == kind] for kind in (WITHIN, ABOVE, UNDECIDED)]
    print(f"{len(parts[0])} of {len(found)} tasks stay within {MOST} of a plain loop.")
    if parts[1]:
        print(f"Above it: {', '.join(parts[1])}.")
    if parts[2]:
        print(f"Undecided, since the pairs scatter: {', '.join(parts[2])}. Measure them again with more --pairs.")
    return int(bool(parts[1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="tasks (default: all), and keys of them to change")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--cpu", action="store_true", help="seconds of the processor, not of the wall")
    parser.add_argument("--all", action="store_true", help="all tasks, with a verdict on each and on all")
    words = parser.parse_args()
    missing = {name: value for name, value in ENVIRONMENT.items() if name not in os.environ}
    if missing:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **missing})
    unit = "CPU s" if words.cpu or words.all else "s"
    heads = ("task", f"session, {unit}", f"plain loop, {unit}", "ratio: median", "lowest", "highest", *LAST)
    table = Table(*heads, *(["verdict"] if words.all else []))
    verdicts: dict[str, str] = {}
    changes = [word for word in words.words if "=" in word]
    for task in [word for word in words.words if "=" not in word] or registry.task_names():
        if words.all:
            measured, verdicts[task] = decided(task, words.epochs, words.pairs, changes)
            print(f"{task}: {', '.join(row(measured))}: {verdicts[task]}", flush=True)  # stays when it is cut off
            table.add_row(task, *row(measured), verdicts[task])
        else:
            table.add_row(task, *row(pairs_of(task, words.epochs, words.pairs, changes)))
    Console().print(table)
    Console().print(meters())
    if words.all:
        sys.exit(judge(verdicts))


def meters(step: float = 0.02, repetitions: int = 1000) -> Table:
    """What each meter costs: of a step of 20 ms, or of a second."""
    clock = HostClock()
    clock.start()
    function = timed(lambda: None, clock, FORWARD)
    gpu = current_gpu()
    energy = energy_meter(PowerModel(), gpu)
    boundaries = 5 * seconds_of(function, repetitions)  # data, transfer, forward, backward, optimiser
    table = Table("meter", "each, us", "share")
    table.add_row(
        "step clock, the boundaries of a step", f"{boundaries * 1e6:.1f}", f"{boundaries / step:.3%} of 20 ms"
    )
    reading = seconds_of(energy.read, repetitions)
    table.add_row("energy, a reading of all sensors", f"{reading * 1e6:.1f}", f"{reading:.4%} of a second")
    sample = cost_of_a_sample(gpu, energy)
    table.add_row("telemetry, a sample", f"{sample * 1e6:.1f}", f"{sample:.4%} of a second at 1 Hz")
    return table


def seconds_of(function: Any, repetitions: int) -> float:
    """Of one call."""
    start = time.perf_counter()
    for _ in range(repetitions):
        function()
    return (time.perf_counter() - start) / repetitions


if __name__ == "__main__":
    main()
