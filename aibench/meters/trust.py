"""Judges how far the timings of a run can be believed, with the reasons."""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psutil

from aibench.meters.cpu import CpuMark, CpuShares
from aibench.meters.gpu import Gpu
from aibench.meters.telemetry import Telemetry

OTHERS = 0.05  # share of the usable cores that other processes may use
STOLEN = 0.01  # share that a host may give to its other guests
DRIFT = 0.10  # by how much the later steps may differ from the earlier ones
CLOCKS = 0.05  # by how much a clock may fall below its highest
HEATED = 15.0  # kelvins that a GPU may warm up
STEPS = 30  # steady steps that a median asks for
POOL = "AIBENCH_POOL"  # in the environment of a run of a pool: the process that gives each of its runs a slot
RUNS = Path(tempfile.gettempdir()) / f"aibench-runs-{os.getuid() if hasattr(os, 'getuid') else 0}"


class Reason(StrEnum):
    """Lists what a judgement can say was seen; docs/measurement.md says what to do about each."""

    ANOTHER_RUN = "another run of AIBench was under way (process {process})"
    OF_ITS_POOL = "{others} of its pool trained on other cores or GPUs; memory, power and disk were shared"
    OTHERS = "other processes used {used:.2g} cores of the machine's {cores}"
    STOLEN = "the host gave {given:.2g} cores of the machine's {cores} to other guests"
    SHARED = "{others} computed on the GPU"
    THROTTLED = "the GPU was throttled: {why}"
    HEATED = "the GPU warmed up from {first:.0f} to {last:.0f} degrees Celsius"
    CLOCK = "the GPU's clock lay at {mean:.0f} MHz on average, and at {most:.0f} MHz at best"
    FEW = "only {count} steady steps: their median asks for {least}"
    SLOWER = "the last third of the {what} took {percent:.0f} % longer than the first third"
    QUICKER = "the last third of the {what} took {percent:.0f} % less time than the first third"


@dataclass(frozen=True, slots=True)
class Judgement:
    """Holds how far timings can be believed.

    Attributes:
        level: `ok` or `warn`.
        reasons: The reasons for a `warn`, a line each.
    """

    level: str
    reasons: list[str]


