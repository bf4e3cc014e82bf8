"""Gives every microsecond of a traced step to one function, and every function to what asked for it.

Reads a trace in Chrome's format as torch.profiler exports it; knows neither torch nor how it was made. On a CPU a
function is an operator, and its time is what it spends outside of the operators that it calls. On a GPU a function is
a kernel or a copy, found from its launch; operators' own times are then the host's and not counted.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from aibench.characterization.classes import OPTIMIZER, Rules

STEPS, FORWARD, BACKWARD, INPUT = "aibench::steps", "aibench::forward", "aibench::backward", "aibench::input"
PHASES = ("forward", "backward", "optimiser", "input", "other")
ON_HOST = ("cpu_op", "user_annotation", "cuda_runtime", "cuda_driver")
ON_GPU = ("kernel", "gpu_memcpy", "gpu_memset")
MICRO = 1e-6


class TraceError(ValueError):
    """Reports a trace that shows no steps. The message is one line."""


@dataclass(slots=True)
class Call:
    """Holds a host call of a trace.

    Attributes:
        name: An operator, a range, a launch.
        kind: The trace's category of it.
        start, end: Times in microseconds.
        arguments: What the trace tells of it: shapes, types.
        parent: The call around it.
        inside: Microseconds of the calls that it made.
        phase: One of `PHASES`.
        region: The category of the layer that it is part of; None where it is part of none.
    """

    name: str
    kind: str
    start: float
    end: float
    arguments: dict[str, Any] = field(repr=False)
    parent: Call | None = field(default=None, repr=False)
    inside: float = 0.0
    phase: str = "other"
    region: str | None = None

    def outwards(self) -> Iterator[Call]:
        """Yield the call, then those around it, the innermost first."""
        call: Call | None = self
        while call is not None:
            yield call
            call = call.parent


@dataclass(frozen=True, slots=True)
class Piece:
    """Holds the time that one function took once.

    Attributes:
        name: The operator, or the GPU's function.
        operator: The operator that it is or that launched it; empty where the trace does not tell.
        category: By the rules; None where they say nothing.
        phase: One of `PHASES`.
        seconds: Time of the function alone.
        arguments: The operator's arguments.
    """

    name: str
    operator: str
    category: str | None
    phase: str
    seconds: float
    arguments: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Attribution:
    """Holds the steps of a trace, taken apart.

    Attributes:
        pieces: One for each operator on a CPU, or for each kernel and copy on a GPU.
        wall: Seconds that the steps took.
        autograd: Seconds of the host in the engine that runs backward operators, without the operators.
        python: Seconds of the host elsewhere: in the model's Python, Lightning, the loop.
        gpu_busy: Seconds in which a kernel or copy ran, overlaps counted once; None without a GPU.
        layers: Whole layers that are made of operators, forwards, with all their time; without a GPU.
    """

    pieces: list[Piece]
    wall: float
    autograd: float
    python: float
    gpu_busy: float | None
    layers: list[Piece] = field(default_factory=list)


def attribute(trace: dict[str, Any], rules: Rules) -> Attribution:
    """Take a trace apart.

    Args:
        trace: Chrome's format: `traceEvents` with the range `aibench::steps` around the steps.
        rules: What is what.

    Raises:
        TraceError: It has no such range.
    """
    events = [event for event in trace.get("traceEvents", ()) if event.get("ph") == "X"]
    threads = _threads(events)
    calls = [call for thread in threads.values() for call in thread]
    ranges = [call for call in calls if call.name == STEPS]
    if not ranges:
        raise TraceError(f"the trace has no range {STEPS}.")
    _settle(calls, rules)
    kernels = [event for event in events if event.get("cat") in ON_GPU]
    wall = sum(call.end - call.start for call in ranges) * MICRO
    own = [(call, (call.end - call.start - call.inside) * MICRO) for call in calls]
    framework = [(call, seconds) for call, seconds in own if _is_framework(call, rules)]
    autograd = sum(seconds for call, seconds in framework if call.phase == "backward" and call.kind == "cpu_op")
    pieces = list(_launched(kernels, calls, rules) if kernels else _computed(own, rules))
    busy = union((event["ts"], event["ts"] + event["dur"]) for event in kernels) * MICRO if kernels else None
    python = sum(seconds for _, seconds in framework) - autograd
    return Attribution(pieces, wall, autograd, python, busy, [] if kernels else [*_layers(calls, rules)])


def _threads(events: Iterable[dict[str, Any]]) -> dict[Any, list[Call]]:
    """Return the host's calls of each thread by their start, each with the call around it."""
    threads: dict[Any, list[Call]] = defaultdict(list)
    for event in events:
        if event.get("cat") in ON_HOST:
            end = event["ts"] + event["dur"]
            call = Call(event["name"], event["cat"], event["ts"], end, event.get("args", {}))
            threads[event.get("pid"), event.get("tid")].append(call)
    for calls in threads.values():
        calls.sort(key=lambda call: (call.start, -call.end))
        around: list[Call] = []
        for call in calls:
            while around and around[-1].end <= call.start:
                around.pop()
            if around:
                call.parent = around[-1]
                call.end = min(call.end, call.parent.end)  # the trace rounds
                call.parent.inside += call.end - call.start
            around.append(call)
    return threads


