"""Writes the history where `result.json` is not enough: a CSV file, TensorBoard, Weights & Biases.

All of them get the same names: `val/...` as the task logs them, against samples and seconds.
"""

from __future__ import annotations

import csv
import importlib.util
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aibench.config import ConfigError, RunConfig, Tracker, plain
from aibench.results.division import flat
from aibench.results.folder import CURVES, METRICS
from aibench.results.made import made, making
from aibench.results.result import Evaluation, Result, write_atomically
from aibench.tracking.loggers import instantiated, lacking_loggers
from aibench.tracking.protocol import NoTracking, Tracking, Watcher
from aibench.tracking.values import numbers, outcome, row
from aibench.tracking.wandb_environment import wandb_mode
from aibench.tracking.wandb_run import WandbTracking

NO_TENSORBOARD = "tracking=tensorboard: not installed. Run: pip install tensorboard"
CURVE_NAMES = (
    "train/loss",
    "train/lr",
    "train/per_second",
    "train/gradient_norm",
    "device/cpu_percent",
    "device/gpu_percent",
)


class CsvTracking(NoTracking):
    """Writes `metrics.csv`: a row for each evaluation, on disk as soon as it is made."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / METRICS
        self.curves = folder / CURVES
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

    def curve(self, position: dict[str, float], values: dict[str, float]) -> None:
        line = {**position, **values}
        begins = not self.curves.exists()
        with making(self.curves).open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [*position, *CURVE_NAMES], extrasaction="ignore")
            if begins:
                writer.writeheader()
            writer.writerow(line)

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

    def curve(self, position: dict[str, float], values: dict[str, float]) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, int(position["samples"]))

    def finish(self, result: Result | None, folder: Path) -> None:
        self.writer.add_text("status", result.status if result else "failed")
        if result is not None:
            said = {
                key: value
                for key, value in flat(plain(self.config)).items()
                if isinstance(value, bool | int | float | str)
            }
            self.writer.add_hparams(
                said, {f"result/{name}": value for name, value in outcome(result).items()}, run_name="."
            )
        if result is not None and result.figure is not None:
            import numpy as np
            from PIL import Image

            picture = np.asarray(Image.open(folder / result.figure).convert("RGB"))
            self.writer.add_image("figure", picture, dataformats="HWC")
        self.writer.close()


def lacking(config: RunConfig) -> Iterator[str]:
    """Yield what the trackers of `config` need and do not find here, a line each; starts nothing."""
    kinds = config.tracking.kinds
    if Tracker.lightning in kinds:
        yield from lacking_loggers(config)
    if Tracker.tensorboard in kinds and importlib.util.find_spec("tensorboard") is None:
        yield NO_TENSORBOARD
    if Tracker.wandb in kinds:
        try:
            wandb_mode(config)
        except ConfigError as error:
            yield str(error)


def tracking(config: RunConfig, folder: Path, run_id: str) -> Tracking:
    """Return the trackers that `config.tracking` names, as one."""
    trackers = [one for kind in config.tracking.kinds for one in _of(kind, config, folder, run_id)]
    return trackers[0] if len(trackers) == 1 else Several(trackers)


def _of(kind: Tracker, config: RunConfig, folder: Path, run_id: str) -> Iterator[Tracking]:
    match kind:
        case Tracker.none:
            yield NoTracking()
        case Tracker.csv:
            yield CsvTracking(folder)
        case Tracker.tensorboard:
            yield TensorBoardTracking(config, folder)
        case Tracker.wandb:
            yield WandbTracking(config, folder, run_id)
        case Tracker.lightning:
            yield from (LightningTracking(config, logger) for logger in instantiated(config))


class LightningTracking(NoTracking):
    """Hands the history to one of Lightning's loggers, such as MLflow's, against samples."""

    def __init__(self, config: RunConfig, logger: Any) -> None:
        self.logger = logger
        logger.log_hyperparams(flat(plain(config)))

    def evaluated(self, evaluation: Evaluation) -> None:
        values = {name: value for name, value in row(evaluation).items() if value is not None}
        self.logger.log_metrics(values, step=evaluation.samples or 0)

    def curve(self, position: dict[str, float], values: dict[str, float]) -> None:
        self.logger.log_metrics(values, step=int(position["samples"]))

    def finish(self, result: Result | None, folder: Path) -> None:
        if result is not None:
            self.logger.log_metrics({**outcome(result), **numbers(result)})
        self.logger.finalize("success" if result is not None and result.status.finished else "failed")


class Several(NoTracking):
    """Hands the history to several trackers, each in turn."""

    def __init__(self, trackers: list[Tracking]) -> None:
        self.trackers = trackers

    def restore(self, history: list[Evaluation]) -> None:
        for tracker in self.trackers:
            tracker.restore(history)

    def evaluated(self, evaluation: Evaluation) -> None:
        for tracker in self.trackers:
            tracker.evaluated(evaluation)

    def curve(self, position: dict[str, float], values: dict[str, float]) -> None:
        for tracker in self.trackers:
            tracker.curve(position, values)

    def finish(self, result: Result | None, folder: Path) -> None:
        errors = []
        for tracker in self.trackers:
            try:
                tracker.finish(result, folder)
            except Exception as error:  # one that fails takes nothing from the others
                errors.append(error)
        if errors:
            raise errors[0]


__all__ = [
    "CsvTracking",
    "NoTracking",
    "Several",
    "Tracking",
    "WandbTracking",
    "Watcher",
    "lacking",
    "numbers",
    "row",
    "tracking",
]
