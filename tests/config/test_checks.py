"""The general checks: what every task's run must be, whatever the task."""

from __future__ import annotations

import pytest

from aibench.composition import registry
from aibench.composition.compose import suite_config
from aibench.config import Source
from aibench.config.checks import problems


@pytest.mark.parametrize("task", registry.task_names())
def test_a_folder_without_the_data_set_is_named_as_it_was_typed(task, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "empty").mkdir()
    config = suite_config(task, "reference")
    config.data.source, config.data.root = Source.disk, "~/empty"
    of_data = [problem for problem in problems(config) if problem.startswith("data.root=")]
    assert of_data, "nobody looked into the folder"
    assert all(problem.startswith("data.root=~/empty: ") for problem in of_data), of_data
