"""Makes up machines whose energy is known: lists of sensors as machines show them, whole, doubled and broken."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from aibench.config import PowerModel
from aibench.meters.energy import energy_meter
from aibench.meters.gpu import NO_GPU, Gpu

SECONDS = 10  # that each machine is watched, read once a second
Counts = list[float | None]  # joules at each second; None where it cannot be read


def steady(joules: float, start: float = 300.0) -> Counts:
    """Return a counter that counts `joules` over the time."""
    return [start + joules * second / SECONDS for second in range(SECONDS + 1)]


def turned(counts: Counts, second: int, then: Counts) -> Counts:
    """Return `counts` up to `second`, and then `then`."""
    return [*counts[:second], *then[second:]]


STILL: Counts = [300.0] * (SECONDS + 1)
UNREADABLE: Counts = [None] * (SECONDS + 1)


@dataclass(frozen=True)
class Machine:
    """Holds sensors, and what they have to tell.

    Attributes:
        name: The case that it shows.
        joules: Joules that must be told; None where none may be.
        zones: By folder of a RAPL zone, its name and its counts.
        gpus: Counts of the cards' counters; None is a card without a counter, which draws 200 W.
        seen: Numbers of the cards as the run finds them, where not each once; a MIG instance is `"0/1"`.
        range: Joules after which a RAPL counter begins anew.
        on_gpu: Whether the run computes on a GPU; where there is one, if not given.
    """

    name: str
    joules: float | None
    zones: dict[str, tuple[str, Counts]] = field(default_factory=dict)
    gpus: list[Counts | None] = field(default_factory=list)
    seen: list[Any] | None = None
    range: float = 1000.0
    on_gpu: bool | None = None

    def told(self) -> tuple[float | None, str | None]:
        """Return the joules that the meter tells of this machine, or None and why."""
        with tempfile.TemporaryDirectory() as folder:
            root, now = Path(folder), SimpleNamespace(second=0)
            self._show(root, 0)
            library = Nvml(self.gpus, now)
            seen = self.seen if self.seen is not None else list(range(len(self.gpus)))
            gpus = [Gpu(library, handle, None) for handle in seen] or [Gpu(None, None, NO_GPU)]
            meter = energy_meter(PowerModel(), *gpus, on_gpu=self.on_gpu, root=root, clock=lambda: float(now.second))
            before = meter.read()
            for now.second in range(1, SECONDS + 1):
                self._show(root, now.second)
                after = meter.read()
            told, reason = meter.summed({scope: joules - before[scope] for scope, joules in after.items()})
            return told, None if reason is None else reason.replace(folder, "/sys/class/powercap")

    def _show(self, root: Path, second: int) -> None:
        for folder, (name, counts) in self.zones.items():
            (root / folder).mkdir(parents=True, exist_ok=True)
            joules = counts[second]
            text = "no data" if joules is None else f"{joules % self.range * 1e6:.0f}"
            for file, content in (
                ("energy_uj", text),
                ("name", name),
                ("max_energy_range_uj", f"{self.range:.0f}000000"),
            ):
                (root / folder / file).write_text(f"{content}\n")


class Nvml:
    """Imitates pynvml. A handle is the card's number, or `"CARD/INSTANCE"` of a MIG instance."""

    class NVMLError(Exception):
        """Imitates pynvml's error of this name."""

    def __init__(self, counters: list[Counts | None], now: Any) -> None:
        self.counters, self.now = counters, now

    def nvmlDeviceIsMigDeviceHandle(self, handle: Any) -> bool:  # noqa: N802
        return isinstance(handle, str)

    def nvmlDeviceGetDeviceHandleFromMigDeviceHandle(self, handle: str) -> int:  # noqa: N802
        return int(handle.split("/", maxsplit=1)[0])

    def nvmlDeviceGetUUID(self, handle: int) -> str:  # noqa: N802
        return f"GPU-{handle}"

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> float:  # noqa: N802
        counts = self.counters[handle]
        joules = None if counts is None else counts[self.now.second]
        if joules is None:
            raise self.NVMLError("Not Supported" if counts is None else "GPU is lost")
        return float(joules * 1000)

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:  # noqa: N802
        if self.counters[handle] is UNREADABLE:
            raise self.NVMLError("Not Supported")
        return 200_000


def _socket(number: int, package: Counts, **parts: Counts) -> Iterator[tuple[str, tuple[str, Counts]]]:
    """Yield the zones of a socket as the kernel lists them: all in one folder, a part's name behind its socket's."""
    yield f"intel-rapl:{number}", (f"package-{number}", package)
    for place, (name, counts) in enumerate(parts.items()):
        yield f"intel-rapl:{number}:{place}", (name, counts)


