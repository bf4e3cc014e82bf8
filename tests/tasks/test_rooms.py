"""The rooms of the tasks have one shape: the same thing has the same name in each."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from aibench.composition import registry
from tests.conftest import ROOT

TASKS = registry.task_names()
ROOMS = ROOT / "aibench" / "tasks"
# What each file of a room must define. A room that lacks one says in its docstring why: "There is no figure.py: ...".
SHAPE = {
    "config.py": {"Config"},
    "data.py": {"Data"},
    "figure.py": {"draw"},
    "layout.py": {"problems"},
    "model.py": set(),
    "module.py": {"Module"},
    "origin.py": set(),
}
BASES = {"ModelConfig", "DataConfig", "OptimConfig", "TargetConfig", "RunConfig"}


def missing(room: Path) -> list[str]:
    """Return what `room` lacks of the shape without a reason."""
    face = ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8"))) or ""
    found = []
    for name, wanted in SHAPE.items():
        if not (room / name).is_file():
            found += [] if f"There is no {name}:" in " ".join(face.split()) else [name]
            continue
        body = ast.parse((room / name).read_text(encoding="utf-8")).body
        defined = {node.name for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
        found += [f"{name}: {each}" for each in sorted(wanted - defined)]
    return found


def misnamed(source: str) -> list[str]:
    """Return the schemas that do not have their base's name, and spellings other than `optimizer`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            bases = {ast.unparse(base).split(".")[-1] for base in node.bases} & BASES
            found += [node.name for base in bases if node.name != ("Config" if base == "RunConfig" else base)]
        names = [getattr(node, field, None) for field in ("id", "attr", "arg", "name")]
        found += [name for name in names if isinstance(name, str) and re.search("optimis", name, re.IGNORECASE)]
    return found


@pytest.mark.parametrize("task", TASKS)
def test_a_room_has_the_shape_of_all_or_says_why_not(task):
    assert not missing(ROOMS / task)


@pytest.mark.parametrize("task", TASKS)
def test_the_same_thing_has_the_same_name_in_every_room(task):
    assert not [name for path in sorted((ROOMS / task).glob("*.py")) for name in misnamed(path.read_text("utf-8"))]


def test_a_room_without_a_file_or_with_another_name_is_found(tmp_path):
    for name, wanted in SHAPE.items():
        lines = [f"class {each}: pass" if each[0].isupper() else f"def {each}(): pass" for each in sorted(wanted)]
        (tmp_path / name).write_text("\n".join(lines))
    (tmp_path / "__init__.py").write_text('"""Trains a network."""')
    assert missing(tmp_path) == []
    (tmp_path / "model.py").unlink()
    (tmp_path / "figure.py").write_text("def drawn(): pass")
    assert missing(tmp_path) == ["figure.py: draw", "model.py"]
    (tmp_path / "__init__.py").write_text('"""Trains a network.\n\nThere is no\nmodel.py: it is in nn/.\n"""')
    assert missing(tmp_path) == ["figure.py: draw"]
    assert misnamed("class CaserConfig(config.ModelConfig): pass\noptimiser = 1") == ["CaserConfig", "optimiser"]
    assert misnamed("class ModelConfig(config.ModelConfig): pass\nclass Config(RunConfig): optimizer = 1") == []
