"""Measures peak memory of real training steps against the batch size, in a process of their own."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from aibench.characterization.workload import Steps, TaskWorkload, Workload, run_steps
from aibench.config import ConfigError, DataError
from aibench.meters.system import peak_process_memory, reset_peak_process_memory, set_arithmetic

TIMEOUT = 3600.0  # only against a process that hangs
MOST_BYTES = 12 * 2**30  # that a step may be expected to take
COUNT = 2  # steps of a size; the second has the optimisers' state
MOST_FLOPS = 1e12  # that the steps of a size may be expected to compute on a CPU: one core takes half a minute


@dataclass(frozen=True, slots=True)
class Expected:
    """Holds what a training step is expected to take, by its shapes.

    Attributes:
        bytes: Bytes of memory; 0 where it is not known.
        flops: Floating-point operations; 0 where they are not known.
    """

    bytes: float = 0.0
    flops: float = 0.0


def memory(workload: Workload, device: str, expected: dict[int, Expected]) -> list[dict[str, Any]]:
    """Return the peak memory of two training steps with 1, 4, 16, ... samples, or why it was not measured.

    Args:
        workload: The workload that is trained, up to its own batch size.
        device: `cpu` or `cuda`.
        expected: What a step is expected to take, by batch size. What is too much is not tried; too many operations
            only count on a CPU, and never for a single sample. So a slow or a busy machine tries the same sizes.

    Returns:
        A row for each size: `batch`, `bytes` (above what the process takes after a first step, which loads libraries,
        with nothing in hand; on a GPU what torch allocated) and `reason`.
    """
    words, fast = (list(workload.words), workload.fast) if isinstance(workload, TaskWorkload) else ([], None)
    rows = [
        {"batch": size, "bytes": None, "reason": too_much(size, device, expected.get(size, Expected()))}
        for size in sizes_up_to(workload.batch_size)
    ]
    job = {
        "name": workload.name,
        "scale": workload.scale,
        "words": words,
        "fast": fast,
        "device": device,
        "sizes": [row["batch"] for row in rows if row["reason"] is None],
    }
    command = [sys.executable, "-m", "aibench.characterization.memory", json.dumps(job)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT)
        text, end = done.stdout, f"the process ended with status {done.returncode}"
    except subprocess.TimeoutExpired as error:
        text, end = (error.stdout or b"").decode(), f"the process took more than {TIMEOUT:g} s"
    found = {one["batch"]: one for one in map(json.loads, filter(_is_json, text.splitlines()))}
    return [
        row if row["reason"] else found.get(row["batch"], {"batch": row["batch"], "bytes": None, "reason": end})
        for row in rows
    ]


def sizes_up_to(most: int) -> list[int]:
    """Return 1, 4, 16, ... and `most`."""
    return [*(4**power for power in range(most.bit_length()) if 4**power < most), most]


def too_much(size: int, device: str, expected: Expected) -> str | None:
    """Return why steps of `size` samples are not tried, or None."""
    if expected.bytes > MOST_BYTES:
        return f"expected to take {expected.bytes / 2**30:.1f} GiB"
    flops = COUNT * expected.flops
    if device == "cpu" and size > 1 and flops > MOST_FLOPS:
        return f"expected to take {flops:.1e} floating-point operations, more than {MOST_FLOPS:.0e}"
    return None


def _is_json(line: str) -> bool:
    return line.startswith('{"batch"')


def measure(job: dict[str, Any]) -> None:
    """Print, in the child process, a line for each size."""
    from aibench.characterization.selection import Selection

    set_arithmetic()
    chosen = Selection([job["name"]], job["scale"], job["device"], job["words"], job["fast"])
    workload = chosen.workload(job["name"])
    if job["sizes"] and job["device"] == "cpu":
        _peak(workload, min(job["sizes"]), job["device"], 0)  # loads what a first step loads: 200 MB of libraries
    before = _now(job["device"])
    for size in job["sizes"]:
        print(json.dumps({"batch": size, **_peak(workload, size, job["device"], before)}), flush=True)


def _peak(workload: Workload, size: int, device: str, before: int) -> dict[str, Any]:
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    try:
        resized = workload.at_batch(size)
        run_steps(resized, Steps(warmup=0, count=COUNT, around=partial(from_here_on, device)), device)
    except (ConfigError, DataError) as error:
        return {"bytes": None, "reason": " ".join(str(error).split())}
    except Exception as error:  # batch normalisation of one sample, for one
        return {"bytes": None, "reason": f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"}
    peak = torch.cuda.max_memory_allocated() if device == "cuda" else peak_process_memory()
    return {"bytes": peak - before, "reason": None}


@contextlib.contextmanager
def from_here_on(device: str) -> Iterator[None]:
    """Let the peak be of the steps: making the samples and the weights may take more, for a moment, than training."""
    if device == "cpu":
        _forget()
    yield


def _now(device: str) -> int:
    """Return the bytes that are taken before anything is trained; peaks count from here on."""
    if device == "cuda":
        return 0
    gc.collect()
    _forget()
    return peak_process_memory()


def _forget() -> None:
    """Begin a new peak at what is in use, after the C library returned what it keeps of freed memory, if it can."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    reset_peak_process_memory()


if __name__ == "__main__":
    measure(json.loads(sys.argv[1]))
