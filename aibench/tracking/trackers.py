"""Where the history goes besides `result.json`: a CSV file, TensorBoard, Weights & Biases.

All get the same names: `val/...` as the task logs them, against samples and seconds.
"""

from __future__ import annotations

import csv
import netrc
import os
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from aibench.config import ConfigError, RunConfig, Tracker, TrackingMode, plain
from aibench.results.result import RESULT, Evaluation, Result

SECTIONS = ("times", "throughput", "memory", "energy", "cost", "model")
POSITION = ("epochs", "steps", "samples", "seconds", "training_seconds")


class Tracking(Protocol):
    """A place for the history."""

    def restore(self, history: list[Evaluation]) -> None:
        """A resumed session's history so far."""

    def trained(self, steps: int, loss: float | None) -> None:
        """`steps` batches are done."""

    def evaluated(self, evaluation: Evaluation) -> None:
        """An evaluation was added to the history."""

    def finish(self, result: Result | None, folder: Path) -> None:
        """The session ended; None where it left no result."""


def row(evaluation: Evaluation) -> dict[str, float | None]:
    """An evaluation as one flat row: its position and its metrics."""
    return {**{name: getattr(evaluation, name) for name in POSITION}, **evaluation.metrics}


def numbers(result: Result) -> dict[str, float]:
    """The result's numbers by section, as `times/setup` and `throughput/training`; those without a value left out."""
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
    """Nothing but `result.json`."""

    def restore(self, history: list[Evaluation]) -> None: ...

    def trained(self, steps: int, loss: float | None) -> None: ...

    def evaluated(self, evaluation: Evaluation) -> None: ...

    def finish(self, result: Result | None, folder: Path) -> None: ...


class CsvTracking(NoTracking):
    """`metrics.csv`: a row for each evaluation, on disk as soon as it is made."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "metrics.csv"
        self.path.unlink(missing_ok=True)

    def restore(self, history: list[Evaluation]) -> None:
        for evaluation in history:
            self.evaluated(evaluation)

    def evaluated(self, evaluation: Evaluation) -> None:
        values = row(evaluation)
        is_new = not self.path.exists()
        with self.path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(values))
            if is_new:
                writer.writeheader()
            writer.writerow(values)


class TensorBoardTracking(NoTracking):
    """Event files in `tensorboard/`, against samples."""

    def __init__(self, config: RunConfig, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ConfigError("tracking=tensorboard: not installed. Run: pip install tensorboard") from error
        self.writer: Any = SummaryWriter(str(folder / "tensorboard"))
        self.config = config

    def restore(self, history: list[Evaluation]) -> None:
        """Nothing: the event files of the process before hold it."""

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
    """A W&B run of its own for each run: group = task and scale, job type = session."""

    def __init__(self, config: RunConfig, folder: Path, run_id: str) -> None:
        import wandb

        self.config = config
        online = config.tracking.mode is TrackingMode.online or (
            config.tracking.mode is TrackingMode.auto and has_api_key()
        )
        mode: Any = None if "WANDB_MODE" in os.environ else "online" if online else "offline"
        if mode == "online" and not has_api_key():
            raise ConfigError("tracking.mode=online: no API key. Run: wandb login, or set tracking.mode=offline.")
        self.run = wandb.init(
            dir=str(folder),
            mode=mode,
            project=config.tracking.project,
            entity=config.tracking.entity,
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
        """The evaluations as a table."""
        import wandb

        rows = [row(evaluation) for evaluation in result.history]
        columns: list[str | int] = list(dict.fromkeys(name for values in rows for name in values))
        table = wandb.Table(columns=columns, data=[[values.get(str(name)) for name in columns] for values in rows])
        self.run.log({"evaluations": table})


def has_api_key() -> bool:
    """Whether a key stands in the environment or in `.netrc`, where `wandb login` puts it."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    try:
        return netrc.netrc(os.environ.get("NETRC")).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def tracking(config: RunConfig, folder: Path, run_id: str) -> Tracking:
    """The tracker that `config.tracking` names."""
    match config.tracking.kind:
        case Tracker.none:
            return NoTracking()
        case Tracker.csv:
            return CsvTracking(folder)
        case Tracker.tensorboard:
            return TensorBoardTracking(config, folder)
        case Tracker.wandb:
            return WandbTracking(config, folder, run_id)
