"""Shows how a pool gets on: a bar for the sweep and a line for each slot in a terminal; else a line for each run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from aibench.commands.console import print_line
from aibench.commands.pool.process import Running
from aibench.commands.pool.slots import Slot
from aibench.results.shown import shown
from aibench.results.status import Status

SECONDS = 1.0  # between two pictures: more of them would take time from the runs


class Board:
    """Draws on the console until the block ends.

    Args:
        console: Where to draw.
        slots: The slots, in order.
        runs: How many runs there are.
        visible: Whether anything but the line of a run that ended is shown.
    """

    def __init__(self, console: Console, slots: list[Slot], runs: int, *, visible: bool) -> None:
        self.console, self.slots = console, slots
        self.failed, self._drawn = 0, 0.0
        self._total = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}", markup=False),
            console=console,
            expand=True,
        )
        self._task = self._total.add_task("runs", total=runs, left="")
        self._live = Live(console=console, auto_refresh=False, transient=True) if visible else None

    def __enter__(self) -> Board:
        if self._live is not None and self.console.is_terminal:
            self._live.start()
        elif self._live is not None:
            many = f"{len(self.slots)} at once" if len(self.slots) > 1 else "one at a time"
            where = "; ".join(map(str, self.slots))
            self.console.print(f"pool: {self._total.tasks[0].total:g} runs, {many}: {where}", soft_wrap=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def draw(self, running: Mapping[Slot, Running]) -> None:
        """Show what each slot does, where a second has passed since it was last shown."""
        if self._live is None or not self._live.is_started or time.monotonic() < self._drawn + SECONDS:
            return
        self._drawn = time.monotonic()
        self._total.update(self._task, left=left(self._total.tasks[0]))
        lines = [Text(_line(slot, running.get(slot)), no_wrap=True, overflow="ellipsis") for slot in self.slots]
        self._live.update(Group(*lines, self._total), refresh=True)

    def ended(self, run: Running) -> None:
        """Print the line of a run that ended, above the bar."""
        result = run.result()
        if result is not None:
            print_line(result, run.folder)
        if result is None or result.status in (Status.failed, Status.diverged):
            self.failed += 1
            self._total.update(self._task, description=f"runs, {self.failed} failed")
        self._total.advance(self._task)


def left(task: Task) -> str:
    """Return how long the rest will take, by the mean of what has ended; nothing as long as that is no run."""
    if not task.completed or task.elapsed is None or task.total is None:
        return ""
    seconds = task.elapsed / task.completed * (task.total - task.completed)
    return f"{timedelta(seconds=round(seconds))} left"


def _line(slot: Slot, run: Running | None) -> str:
    if run is None:
        return f"{slot}: free"
    said = run.last_line().removeprefix(f"{run.config.task} seed {run.config.seed}").lstrip(": ")
    return shown(f"{slot}: {run.folder.name}  {said}")
