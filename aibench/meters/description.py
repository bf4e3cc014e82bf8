"""Describes the machine in the form of the paper's Table 4 and of MLPerf's system description."""

from __future__ import annotations

import glob
import platform
import shutil
from pathlib import Path

import psutil
import torch

from aibench.meters.cores import cores
from aibench.meters.system import accelerators, processor, versions

PERSON = "TODO"  # what only a person knows, in a form that a person completes
UNKNOWN = "not known"
CACHES = "/sys/devices/system/cpu/cpu0/cache/index*"


def description() -> dict[str, str]:
    """Return the rows of the paper's Table 4, and the software of its 5.1.2; `not known` is what it does not tell."""
    frequency = _frequency()
    rows = {
        "CPU type": processor(),
        "CPU cores": f"{_physical_cores()} cores{f' @ {frequency}' if frequency else ''}",
        "usable cores": _usable(),
        **caches(),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB, type {UNKNOWN}",
        "Ethernet": _network() or UNKNOWN,
        "hyper-threading": _threads_a_core(),
        **_gpu_rows(),
        "operating system": f"{_distribution()}, kernel {platform.release()}",
        **{f"version of {package}": version for package, version in versions().items()},
    }
    return rows


def caches(pattern: str = CACHES) -> dict[str, str]:
    """Return the first core's caches, as the kernel lists them: `L1 DCache` to `32K`."""
    found = {}
    for folder in sorted(map(Path, glob.glob(pattern))):
        try:
            level, kind, size = ((folder / name).read_text().strip() for name in ("level", "type", "size"))
        except OSError:
            continue
        letter = {"Data": " DCache", "Instruction": " ICache"}.get(kind, " Cache")
        found[f"L{level}{letter}"] = size
    return found or {"caches": UNKNOWN}


def _frequency() -> str | None:
    try:
        found = psutil.cpu_freq()
    except (OSError, NotImplementedError):
        return None
    return f"{(found.max or found.current) / 1000:.2f} GHz" if found else None


def _physical_cores() -> int:
    return psutil.cpu_count(logical=False) or psutil.cpu_count() or 1


def _usable() -> str:
    mine = cores()
    granted = "" if mine.quota is None else f" ({mine.allowed} allowed; quota of the control group: {mine.quota:g})"
    return f"{mine.usable}{granted}"


def _threads_a_core() -> str:
    logical, physical = psutil.cpu_count() or 1, _physical_cores()
    return "enabled" if logical > physical else "disabled, or hidden by a virtual machine"


def _network() -> str | None:
    speeds = [
        stats.speed for name, stats in psutil.net_if_stats().items() if stats.isup and name != "lo" and stats.speed
    ]
    return f"{max(speeds) / 1000:g} Gb/s" if speeds else None


def _distribution() -> str:
    try:
        return str(platform.freedesktop_os_release()["PRETTY_NAME"])
    except (OSError, KeyError):
        return platform.system()


def _gpu_rows() -> dict[str, str]:
    if not torch.cuda.is_available():
        return {"GPU type": "none"}
    card, found = torch.cuda.get_device_properties(0), accelerators()
    return {
        "GPU type": f"{found['visible']} x {card.name}",
        **({"GPUs in use": note} if (note := _unused(found)) else {}),
        "GPU multiprocessors": str(card.multi_processor_count),
        "GPU memory": f"{card.total_memory / 2**30:.0f} GiB",
        "CUDA": str(torch.version.cuda),
        "driver": _driver(),
    }


def _unused(gpus: dict[str, int]) -> str:
    few = gpus["used"] < gpus["visible"]
    return f"{gpus['visible']} GPUs in the machine; a run uses {gpus['used']}" if few else ""


def _driver() -> str:
    import pynvml

    try:
        pynvml.nvmlInit()
        return str(pynvml.nvmlSystemGetDriverVersion())
    except pynvml.NVMLError as error:
        return f"unknown ({error})"


def mlperf_system(division: str = "closed") -> dict[str, str]:
    """Return the 33 fields of MLPerf's `systems/NAME.json`; those that only a person knows hold TODO."""
    software = versions()
    return {
        "submitter": PERSON,
        "division": division,
        "status": "Research, Development, or Internal (RDI)",
        "system_name": platform.node() or PERSON,
        "number_of_nodes": "1",
        "host_processors_per_node": PERSON,
        "host_processor_model_name": processor(),
        "host_processor_core_count": str(_physical_cores()),
        "host_processor_vcpu_count": str(psutil.cpu_count()),
        "host_processor_frequency": _frequency() or PERSON,
        "host_processor_caches": ", ".join(f"{name} {size}" for name, size in caches().items()),
        "host_processor_interconnect": PERSON,
        "host_memory_capacity": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "host_storage_type": PERSON,
        "host_storage_capacity": f"{shutil.disk_usage('/').total / 1e9:.0f} GB",
        "host_networking": _network() or PERSON,
        "host_networking_topology": PERSON,
        "host_memory_configuration": PERSON,
        **_accelerator_fields(),
        "cooling": PERSON,
        "hw_notes": _unused(accelerators()),
        "framework": f"PyTorch {software['torch']}",
        "other_software_stack": ", ".join(f"{name} {version}" for name, version in software.items() if name != "torch"),
        "operating_system": f"{_distribution()}, kernel {platform.release()}",
        "sw_notes": "AIBench",
    }


def _accelerator_fields() -> dict[str, str]:
    card = torch.cuda.get_device_properties(0) if torch.cuda.is_available() else None
    none = PERSON if card else ""
    return {
        "accelerators_per_node": str(accelerators()["used"]),
        "accelerator_model_name": card.name if card else "",
        "accelerator_host_interconnect": none,
        "accelerator_frequency": none,
        "accelerator_on-chip_memories": none,
        "accelerator_memory_configuration": none,
        "accelerator_memory_capacity": f"{card.total_memory / 2**30:.0f} GiB" if card else "",
        "accelerator_interconnect": none,
        "accelerator_interconnect_topology": none,
    }
