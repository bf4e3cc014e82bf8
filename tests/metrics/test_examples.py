"""The examples in the docstrings."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from aibench import metrics

MODULES = [f"aibench.metrics.{module.name}" for module in pkgutil.iter_modules(metrics.__path__)]


@pytest.mark.parametrize("name", [*MODULES, "aibench.datasets.tensors"])
def test_every_file_of_metrics_and_that_of_samples_in_memory_has_an_example_that_holds(name):
    outcome = doctest.testmod(importlib.import_module(name))
    assert outcome.attempted
    assert not outcome.failed
