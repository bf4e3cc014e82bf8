"""Runs the runs of a sweep in the slots of a pool: whatever becomes of one, the others go on."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from hydra.core.config_loader import ConfigLoader
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig, open_dict

from aibench.commands.console import complain, console
from aibench.commands.fail_fast import stopped_by
from aibench.commands.pool.board import Board
from aibench.commands.pool.process import Running, start
from aibench.commands.pool.slots import Slot, slots
from aibench.composition.refusal import REFUSED, refusal
from aibench.composition.sweep import different
from aibench.config import RunConfig, unchecked
from aibench.results.objective import worst

GLANCE_SECONDS = 0.2
PATIENCE = 2  # signals until the runs are killed: the first asks them to end, the second to end at once


class Pool:
    """Runs what it is given, in order, as soon as a slot is free.

    Args:
        loader: Composes the runs.
        config: The sweep as Hydra composed it.
        overrides: Those of each run.
        first: Number of the first run in its sweep.
    """

    def __init__(
        self, loader: ConfigLoader, config: DictConfig, overrides: Sequence[Sequence[str]], first: int
    ) -> None:
        self.loader, self.config, self.first = loader, config, first
        self.waiting = list(enumerate(overrides))
        self.ended: dict[int, JobReturn] = {}
        self.running: dict[Slot, Running] = {}
        self.signals: list[int] = []
        examples = list(self._examples(different([list(words) for words in overrides])))
        launcher, self.worst = config.hydra.launcher, worst(examples[0])
        self.slots = slots(launcher.slots, launcher.cores, examples)
        self.board = Board(console(), self.slots, len(overrides), visible=examples[0].progress)

    def run(self) -> list[JobReturn]:
        """Run all of them; return what each is worth.

        Raises:
            KeyboardInterrupt: A signal came. Every run that was under way has left its result, and none is left.
        """
        with self._signals_kept(), self.board:
            while self.running or (self.waiting and not self.signals):
                self._fill()
                self._collect()
                self.board.draw(self.running)
                time.sleep(GLANCE_SECONDS)
        if self.signals:
            raise KeyboardInterrupt
        return [self.ended[place] for place in sorted(self.ended)]

    def _fill(self) -> None:
        """Start runs in the free slots."""
        for slot in self.slots:
            if slot in self.running or not self.waiting or self.signals:
                continue
            place, overrides = self.waiting.pop(0)
            if stopped_by(Path(str(self.config.hydra.sweep.dir))) is not None:
                self._note(place, self.worst)
                continue
            try:
                self.running[slot] = start(place, self._composed(place, overrides), slot)
            except REFUSED as error:  # a combination of a search that has not even the right types
                complain(refusal(error, overrides))
                self._note(place, self.worst)

    def _collect(self) -> None:
        """Take what has ended out of its slot."""
        for slot, run in list(self.running.items()):
            if run.process.poll() is not None:
                del self.running[slot]
                self._note(run.place, run.end())
                self.board.ended(run)

    def _composed(self, place: int, overrides: Sequence[str]) -> DictConfig:
        found = self.loader.load_sweep_config(self.config, list(overrides))
        with open_dict(found):
            found.hydra.job.id = found.hydra.job.num = self.first + place
        return found

    def _examples(self, runs: Sequence[Sequence[str]]) -> Iterator[RunConfig]:
        for place, overrides in enumerate(runs):
            with suppress(*REFUSED):
                yield unchecked(self._composed(place, overrides))

    def _note(self, place: int, worth: float) -> None:
        returned = JobReturn(status=JobStatus.COMPLETED)
        returned.return_value = worth
        self.ended[place] = returned

    @contextmanager
    def _signals_kept(self) -> Iterator[None]:
        """Hand signals on to the runs: a third one kills them."""

        def take(number: int, frame: object) -> None:
            self.signals.append(number)
            for run in list(self.running.values()):
                run.send(number if len(self.signals) <= PATIENCE else signal.SIGKILL)

        before = {number: signal.signal(number, take) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for run in self.running.values():  # none, unless the pool itself has failed
                run.send(signal.SIGTERM)
            for run in self.running.values():
                run.process.wait()
            for number, handler in before.items():
                signal.signal(number, handler)


def launch(
    loader: ConfigLoader, config: DictConfig, overrides: Sequence[Sequence[str]], first: int
) -> Sequence[JobReturn]:
    """Run a sweep, or as much of it as a search asks for at once."""
    return Pool(loader, config, overrides, first).run()