def _whole() -> Iterator[Machine]:
    """Yield machines whose sensors all count."""
    socket = dict(_socket(0, steady(100), core=steady(80), dram=steady(20)))
    two = {**socket, **dict(_socket(1, steady(100), dram=steady(20)))}
    mirror = {"intel-rapl-mmio:0": ("package-0", steady(100, 40))}
    psys = {"intel-rapl:1": ("psys", steady(150))}
    dies = {f"intel-rapl:{die}": (f"package-0-die-{die}", steady(100)) for die in (0, 1)}
    nested = {f"intel-rapl/intel-rapl:0/{'' if zone.count(':') < 2 else zone}": it for zone, it in socket.items()}
    yield Machine("one socket, with cores inside of it, and memory", 120, socket)
    yield Machine("two sockets with memory each", 240, two)
    yield Machine("a tree of folders in folders", 120, nested)
    yield Machine("a socket that two drivers show", 120, {**socket, **mirror})
    yield Machine(
        "a socket that only the second driver can read", 100, {"intel-rapl:0": ("package-0", UNREADABLE), **mirror}
    )
    yield Machine("the platform (psys) beside its package", 120, {**socket, **psys})
    yield Machine("the platform (psys) alone", 150, psys)
    yield Machine("the platform (psys) and memory, no package", 150, {**psys, "intel-rapl:2": ("dram", steady(20))})
    inside = {"intel-rapl:0:0": ("package-0", steady(100)), "intel-rapl:0:0:0": ("dram", steady(20))}
    yield Machine("the platform (psys) around its package", 120, {"intel-rapl:0": ("psys", steady(150)), **inside})
    yield Machine("two dies of a socket", 200, dies)
    yield Machine("two dies with one label", 200, {f"intel-rapl:{die}": ("package-0", steady(100)) for die in (0, 1)})
    yield Machine("AMD: a package with cores", 100, dict(_socket(0, steady(100), core=steady(30))))
    yield Machine("twelve sockets", 1200, dict(pair for number in range(12) for pair in _socket(number, steady(100))))
    yield Machine("a counter that wraps around", 900, dict(_socket(0, steady(900))))
    yield Machine("a GPU", 2000, gpus=[steady(2000)])
    yield Machine("two GPUs", 3000, gpus=[steady(2000), steady(1000)])
    yield Machine("one GPU seen twice", 2000, gpus=[steady(2000)], seen=[0, 0])
    yield Machine("two MIG instances of one GPU", 2000, gpus=[steady(2000)], seen=["0/1", "0/2"])
    yield Machine("a GPU without a counter: its power", 2000, gpus=[None])
    yield Machine("two sockets with memory, two GPUs", 3240, two, [steady(2000), steady(1000)])


def _broken() -> Iterator[Machine]:
    """Yield machines whose sum would be no energy."""
    fine = dict(_socket(0, steady(100)))
    for name, counts in {
        "never moves": STILL,
        "stands still from the middle on": turned(steady(100), 4, [340.0] * (SECONDS + 1)),
        "jumps back": turned(steady(100), 5, steady(100, 100)),
        "begins anew at 0": turned(steady(100), 5, steady(100, -50)),
        "cannot be read from the middle on": turned(steady(100), 5, UNREADABLE),
    }.items():
        yield Machine(f"a counter that {name}", None, dict(_socket(0, counts)))
        yield Machine(f"memory whose counter {name}", None, dict(_socket(0, steady(100), dram=counts)))
        yield Machine(f"a GPU whose counter {name}", None, fine, [counts])
    yield Machine("memory that cannot be read", None, dict(_socket(0, steady(100), dram=UNREADABLE)))
    yield Machine("one of two sockets that cannot be read", None, {**fine, **dict(_socket(1, UNREADABLE))})
    yield Machine("a GPU that tells nothing, beside a socket that does", None, fine, [UNREADABLE])
    yield Machine("one of two GPUs that tells nothing", None, gpus=[steady(2000), UNREADABLE])
    yield Machine("a run on a processor that cannot be read, a GPU that can", None, {}, [steady(9)], on_gpu=False)
    yield Machine("memory without a processor", None, {"intel-rapl:0": ("dram", steady(20))})
    yield Machine("a processor that cannot be read", None, dict(_socket(0, UNREADABLE, core=steady(30))))
    yield Machine("no sensor", None)


MACHINES = (*_whole(), *_broken())
