"""Measures where the time of a training step goes, without a synchronisation in the hot path."""

from __future__ import annotations

import functools
import sys
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch

PARTS = ("loop", "data", "transfer", "forward", "backward", "optimizer")
LOOP, DATA, TRANSFER, FORWARD, BACKWARD, OPTIMIZER = range(len(PARTS))
_PENDING = 4096  # events kept before those that the device has passed are read


class StepClock(Protocol):
    """Gives each moment of the training to one part.

    Attributes:
        seconds: Seconds of each of `PARTS`, as far as `settle` has read them.
        durations: Seconds of each step, evaluations left out.
        method: How the seconds are measured.
    """

    seconds: list[float]
    durations: array[float]
    method: str

    def switch(self, part: int) -> int:
        """Give the time from now to `part`, and return the part that it went to before."""

    def start(self) -> None:
        """Give the time to the loop, since training goes on."""

    def stop(self) -> None:
        """Give the time to no part, since training pauses: for an evaluation, say."""

    def step(self) -> None:
        """End a step."""


class HostClock:
    """Times with the host's clock, for devices that compute while the host waits."""

    method = "host clock at each boundary"

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.clock = clock
        self.seconds = [0.0] * len(PARTS)
        self.durations: array[float] = array("d")
        self._part = LOOP
        self._since = self._step = clock()
        self._running = False

    def switch(self, part: int) -> int:
        now, before = self.clock(), self._part
        if self._running:
            self.seconds[before] += now - self._since
        self._part, self._since = part, now
        return before

    def start(self) -> None:
        self._running = True
        self._part = LOOP
        self._since = self._step = self.clock()

    def stop(self) -> None:
        self.switch(LOOP)
        self._running = False

    def step(self) -> None:
        now = self.clock()
        self.durations.append(now - self._step)
        self._step = now


class DeviceClock:
    """Times with CUDA events in the stream of the computation: the host never waits, and device time is counted.

    An interval goes to the part that the host was in when it recorded the event at the interval's start. A device
    that waits for data passes that event at once and the next one late, so the wait counts as data; a device that is
    behind the host does not wait, and counts none.
    """

    method = "CUDA events at each boundary"

    def __init__(self) -> None:
        self.seconds = [0.0] * len(PARTS)
        self.durations: array[float] = array("d")
        self._marks: list[tuple[int, Any]] = []  # the part that begins, -1 for none, and the event at its beginning
        self._steps: list[tuple[Any, Any]] = []
        self._part = LOOP
        self._step: Any = None
        self._running = False

    def _record(self) -> Any:
        event: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event

    def switch(self, part: int) -> int:
        before, self._part = self._part, part
        if not self._running:
            return before
        self._marks.append((part, self._record()))
        if len(self._marks) > _PENDING:
            self._read()
        return before

    def start(self) -> None:
        self._running = True
        self.switch(LOOP)
        self._step = self._marks[-1][1]

    def stop(self) -> None:
        """Stop the clock; the device must have been waited for."""
        if not self._running:
            return
        self._running = False
        self._marks.append((-1, self._record()))
        torch.cuda.synchronize()
        self._read()
        self._steps.clear()

    def step(self) -> None:
        event = self._record()
        if self._step is not None:
            self._steps.append((self._step, event))
        self._step = event

    def _read(self) -> None:
        """Read the events that the device has passed; the last one stays, as the beginning of the next interval."""
        passed = 0
        while passed + 1 < len(self._marks) and self._marks[passed + 1][1].query():
            part, start = self._marks[passed]
            if part >= 0:
                self.seconds[part] += start.elapsed_time(self._marks[passed + 1][1]) / 1000
            passed += 1
        self._marks = self._marks[passed:]
        while self._steps and self._steps[0][1].query():
            start, end = self._steps.pop(0)
            self.durations.append(start.elapsed_time(end) / 1000)


def waited_for(iterator: Iterator[Any], clock: StepClock) -> Iterator[Any]:
    """Yield what `iterator` gives; the time that it takes goes to the data."""
    while True:
        before = clock.switch(DATA)
        try:
            item = next(iterator)
        except StopIteration:
            return
        finally:
            clock.switch(before)
        yield item


def step_clock() -> StepClock:
    """Return the clock for the device that there is."""
    return DeviceClock() if torch.cuda.is_available() else HostClock()


def compilation_seconds() -> float:
    """Return the seconds that torch.compile took in this process so far; it compiles inside the first passes."""
    if "torch._dynamo" not in sys.modules:
        return 0.0
    from torch._dynamo.utils import calculate_time_spent

    return float(calculate_time_spent().get("total_wall_time", 0.0))


def timed(function: Callable[..., Any], clock: StepClock, part: int) -> Callable[..., Any]:
    """Return `function` with its time given to `part`, and what it calls to the parts that those name."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        before = clock.switch(part)
        try:
            return function(*args, **kwargs)
        finally:
            clock.switch(before)

    return call


@contextmanager
def watched(module: Any, trainer: Any, clock: StepClock) -> Iterator[None]:
    """Have `clock` told of the boundaries in each step of `module`, under automatic and manual optimisation alike.

    Lightning calls the step's parts by these names whatever the optimisation: `training_step`, `backward` (also from
    `manual_backward`) and the optimisers' own `step`, inside which automatic optimisation runs the other two.
    """
    own = {name: module.__dict__.get(name) for name in ("training_step", "backward")}
    module.training_step = timed(module.training_step, clock, FORWARD)
    module.backward = timed(module.backward, clock, BACKWARD)
    strategy = trainer.strategy
    strategy.batch_to_device = timed(strategy.batch_to_device, clock, TRANSFER)
    stack: list[int] = []
    hooks = []
    for optimizer in trainer.optimizers:
        hooks.append(optimizer.register_step_pre_hook(lambda *_: stack.append(clock.switch(OPTIMIZER))))
        hooks.append(optimizer.register_step_post_hook(lambda *_: clock.switch(stack.pop()) and None))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        del strategy.batch_to_device
        for name, value in own.items():
            if value is None:
                delattr(module, name)
            else:
                setattr(module, name, value)
