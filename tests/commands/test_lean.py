"""A run imports what it needs, and not what its libraries have for others."""

from __future__ import annotations

import subprocess
import sys

from tests.conftest import ROOT

START = """
import sys
from aibench.commands.lean import FOR_OTHERS, without_extras
with without_extras():
    from aibench.training.run import train
import gc
print(gc.isenabled())
print(*sorted({"scipy.signal", "matplotlib", "torchvision"} & {*sys.modules}))
from torchmetrics.detection.mean_ap import MeanAveragePrecision
MeanAveragePrecision()
from torchmetrics.utilities.imports import _SCIPY_AVAILABLE, _TORCHVISION_AVAILABLE
print(bool(_SCIPY_AVAILABLE), bool(_TORCHVISION_AVAILABLE))
from lightning_utilities.core.imports import package_available
print(package_available("scipy"))
"""


def test_the_start_of_a_run_loads_no_extras_and_they_are_there_for_who_needs_them():
    done = subprocess.run([sys.executable, "-c", START], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["True", "", "True True", "True"]