def _settle(calls: list[Call], rules: Rules) -> None:
    """Give every call its phase and region: the enclosing call's, or for a backward node its forward operator's."""
    makers: dict[Any, Call] = {}  # which forward operator recorded a node: the last to start with its number
    forward: list[Call] = []
    for call in calls:
        call.phase = _phase(call) or (call.parent.phase if call.parent else "other")
        number = call.arguments.get("Sequence number")
        if call.phase != "backward" and number is not None and number >= 0:
            forward.append(call)
    for call in sorted(forward, key=lambda call: call.start):
        makers[call.arguments["Sequence number"]] = call
    for call in (
        *(one for one in calls if one.phase != "backward"),
        *(one for one in calls if one.phase == "backward"),
    ):
        call.region = call.parent.region if call.parent else None
        if call.region is None and call.name.startswith("autograd::engine::evaluate_function"):
            maker = makers.get(call.arguments.get("Sequence number"))
            call.region = maker.region if maker else None
        call.region = call.region or (rules.region(call.name) if call.kind == "cpu_op" else None)


def _phase(call: Call) -> str | None:
    named = {FORWARD: "forward", BACKWARD: "backward", INPUT: "input"}.get(call.name)
    if named is None and call.name.startswith("autograd::engine::evaluate_function"):
        return "backward"
    return OPTIMIZER if named is None and call.name.startswith("Optimizer.") else named


def _is_framework(call: Call, rules: Rules) -> bool:
    return call.kind == "user_annotation" or (call.kind == "cpu_op" and rules.is_framework(call.name))


def _category(call: Call, rules: Rules, kernel: str | None = None) -> str | None:
    if call.phase == OPTIMIZER:
        return OPTIMIZER
    if kernel is not None and (moved := rules.transfer(kernel)):
        return moved
    if call.region is not None:
        return call.region
    operators = [one.name for one in call.outwards() if one.kind == "cpu_op" and not rules.is_framework(one.name)]
    return rules.category(operators, kernel)


def _computed(own: Iterable[tuple[Call, float]], rules: Rules) -> Iterator[Piece]:
    """Yield the operators of a CPU, each with its own time."""
    for call, seconds in own:
        if call.kind == "cpu_op" and not _is_framework(call, rules):
            yield Piece(call.name, call.name, _category(call, rules), call.phase, seconds, call.arguments)


def _layers(calls: Iterable[Call], rules: Rules) -> Iterator[Piece]:
    for call in calls:
        around = call.parent.region if call.parent else None
        if call.phase == "forward" and call.region is not None and around is None and rules.region(call.name):
            seconds = (call.end - call.start) * MICRO
            yield Piece(call.name, call.name, call.region, call.phase, seconds, call.arguments)


def _launched(kernels: list[dict[str, Any]], calls: list[Call], rules: Rules) -> Iterator[Piece]:
    """Yield what ran on a GPU, each piece with the operator that launched it."""
    launches = {call.arguments["correlation"]: call for call in calls if "correlation" in call.arguments}
    operators = {
        call.arguments["External id"]: call
        for call in calls
        if call.kind == "cpu_op" and "External id" in call.arguments
    }
    for event in kernels:
        told = event.get("args", {})
        launch = launches.get(told.get("correlation")) or operators.get(told.get("External id"))
        launch = launch or Call("", "none", 0, 0, {})
        around = (one for one in launch.outwards() if one.kind == "cpu_op" and not rules.is_framework(one.name))
        operator = next(around, Call("", "none", 0, 0, {}))
        name, seconds = event["name"], event["dur"] * MICRO
        yield Piece(name, operator.name, _category(launch, rules, name), launch.phase, seconds, operator.arguments)


def union(intervals: Iterable[tuple[float, float]]) -> float:
    """Return the length that `intervals`, which may overlap, cover together."""
    covered, until = 0.0, float("-inf")
    for start, end in sorted(intervals):
        covered += max(0.0, end - max(start, until))
        until = max(until, end)
    return covered


def read_trace(text: str) -> dict[str, Any]:
    """Return a trace from its JSON. Raises `TraceError` where it is none."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise TraceError(f"the trace is not JSON: {error}.") from error
    if not isinstance(found, dict) or "traceEvents" not in found:
        raise TraceError("the trace has no traceEvents.")
    return found
