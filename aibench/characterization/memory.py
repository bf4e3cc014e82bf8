"""Measures peak memory of real training steps against the batch size, in a process of their own."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from typing import Any

import torch

from aibench.characterization.workload import Steps, TaskWorkload, Workload, run_steps
from aibench.config import ConfigError, DataError
from aibench.meters.system import peak_process_memory, reset_peak_process_memory, set_arithmetic

SECONDS = 20.0  # of a processor, that the steps of one workload may take: on a busy machine as many as on a quiet one
TIMEOUT = 300.0
MOST_BYTES = 12 * 2**30  # that a step may be expected to take
STEPS = Steps(warmup=0, count=2)  # the second has the optimisers' state


def memory(workload: Workload, device: str, expected: dict[int, float]) -> list[dict[str, Any]]:
    """Return the peak memory of two training steps with 1, 4, 16, ... samples, or why it was not measured.

    Args:
        workload: The workload that is trained, up to its own batch size.
        device: `cpu` or `cuda`.
        expected: Batch sizes with the bytes that a step is expected to take; too many are not tried.

    Returns:
        A row for each size: `batch`, `bytes` (above what the process took before; on a GPU what torch allocated) and
        `reason`.
    """
    words = list(workload.words) if isinstance(workload, TaskWorkload) else []
    rows = [
        {"batch": size, "bytes": None, "reason": _too_many(size, expected)} for size in sizes_up_to(workload.batch_size)
    ]
    job = {
        "name": workload.name,
        "scale": workload.scale,
        "words": words,
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


def _too_many(size: int, expected: dict[int, float]) -> str | None:
    estimate = expected.get(size, 0.0)
    return f"expected to take {estimate / 2**30:.1f} GiB" if estimate > MOST_BYTES else None


def _is_json(line: str) -> bool:
    return line.startswith('{"batch"')


def measure(job: dict[str, Any]) -> None:
    """Print, in the child process, a line for each size, until the next would take too long."""
    from aibench.characterization.selection import Selection

    set_arithmetic()
    chosen = Selection([job["name"]], job["scale"], job["device"], job["words"])
    workload = chosen.workload(job["name"])
    before = _now(job["device"])
    left, last = SECONDS, 0.0
    for index, size in enumerate(job["sizes"]):
        if 4 * last > left:
            row = {"batch": size, "bytes": None, "reason": f"two steps would take about {4 * last:.0f} processor s"}
        else:
            start = time.process_time()
            row = {"batch": size, **_peak(workload, size, job["device"], before)}
            took = time.process_time() - start
            if index:  # the first also imports what training needs
                left, last = left - took, took if row["bytes"] is not None else last
        print(json.dumps(row), flush=True)


def _peak(workload: Workload, size: int, device: str, before: int) -> dict[str, Any]:
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    try:
        resized = workload.at_batch(size)
        run_steps(resized, STEPS, device)
    except (ConfigError, DataError) as error:
        return {"bytes": None, "reason": " ".join(str(error).split())}
    except Exception as error:  # batch normalisation of one sample, for one
        return {"bytes": None, "reason": f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"}
    peak = torch.cuda.max_memory_allocated() if device == "cuda" else peak_process_memory()
    return {"bytes": peak - before, "reason": None}


def _now(device: str) -> int:
    """Return the bytes that are taken before anything is trained; peaks count from here on."""
    if device == "cuda":
        return 0
    reset_peak_process_memory()
    return peak_process_memory()


if __name__ == "__main__":
    measure(json.loads(sys.argv[1]))
