"""Writes tests/golden/histories.json anew: `make golden`, or `python -m tests.golden.write TASK ...` for some tasks.

Only a change that is meant to change what a miniature computes (its mathematics, its data, its settings, the version of
a library) may come with new histories, and its commit says which and why. Any other change must leave them as they are:
where one differs, the change has a fault. A new task may be added at any time.

Each task trains three times in processes of their own: as this processor would, with the instructions of AVX2 alone,
and without them. What differs between the three is written down, for the test's tolerance.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile

from aibench.composition import registry
from tests.golden.history import FILE, kept

PROCESSORS = (
    {},
    {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_CBWR": "COMPATIBLE"},
)
NOTEWORTHY = 1e-4  # differences below this are not written down: most are 1e-6 and less


def trained(tasks: list[str], processor: dict[str, str]) -> dict[str, dict[str, float | None]]:
    """Return the numbers of `tasks`, trained in a process with a cache of its own."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "AIBENCH_CACHE": cache, **processor}
        command = [sys.executable, "-m", "tests.golden.history", *tasks]
        output = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    return json.loads(output.splitlines()[-1])


def difference(numbers: list[float | None]) -> float:
    """Return the largest difference of the others from the first, as a part of the first."""
    first, *others = numbers
    if not first:
        return 0.0
    return max(abs(number - first) / abs(first) for number in others if number is not None)


def main(tasks: list[str]) -> None:
    """Write the histories of `tasks`; those of the other tasks stay as they are."""
    content = kept()
    runs = [trained(tasks, processor) for processor in PROCESSORS]
    for task in tasks:
        numbers = runs[0][task]
        found = {name: difference([run[task][name] for run in runs]) for name in numbers}
        differs = {name: float(f"{value:.2g}") for name, value in found.items() if value > NOTEWORTHY}
        entry = {"words": content.get(task, {}).get("words"), "numbers": numbers, "differs": differs}
        content[task] = {key: value for key, value in entry.items() if value}
    FILE.write_text(json.dumps(dict(sorted(content.items())), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:] or registry.task_names())
