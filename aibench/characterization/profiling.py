"""Profiles a few steady training steps: seconds by category, by function, by operator and shapes."""

from __future__ import annotations

import gc
import json
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch.profiler import ProfilerActivity, record_function

from aibench.characterization import attribution
from aibench.characterization.attribution import Attribution, Piece, attribute
from aibench.characterization.classes import Rules, read_rules
from aibench.characterization.fitting import fitted
from aibench.characterization.workload import Steps, Workload, run_steps

MOST_SHAPES = 60
LEAST_SHARE = 0.002  # of the busy time, for shapes to be listed


@dataclass(frozen=True, slots=True)
class Plan:
    """Says how many steps a profile has: before it, timed without the profiler, timed with it."""

    warmup: int = 2
    plain: int = 3
    profiled: int = 3


LONG = 0.5  # seconds of a step of which one is enough
PLANS = {"mini": Plan(), "reference": Plan(1, 1, 1)}
GPU_PLAN = Plan(5, 3, 2)  # until cuDNN has chosen its algorithms


def profile(
    workload: Workload, device: str = "cpu", *, plan: Plan | None = None, rules: Rules | None = None
) -> dict[str, Any]:
    """Measure where the time of a training step goes.

    At reference scale a CPU gets a smaller batch; see `fitting`.

    Args:
        workload: What is trained.
        device: `cpu` or `cuda`.
        plan: Numbers of steps.
        rules: Rules that sort functions into kinds of work; the suite's own where not given.

    Returns:
        A record's section `profile`; docs/characterization.md describes it. Seconds and calls are sums over its steps.
    """
    rules, plan = rules or read_rules(), plan or (GPU_PLAN if device == "cuda" else PLANS[workload.scale])
    small = fitted(workload, device)
    watch = _Watch(plan, device)
    run_steps(_Ranged(small, plan), watch.steps(), device)
    return {"batch": small.batch_size, "suite_batch": workload.batch_size} | summary(
        watch.attribution(rules), rules, watch.profiled, watch.plain_seconds
    )


def summary(found: Attribution, rules: Rules, steps: int, plain: float) -> dict[str, Any]:
    """Return `found` in the form that a record holds.

    Args:
        found: The profiled steps.
        rules: The rules by which they were taken apart.
        steps: How many.
        plain: Seconds of a step without the profiler.
    """
    pieces = [piece for piece in found.pieces if piece.phase != "input"]
    busy = sum(piece.seconds for piece in pieces)
    shares = _Shares(busy, found.wall)
    unknown = [piece for piece in pieces if piece.category is None]
    by_category = _groups(pieces, lambda piece: piece.category)
    by_phase = _groups(pieces, lambda piece: piece.phase)
    return {
        "steps": steps,
        "wall": _rounded(found.wall),
        "busy": _rounded(busy),
        "step_seconds": _rounded(found.wall / steps),
        "plain_step_seconds": _rounded(plain),
        "profiler_cost": round(found.wall / steps / plain - 1, 4),
        "framework": {"autograd": _rounded(found.autograd), "python": _rounded(found.python)},
        "input": _rounded(sum(piece.seconds for piece in found.pieces if piece.phase == "input")),
        "gpu_idle": None if found.gpu_busy is None else round(1 - found.gpu_busy / found.wall, 6),
        "unclassified": shares.of(sum(piece.seconds for piece in unknown))
        | {"names": sorted({piece.name for piece in unknown})[:20]},
        "categories": {name: shares.of(by_category[name][1]) for name in rules.categories if name in by_category},
        "phases": {name: shares.of(by_phase[name][1]) for name in attribution.PHASES if name in by_phase},
        "functions": [*_functions(pieces, shares)],
        "shapes": [*_shapes(pieces, shares)],
        "layers": [*_shapes(found.layers, shares)],
        "rules": rules.source,
    }


@dataclass(frozen=True, slots=True)
class _Shares:
    busy: float
    wall: float

    def of(self, seconds: float) -> dict[str, float]:
        share = seconds / self.busy if self.busy else 0.0
        return {"seconds": _rounded(seconds), "share": round(share, 8), "share_of_wall": round(seconds / self.wall, 8)}


def _rounded(seconds: float) -> float:
    return round(seconds, 9)


def _groups(pieces: Iterable[Piece], key: Callable[[Piece], Hashable]) -> dict[Any, tuple[int, float]]:
    """Return calls and seconds of the pieces of each key, the longest first."""
    groups: dict[Any, list[float]] = defaultdict(list)
    for piece in pieces:
        groups[key(piece)].append(piece.seconds)
    sums = {name: (len(seconds), sum(seconds)) for name, seconds in groups.items()}
    return dict(sorted(sums.items(), key=lambda pair: -pair[1][1]))


