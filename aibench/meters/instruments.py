"""Holds all that measures one session: its clock, the clock of its steps, energy, telemetry and trust."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aibench.config import Accelerator, RunConfig, Session
from aibench.meters.counted import machine
from aibench.meters.energy import EnergyMeter, card_meter, energy_meter
from aibench.meters.gpu import current_gpu
from aibench.meters.ledger import Ledger
from aibench.meters.steps import PARTS, compilation_seconds, step_clock
from aibench.meters.system import usable_cores
from aibench.meters.telemetry import Telemetry
from aibench.meters.trust import Watch, announced
from aibench.results.result import Steps, Trust
from aibench.world import World

TRAINING = "training:"
PREPARATION = "preparation"  # of the data, before the session's own clock starts
WARM_UP = "warm-up"  # the phase of the untimed steps of session=steps
UNSTEADY = 10  # steps at the start of a process that are no steady ones


class Instruments:
    """Measures a session, from before it touches its data to its end.

    Attributes:
        ledger: The session's wall time by part.
        clock: The training steps' time by part.
        energy: The meter of the machine's energy.
        idle_watts: Power of the machine at rest, by scope, measured before the session; empty where it was not.
        warm_up: Seconds of the warm-up by part, which are among the clock's seconds.
        joules: Joules by scope: of the `preparation`, of the `training`, and `to_quality`, once that is reached.
    """

    def __init__(self, config: RunConfig, folder: Path | None, world: World = World()) -> None:  # noqa: B008 - frozen
        hardware = config.hardware
        self.config = config
        self.world = world
        self.gpu = current_gpu()
        self.on_gpu = torch.cuda.is_available() and hardware.accelerator is not Accelerator.cpu
        self.energy = self._sensors()
        self.idle_watts = self._watts_at_rest(0.0 if world.local_rank else hardware.idle_seconds)
        self.telemetry = Telemetry(folder, hardware.telemetry_hz, self.gpu, self.energy)
        run = f"{world.address}:{world.port}" if world.starter else ""
        self.watch = Watch(usable_cores(), self.gpu, self.telemetry, of_machine=world.local_rank == 0, run=run)
        self.clock = step_clock()
        self.compiled_before = compilation_seconds()
        self.joules: dict[str, dict[str, float]] = {PREPARATION: {}, "training": {}}
        self._phases: list[tuple[str, int]] = []  # a phase, and how many steps this process had done at its beginning
        self._split_before = [0.0] * len(PARTS)
        self._trained_before: dict[str, float] = {}
        self.warm_up = [0.0] * len(PARTS)
        self._at_training: dict[str, float] | None = None
        self._running = ExitStack()
        if world.local_rank == 0:
            self._running.enter_context(announced(run=run))
        self.telemetry.start()
        self._at_start = self.energy.read()
        self.ledger = Ledger(PREPARATION)

    def _sensors(self) -> EnergyMeter:
        """Return those that this process reads: the first one of a machine all that it sees, others their own GPU's.

        What two of them read is counted once, when all is added up: srun may show each task its own GPU alone.
        """
        hardware, world = self.config.hardware, self.world
        if world.local_rank:
            elsewhere = ["the first process of the machine reads its sensors"]
            return card_meter(self.gpu) if self.on_gpu else EnergyMeter([], elsewhere)
        count = min(world.local_size, torch.cuda.device_count()) if self.on_gpu else 1
        others = [current_gpu(device) for device in range(1, count)]
        return energy_meter(hardware.power_model, self.gpu, *others, on_gpu=self.on_gpu)

    def _watts_at_rest(self, seconds: float) -> dict[str, float]:
        """Return the power at rest by scope: nothing of the session runs yet."""
        if not self.energy.sensors or seconds <= 0:
            return {}
        before, start = self.energy.read(), time.perf_counter()
        for _ in range(max(1, round(seconds))):
            time.sleep(seconds / max(1, round(seconds)))
            after = self.energy.read()
        passed = time.perf_counter() - start
        return {scope: (after[scope] - before[scope]) / passed for scope in after}

    def stop(self) -> None:
        """End the telemetry. May be called twice."""
        self.telemetry.stop()
        self._running.close()

    def prepared(self) -> None:
        """Start the session's own clock: the data are read or made, and kept for the next run."""
        self.joules[PREPARATION] = self.energy_so_far()
        self.ledger.switch("setup")

    # Training and what interrupts it

    def train(self, phase: str) -> None:
        """Note that the session trains from now."""
        if self._phases and self._phases[-1][0] == WARM_UP:
            self.warm_up = list(self.clock.seconds)
        self.ledger.switch(TRAINING + phase)
        self._phases.append((phase, len(self.clock.durations)))
        self._at_training = self.energy.read()
        self.clock.start()

    def change_phase(self, phase: str, at: float) -> None:
        """Note that training went on in another phase at the moment `at`."""
        self.ledger.switch(TRAINING + phase, at)
        self._phases.append((phase, len(self.clock.durations)))

    def leave_training(self, part: str) -> None:
        """Give the time from now to `part`, once the device has done what is left of the training."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.clock.stop()
        self.ledger.switch(part)
        self._count_training()

    def _count_training(self) -> None:
        if self._at_training is None:
            return
        spent, now = self.joules["training"], self.energy.read()
        for scope, joules in now.items():
            spent[scope] = spent.get(scope, 0.0) + joules - self._at_training.get(scope, 0.0)
        self._at_training = None

    def reached_quality(self) -> None:
        """Note the energy that it took, that of the preparation left out."""
        before = self.joules[PREPARATION]
        self.joules["to_quality"] = {
            scope: joules - before.get(scope, 0.0) for scope, joules in self.energy_so_far().items()
        }
        self.watch.look()

    # What was measured

    def seconds(self) -> float:
        """Return the seconds of the session's own clock, which started when the data were there."""
        parts = self.ledger.seconds()
        return sum(took for part, took in parts.items() if part != PREPARATION)

    def energy_so_far(self) -> dict[str, float]:
        """Return joules by scope since the session's start, earlier processes of this session included."""
        now = self.energy.read()
        return {scope: joules - self._at_start.get(scope, 0.0) for scope, joules in now.items()}

    def training_seconds(self) -> dict[str, float]:
        """Return the training time by phase."""
        return _of_training(self.ledger.seconds())

    def own_seconds(self) -> dict[str, float]:
        """Return the training time of this process alone by phase, whatever was done before it."""
        return {name: took - self._trained_before.get(name, 0.0) for name, took in self.training_seconds().items()}

    def split(self, *, of_the_run: bool = True) -> dict[str, float]:
        """Return the seconds of the training by part; the loop gets what the others leave.

        They are those of this process alone where not `of_the_run`.
        """
        before = self._split_before if of_the_run else [0.0] * len(PARTS)
        whole = self.training_seconds() if of_the_run else self.own_seconds()
        named = {part: self.clock.seconds[index] + before[index] for index, part in enumerate(PARTS) if index}
        return {**named, "loop": max(0.0, sum(whole.values()) - sum(named.values()))}

    def steady(self) -> tuple[Steps, np.ndarray[Any, Any]]:
        """Return the steady steps of this process's longest phase, and their durations in seconds."""
        durations = np.array(self.clock.durations)
        ends = [start for _, start in self._phases[1:]] + [len(durations)] * bool(self._phases)
        by_phase: dict[str, list[int]] = {}
        for (phase, start), end in zip(self._phases, ends, strict=True):
            by_phase.setdefault(phase, []).extend(range(start, end))
        by_phase.pop(WARM_UP, None)
        phase = max(by_phase, key=lambda name: len(by_phase[name]), default="training")
        places = by_phase.get(phase, [])
        first = self.config.warmup_steps if self.config.session is Session.steps else UNSTEADY
        left = min(first, len(durations) // 2)
        kept = durations[[place for place in places if place >= left]]
        median, p10, p90 = (float(value) for value in np.percentile(kept, [50, 10, 90])) if len(kept) else (None,) * 3
        return Steps(len(kept), left, median, p10, p90, phase), kept

    def trust(self, *, same_work: bool) -> Trust:
        """Return how far the timings can be believed; only steps that do the `same_work` can drift."""
        _, durations = self.steady()
        judged = self.watch.judge([float(value) for value in durations], same_work=same_work)
        return Trust(judged.level, judged.reasons)

    # Resuming

    def state(self) -> dict[str, Any]:
        """Return what a resumed process goes on from."""
        return {
            "seconds": self.ledger.seconds(),
            "split": [now + before for now, before in zip(self.clock.seconds, self._split_before, strict=True)],
            "joules": {"session": self.energy_so_far(), **self.joules},
            "energy_faults": self.energy.broken(),
            "sensors": [f"{machine()} {sensor.place}" for sensor in self.energy.sensors],
        }

    def go_on_from(self, state: dict[str, Any]) -> None:
        """Count what `state` has counted."""
        self.ledger.add(state["seconds"])
        self._trained_before = _of_training(state["seconds"])
        self._split_before = list(state["split"])
        earlier = dict(state["joules"])
        self.energy.continue_from(earlier.pop("session"), state.get("energy_faults", []))
        again = self.joules[PREPARATION]
        self.joules = {PREPARATION: {}, **{name: dict(scopes) for name, scopes in earlier.items()}}
        for scope, joules in again.items():  # each process prepares its data
            self.joules[PREPARATION][scope] = self.joules[PREPARATION].get(scope, 0.0) + joules


def _of_training(parts: dict[str, float]) -> dict[str, float]:
    """Return the parts of a session that are of its training, by phase."""
    return {part.removeprefix(TRAINING): took for part, took in parts.items() if part.startswith(TRAINING)}
