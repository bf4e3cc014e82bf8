"""Imports point one way, and no room knows another's name."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from aibench.composition import registry
from tests.conftest import ROOT

PACKAGE = ROOT / "aibench"
FILES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_no_task_imports_another():
    for task in registry.task_names():
        for path in (registry.TASKS / task).rglob("*.py"):
            others = [name for name in imports(path) if name.startswith("aibench.tasks.")]
            assert all(name.startswith(f"aibench.tasks.{task}") for name in others), path


def test_tasks_import_neither_the_runner_nor_hydra():
    runner = {
        "aibench.training.session",
        "aibench.commands.train",
        "aibench.cli",
        "aibench.training.recorder",
        "aibench.commands.hooks",
        "hydra",
    }
    for path in registry.TASKS.rglob("*.py"):
        assert not {name for name in imports(path) for part in runner if name == part or name.startswith(f"{part}.")}


def test_nothing_outside_the_rooms_names_a_task():
    names = re.compile("|".join(rf"\b{task}\b" for task in registry.task_names()))
    outside = [path for path in FILES if registry.TASKS not in path.parents and path.name not in ("paper.py", "cli.py")]
    named = [path.relative_to(ROOT) for path in outside if names.search(path.read_text())]
    assert named == [], "the runner asks a task and never knows its name"


def test_analysis_imports_neither_torch_nor_tasks():
    code = "import sys, aibench.analysis.summary, aibench.results.result; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "pytorch_lightning", "hydra", "matplotlib"} & set(loaded)
    for path in (PACKAGE / "analysis").rglob("*.py"):
        assert not {name for name in imports(path) if name.split(".")[0] == "torch" or ".tasks" in name}, path


def test_registering_the_tasks_imports_nothing_heavy():
    code = "import sys; from aibench.commands import hooks, train; from aibench.composition import registry; "
    code += "registry.register([]); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "pytorch_lightning", "wandb", "numpy", "pandas"} & set(loaded)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_are_short(path):
    assert len(path.read_text().splitlines()) <= 400


def test_every_task_has_a_card():
    for task in registry.task_names():
        assert (ROOT / "docs" / "tasks" / f"{task}.md").is_file()
