"""Finds the rules of the closed division for a task, and judges a result by them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from aibench.composition import registry
from aibench.composition.compose import suite_config
from aibench.config import ConfigError, Source
from aibench.results.division import Rules, division, on_data

if TYPE_CHECKING:
    from aibench.results.result import Division, Result


@cache
def rules(task: str, scale: str) -> Rules:
    """Return what the closed division asks of a run of `task` at `scale`.

    Raises:
        ConfigError: This suite has no such task, or no such scale.
    """
    suite = suite_config(task, scale)
    return Rules.of(suite, registry.fingerprint(task) if suite.data.source is Source.embedded else None)


def judged(result: Result) -> tuple[Division | None, str]:
    """Return the division that a result's configuration and data give, and where it is from if not from there.

    Of a task that this suite does not have it is the one that the file states.
    """
    try:
        known = rules(result.task, result.scale)
    except ConfigError as error:
        return result.division, f", by the file alone: {error}"
    files = result.division.files if result.division else {}
    return on_data(division(result.config, known, files), known, result.data), ""
