"""Writes a session's history into a W&B run of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aibench.config import RunConfig, plain
from aibench.results.result import RESULT, Evaluation, Result
from aibench.results.shown import shown
from aibench.tracking.protocol import NoTracking
from aibench.tracking.values import OUTCOME, POSITION, by_task, numbers, outcome, row, sweep_of
from aibench.tracking.wandb_environment import overridden, take_agents_run, wandb_mode


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
                group=config.tracking.group or f"{config.task}-{config.scale}",
                job_type=str(config.session),
                name=config.tracking.name or f"{config.task}-{config.scale}-seed{config.seed}",
                notes=config.tracking.notes,
                id=run_id,
                tags=[config.task, config.scale, str(config.session), *config.tracking.tags],
                config={**plain(config), "sweep": sweep_of(folder)},
                reinit="create_new",
                settings=wandb.Settings(silent=True, console="off"),
            )
        print(shown(f"W&B: {self.run.url}" if mode == "online" else f"W&B, offline: {_offline(self.run)}"), flush=True)
        for axis in POSITION:
            self.run.define_metric(axis, hidden=True)
        self.run.define_metric("val/*", step_metric="samples")
        self.run.define_metric("train/*", step_metric="samples")
        for names in ("quality/*", "target/*"):
            self.run.define_metric(names, step_metric="samples")
        self.run.define_metric("by_seconds/*", step_metric="seconds")

    def restore(self, history: list[Evaluation]) -> None:
        for evaluation in history:
            self.evaluated(evaluation)

    def evaluated(self, evaluation: Evaluation) -> None:
        told = {**row(evaluation), **by_task(evaluation, self.config)}
        values = {name: value for name, value in told.items() if value is not None}
        by_seconds = {f"by_seconds/{name}": value for name, value in values.items() if name not in POSITION}
        self.run.log({**values, **by_seconds})

    def curve(self, position: dict[str, float], values: dict[str, float]) -> None:
        self.run.log({**position, **values})

    def finish(self, result: Result | None, folder: Path) -> None:
        import wandb

        if result is None:
            self.run.finish(exit_code=1)
            return
        summary: dict[str, Any] = {
            "status": str(result.status),
            **dict.fromkeys(OUTCOME),
            **outcome(result),
            "division": result.division.name if result.division else None,
            "trust": result.trust.level,
            "commit": result.commit,
            "suite_version": result.suite_version,
            "sweep": sweep_of(folder),
            **{name: result.system.get(name) for name in ("cpu", "threads")},
            "gpu": (result.system.get("gpu") or {}).get("name"),
        }
        self.run.summary.update({**summary, **numbers(result)})
        if result.history:
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


def _offline(run: Any) -> str:
    """Return where an offline run lies, and the command that sends it."""
    folder = Path(run.dir).parent
    return f"{folder}; send it with: wandb sync {folder}"
