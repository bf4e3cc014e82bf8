"""Holds what a published run says, and turns it into a result file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from aibench.analysis.grid import Grid, number
from aibench.analysis.variation.censored import olympic_mean
from aibench.results.files import content, within
from aibench.results.result import (
    SCHEMA_VERSION,
    Cost,
    Division,
    Energy,
    Evaluation,
    Measured,
    Result,
    Status,
    Target,
    ToQuality,
    Trust,
    write_result,
)

SCALE = "published"
MOST_BYTES = 256 * 2**20  # of a log
NOT_PUBLISHED = "not in what was published"
FOREIGN = "published by others: this suite measured nothing of it"
ENDINGS = {
    Status.not_converged: "the published run did not reach its target",
    Status.failed: "the log breaks off, and another attempt follows in it",
}


class ForeignError(ValueError):
    """Reports a published file that cannot be read. The message is one line that names it."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """Holds a published run.

    Attributes:
        suite: The suite and its round, as `MLPerf 4.0`.
        benchmark: The benchmark's name there.
        organisation: The organisation that ran it.
        platform: The system that it ran on.
        seed: Seed of the run; None where it says none.
        status: How it ended.
        started: Start of the run; UTC, ISO 8601; empty where it says nothing.
        seconds: Time to quality by the publisher's clock; None where it missed it.
        metric: Name of the quality.
        quality: The value to reach; None where it is not in the file.
        mode: `max` or `min`.
        history: Epochs, seconds, value of each evaluation.
        settings: Other settings that decide the run, such as the batch size.
        division: `closed`, `open` or None.
        path: The file.
        number: Number of the run in its file, from 0.
    """

    suite: str
    benchmark: str
    organisation: str
    platform: str
    seed: int | None
    status: Status
    started: str
    seconds: float | None
    metric: str
    quality: float | None
    mode: str
    history: list[tuple[float, float, float]]
    settings: dict[str, Any]
    division: str | None
    path: Path
    number: int = 0

    @property
    def best(self) -> float | None:
        """Return the best value of the quality; None without an evaluation."""
        values = [value for _, _, value in self.history]
        return (max if self.mode == "max" else min)(values, default=None)


def as_result(run: Foreign) -> Result:
    """Return `run` as a result; what was not published is null with that reason."""
    steps = [after[0] - before[0] for before, after in pairwise(run.history)]
    epochs = run.history[-1][0] if run.history and run.seconds is not None else None
    last = run.history[-1][2] if run.history else None
    return Result(
        run_id=_run_id(run),
        task=run.benchmark,
        scale=SCALE,
        session="entire",
        seed=run.seed,
        status=run.status,
        message=ENDINGS.get(run.status),
        started=run.started,
        resumed=0,
        division=Division(run.division) if run.division else None,
        target=Target(run.metric, run.mode, run.quality, "published"),
        quality=last,
        best_quality=run.best,
        to_quality=ToQuality(epochs, None, run.seconds, None, median(steps) if steps else None),
        history=[
            Evaluation(epochs, None, None, seconds, None, "training", {run.metric: value})
            for epochs, seconds, value in run.history
        ],
        phases=[],
        times=None,
        throughput=None,
        memory=None,
        energy=Energy(_none("J"), _none("J"), _none("J"), _none("J"), _none("J/sample")),
        cost=Cost(_none("currency"), _none("currency"), _none("gCO2e")),
        model=None,
        data=None,
        trust=Trust(None, [FOREIGN]),
        system={"cpu": run.platform},
        versions={},
        commit=None,
        config={"organisation": run.organisation, **run.settings},
        figure=None,
        suite_version=run.suite,
        schema_version=SCHEMA_VERSION,
    )


def _none(unit: str) -> Measured:
    return Measured(None, unit, reason=NOT_PUBLISHED)


def _run_id(run: Foreign) -> str:
    """Return an id that is the same for the same attempt of the same file."""
    text = content(run.path, MOST_BYTES) + (b"%d" % run.number if run.number else b"")
    return hashlib.blake2b(text, digest_size=6).hexdigest()


def write(runs: Sequence[Foreign], output: Path) -> list[Path]:
    """Write each of `runs` as a result in a folder of its own below `output`, whatever name it gives its benchmark.

    Raises:
        OSError: It cannot be written, or lies elsewhere by a link.
    """
    written = []
    for run in runs:
        result = as_result(run)
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", run.benchmark)[:80]
        written.append(write_result(within(output, f"{name}_{result.run_id}"), result))
    return written


def summary(runs: Sequence[Foreign], rejected: int = 1) -> Grid:
    """Return a row for each benchmark and platform, with the score as MLPerf makes it: the olympic mean."""
    groups: dict[tuple[str, str, str, str], list[Foreign]] = {}
    for run in runs:
        groups.setdefault((run.suite, run.benchmark, run.organisation, run.platform), []).append(run)
    rows, records = [], []
    for key, several in groups.items():
        minutes = [run.seconds / 60 if run.seconds is not None else float("inf") for run in several]
        reached = [value for value in minutes if value != float("inf")]
        score = olympic_mean(minutes, rejected)
        mean = sum(reached) / len(reached) if reached else None
        rows.append([*key, f"{len(reached)}/{len(several)}", number(mean), "-" if score is None else f"{score:.3f}"])
        names = ("suite", "benchmark", "organisation", "platform")
        records.append({**dict(zip(names, key, strict=True)), "runs": len(several), "minutes": mean, "olympic": score})
    return Grid(
        title="Published results",
        heads=("suite", "benchmark", "organisation", "platform", "runs", "minutes", "olympic"),
        rows=rows,
        names=4,
        legend="minutes: mean time to quality of those that reached it. olympic: without the best and the worst run.",
        records=records,
    )
