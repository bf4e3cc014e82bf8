"""Runs `aibench check`: tells the division of runs, whether their numbers follow, and what a submission scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aibench.commands.arguments import Csv, Folders, Markdown
from aibench.commands.console import complain, publish, refuse, say
from aibench.commands.divisions import judged

if TYPE_CHECKING:
    from aibench.analysis.submission.entry import Entry
    from aibench.results.result import Division, Result


def check(
    runs: Folders,
    submission: Annotated[
        bool, typer.Option("--submission", help="Judge the runs together, by docs/rules.md, and score them.")
    ] = False,
    reference: Annotated[
        list[Path] | None,
        typer.Option(help="Runs that a submission's convergence and times are compared with; may be given again."),
    ] = None,
    csv: Csv = None,
    markdown: Markdown = None,
) -> None:
    """Tell the division of runs (paper, 4.2.2), whether their numbers follow from their history, what they score."""
    given = {"--reference": reference, "--csv": csv, "--markdown": markdown}
    if submission:
        _judge(runs, reference, csv, markdown)
    for option, value in given.items():
        if value:
            refuse(f"{option}={value[0] if isinstance(value, list) else value}: belongs to --submission. Add that.")
    paths = _files(runs)
    wrong = [path for path in paths if not _told(path, alone=len(paths) == 1)]
    if len(paths) > 1:
        say(f"{len(paths)} runs, {len(wrong)} of them with faults")
    raise typer.Exit(1 if wrong else 0)


def _files(places: Sequence[Path]) -> list[Path]:
    """Return the result files at `places`, each once; a place without any stays, for its reader to complain of."""
    from aibench.results.result import files_at

    found = [Path(path) for place in places for path in files_at(place) or [str(place)]]
    return list({path.resolve(): path for path in found}.values())


def _told(path: Path, *, alone: bool) -> bool:
    """Print what is to be said of one run, and return whether it has no fault."""
    from aibench.results.result import ResultError

    try:
        result, found, why, problems = _checked(path)
    except ResultError as error:
        if alone:
            refuse(str(error))
        complain(str(error))
        return False
    said = f"{result.task}, scale {result.scale}, seed {'unknown' if result.seed is None else result.seed}"
    say(f"{path}: {said}: {result.status}")
    say(f"division: {found.name if found else 'unknown'}{why}")
    for key in found.left if found else ():
        say(f"  left by {key}")
    for problem in problems:
        say(f"fault: {problem}")
    return not problems


def _checked(path: Path) -> tuple[Result, Division | None, str, list[str]]:
    """Return a result, its division and where that is from, and its faults.

    Raises:
        ResultError: It cannot be read.
    """
    from aibench.analysis.checking import beside, faults
    from aibench.results.result import RESULT, read_result

    result = read_result(path)
    found, why = judged(result)
    problems = [*_division_faults(result, found), *faults(result)]
    if path.name == RESULT or path.is_dir():  # other names are of studies, which keep the result alone
        problems += beside(result, path.parent if path.name == RESULT else path)
    return result, found, why, problems


def _division_faults(result: Result, found: Division | None) -> Iterator[str]:
    if result.division is not None and found is not None and found.name != result.division.name:
        yield (
            f"division: the file says {result.division.name}, and its configuration and data give {found.name} by "
            f"this suite's rules; it was made at commit {result.commit or 'unknown'}, whose rules may have been others."
        )


def _judge(places: Sequence[Path], reference: Sequence[Path] | None, csv: Path | None, markdown: Path | None) -> None:
    """Judge a submission, print what it has and what is refused, and end the verb."""
    from aibench.analysis.submission.submission import judge
    from aibench.analysis.submission.table import scores, verdict
    from aibench.composition import registry

    entries, faults = _entries(places)
    compared, more = _entries(reference) if reference else (None, [])
    faults += [f"reference: {line}" for line in more] + list(_unfinished(places))
    wanted = {task: registry.schema_class(task).runs for task in registry.task_names()}
    found = judge(entries, wanted, compared)
    found.refusals.extend(faults)
    publish([scores(found)], csv, markdown, verdict(found))
    raise typer.Exit(1 if found.all_refusals else 0)


def _entries(places: Sequence[Path]) -> tuple[list[Entry], list[str]]:
    """Return the runs at `places`, each checked alone, and what cannot be read; refuse where there is no run."""
    from aibench.analysis.runs.runs import of_result
    from aibench.analysis.submission.entry import Entry
    from aibench.results.result import ResultError

    entries, faults = [], []
    for path in _files(places):
        try:
            result, found, _, problems = _checked(path)
        except ResultError as error:
            faults.append(str(error))
            continue
        run = of_result(result)
        run.path = str(path)
        entries.append(Entry(run, found, problems, result.resumed))
    if not entries:
        refuse(faults[0])
    return entries, faults


def _unfinished(places: Sequence[Path]) -> Iterator[str]:
    from aibench.results.folder import unfinished_below

    for folder in (folder for place in places for folder in unfinished_below(place)):
        yield f"{folder}: a run began here and left no result. Finish it with resume=auto: every run that began counts."
