"""How certain a quality is, and what the test part gives."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from rich.console import Console

from aibench.analysis.checking import faults
from aibench.composition import registry
from aibench.config import RunConfig
from aibench.contract import DataError, TaskData, TaskModule
from aibench.metrics.scores import Ratio
from aibench.results.result import Result, Status
from aibench.training.held_out import standard_error
from aibench.training.run import train
from aibench.training.session import Session
from tests.conftest import TINY


@pytest.fixture
def run(composed: Callable[..., RunConfig], tmp_path, monkeypatch) -> Callable[..., Result]:
    """Runs a tiny session whose test part is the first half of `val`, and whose scores are kept."""
    task = composed(*TINY).task
    data, module = registry.data_class(task), registry.module_class(task)

    def start(*words: str, test: bool = True) -> Result:
        if test:
            own = data.dataset
            monkeypatch.setattr(data, "parts", property(lambda _: ("train", "val", "test")))
            monkeypatch.setattr(
                data, "dataset", lambda self, split: own(self, "val") if split == "test" else own(self, split)
            )
        return train(composed(*TINY, *words), tmp_path, None, Console(quiet=True))

    assert issubclass(data, TaskData)
    assert issubclass(module, TaskModule)
    return start


def test_the_error_of_a_share_is_the_binomial_one():
    right = np.repeat([1.0, 0.0], [300, 100])
    found = standard_error(Ratio(right))
    assert found.value == pytest.approx(math.sqrt(0.75 * 0.25 / 400), rel=0.15)
    assert "400 held-out samples" in str(found.method)


def test_words_of_one_recording_are_drawn_together():
    wrong, words = np.tile([0.0, 10.0], 50), np.full(100, 10.0)
    assert standard_error(Ratio(wrong, words)).value == pytest.approx(0.05, rel=0.15)


def test_one_sample_and_none_have_a_reason_and_no_error():
    assert "nothing to draw" in str(standard_error(Ratio([1.0])).reason)
    assert standard_error(None).value is None


def test_a_session_judges_the_test_part_once_by_its_last_weights(run):
    result = run("target.entire=0.0")
    assert result.held_out is not None
    assert result.held_out.test.value == pytest.approx(result.quality), "its test part is the held-out one here"
    assert result.data is not None
    assert result.data.test == result.data.val
    assert len(result.history) == 1, "the test part is no evaluation of the history"
    assert not faults(result)


def test_a_session_without_a_test_part_says_so(run, monkeypatch):
    task = "image_classification"
    monkeypatch.setattr(registry.data_class(task), "parts", property(lambda _: ("train", "val")))
    result = run("target.entire=0.0", test=False)
    assert result.held_out is not None
    assert result.held_out.test.value is None
    assert "no test part" in str(result.held_out.test.reason)


def test_crossings_of_a_result_are_those_of_its_history_and_a_changed_one_is_found(run):
    result = run("target.entire=0.0")
    assert result.crossings is not None
    assert result.crossings.first == result.to_quality.epochs
    result.crossings.interpolated = 0.123
    assert any("crossings.interpolated" in fault for fault in faults(result))


def test_a_test_part_that_cannot_be_read_takes_nothing_from_a_session_that_ended(run, monkeypatch):
    whole = Session.judging

    def damaged(session, part):
        if part == "test":
            raise DataError("test.bin: cut off. Restore this file.")
        return whole(session, part)

    monkeypatch.setattr(Session, "judging", damaged)
    result = run("target.entire=0.0", test=False)
    assert result.status is Status.converged
    assert result.to_quality.epochs is not None
    assert result.times is not None
    assert result.held_out.test.value is None
    assert "test.bin: cut off" in str(result.held_out.test.reason)
    assert result.data.test == 0
