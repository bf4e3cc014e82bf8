"""Shows a live progress bar with quality and target; a line for each evaluation where there is no terminal."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from aibench.config import Mode
from aibench.results.result import Evaluation
from aibench.training.goal import Goal, Schedule

NARROW, WIDE = 100, 140  # columns


@dataclass
class Sweep:
    """Says where the runs of this process stand in their sweep.

    Attributes:
        run: Number of the present run, from 1; 0 outside a sweep.
        runs: Number of runs in the sweep.
    """

    run: int = 0
    runs: int = 0

    def __str__(self) -> str:
        return f"run {self.run}/{self.runs}"


sweep = Sweep()  # Hydra's callback tells; a launcher with processes of its own leaves it at 0


class ProgressBar:
    """Shows where a session is.

    Args:
        title: Names the run.
        goal: The quality to reach.
        schedule: The budget.
        console: The console to draw on.
    """

    def __init__(self, title: str, goal: Goal, schedule: Schedule, console: Console) -> None:
        self.title = title
        self.goal = goal
        self.schedule = schedule
        self.console = console
        self._bar: Progress | None = None
        self._loss = "-"

    def __enter__(self) -> ProgressBar:
        if self.console.is_terminal:
            self._bar = Progress(
                *self._columns(),
                console=self.console,
                expand=True,
                refresh_per_second=4,
                transient=True,
            )
            self._bar.add_task(
                self.title, total=self.schedule.budget, epoch=self._epoch(0), loss="-", quality=self._quality(None)
            )
            if sweep.run:
                done = self._bar.add_task(str(sweep), total=sweep.runs, epoch="", loss="", quality=str(sweep))
                self._bar.update(done, completed=sweep.run - 1)
            self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _columns(self) -> list[ProgressColumn]:
        """Return the columns that fit: quality and time in any terminal, the rest in wide ones."""
        columns: list[ProgressColumn] = [TextColumn("{task.fields[epoch]}  {task.fields[quality]}", markup=False)]
        if self.console.width >= NARROW:
            columns = [TextColumn("{task.description}", markup=False), *columns]
        columns = [*columns, BarColumn(bar_width=None), TimeElapsedColumn()]
        if self.console.width >= WIDE:
            columns = [
                *columns,
                TextColumn("budget left"),
                TimeRemainingColumn(),
                TextColumn("loss {task.fields[loss]}", markup=False),
            ]
        return columns

    def trained(self, steps: int, loss: float | None) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._loss = self._loss if loss is None else f"{loss:.3f}"
            self._bar.update(self._bar.task_ids[0], completed=steps, epoch=self._epoch(steps), loss=self._loss)

    def evaluated(self, evaluation: Evaluation) -> None:
        """Show the new quality."""
        quality = self._quality(evaluation.metrics[self.goal.metric])
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=evaluation.steps, quality=quality)
        else:
            epoch = self._epoch(evaluation.steps or 0)
            where = f"{sweep}  " if sweep.run else ""
            line = f"{where}{self.title}  {epoch}  {quality}  {evaluation.seconds:.1f} s"
            self.console.print(line, highlight=False, soft_wrap=True)

    def _epoch(self, steps: int) -> str:
        return f"epoch {steps / self.schedule.batches:.2f}/{self.schedule.budget / self.schedule.batches:g}"

    def _quality(self, value: float | None) -> str:
        now = "-" if value is None else f"{value:.4f}"
        if self.goal.quality is None:
            return f"{self.goal.metric} {now}" if self.schedule.interval else "timing"
        sign = ">=" if self.goal.mode is Mode.max else "<="
        return f"{self.goal.metric} {now} (target {sign} {self.goal.quality:g})"
