"""Runs `aibench data prepare`: unpacks and arranges what a user fetched of a task's data set. Uses no network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from aibench.commands.arguments import Words, unchecked
from aibench.commands.console import console, refuse, say
from aibench.config.fields import shown
from aibench.config.places import expanded

if TYPE_CHECKING:
    from aibench.config import RunConfig
    from aibench.datasets.unpack import Told


def prepare(words: Words) -> None:
    """Put fetched files where the reader looks for them: data prepare task=NAME from=FILE,FILE data.root=FOLDER."""
    from aibench.composition import registry
    from aibench.config import DataError
    from aibench.datasets.unpack import unpack, wrong_sum

    sources, others = _sources(words)
    config = unchecked(["scale=reference", "session=epochs", "data.source=disk", *others])
    root, origin = _root(config), registry.origin(config.task)
    if origin is None:
        refuse(f"task={config.task}: has no published data to prepare.")
    if not sources:
        refuse(f"from=: no file. Give from=FILE,FILE of {', '.join(origin.files) or origin.by_hand}.")
    for source in sources:
        if not source.exists():
            refuse(f"from={source}: no such file or folder.")
    try:
        for source in sources:
            if (wrong := wrong_sum(source, origin)) is not None:
                refuse(wrong)
            with _progress(source) as told:
                done = unpack(source, root, origin, told)
            say(f"{source}: {done.written:,} files written, {done.there:,} were there, {done.left:,} not needed")
        if origin.arrange is not None:
            origin.arrange(root)
    except DataError as error:
        refuse(str(error))
    _check(config, root)


def _sources(words: list[str]) -> tuple[list[Path], list[str]]:
    """Return the files after `from=`, with commas or as words of their own, and the other words."""
    sources: list[Path] = []
    others: list[str] = []
    for word in words:
        if word.startswith("from="):
            sources += [expanded(part) for part in word.removeprefix("from=").split(",") if part]
        elif "=" in word:
            others.append(word)
        elif sources:
            sources.append(expanded(word))
        else:
            refuse(f"{shown(word) or repr(word)}: neither KEY=VALUE nor a file after from=. Give from=FILE,FILE.")
    return sources, others


def _root(config: RunConfig) -> Path:
    """Return the folder to fill: where the reader looks for the task's data, but never inside of a package."""
    from aibench.config.roots import DATA, home_of

    installed = config.installed_root()
    elsewhere = config.data.root if config.data.root != str(installed) else None
    folder = elsewhere or home_of(config.task)
    if folder is None:
        refuse(f"data.root: no value. Set data.root=FOLDER to fill it, or {DATA}=FOLDER for the data of all tasks.")
    return expanded(folder)


def _check(config: RunConfig, root: Path) -> None:
    """Say whether the folder has now what the reader wants, and how to use it."""
    from aibench.config.checks import wrong_data

    config.data.root = str(root)
    wrong = next(iter(wrong_data(config)), None)
    if wrong is not None:
        refuse(f"not complete yet: {wrong}")
    say(f"{root}: has the layout of {config.task}'s data. Read it whole and compare it with the published files:")
    say(f"  aibench data verify task={config.task} data.root={root}")


@contextmanager
def _progress(source: Path) -> Iterator[Told]:
    """Draw a bar of the bytes on a terminal; elsewhere say nothing."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from aibench.datasets.unpack import total_size

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console(), disable=not console().is_terminal) as bar:
        task = bar.add_task(source.name, total=total_size(source))
        yield lambda name, size: bar.update(task, advance=size, description=name)
