"""Runs Nsight Compute on one steady training step, and writes its command line."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from aibench.characterization.ncu_csv import Launch, NcuError, read_launches, refuse_failure
from aibench.characterization.ncu_metrics import HOPPER, metric_names
from aibench.characterization.workload import Steps, run_steps
from aibench.meters.system import set_arithmetic

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


# One launch of each kernel with each grid and block: filters are applied to each of these by itself.
SAMPLE = ("--filter-mode", "per-launch-config", "--launch-count", "1")


def command(
    words: Sequence[str], log: str, stalls: bool = True, capability: int = HOPPER, *, sample: bool = False
) -> list[str]:
    """Return the command line that counts a training step.

    Args:
        words: The workload: `task=NAME scale=...` and KEY=VALUE.
        log: The CSV file that ncu is to write.
        stalls: Whether to count the stall reasons too: seven replays of each kernel instead of two (on an H100).
        capability: The first number of the GPU's compute capability, which says what it can count.
        sample: Whether to count only the first launch of each kernel with each grid and block.
    """
    metrics = ",".join(metric_names(stalls, capability))
    program = [sys.executable, "-m", "aibench.characterization.ncu", *words]
    options = (*OPTIONS, *SAMPLE) if sample else OPTIONS
    return [PROGRAM, *options, "--metrics", metrics, "--log-file", log, *program]


def recipe(words: Sequence[str], log: str = "ncu.csv", stalls: bool = True, *, sample: bool = False) -> str:
    """Return `command` as a line for a shell; for the GPU that is here, else for an H100."""
    return shlex.join(command(words, log, stalls, _capability(), sample=sample))


def _capability() -> int:
    return torch.cuda.get_device_capability()[0] if torch.cuda.is_available() else HOPPER


def profiled(words: Sequence[str], stalls: bool = True, *, sample: bool = False) -> list[Launch]:
    """Run the command, and return the launches of the step, or the sample of them.

    Raises:
        NcuError: ncu is not there, failed, or wrote nothing that can be used.
    """
    if shutil.which(PROGRAM) is None:
        raise NcuError("ncu: not found. Install Nsight Compute, or put its folder on PATH.")
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "ncu.csv"
        done = subprocess.run(
            command(words, str(log), stalls, _capability(), sample=sample),
            capture_output=True,
            text=True,
            check=False,
        )
        said = [*(log.read_text().splitlines() if log.is_file() else []), *done.stdout.splitlines()]
        refuse_failure(PROGRAM, said)
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise NcuError(f"ncu: ended with {done.returncode}: {last}")
        return read_launches(log)


@contextmanager
def _counted() -> Iterator[None]:
    """Enclose the work that ncu is to look at."""
    torch.cuda.profiler.start()  # type: ignore[no-untyped-call]
    yield
    torch.cuda.synchronize()
    torch.cuda.profiler.stop()  # type: ignore[no-untyped-call]


def main(words: Sequence[str]) -> None:
    """Run the program that ncu starts: warm-up steps, then the step that ncu looks at."""
    from aibench.characterization.selection import selected

    set_arithmetic()
    for workload in selected(words):
        run_steps(workload, Steps(WARMUP, 1, _counted), "cuda")


if __name__ == "__main__":
    main(sys.argv[1:])
