"""Counts the operations of a task's forward pass and of its whole training step, once, and keeps them."""

from __future__ import annotations

import copy
import json
import math
import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch

from aibench.config import RunConfig, plain
from aibench.contract import Facts, TaskModule, digest
from aibench.meters.flops import Count, TooLong, count, is_recurrent, on_meta
from aibench.meters.kept import kept
from aibench.meters.proposals import every_proposal
from aibench.meters.stand_in import stand_in_for_trainer

RECIPE = 3  # to be raised with every change of how is counted
SECONDS = 20.0  # that one count may take: a session is not to end with minutes of counting


@dataclass(frozen=True, slots=True)
class Operations:
    """Holds floating-point operations of a task: twice the multiply-adds of matrix products and convolutions.

    Attributes:
        forward: Operations of `forward` with `example_input()`, one sample; None where it could not be counted.
        step: Operations of one training step over its samples; None where it could not be counted.
        uncounted: Calls by name of the operators of the step that carry no formula.
        method: How they were counted.
        reason: Why a number is None.
    """

    forward: float | None
    step: float | None
    uncounted: dict[str, int] = field(default_factory=dict)
    method: str = "FlopCounterMode, canonical decompositions"
    reason: str | None = None


Build = Callable[[], TaskModule]


def operations(config: RunConfig, build: Build, batch: Any, samples: int) -> Operations:
    """Return what a step of a task takes, from the cache where it was counted before.

    Args:
        config: The run.
        build: Makes the task's module anew.
        batch: A training batch, on the CPU.
        samples: Number of samples in the batch.
    """
    shapes = json.dumps([str(leaf.shape) for leaf in torch.utils._pytree.tree_leaves(batch) if torch.is_tensor(leaf)])
    what = json.dumps({"model": plain(config)["model"], "optim": plain(config)["optim"]}, sort_keys=True)
    name = f"operations-{config.task}-{digest(what, shapes, str(samples), torch.__version__, str(RECIPE))}.json"

    def counted() -> dict[str, Any]:
        with _same_randomness_afterwards(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # weights from a file that find no numbers on the meta device, for one
            return asdict(_count(build, batch, samples))

    return Operations(**kept(config.data.cache, name, counted, Operations.__slots__, lasts=_lasts))


def _lasts(found: dict[str, Any]) -> bool:
    """Tell whether the count would be the same again: a quicker machine, or a quiet one, may come to an end."""
    return "took more than" not in (found["reason"] or "")


def _count(build: Build, batch: Any, samples: int) -> Operations:
    reasons: list[str] = []
    forward, _ = forward_of(build, reasons, SECONDS)
    step, where = _first(
        reasons,
        lambda: step_count(_meta(build), on_meta(batch), seconds=SECONDS),
        lambda: step_count(build(), copy.deepcopy(batch), seconds=SECONDS),
    )
    return Operations(
        forward=float(forward.flops) if forward else None,
        step=step.flops / samples if step else None,
        uncounted={name: calls for name, (calls, _) in step.uncounted.items()} if step else {},
        method=f"FlopCounterMode, canonical decompositions, {where}",
        reason=None if forward and step else reasons[-1],
    )


def forward_of(build: Build, reasons: list[str], seconds: float) -> tuple[Count | None, str]:
    """Return one sample's forward pass and where it was counted; None, and a reason in `reasons`, where it was not.

    Args:
        build: Makes the module anew.
        reasons: List that gains what stood in the way.
        seconds: Seconds that the count may take.
    """
    return _first(
        reasons,
        lambda: forward_count(_meta(build), "meta", seconds),
        lambda: forward_count(build(), seconds=seconds),
    )


def _first(reasons: list[str], on_the_meta_device: Any, for_real: Any) -> tuple[Count | None, str]:
    """Count by shapes alone where they are enough, which takes no time and no memory; else with real numbers."""
    for where, attempt in (("on the meta device", on_the_meta_device), ("on the CPU", for_real)):
        try:
            return attempt(), where
        except TooLong as error:
            reasons.append(str(error))
            break
        except Exception as error:  # data-dependent code fails on the meta device in many ways
            reasons.append(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")
    return None, "nowhere"


def _meta(build: Build) -> TaskModule:
    with torch.device("meta"):
        return build().to("meta")


def forward_count(module: TaskModule, device: str = "cpu", seconds: float = math.inf) -> Count:
    """Count one sample's forward pass, in evaluation mode. Raises `TooLong` after `seconds`."""
    module.eval()
    arguments = on_meta(module.example_input()) if device == "meta" else module.example_input()
    with torch.no_grad(), every_proposal():
        return count(lambda: module(*arguments), without_mkldnn=is_recurrent(module), seconds=seconds)


def step_count(module: TaskModule, batch: Any, *, seconds: float = math.inf) -> Count:
    """Count one training step on `batch`: all forward and backward passes; optimisers' updates carry no formula.

    Raises `TooLong` after `seconds`.
    """
    module.train()
    stand_in_for_trainer(module)

    def step() -> None:
        loss: Any = module.training_step(batch, 0)
        if module.automatic_optimization:
            loss.backward()

    with every_proposal():
        return count(step, without_mkldnn=is_recurrent(module), seconds=seconds)


@contextmanager
def _same_randomness_afterwards() -> Iterator[None]:
    states = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        yield
    random.setstate(states[0])
    np.random.set_state(states[1])


def build_of(module_class: type[TaskModule], config: RunConfig, facts: Facts) -> Build:
    """Return a function that makes modules like the session's."""
    return lambda: module_class(config, facts)
