"""Runs `aibench batch`: searches the largest training batch that fits into memory."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from aibench.commands.arguments import Csv, Markdown
from aibench.commands.console import console, publish, refuse
from aibench.commands.workloads import chosen_by
from aibench.config import ConfigError, DataError

if TYPE_CHECKING:
    from aibench.analysis.grid import Grid
    from aibench.characterization.largest_batch import Job, Try
    from aibench.characterization.selection import Selection
    from aibench.characterization.workload import Workload

GIB = 2**30
LEGEND = (
    "Peak memory is of the training steps: on a CPU of the whole process, libraries and data set included; on a GPU of "
    "the tensors. Rates are of three steps after the first: near enough to see where they level off."
)


def batch(
    words: Annotated[
        list[str],
        typer.Argument(
            help="task=NAME or task=mlperf/NAME; scale=mini|reference; hardware=cpu|gpu; KEY=VALUE as for training.",
            show_default=False,
        ),
    ],
    memory: Annotated[
        float | None,
        typer.Option(
            min=0.1, max=10**6, help="GiB that it may take; on a CPU what is free now, on a GPU all that it has."
        ),
    ] = None,
    within: Annotated[float, typer.Option(min=0, max=100, help="Percent to which the answer is searched.")] = 2.0,
    csv: Csv = None,
    markdown: Markdown = None,
) -> None:
    """Search the largest training batch that fits, by doubling and halving; each try in a process of its own."""
    from aibench.characterization.largest_batch import KEY, answer, search, tried

    typed = next((word for word in words if word.startswith(f"{KEY}=")), None)
    if typed is not None:
        refuse(f"{typed}: is what is searched for. Leave it out.")
    job, most = _job(words, memory)
    named = f"{job.name}, scale {job.scale}, on the {'GPU' if job.device == 'cuda' else 'CPU'}"
    bound = "within its memory" if job.limit is None else f"within {job.limit / GIB:.3g} GiB"
    console().print(f"{named}: tries batches of 1, 2, 4, ... samples {bound}.", soft_wrap=True)
    with console().status("training"):
        tries = search(partial(tried, job), most, within / 100)
    publish([_table(tries, f"{named}, {bound}")], csv, markdown, [_told(tries, bound, most)])
    raise typer.Exit(0 if answer(tries) else 1)


def _job(words: list[str], memory: float | None) -> tuple[Job, int | None]:
    """Return what is to be tried, and how many samples there are; refuse what is no workload, or more than one."""
    from aibench.characterization.largest_batch import Job
    from aibench.characterization.workload import TaskWorkload
    from aibench.meters.cores import memory_left

    chosen = chosen_by(words)
    if len(chosen) != 1:
        typed = next(word for word in words if word.startswith("task="))
        refuse(f"{typed}: {len(chosen)} workloads. Give one.")
    try:
        workload = _workload(chosen)
    except (ConfigError, DataError) as error:
        refuse(str(error))
    each = workload.config.data.batch_size / workload.batch_size if isinstance(workload, TaskWorkload) else 1.0
    left = memory_left() if chosen.device == "cpu" else None
    limit = left if memory is None else round(memory * GIB)
    return Job(workload.name, chosen.scale, chosen.device, chosen.words, limit, each, chosen.fast), workload.most


def _workload(chosen: Selection) -> Workload:
    """Return the workload at its own batch size, or where its samples are fewer at that of one sample."""
    try:
        return chosen.workload(chosen.names[0])
    except ConfigError as error:
        if not str(error).startswith("data.batch_size="):
            raise
        return chosen.workload(chosen.names[0], "data.batch_size=1")


def _table(tries: list[Try], title: str) -> Grid:
    from aibench.analysis.grid import NONE, Grid, number

    rows = sorted(tries, key=lambda one: one.size)
    cells = [
        [
            f"{one.key:,}",
            number(one.samples),
            NONE if one.bytes is None else f"{one.bytes / 1e6:,.0f} MB",
            number(one.rate),
            one.reason or "fits",
        ]
        for one in rows
    ]
    heads = ("data.batch_size", "samples", "peak memory", "samples/s", "result")
    records = [
        {
            "batch_size": one.key,
            "samples": one.samples,
            "peak_bytes": one.bytes,
            "samples_per_second": one.rate,
            "reason": one.reason,
        }
        for one in rows
    ]
    return Grid(f"The largest batch: {title}", heads, cells, legend=LEGEND, records=records)


def _told(tries: list[Try], bound: str, most: int | None) -> str:
    from aibench.characterization.largest_batch import answer

    best = answer(tries)
    if best is None:
        return f"No batch fits {bound}: {tries[-1].reason}."
    above = min((one for one in tries if one.size > best.size), key=lambda one: one.size, default=None)
    if above is None:
        return f"All {most:,} training samples fit in one batch {bound}: data.batch_size={best.key}."
    return f"The largest batch that fits {bound}: data.batch_size={best.key}. Of {above.key}: {above.reason}."
