"""Writes the history where `result.json` is not enough: a CSV file, TensorBoard, Weights & Biases.

All of them get the same names: `val/...` as the task logs them, against samples and seconds.
"""

from __future__ import annotations

import csv
import importlib.util
import io
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, Protocol

from aibench.config import ConfigError, RunConfig, Tracker, plain
from aibench.results.folder import METRICS
from aibench.results.made import made, making
from aibench.results.result import RESULT, Evaluation, Result, write_atomically
from aibench.tracking.wandb_environment import overridden, take_agents_run, wandb_mode

SECTIONS = ("times", "throughput", "memory", "energy", "cost", "model")
NO_TENSORBOARD = "tracking=tensorboard: not installed. Run: pip install tensorboard"
POSITION = ("epochs", "steps", "samples", "seconds", "training_seconds")


class Watcher(Protocol):
    """Describes what is told how a session gets on: a progress bar, a tracker."""

    def trained(self, steps: int, loss: float | None) -> None:
        """Note that `steps` batches are done; called some four times a second."""

    def evaluated(self, evaluation: Evaluation) -> None:
        """Note an evaluation that was added to the history."""


class Tracking(Watcher, Protocol):
    """Describes a place for the history."""

    def restore(self, history: list[Evaluation]) -> None:
        """Take over a resumed session's history so far."""

    def finish(self, result: Result | None, folder: Path) -> None:
        """End with the session; `result` is None where it left no result."""


def row(evaluation: Evaluation) -> dict[str, float | None]:
    """Return an evaluation as one flat row: its position and its metrics."""
    return {**{name: getattr(evaluation, name) for name in POSITION}, **evaluation.metrics}


def numbers(result: Result) -> dict[str, float]:
    """Return the result's numbers by section, as `times/setup` and `throughput/training`, without missing values."""
    found: dict[str, float] = {}
    for section in SECTIONS:
        part = getattr(result, section, None)
        if is_dataclass(part) and not isinstance(part, type):
            found |= dict(_numbers(section, asdict(part)))
    return found


def _numbers(name: str, node: Any) -> Iterator[tuple[str, float]]:
    if isinstance(node, dict) and "value" in node:
        node = node["value"]
    if isinstance(node, dict):
        for part, value in node.items():
            yield from _numbers(f"{name}/{part}", value)
    elif isinstance(node, int | float):
        yield name, node


class NoTracking:
    """Writes nothing besides `result.json`."""

    def restore(self, history: list[Evaluation]) -> None: ...

    def trained(self, steps: int, loss: float | None) -> None: ...

    def evaluated(self, evaluation: Evaluation) -> None: ...

    def finish(self, result: Result | None, folder: Path) -> None: ...


