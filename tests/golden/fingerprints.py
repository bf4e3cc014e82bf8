"""Notes the fingerprints of the miniatures: `make fingerprints`, or `python -m tests.golden.fingerprints TASK`.

A result is in the closed division where its samples have the noted fingerprint (`docs/rules.md`). Only a change that is
meant to change a miniature's samples may come with another one.
"""

from __future__ import annotations

import sys

from aibench.composition import registry
from aibench.composition.compose import suite_config


def fingerprint(task: str) -> str:
    """Return the fingerprint of the samples that the miniature of `task` has here and now."""
    return registry.data_class(task)(suite_config(task, "mini")).fingerprint()


def main(tasks: list[str]) -> None:
    """Note the fingerprints of `tasks` in their folders."""
    for task in tasks:
        path = registry.TASKS / task / registry.FINGERPRINT
        path.write_text(fingerprint(task) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:] or registry.task_names())
