"""Nsight Compute on one steady training step: the command line, and running it."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from aibench.characterization.ncu_csv import Launch, NcuError, read_launches, refuse_failure
from aibench.characterization.ncu_metrics import HOPPER, metric_names
from aibench.characterization.workload import Steps, Workload, run_steps

PROGRAM = "ncu"
WARMUP = 10  # steps before the profiled one: until cuDNN has chosen its algorithms and memory is allotted
# One step only: between cudaProfilerStart and Stop. No NVTX filter: a pushed range holds only what its own thread
# launches, and the backward pass is launched by another. Clocks and caches as in training, where the default would lock
# and flush them. Kernel replay: each kernel runs once for every pass, its writes undone in between.
OPTIONS = (
    *("--target-processes", "all", "--profile-from-start", "off", "--replay-mode", "kernel"),
    *("--cache-control", "none", "--clock-control", "none", "--graph-profiling", "node"),
    *("--csv", "--page", "raw", "--print-units", "base"),
)


def command(words: Sequence[str], log: str, stalls: bool = True, capability: int = HOPPER) -> list[str]:
    """The command line that counts a training step.

    Args:
        words: The workload: `task=NAME scale=...` and KEY=VALUE.
        log: The CSV file that ncu is to write.
        stalls: With the stall reasons: seven replays of each kernel instead of two (on an H100).
        capability: The first number of the GPU's compute capability, which says what it can count.
    """
    metrics = ",".join(metric_names(stalls, capability))
    program = [sys.executable, "-m", "aibench.characterization.ncu", *words]
    return [PROGRAM, *OPTIONS, "--metrics", metrics, "--log-file", log, *program]


def recipe(words: Sequence[str], log: str = "ncu.csv", stalls: bool = True) -> str:
    """`command` as a line for a shell; for the GPU that is here, else for an H100."""
    return shlex.join(command(words, log, stalls, _capability()))


def _capability() -> int:
    return torch.cuda.get_device_capability()[0] if torch.cuda.is_available() else HOPPER


def profiled(words: Sequence[str], stalls: bool = True) -> list[Launch]:
    """Run the command, and return the launches of the step.

    Raises:
        NcuError: ncu is not there, failed, or wrote nothing that can be used.
    """
    if shutil.which(PROGRAM) is None:
        raise NcuError("ncu: not found. Install Nsight Compute, or put its folder on PATH.")
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "ncu.csv"
        done = subprocess.run(
            command(words, str(log), stalls, _capability()), capture_output=True, text=True, check=False
        )
        said = [*(log.read_text().splitlines() if log.is_file() else []), *done.stdout.splitlines()]
        refuse_failure(PROGRAM, said)
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise NcuError(f"ncu: ended with {done.returncode}: {last}")
        return read_launches(log)


def busy_fraction(workload: Workload, steps: int = 5) -> float | None:
    """The share of a training step's time in which kernels run; None where none was seen.

    The kernels' time is the profiler's, the steps' time that of other steps without it: it slows what launches them.
    """
    clock: Any = [torch.cuda.Event(enable_timing=True) for _ in range(2)]  # type: ignore[no-untyped-call]
    profile: Any = torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA], acc_events=True)

    @contextmanager
    def timed() -> Iterator[None]:
        clock[0].record()
        yield
        clock[1].record()

    run_steps(workload, Steps(WARMUP, steps, timed), "cuda")
    torch.cuda.synchronize()
    run_steps(workload, Steps(WARMUP, steps, lambda: profile), "cuda")
    spans = [event.time_range for event in profile.events() if event.device_type.name == "CUDA"]
    microseconds = 1000 * clock[0].elapsed_time(clock[1])
    return min(1.0, union([(span.start, span.end) for span in spans]) / microseconds) if spans else None


def union(intervals: Sequence[tuple[float, float]]) -> float:
    """The length that `intervals` cover together: streams overlap."""
    covered, reached = 0.0, float("-inf")
    for start, end in sorted(intervals):
        covered += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return covered


@contextmanager
def _counted() -> Iterator[None]:
    """What ncu is to look at."""
    torch.cuda.profiler.start()  # type: ignore[no-untyped-call]
    yield
    torch.cuda.synchronize()
    torch.cuda.profiler.stop()  # type: ignore[no-untyped-call]


def main(words: Sequence[str]) -> None:
    """The program that ncu starts: warm-up steps, then the step that it looks at."""
    from aibench.characterization.selection import selected

    for workload in selected(words):
        run_steps(workload, Steps(WARMUP, 1, _counted), "cuda")


if __name__ == "__main__":
    main(sys.argv[1:])
