"""Runs `aibench data verify`: reads a data set from end to end."""

from __future__ import annotations

from aibench.commands.arguments import Words, composed
from aibench.commands.console import refuse, say


def verify(words: Words) -> None:
    """Read a data set from end to end: aibench data verify task=NAME data.root=FOLDER."""
    from aibench.composition import registry
    from aibench.contract import DataError

    config = composed(["scale=reference", "session=epochs", *words])
    try:
        data = registry.data_class(config.task)(config)
        for line in data.verify():
            say(line)
    except DataError as error:
        refuse(str(error))
    say(f"fingerprint: {data.fingerprint()}")