class CsvTracking(NoTracking):
    """Writes `metrics.csv`: a row for each evaluation, on disk as soon as it is made."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / METRICS
        self.rows: list[dict[str, float | None]] = []
        self.names: list[str] = []

    def restore(self, history: list[Evaluation]) -> None:
        self.rows = [row(evaluation) for evaluation in history]
        self.names = list(dict.fromkeys(name for values in self.rows for name in values))
        self._write_all()

    def evaluated(self, evaluation: Evaluation) -> None:
        values = row(evaluation)
        self.rows.append(values)
        new = [name for name in values if name not in self.names]
        if new:  # the first row, or a phase that logs other metrics: the heading changes for all rows
            self.names += new
            self._write_all()
            return
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self.names).writerow(values)

    def _write_all(self) -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.names)
        writer.writeheader()
        writer.writerows(self.rows)
        write_atomically(making(self.path), text.getvalue())


class TensorBoardTracking(NoTracking):
    """Writes event files in `tensorboard/`, against samples."""

    def __init__(self, config: RunConfig, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ConfigError(NO_TENSORBOARD) from error
        place = making(folder / "tensorboard")
        before = set(place.glob("*"))
        self.writer: Any = SummaryWriter(str(place))
        made(set(place.glob("*")) - before)
        self.config = config

    def restore(self, history: list[Evaluation]) -> None:
        """Do nothing: the event files of the process before hold the history."""

    def evaluated(self, evaluation: Evaluation) -> None:
        for name, value in row(evaluation).items():
            if value is not None:
                self.writer.add_scalar(name, value, evaluation.samples)
        self.writer.flush()

    def finish(self, result: Result | None, folder: Path) -> None:
        self.writer.add_text("status", result.status if result else "failed")
        if result is not None and result.figure is not None:
            import numpy as np
            from PIL import Image

            picture = np.asarray(Image.open(folder / result.figure).convert("RGB"))
            self.writer.add_image("figure", picture, dataformats="HWC")
        self.writer.close()


class WandbTracking(NoTracking):
    """Makes a W&B run of its own for each run: group = task and scale, job type = session."""

    def __init__(self, config: RunConfig, folder: Path, run_id: str) -> None:
        import wandb

        self.config = config
        mode: Any = wandb_mode(config)
        take_agents_run()
        with overridden():
            self.run = wandb.init(
                dir=str(folder),
                mode=mode,
                project=config.tracking.project,
                entity=config.tracking.entity or None,  # WANDB_ENTITY may be set to nothing
                group=f"{config.task}-{config.scale}",
                job_type=str(config.session),
                name=f"{config.task}-{config.scale}-seed{config.seed}",
                id=run_id,
                tags=[config.task, config.scale, str(config.session), *config.tracking.tags],
                config=plain(config),
                reinit="create_new",
                settings=wandb.Settings(silent=True, console="off"),
            )
        for axis in POSITION:
            self.run.define_metric(axis, hidden=True)
        self.run.define_metric("val/*", step_metric="samples")
        self.run.define_metric("by_seconds/*", step_metric="seconds")

    def restore(self, history: list[Evaluation]) -> None:
        for evaluation in history:
            self.evaluated(evaluation)

    def evaluated(self, evaluation: Evaluation) -> None:
        values = {name: value for name, value in row(evaluation).items() if value is not None}
        by_seconds = {f"by_seconds/{name}": value for name, value in values.items() if name not in POSITION}
        self.run.log({**values, **by_seconds})

    def finish(self, result: Result | None, folder: Path) -> None:
        import wandb

        if result is None:
            self.run.finish(exit_code=1)
            return
        summary: dict[str, Any] = {
            "status": str(result.status),
            "quality": result.quality,
            "best_quality": result.best_quality,
            "target": result.target.quality,
            "epochs_to_quality": result.to_quality.epochs,
            "seconds_to_quality": result.to_quality.seconds,
            "samples_per_second": result.throughput.training.value if result.throughput else None,
        }
        self.run.summary.update({**summary, **numbers(result)})
        self._log_table(result)
        artifact = wandb.Artifact(f"result-{result.run_id}", type="result")
        artifact.add_file(str(folder / RESULT))
        self.run.log_artifact(artifact)
        if result.figure is not None:
            self.run.log({"figure": wandb.Image(str(folder / result.figure))})
        self.run.finish(exit_code=0 if result.status.finished else 1)

    def _log_table(self, result: Result) -> None:
        """Log the evaluations as a table."""
        import wandb

        rows = [row(evaluation) for evaluation in result.history]
        columns: list[str | int] = list(dict.fromkeys(name for values in rows for name in values))
        table = wandb.Table(columns=columns, data=[[values.get(str(name)) for name in columns] for values in rows])
        self.run.log({"evaluations": table})


def lacking(config: RunConfig) -> Iterator[str]:
    """Yield what the tracker of `config` needs and does not find here, a line each; starts nothing."""
    if config.tracking.kind is Tracker.tensorboard and importlib.util.find_spec("tensorboard") is None:
        yield NO_TENSORBOARD
    if config.tracking.kind is Tracker.wandb:
        try:
            wandb_mode(config)
        except ConfigError as error:
            yield str(error)


def tracking(config: RunConfig, folder: Path, run_id: str) -> Tracking:
    """Return the tracker that `config.tracking` names."""
    match config.tracking.kind:
        case Tracker.none:
            return NoTracking()
        case Tracker.csv:
            return CsvTracking(folder)
        case Tracker.tensorboard:
            return TensorBoardTracking(config, folder)
        case Tracker.wandb:
            return WandbTracking(config, folder, run_id)
