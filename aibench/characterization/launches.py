"""Counts what a training step launches on a GPU, as the profiler saw it: how long kernels ran, and which how often."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from aibench.characterization.attribution import read_trace, union
from aibench.characterization.ncu import WARMUP
from aibench.characterization.ncu_csv import Launch
from aibench.characterization.workload import Steps, Workload, run_steps

ON_GPU = ("kernel", "gpu_memcpy", "gpu_memset")
Key = tuple[str, tuple[int, ...], tuple[int, ...]]  # a kernel's name as `short` has it, its grid, its block
UNNAMED = re.compile(r"<unnamed>::|\(anonymous namespace\)::")


@dataclass(frozen=True, slots=True)
class Launched:
    """Holds what a training step launched.

    Attributes:
        busy: The share of the step in which kernels or copies ran; None where none was seen.
        counts: Number of launches in a step, by kernel, grid and block.
    """

    busy: float | None
    counts: Counter[Key]

    def standing_for(self, sample: Sequence[Launch]) -> list[Launch]:
        """Return each launch of `sample` as often as the step has its like; once where the profiler saw none."""
        several = Counter(_key(launch) for launch in sample)  # names that are told apart by what `short` leaves out
        return [
            launch for launch in sample for _ in range(max(1, round(self.counts[_key(launch)] / several[_key(launch)])))
        ]

    def share_known(self, sample: Sequence[Launch]) -> float:
        """Return the share of the step's launches that some launch of `sample` stands for."""
        known = {_key(launch) for launch in sample}
        return sum(count for key, count in self.counts.items() if key in known) / max(1, self.counts.total())


def launched(workload: Workload, steps: int = 5) -> Launched:
    """Run steady training steps: some against the clock, then as many with the profiler, which slows them."""
    clock: Any = [torch.cuda.Event(enable_timing=True) for _ in range(2)]  # type: ignore[no-untyped-call]
    profiler: Any = torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA], acc_events=True)
    opened = ExitStack()

    def before(step: int) -> None:
        if step == 0:
            clock[0].record()
        if step == steps:
            clock[1].record()
            torch.cuda.synchronize()
            opened.enter_context(profiler)

    run_steps(workload, Steps(WARMUP, 2 * steps, lambda: opened, before), "cuda")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(path))
        trace = read_trace(path.read_text(encoding="utf-8"))
    return of_trace(trace["traceEvents"], steps, 1000 * clock[0].elapsed_time(clock[1]))


def of_trace(events: Sequence[dict[str, Any]], steps: int, microseconds: float) -> Launched:
    """Return what a trace of `steps` steps shows, which took `microseconds` without the profiler."""
    ran = [event for event in events if event.get("cat") in ON_GPU and "dur" in event]
    covered = union([(event["ts"], event["ts"] + event["dur"]) for event in ran])
    seen = Counter(
        (short(event["name"]), tuple(event["args"]["grid"]), tuple(event["args"]["block"]))
        for event in ran
        if "grid" in event.get("args", {})
    )
    counts = Counter({key: max(1, round(count / steps)) for key, count in seen.items()})
    return Launched(min(1.0, covered / microseconds) if ran else None, counts)


def _key(launch: Launch) -> Key:
    return short(launch.kernel), launch.grid, launch.block


def short(kernel: str) -> str:
    """Return a kernel's name without namespaces, template and arguments, which each tool writes in its own way."""
    name = UNNAMED.sub("", kernel).removeprefix("void ")
    return re.split(r"[<(]", name, maxsplit=1)[0].rsplit("::", 1)[-1].strip()
