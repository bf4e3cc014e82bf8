"""Fills the micro-architectural section of a record (paper, 5.5) from the best source that is here, and names it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import torch

from aibench.characterization.fitting import fitted
from aibench.characterization.gpm import Gpm, TimeActive
from aibench.characterization.launches import launched
from aibench.characterization.ncu import PROGRAM, profiled
from aibench.characterization.ncu_csv import NcuError
from aibench.characterization.ncu_metrics import FIVE
from aibench.characterization.ncu_totals import totals
from aibench.characterization.perf_stat import PerfStat
from aibench.characterization.software import Software
from aibench.characterization.workload import Steps, Workload, run_steps
from aibench.config import ConfigError
from aibench.meters.gpu import current_gpu
from aibench.meters.system import set_arithmetic

WARMUP = 2
CPU_STEPS, LARGE_STEPS, GPU_STEPS = 10, 3, 50  # at reference scale a CPU takes seconds a step; GPM wants some 100 ms
SAMPLED = "One launch of each kernel, grid and block was counted, and stands for those of a step that are like it."
OF_GPUS = "a GPU's metric; this was a CPU"


def counters(
    workload: Workload, device: str, stalls: bool = True, steps: int | None = None, *, sample: bool = False
) -> dict[str, Any]:
    """Count what hardware or, failing that, the operating system counts in steady training steps of `workload`.

    `source` says what counted: `ncu`, `nvml_gpm`, `nvml_utilization`, `perf_stat` or `software`. `metrics` has the
    paper's five, None where this source has none, with the reason in `reasons`. At reference scale a CPU gets a
    smaller batch; see `fitting`.

    Args:
        workload: What to train.
        device: `cpu` or `cuda`.
        stalls: Whether Nsight Compute counts the stall reasons too.
        steps: Steps to count without Nsight Compute; None for 10 on a CPU (3 at reference scale), 50 on a GPU.
        sample: Whether Nsight Compute counts one launch of each kernel, grid and block, which stands for all like it.
    """
    if device == "cuda":
        return _of_gpu(workload, stalls, steps or GPU_STEPS, sample)
    return _in_own_process(workload, steps or (CPU_STEPS if workload.scale == "mini" else LARGE_STEPS))


def _in_own_process(workload: Workload, steps: int) -> dict[str, Any]:
    """Run `_of_cpu` in a process that holds no earlier workload's memory or threads."""
    job = json.dumps(
        {
            "words": [
                f"task={workload.name}",
                f"scale={workload.scale}",
                f"hardware={workload.fast or 'cpu'}",
                *workload.words,
            ],
            "steps": steps,
            "threads": torch.get_num_threads(),
        }
    )
    command = [sys.executable, "-m", "aibench.characterization.counters", job]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    if done.returncode != 0 or not lines:
        last = (done.stderr.strip().splitlines() or [f"the process ended with status {done.returncode}"])[-1]
        raise ConfigError(f"task={workload.name}: its steps failed: {last}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def _of_cpu(workload: Workload, steps: int) -> dict[str, Any]:
    software, perf = Software(), PerfStat()
    workload = fitted(workload, "cpu")

    @contextmanager
    def around() -> Iterator[None]:
        with perf.watch(), software.watch():
            yield

    run_steps(workload, Steps(WARMUP, steps, around), "cpu")
    ratios = perf.ratios()
    because = perf.reason or "the processor does not count it, or this user may not"
    return {
        "source": "software" if perf.reason else "perf_stat",
        **_none(OF_GPUS),
        **_sizes(workload, steps),
        "threads": torch.get_num_threads(),
        "cpu": {**ratios, "counts": perf.counts},
        "cpu_reasons": {name: because for name, value in ratios.items() if value is None},
        "software": asdict(software),
    }


def _of_gpu(workload: Workload, stalls: bool, steps: int, sample: bool) -> dict[str, Any]:
    reason = f"no {PROGRAM} on PATH"
    if shutil.which(PROGRAM):
        try:
            hardware = f"hardware={workload.fast or 'gpu'}"
            named = [f"task={workload.name}", f"scale={workload.scale}", hardware, *workload.words]
            measured, step = profiled(named, stalls, sample=sample), launched(workload)
            found = totals(step.standing_for(measured) if sample else measured, step.busy)
            if sample:
                found["method"] += f" {SAMPLED}"
                found["sample"] = {"measured": len(measured), "share": step.share_known(measured)}
            return {**found, **_sizes(workload, 1)}
        except NcuError as error:
            reason = str(error)
    gpm, active, software = Gpm(current_gpu()), TimeActive(current_gpu()), Software()

    @contextmanager
    def around() -> Iterator[None]:
        with gpm.watch(), software.watch():
            yield

    run_steps(workload, Steps(WARMUP, steps, around, lambda _: active.look()), "cuda")
    empty = _none(reason)
    known = {name: value for name in FIVE if (value := gpm.values.get(name)) is not None}
    return {
        "source": "nvml_utilization" if gpm.reason else "nvml_gpm",
        "metrics": {**empty["metrics"], **known},
        "reasons": {name: why for name, why in empty["reasons"].items() if name not in known},
        "stalls": None,
        **_sizes(workload, steps),
        "gpm": gpm.values,
        "gpm_reason": gpm.reason,
        "gpu_time_active": active.mean,
        "software": asdict(software),
    }


def _none(reason: str) -> dict[str, Any]:
    return {"metrics": dict.fromkeys(FIVE), "reasons": dict.fromkeys(FIVE, reason), "stalls": None}


def _sizes(workload: Workload, steps: int) -> dict[str, int]:
    return {"batch_size": workload.batch_size, "steps": steps}


def main(job: str) -> None:
    """Count a CPU's workload in the process of its own, and print the section as JSON on the last line."""
    from aibench.characterization.selection import selected

    asked = json.loads(job)
    set_arithmetic(asked["threads"])
    (workload,) = selected(asked["words"])
    print(json.dumps(_of_cpu(workload, asked["steps"])))


if __name__ == "__main__":
    main(sys.argv[1])
