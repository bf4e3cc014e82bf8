"""Runs `aibench data verify`: reads a data set from end to end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from aibench.commands.arguments import Words, composed
from aibench.commands.console import refuse, say

if TYPE_CHECKING:
    from aibench.contract import TaskData


def verify(words: Words) -> None:
    """Read a data set from end to end: aibench data verify task=NAME data.root=FOLDER."""
    from aibench.composition import registry
    from aibench.config import DataError

    config = composed(["scale=reference", "session=epochs", *words])  # refuses before PyTorch is loaded
    try:
        data = registry.data_class(config.task)(config)
        for line in data.verify():
            say(line)
        for line in _of_the_files(data):
            say(line)
        say(f"fingerprint: {data.fingerprint()}")
    except DataError as error:
        refuse(str(error))


def _of_the_files(data: TaskData) -> Iterator[str]:
    """Yield whether the files are the published ones, and the digest of all their bytes."""
    identity = data.identity()
    if identity is not None:
        yield str(identity)
    whole = data.all_bytes()
    if whole.files:
        files = "1 file" if whole.files == 1 else f"{whole.files:,} files"
        yield f"all bytes: {whole.digest} ({files}, {whole.size:,} bytes)"