def _functions(pieces: list[Piece], shares: _Shares) -> Iterator[dict[str, Any]]:
    heads = ("name", "operator", "category", "phase")
    groups = _groups(pieces, lambda piece: (piece.name, piece.operator, piece.category, piece.phase))
    for named, (calls, seconds) in groups.items():
        yield dict(zip(heads, named, strict=True)) | {"calls": calls} | shares.of(seconds)


def _shapes(pieces: list[Piece], shares: _Shares) -> Iterator[dict[str, Any]]:
    heads = ("operator", "category", "phase")
    shaped = (piece for piece in pieces if piece.arguments.get("Input Dims"))
    groups = _groups(shaped, lambda piece: (piece.operator, piece.category, piece.phase, _inputs(piece)))
    for (*named, inputs), (calls, seconds) in islice(groups.items(), MOST_SHAPES):
        if seconds >= LEAST_SHARE * shares.busy:
            told = {"calls": calls} | shares.of(seconds)
            yield dict(zip(heads, named, strict=True)) | json.loads(inputs) | told


def _inputs(piece: Piece) -> str:
    names = {"shapes": "Input Dims", "types": "Input type", "strides": "Input Strides", "values": "Concrete Inputs"}
    return json.dumps({ours: piece.arguments.get(theirs, []) for ours, theirs in names.items()})


class _Watch:
    """Times the first steps of interest, then has the profiler record the rest."""

    def __init__(self, plan: Plan, device: str) -> None:
        self.plan = plan
        self.device = device
        self.plain_seconds = 0.0
        self.first = plan.plain  # step that is profiled
        self.trace: dict[str, Any] = {}
        self._open = ExitStack()
        self._start = 0.0

    def steps(self) -> Steps:
        """Return what `run_steps` is to do."""
        return Steps(self.plan.warmup, self.plan.plain + self.plan.profiled, self._around, self._before)

    def attribution(self, rules: Rules) -> Attribution:
        """Return the profiled steps, taken apart."""
        return attribute(self.trace, rules)

    @contextmanager
    def _around(self) -> Iterator[None]:
        self._start = time.perf_counter()
        with self._open:
            yield

    @property
    def profiled(self) -> int:
        """Return the number of steps that are profiled: one where steps are long."""
        return self.plan.plain + self.plan.profiled - self.first

    def _before(self, step: int) -> None:
        if step == self.plan.plain and self._elapsed() > LONG * step:
            self.first += self.plan.profiled - 1
        if step == self.first:
            self.plain_seconds = self._elapsed() / step
            self._open.enter_context(self._recording())
            self._open.enter_context(record_function(attribution.STEPS))

    def _elapsed(self) -> float:
        if self.device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - self._start

    @contextmanager
    def _recording(self) -> Iterator[None]:
        os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else it complains of a GPU that is not there
        activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if self.device == "cuda" else [])]
        with torch.profiler.profile(activities=activities, record_shapes=True) as profiler:
            yield
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "trace.json"
            profiler.export_chrome_trace(str(path))
            self.trace = _read(path)


def _read(path: Path) -> dict[str, Any]:
    gc.disable()  # millions of small objects, none of them garbage
    try:
        return attribution.read_trace(path.read_text(encoding="utf-8"))
    finally:
        gc.enable()


class _Ranged(Workload):
    """Marks a workload's forward and backward passes and waits for input as ranges of the trace.

    Under automatic optimisation all of them run inside of the optimiser's step, which is why they need names.
    Batches are made before the steps and used again after that: how long it takes to make samples up says nothing.
    """

    def __init__(self, workload: Workload, plan: Plan) -> None:
        self.workload = workload
        self.name, self.suite, self.scale = workload.name, workload.suite, workload.scale
        self.hardware, self.fast = workload.hardware, workload.fast
        self.batch_size = workload.batch_size
        self._made = list(islice(iter(workload.batches()), plan.warmup + plan.plain + plan.profiled + 1))

    def build(self) -> pl.LightningModule:
        return self.workload.build()

    def to_train(self) -> pl.LightningModule:
        module = self.workload.to_train()
        ranged = getattr(module, "_orig_mod", module)  # where the whole module is compiled
        for method, name in (("training_step", attribution.FORWARD), ("backward", attribution.BACKWARD)):
            setattr(ranged, method, _within(name, getattr(ranged, method)))
        return module

    def batch(self) -> Any:
        return self._made[0]

    def batches(self) -> Iterable[Any]:
        return _Again(self._made, self.workload.batches())


class _Again:
    """Yields as many batches as `original` has, from those made before."""

    def __init__(self, made: list[Any], original: Iterable[Any]) -> None:
        self.made = made
        self.length = len(original)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[Any]:
        for place in range(self.length):
            with record_function(attribution.INPUT):
                batch = self.made[place % len(self.made)]
            yield batch


def _within(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    def ranged(*args: Any, **kwargs: Any) -> Any:
        with record_function(name):
            return method(*args, **kwargs)

    return ranged
