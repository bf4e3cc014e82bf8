"""The suite's own configurations, each composed once for all tests of this room."""

from __future__ import annotations

import copy
import functools

import pytest

from aibench.composition.compose import suite_config
from aibench.config import Session, Source


@functools.cache
def _composed(task, scale):
    config = suite_config(task, scale)
    if scale == "reference":
        config.data.source, config.session = Source.synthetic, Session.steps
    return config


@pytest.fixture(scope="session")
def suite():
    """`suite(task, scale)` is a run that can start; at reference scale one on made-up samples. It may be changed."""
    return lambda task, scale: copy.deepcopy(_composed(task, scale))
