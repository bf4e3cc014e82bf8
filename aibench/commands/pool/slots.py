"""Makes slots of a machine, each a GPU or processor cores of its own. Imports no torch."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aibench.config import Accelerator, ConfigError, RunConfig
from aibench.meters.cores import cores
from aibench.training.requirements import no_gpu_for_certain

PROCESSORS = Path("/sys/devices/system/cpu")
KEY = "hydra.launcher"


@dataclass(frozen=True, slots=True)
class Slot:
    """Holds what one run at a time has to itself.

    Attributes:
        cores: Numbers of its processor cores, in order.
        gpu: Its GPU, or several with commas between them, as `CUDA_VISIBLE_DEVICES` names them; None on the CPU.
    """

    cores: tuple[int, ...]
    gpu: str | None = None

    def __str__(self) -> str:
        where = f"core{'s' if len(self.cores) > 1 else ''} {ranges(self.cores)}"
        return where if self.gpu is None else f"GPU {self.gpu}, {where}"


def slots(count: int | None, size: int | None, runs: Sequence[RunConfig]) -> list[Slot]:
    """Return the slots of this machine for a sweep.

    Args:
        count: How many are asked for; None takes as many as the GPUs, or the cores, allow.
        size: Cores of each; None gives equal shares, on the CPU as many as the runs have threads where no count is
            asked for either.
        runs: The runs, as far as they differ in more than their seed.

    Raises:
        ConfigError: The machine has no such slots, or a run would have more threads than its slot has cores.
    """
    for key, value in (("slots", count), ("cores", size)):
        if value is not None and value < 1:
            raise ConfigError(f"{KEY}.{key}={value}: must be at least 1.")
    gpus = [] if all(run.hardware.accelerator is Accelerator.cpu for run in runs) else visible_gpus()
    whole = physical_cores(usable_cores())
    if gpus:
        of_each = max(map(_devices, runs))
        together = [",".join(gpus[at : at + of_each]) for at in range(0, len(gpus) - of_each + 1, of_each)]
        if (count or 1) > len(together):
            raise ConfigError(
                f"{KEY}.slots={count or 1}: this machine has {len(gpus)} GPUs to use, and a run takes {of_each}."
            )
        shares = _shares(whole, count or len(together), size)
        found = [Slot(share, gpu) for share, gpu in zip(shares, together, strict=False)]
    else:
        threads = max((run.hardware.threads or 1) * _devices(run) for run in runs)
        found = [Slot(share) for share in _shares(whole, count, size if size or count else threads)]
    _check_threads(found, runs)
    return found


def _devices(run: RunConfig) -> int:
    """Return how many devices the run trains on; `all` takes those of its slot."""
    return run.hardware.devices if isinstance(run.hardware.devices, int) else 1


def _shares(whole: list[tuple[int, ...]], count: int | None, size: int | None) -> list[tuple[int, ...]]:
    """Return `count` shares of the cores, none of them with a part of a core that another share has a part of."""
    least = len(whole[0])
    a_share = len(whole) // (count or 1) if size is None else -(-size // least)
    fitting = len(whole) // a_share if a_share else 0
    if fitting < (count or 1):
        asked = f"{KEY}.slots={count or 1}" + ("" if size is None else f", of {size} cores each")
        here = f"{len(whole)} cores to use" + (f" with {least} threads each" if least > 1 else "")
        raise ConfigError(f"{asked}: this machine has {here}, and no two runs may share one. Ask for less.")
    groups = [whole[place * a_share : (place + 1) * a_share] for place in range(count or fitting)]
    return [tuple(sorted(number for core in group for number in core)) for group in groups]


def _check_threads(found: Sequence[Slot], runs: Sequence[RunConfig]) -> None:
    have = min(len(slot.cores) for slot in found)
    for run in runs:
        if (run.hardware.threads or 1) > have:
            raise ConfigError(
                f"hardware.threads={run.hardware.threads}: a slot of the pool has {have} of this machine's cores. Set "
                f"{KEY}.slots to fewer, or fewer threads."
            )


def usable_cores() -> list[int]:
    """Return the numbers of the cores that this process may use; no more than its control groups grant time for."""
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    return list(allowed)[: cores().usable]


def physical_cores(usable: Iterable[int], root: Path = PROCESSORS) -> list[tuple[int, ...]]:
    """Return the cores as the hardware has them, by socket: the numbers that share one core are together.

    Where some have more numbers than others, each counts with the fewest: a slot then has no fewer than it says.
    """
    allowed, cores_of, found = set(usable), {}, []
    for number in sorted(allowed):
        folder = root / f"cpu{number}" / "topology"
        together = _numbers(folder / "thread_siblings_list") & allowed or {number}
        socket = min(_numbers(folder / "physical_package_id"), default=0)
        cores_of[min(together), socket] = tuple(sorted(together))
    found = [cores_of[key] for key in sorted(cores_of, key=lambda key: (key[1], key[0]))]
    least = min(map(len, found))
    return [core if len(core) == least else core[:least] for core in found]


def _numbers(path: Path) -> set[int]:
    """Return the numbers in a file of the kernel's, as in `0-3,8`; none where there is no such file."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError:
        return set()
    found: set[int] = set()
    for first, last in re.findall(r"(\d+)(?:-(\d+))?", text):
        found |= set(range(int(first), int(last or first) + 1))
    return found


def visible_gpus() -> list[str]:
    """Return the GPUs that runs may use, as `CUDA_VISIBLE_DEVICES` names them; none where NVIDIA's library has none."""
    if no_gpu_for_certain():
        return []
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name.strip() for name in named.split(",") if name.strip()]
    import pynvml

    try:
        pynvml.nvmlInit()
        return [str(number) for number in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:
        return []


def ranges(numbers: Sequence[int]) -> str:
    """Return `numbers`, which are in order, as people write them: 0-3, 8."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and parts[-1][-1] == number - 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(f"{part[0]}" if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)
