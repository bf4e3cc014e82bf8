"""Describes the machine, the software on it and the repository, as the result records them."""

from __future__ import annotations

import logging
import os
import platform
import resource
import subprocess
import sys
import warnings
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import nn

from aibench.config import HardwareConfig
from aibench.meters.cores import cores

PACKAGES = (
    "torch",
    "torchvision",
    "pytorch-lightning",
    "torchmetrics",
    "numpy",
    "hydra-core",
    "scikit-learn",
)
ENVIRONMENT = (
    "OMP_NUM_THREADS",
    "OMP_WAIT_POLICY",
    "GOMP_SPINCOUNT",
    "KMP_BLOCKTIME",
    "MALLOC_TRIM_THRESHOLD_",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TOP_PAD_",
)


def usable_cores() -> int:
    """Return how many cores this process may use: its affinity, within the quotas of its control groups."""
    return cores().usable


def set_arithmetic(threads: int | None = None, *, tf32: bool = False) -> None:
    """Have operators compute as in every session: whoever measures one calls this first.

    Args:
        threads: Threads of an operator on the CPU; the cores that this process may use where not given.
        tf32: Whether a GPU may round the factors of products and convolutions to 10 bits: another precision than fp32.
    """
    torch.set_num_threads(threads or usable_cores())
    allow_tf32(tf32)


def allow_tf32(allowed: bool) -> None:
    """Set TF32 in products and convolutions alike; PyTorch's own default allows it in convolutions only."""
    torch.set_float32_matmul_precision("high" if allowed else "highest")
    torch.backends.cudnn.allow_tf32 = allowed


def lay_out(module: nn.Module, hardware: HardwareConfig) -> None:
    """Give a module's weights the memory layout of every session: whoever runs a task's module calls this first.

    Only 4-D weights are converted. Convolutions then make their results so, whatever their first input is like.
    """
    if hardware.channels_last:
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def quieten_lightning() -> None:
    """Have Lightning's remarks unsaid: they are about what a session does on purpose."""
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric")


CPU_INFO = "/proc/cpuinfo"
# What it calls the numbers of a kind of processor.
_KIND = {"family": "cpu family", "model": "model", "stepping": "stepping"}


def _first_value(path: str, key: str) -> str | None:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    told = (line.partition(":") for line in lines)
    return next((value.strip() for name, _, value in told if name.strip() == key), None)


def processor() -> str:
    """Return the processor's name."""
    return _first_value(CPU_INFO, "model name") or platform.processor() or platform.machine()


def processor_kind() -> dict[str, Any]:
    """Return what tells processors of one name apart: family, model and stepping, and PyTorch's widest instructions.

    Machines in a cloud give their processor a name of several generations ("AMD EPYC"). Kernels of other instructions
    round otherwise, so that the same seed may take other steps there.
    """
    found = {key: _first_value(CPU_INFO, line) for key, line in _KIND.items()}
    numbers = {key: int(value) if value and value.isdigit() else None for key, value in found.items()}
    return {**numbers, "instructions": torch.backends.cpu.get_cpu_capability()}


def accelerators(*, on_cpu: bool = False) -> dict[str, int]:
    """Return how many GPUs PyTorch sees here, and how many a run uses: one, or none where it is kept on the CPU."""
    visible = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return {"used": 0 if on_cpu else min(1, visible), "visible": visible}


def system(*, on_cpu: bool = False) -> dict[str, Any]:
    """Return the machine: processor, memory, accelerator, threads, and the environment that moves timings."""
    memory, mine = _first_value("/proc/meminfo", "MemTotal"), cores()
    described: dict[str, Any] = {
        "platform": platform.platform(),
        "cpu": processor(),
        "cpu_kind": processor_kind(),
        "cores": mine.usable,
        "allowed_cores": mine.allowed,
        "cpu_quota": mine.quota,
        "memory_bytes": int(memory.split()[0]) * 1024 if memory else None,
        "threads": torch.get_num_threads(),
        "environment": {name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
        "gpu": None,
        "accelerators": accelerators(on_cpu=on_cpu),
    }
    if torch.cuda.is_available():
        card = torch.cuda.get_device_properties(0)
        described["gpu"] = {
            "name": card.name,
            "memory_bytes": card.total_memory,
            "capability": f"{card.major}.{card.minor}",
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        }
    return described


@cache
def _installed(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that can change a result."""
    found = {package: version for package in PACKAGES if (version := _installed(package)) is not None}
    return {"python": platform.python_version(), **found}


@cache
def commit() -> str | None:
    """Return the repository's commit, with `-dirty` where files had changed; None outside a checkout."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return None
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip() or None
    except (OSError, subprocess.SubprocessError):
        return None


def reset_peak_process_memory() -> None:
    """Let the peak count from now on, where the kernel can: the runs of a sweep share a process."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak_process_memory() -> int:
    """Return the peak resident memory of this process, in bytes."""
    peak = _first_value("/proc/self/status", "VmHWM")
    if peak is not None:
        return int(peak.split()[0]) * 1024
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return highest if sys.platform == "darwin" else highest * 1024
