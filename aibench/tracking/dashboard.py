"""Defines the W&B workspace of a project's runs in code: a section for each question, runs grouped by task."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aibench.config import ConfigError
from aibench.tracking.wandb_environment import has_api_key

NAME = "AIBench"
NO_ENTITY = "your-entity"  # stands in a definition that nobody has saved yet
THROUGHPUT = ("throughput/whole", "throughput/training", "throughput/compute")
TIMES = (
    *("times/preparation", "times/setup", "times/evaluation", "times/checkpoint", "times/other"),
    *(
        f"times/split/{part}"
        for part in ("data", "transfer", "forward", "backward", "optimizer", "compilation", "loop")
    ),
)


def create(project: str, entity: str | None, output: Path, tasks: Sequence[str] | None) -> str:
    """Make the workspace where there is an API key; else write its definition to `output`.

    Args:
        project: The W&B project.
        entity: Its owner; None for the key's own.
        output: A JSON file.
        tasks: The tasks whose qualities get a chart; None for all.

    Returns:
        What was done, a line.

    Raises:
        ValueError: A task is not one, or W&B refused.
        ImportError: wandb-workspaces is not installed.
    """
    metrics = _metrics(tasks)  # by task
    if not has_api_key():
        definition = workspace(project, entity or NO_ENTITY, metrics)._to_model().model_dump(by_alias=True, mode="json")
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(definition, indent=1) + "\n", encoding="utf-8")
        return (
            f"No W&B API key: nothing was created. {output} has the definition of the workspace. With a key "
            "(wandb login) the same command makes it."
        )
    import wandb

    try:
        made = workspace(project, entity or str(wandb.Api().default_entity), metrics).save()
    except Exception as error:  # whatever the server or the network says
        raise ValueError(f"--project={project}: W&B did not take the workspace: {error}") from error
    return f"Created {made.url}"


def _metrics(tasks: Sequence[str] | None) -> dict[str, str]:
    """Return for each task the name of its quality."""
    from aibench.composition import registry
    from aibench.composition.compose import suite_config

    known = registry.task_names()
    unknown = sorted(set(tasks or ()) - set(known))
    if unknown:
        raise ValueError(f"--tasks={','.join(unknown)}: no such task. There are {', '.join(known)}.")
    try:
        return {task: str(suite_config(task, "mini").target.metric) for task in tasks or known}
    except ConfigError as error:
        raise ValueError(str(error)) from error


def workspace(project: str, entity: str, metrics: Mapping[str, str]) -> Any:
    """Return the workspace; `metrics` has for each task the name of its quality.

    Raises:
        ImportError: wandb-workspaces is not installed.
    """
    try:
        panels: Any = importlib.import_module("wandb_workspaces.reports.v2")
        ws: Any = importlib.import_module("wandb_workspaces.workspaces")
    except ImportError as error:
        raise ImportError("wandb-workspaces is not installed. Run: pip install -e '.[dashboards]'.") from error

    return ws.Workspace(
        entity=entity,
        project=project,
        name=NAME,
        sections=_sections(panels, ws, metrics),
        settings=ws.WorkspaceSettings(x_axis="samples"),
        runset_settings=ws.RunsetSettings(groupby=[ws.Config("task"), ws.Config("scale")]),
    )


def _sections(panels: Any, ws: Any, metrics: Mapping[str, str]) -> list[Any]:
    """Return the workspace's sections of charts."""

    def curve(task: str, axis: str) -> Any:
        names = [f"quality/{task}", f"target/{task}"]
        y = names if axis == "samples" else [f"by_seconds/{name}" for name in names]
        return panels.LinePlot(title=f"{task}: {metrics[task].removeprefix('val/')} and target by {axis}", x=axis, y=y)

    def bars(title: str, names: Sequence[str], **options: Any) -> Any:
        return panels.BarPlot(title=title, metrics=[panels.SummaryMetric(name) for name in names], **options)

    grouped: Any = {"groupby": panels.Config("task"), "groupby_aggfunc": "mean", "groupby_rangefunc": "stddev"}
    return [
        ws.Section("Quality", [curve(task, axis) for task in metrics for axis in ("samples", "seconds")], is_open=True),
        ws.Section(
            "Throughput", [bars(f"{name.split('/')[1]}, in the task's unit a second", [name]) for name in THROUGHPUT]
        ),
        ws.Section("Time split", [bars("Seconds by part", TIMES)]),
        ws.Section(
            "Energy",
            [
                bars("Joules of the session", ["energy/total", "energy/above_idle"]),
                bars("Joules a sample", ["energy/per_sample"]),
            ],
        ),
        ws.Section(
            "Variation by group",
            [
                bars("Epochs to quality, mean and SD of the seeds", ["epochs_to_quality"], **grouped),
                bars("Seconds to quality, mean and SD of the seeds", ["seconds_to_quality"], **grouped),
                panels.ScatterPlot(
                    title="Epochs and seconds to quality",
                    x=panels.SummaryMetric("epochs_to_quality"),
                    y=panels.SummaryMetric("seconds_to_quality"),
                ),
            ],
        ),
        ws.Section("Media", [panels.MediaBrowser(title="Rendered figures", media_keys=["figure"])]),
    ]
