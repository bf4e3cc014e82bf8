"""Chooses the records that tables can be made of; others are named, and left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aibench.commands.console import refuse

if TYPE_CHECKING:
    from aibench.results.record import Record

ODD = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)


def usable(
    places: Sequence[Path], section: str, made: Callable[[list[Record]], object]
) -> tuple[list[Record], list[str]]:
    """Return the records at `places`, and a line for each one that is not among them; refuse where there is none.

    Records are of many parts, and may be anybody's. So each is tried: what the verb makes of all is made of it alone.

    Args:
        places: Files and folders.
        section: What `made` reads; a record without it is not tried.
        made: The verb's tables, of records.
    """
    from aibench.results.record import read_some

    found, faults = read_some(places)
    sound = []
    for record in found:
        try:
            if getattr(record, section) is not None:
                made([record])
            sound.append(record)
        except ODD as error:
            said = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
            faults.append(f"{record.name}, scale {record.scale}: its {section} are of another form: {said[:200]}.")
    if not sound:
        refuse(faults[0])
    return sound, faults