class Watch:
    """Notes the state of the machine at the start of a run, and judges at its end.

    Args:
        cores: Cores that this process may use.
        gpu: The GPU that the run computes on.
        telemetry: The run's telemetry.
        of_machine: Whether it judges who else uses the processors, which one process of a run does on each machine.
        run: What tells a run from others whose processes a launcher started; empty of any other.
    """

    def __init__(self, cores: int, gpu: Gpu, telemetry: Telemetry, *, of_machine: bool = True, run: str = "") -> None:
        self.cores, self.gpu, self.telemetry, self.of_machine, self.run = cores, gpu, telemetry, of_machine, run
        self.end: CpuMark | None = None  # the last moment at which it is known what the run's other processes used
        self.start = CpuMark.now()
        self.neighbours: set[int] = set()
        self.of_its_pool: set[int] = set()
        self.gpu_neighbours: set[int] = set()
        self._own = {os.getpid()}
        self.look()

    def look(self) -> None:
        """Note who else is here; called at each evaluation too."""
        others = other_runs(run=self.run) if self.of_machine else set()
        self.of_its_pool |= {pid for pid in others if is_of_its_pool(pid)}
        self.neighbours |= others - self.of_its_pool
        if self.gpu.handle is not None:
            running = self.gpu.ask("nvmlDeviceGetComputeRunningProcesses") or []
            self.gpu_neighbours |= {process.pid for process in running} - self._own

    def used(self) -> float:
        """Return the processor seconds of this process: since the start, or since its birth where the run started it.

        The first one's start comes before the births of those that it starts; what a launcher starts, it starts
        together.
        """
        return CpuMark.now().own - (self.start.own if self.run or self.of_machine else 0.0)

    def beside(self, used: float, processes: set[int]) -> None:
        """Take the other `processes` of the run on this machine, which `used` so many processor seconds, for its own.

        What is used from here on is not judged.
        """
        self.end = CpuMark.now(used)
        self.gpu_neighbours -= processes
        self._own |= processes

    def judge(self, durations: Sequence[float], *, same_work: bool = True, what: str = "steps") -> Judgement:
        """Return the level, from what happened since the start.

        Args:
            durations: Seconds of the steady steps, or of the requests of a serving session.
            same_work: Whether they do the same work, so that a drift of their duration means something.
            what: What was timed. Steps have to be enough for their median; requests have percentiles that say so.
        """
        self.look()
        shares = CpuShares.between(self.start, self.end or CpuMark.now(), self.cores)
        reasons = [*(self._neighbours(shares) if self.of_machine else ()), *self._gpu_state()]
        if what == "steps" and len(durations) < STEPS:
            reasons.append(Reason.FEW.format(count=len(durations), least=STEPS))
        if same_work:
            reasons += drift(durations, what)
        return Judgement("warn" if reasons else "ok", reasons)

    def _neighbours(self, shares: CpuShares) -> Iterator[str]:
        if self.neighbours:
            yield Reason.ANOTHER_RUN.format(process=min(self.neighbours))
        if self.of_its_pool:
            others = len(self.of_its_pool)
            yield Reason.OF_ITS_POOL.format(others=f"{others} other run{'s' if others > 1 else ''}")
        if shares.others > OTHERS and (self.end is not None or not self.run):  # a launcher's others are not children
            yield Reason.OTHERS.format(used=shares.others * self.cores, cores=psutil.cpu_count())
        if shares.stolen > STOLEN:
            yield Reason.STOLEN.format(given=shares.stolen * self.cores, cores=psutil.cpu_count())

    def _gpu_state(self) -> Iterator[str]:
        if self.gpu_neighbours:
            others = len(self.gpu_neighbours)
            yield Reason.SHARED.format(others=f"{others} other process{'es' if others > 1 else ''}")
        for reason in sorted(self.telemetry.throttled):
            yield Reason.THROTTLED.format(why=reason)
        heat, clock = (self.telemetry.columns.get(name) for name in ("gpu_celsius", "gpu_sm_mhz"))
        if heat is not None and heat.last - heat.first > HEATED:
            yield Reason.HEATED.format(first=heat.first, last=heat.last)
        if clock is not None and clock.count > 2 and clock.mean < clock.most * (1 - CLOCKS):
            yield Reason.CLOCK.format(mean=clock.mean, most=clock.most)


def drift(durations: Sequence[float], what: str = "steps") -> Iterator[str]:
    """Yield that the later of `what` was timed took another time than the earlier, where they are enough to tell."""
    if len(durations) < STEPS:
        return
    third = len(durations) // 3
    early, late = statistics.median(durations[:third]), statistics.median(durations[-third:])
    change = late / early - 1
    if abs(change) > DRIFT:
        reason = Reason.SLOWER if change > 0 else Reason.QUICKER
        yield reason.format(what=what, percent=100 * abs(change))


def other_runs(folder: Path = RUNS, alive: Callable[[int], bool] = psutil.pid_exists, run: str = "") -> set[int]:
    """Return the processes that train here now, those of this `run` left out; remove what a killed one left."""
    found = set()
    for mark in folder.glob("*.run") if folder.is_dir() else []:
        pid = int(mark.stem) if mark.stem.isdigit() else 0
        if pid and alive(pid):
            found.add(pid)
        else:
            with suppress(OSError):
                mark.unlink()
    return {pid for pid in found - {os.getpid()} if not run or _told(pid, folder)[1:] != [run]}


def is_of_its_pool(pid: int, folder: Path = RUNS) -> bool:
    """Return whether the run with this process was started by the pool that started this one."""
    pool = os.environ.get(POOL)
    return bool(pool) and _told(pid, folder)[:1] == [pool]


def _told(pid: int, folder: Path) -> list[str]:
    """Return what the mark of a process tells: its pool, and its run where a launcher started that one's processes."""
    try:
        return (folder / f"{pid}.run").read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError):
        return []


@contextmanager
def announced(folder: Path = RUNS, run: str = "") -> Iterator[None]:
    """Let other runs on this machine see this one."""
    mark = folder / f"{os.getpid()}.run"
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        mark.write_text(f"{os.environ.get(POOL, '')}\n{run}", encoding="utf-8")
    try:
        yield
    finally:
        with suppress(OSError):
            mark.unlink()
