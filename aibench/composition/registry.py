"""Finds the tasks, which are the folders of `aibench/tasks`. Imports no torch."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aibench.config import RunConfig
    from aibench.config.origin import Origin
    from aibench.contract import TaskData, TaskModule

LONGEST_NAME = 200  # letters of a key or an option: a file is named for it
FINGERPRINT = "fingerprint.txt"
TASKS = Path(__file__).parents[1] / "tasks"
_registered: set[str] = set()  # storing a schema takes 20 ms


def task_names() -> list[str]:
    """Return the names of all tasks, in alphabetical order."""
    return sorted(folder.name for folder in TASKS.iterdir() if (folder / "config.py").is_file())


def fingerprint(task: str) -> str | None:
    """Return the fingerprint of the miniature's own samples, which `make fingerprints` notes; None where it did not."""
    path = TASKS / task / FINGERPRINT
    return path.read_text(encoding="utf-8").strip() if path.is_file() else None


def summary(task: str) -> str:
    """Return the docstring of the task's folder: one line, read without importing it."""
    docstring = ast.get_docstring(ast.parse((TASKS / task / "__init__.py").read_text(encoding="utf-8")))
    assert docstring, f"aibench/tasks/{task}/__init__.py has no docstring"
    return docstring.splitlines()[0]


def register(words: Sequence[str]) -> None:
    """Store the schemas of the tasks that `words`, the overrides of a run, may ask for, as the options `task=NAME`."""
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    # Hydra copies the store with all its schemas for each composition, and again what it takes out of it.
    setattr(ConfigStore, "__deepcopy__", _shared)  # noqa: B010  a method that the class has not
    for name in asked_for(words) - _registered:
        node = schema_class(name)(task=name)
        store.store(group="task", name=name, node=node, package="_global_", provider="aibench")
        _registered.add(name)


def _shared(store: object, _memo: dict[int, object]) -> object:
    """Stand for the copy of `store`: what is stored never changes."""
    return store


def asked_for(words: Sequence[str]) -> set[str]:
    """Return the tasks in `task=NAME,NAME`; all of them where that word is missing or says something else."""
    everything = set(task_names())
    named = [set(word.removeprefix("task=").split(",")) for word in words if word.startswith("task=")]
    return named[0] if len(named) == 1 and named[0] <= everything else everything


def usual_task() -> str:
    """Return the task of a run that names none."""
    text = (TASKS.parent / "conf" / "config.yaml").read_text(encoding="utf-8")
    return next(line.split()[2] for line in text.splitlines() if line.strip().startswith("- task:"))


def schema_class(task: str) -> type[RunConfig]:
    """Return the task's `Config`."""
    return importlib.import_module(f"aibench.tasks.{task}.config").Config  # type: ignore[no-any-return]


def data_class(task: str) -> type[TaskData]:
    """Return the class `Data` of the task."""
    return importlib.import_module(f"aibench.tasks.{task}.data").Data  # type: ignore[no-any-return]


def module_class(task: str) -> type[TaskModule]:
    """Return the class `Module` of the task."""
    return importlib.import_module(f"aibench.tasks.{task}.module").Module  # type: ignore[no-any-return]


def origin(task: str) -> Origin | None:
    """Return where the published data of the task can be had; None where its room says nothing of it."""
    if not (TASKS / task / "origin.py").is_file():
        return None
    return importlib.import_module(f"aibench.tasks.{task}.origin").ORIGIN  # type: ignore[no-any-return]


def options(group: str) -> list[str]:
    """Return the options of a configuration group that does not depend on the task."""
    return sorted(file.stem for file in (TASKS.parent / "conf" / group).glob("*.yaml"))


def swept_tasks(experiment: str) -> list[str]:
    """Return the tasks that `experiment=NAME` runs, in its order; all of them where it names none."""
    from omegaconf import OmegaConf

    path = TASKS.parent / "conf" / "experiment" / f"{experiment}.yaml"
    named = OmegaConf.select(OmegaConf.load(path), "hydra.sweeper.params.task") if path.is_file() else None
    return [name.strip() for name in str(named).split(",")] if named else task_names()
