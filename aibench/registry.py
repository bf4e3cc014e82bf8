"""The tasks: the folders of `aibench/tasks`. Imports no torch."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aibench.contract import TaskData, TaskModule

TASKS = Path(__file__).parent / "tasks"


def task_names() -> list[str]:
    """Names of all tasks, in alphabetical order."""
    return sorted(folder.name for folder in TASKS.iterdir() if (folder / "config.py").is_file())


def summary(task: str) -> str:
    """The docstring of the task's folder: one line, read without importing it."""
    docstring = ast.get_docstring(ast.parse((TASKS / task / "__init__.py").read_text(encoding="utf-8")))
    assert docstring, f"aibench/tasks/{task}/__init__.py has no docstring"
    return docstring.splitlines()[0]


def register() -> None:
    """Store each task's schema as the option `task=NAME`."""
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    for name in task_names():
        schema: Any = importlib.import_module(f"aibench.tasks.{name}.config").Config
        store.store(group="task", name=name, node=schema(task=name), package="_global_", provider="aibench")


def data_class(task: str) -> type[TaskData]:
    """The task's `Data`."""
    return importlib.import_module(f"aibench.tasks.{task}.data").Data  # type: ignore[no-any-return]


def module_class(task: str) -> type[TaskModule]:
    """The task's `Module`."""
    return importlib.import_module(f"aibench.tasks.{task}.module").Module  # type: ignore[no-any-return]


def options(group: str) -> list[str]:
    """The options of a configuration group that does not depend on the task."""
    return sorted(file.stem for file in (TASKS.parent / "conf" / group).glob("*.yaml"))
