"""With `sweep.fail_fast=true` no further run of a sweep starts once one has failed; a new sweep in its folder does."""

from __future__ import annotations

from pathlib import Path

import pytest

from aibench.commands import fail_fast, train
from tests.conftest import TINY


@pytest.fixture
def failing(told, monkeypatch):
    """`failing(*words)` is what a sweep says whose first run fails, and the folders of the runs that started."""

    def run(*words):
        started: list[Path] = []
        monkeypatch.setattr(train, "run_job", lambda config, folder, *_: started.append(folder) or len(started) == 1)
        answer = told("-m", *TINY, "seed=1,2,3", "output=sweep", *words)
        return answer, [folder.name for folder in started]

    return run


def test_no_further_run_starts_and_a_line_says_how_to_go_on(failing, tmp_path):
    answer, started = failing("sweep.fail_fast=true")
    assert started == ["0_image_classification_seed1"]
    assert answer.returncode == 1
    said = "sweep.fail_fast: 0_image_classification_seed1 failed, and 3 runs were not started. Go on with resume=auto"
    assert said in answer.stderr, "none of the three left a result, as nothing trains here"
    sweep = tmp_path / "here" / "sweep"
    assert sorted(path.name for path in sweep.glob("[0-9]*")) == ["0_image_classification_seed1"]
    assert fail_fast.stopped_by(sweep) == "0_image_classification_seed1"
    _, started = failing("sweep.fail_fast=true", "resume=auto")
    assert started == ["0_image_classification_seed1"], "it starts anew, and fails anew"


def test_otherwise_a_sweep_goes_on(failing):
    answer, started = failing()
    assert len(started) == 3
    assert "fail_fast" not in answer.stderr
