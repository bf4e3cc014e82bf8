"""The examples in the docstrings."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from aibench import metrics

MODULES = sorted(module.name for module in pkgutil.iter_modules(metrics.__path__))


@pytest.mark.parametrize("name", MODULES)
def test_every_file_of_metrics_has_an_example_that_holds(name):
    outcome = doctest.testmod(importlib.import_module(f"aibench.metrics.{name}"))
    assert outcome.attempted
    assert not outcome.failed
