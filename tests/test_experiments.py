"""The named sweeps."""

from __future__ import annotations

import re

import pytest

from aibench.composition import registry
from tests.conftest import ROOT


def test_the_full_suite_is_every_task_in_the_papers_order():
    full = registry.swept_tasks("full")
    assert sorted(full) == registry.task_names()
    numbers = [int(registry.summary(task).split("DC-AI-C")[1].split(")")[0].split(",")[0]) for task in full]
    assert numbers == list(range(1, 18))


def test_the_subset_is_the_papers():
    assert set(registry.swept_tasks("subset")) == {"object_detection", "image_classification", "learning_to_rank"}


@pytest.mark.parametrize("experiment", ["variance", "variance_full"])
def test_variance_studies_run_four_seeds(experiment, command, tmp_path):
    words = ("task=image_classification", f"experiment={experiment}", "--cfg", "hydra", "--package", "hydra.sweeper")
    done = command(*words)
    assert "seed: 1,2,3,4" in done.stdout, done.stderr


def test_a_scaling_study_runs_both_ways_on_one_device_and_on_more(command):
    words = ("task=image_classification", "experiment=scaling", "--cfg", "hydra", "--package", "hydra.sweeper")
    done = command(*words)
    assert "hardware.devices: 1,2,4,8" in done.stdout, done.stderr
    assert "hardware.scaling: strong,weak" in done.stdout


def test_no_shipped_result_names_a_folder_of_the_machine_that_made_it():
    named = re.compile(r'"(?:output|cache|root)": "[/\\\\]')
    results = [*ROOT.glob("experiments/**/*.json")]
    assert len(results) > 200
    assert [str(path.relative_to(ROOT)) for path in results if named.search(path.read_text(encoding="utf-8"))] == []
