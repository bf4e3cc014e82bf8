"""Leaves out of the start of a run what its libraries import for others."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# Imported by torchmetrics where they are installed, for a third of the processor time until the first step:
# scipy.signal to mend an old name in it for a metric of speech, matplotlib for `Metric.plot`, torchvision for judges of
# pictures. A task that needs one of them imports it itself.
FOR_OTHERS = ("scipy", "matplotlib", "torchvision")


@contextmanager
def without_extras() -> Iterator[None]:
    """Let packages that are imported in here for the first time believe that `FOR_OTHERS` are not installed.

    Nobody looks for garbage meanwhile: what is imported stays, and is looked through again and again.
    """
    from lightning_utilities.core import imports

    patched: Any = imports
    asked: Callable[[str], bool] = imports.package_available
    checked: Any = imports.RequirementCache._check_available
    denied: list[Any] = []

    def check(requirement: Any) -> None:
        checked(requirement)
        if requirement.available and requirement.requirement in FOR_OTHERS:
            requirement.available = False
            denied.append(requirement)

    patched.package_available = lambda name: name not in FOR_OTHERS and asked(name)
    patched.RequirementCache._check_available = check
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.freeze()
            gc.enable()
        patched.package_available = asked
        patched.RequirementCache._check_available = checked
        for requirement in denied:
            if requirement.requirement != "matplotlib":  # whose names `Metric.plot` lacks now: it shall say so
                requirement.available = True
