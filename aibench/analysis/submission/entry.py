"""Holds the runs of a submission, each as it was read and checked alone, and the seeds that the rules prescribe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from aibench.analysis.runs.runs import Run
from aibench.results.result import Division

# The seeds of a submission are this one and those after it. A release of the suite moves it on by a thousand, so that
# nobody can choose settings by these seeds for longer than a release lasts. Seeds 1 to 8 are for tuning and for
# calibration, those from 101 on for the study whose runs are the reference.
FIRST_SEED = 1001
SESSION = "entire"


@dataclass(frozen=True, slots=True)
class Entry:
    """Holds a run of a submission or of its reference.

    Attributes:
        run: The run.
        division: The division that its configuration and its data give; None where nobody can tell.
        faults: What in its files contradicts itself, a line each.
        resumed: How often it was continued from a checkpoint.
    """

    run: Run
    division: Division | None
    faults: Sequence[str] = field(default=())
    resumed: int = 0

    @property
    def where(self) -> str:
        """Return what a refusal calls the run: its seed and its file."""
        return f"seed {self.run.seed} ({self.run.path or self.run.run_id})"

    @property
    def is_closed(self) -> bool:
        """Return whether the run is of the closed division."""
        return self.division is not None and self.division.name == "closed"

    @property
    def is_clean(self) -> bool:
        """Return whether the run was made with a commit as it is in the repository."""
        return self.run.commit is not None and not self.run.commit.endswith("-dirty")


def prescribed(runs: int) -> range:
    """Return the seeds that a submission of a task has to hold, all of them and no other."""
    return range(FIRST_SEED, FIRST_SEED + runs)


def of_runs(count: int) -> str:
    """Return the number of runs in words."""
    return f"{count} run{'' if count == 1 else 's'}"


def named(entries: Sequence[Entry], most: int = 3) -> str:
    """Return the runs in words: the first few, and how many more."""
    more = f" and {len(entries) - most} more" if len(entries) > most else ""
    return ", ".join(entry.where for entry in entries[:most]) + more
