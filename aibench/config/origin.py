"""Defines what a task says of its published data: who has them, how large they are, and where their files belong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath


@dataclass(frozen=True, slots=True)
class Place:
    """Says where some files of an archive belong.

    Attributes:
        match: Their path in the archive, in which `*` is any text, slashes too; or the name of a single file.
        to: The folder below the data root that they go to.
        strip: How many leading folders of their path are left out; None leaves all of them out.
        nested: Whether they are archives in their turn, each unpacked to a folder of its own name.
        moved: `FOLDER/*/PATTERN`, which says where below the data root `Origin.arrange` puts them; what lies there is
            not unpacked again.
    """

    match: str
    to: str = ""
    strip: int | None = 0
    nested: bool = False
    moved: str = ""

    def target(self, path: str) -> str | None:
        """Return where the file at `path` belongs, below the data root; None where this place does not want it."""
        if not fnmatchcase(path, self.match):
            return None
        parts = PurePosixPath(path).parts
        kept = parts[-1:] if self.strip is None else parts[self.strip :]
        return str(PurePosixPath(self.to, *kept)) if kept else None


@dataclass(frozen=True, slots=True)
class Origin:
    """Describes the published data that a reference is trained on.

    Attributes:
        name: Their name.
        publisher: Who publishes them.
        address: Where.
        licence: On which terms, in a few words.
        size: How large what must be fetched is, in a few words.
        files: What must be fetched, with its MD5 or SHA-256 sum where one is known.
        places: Where the files in these belong, the first place that wants a file having it.
        by_hand: What no archive brings and a user must do; empty where nothing is left to do.
        package: The command that has them out of a package, and nothing else to do; empty where none has.
        arrange: What is to be done in the data root once the files are there; None where that is nothing.
        obstacle: What kept this project from training the reference to the paper's quality; empty where it did.
    """

    name: str
    publisher: str
    address: str
    licence: str
    size: str
    files: Mapping[str, str | None]
    places: tuple[Place, ...] = field(default=())
    by_hand: str = ""
    package: str = ""
    arrange: Callable[[Path], None] | None = None
    obstacle: str = ""

    def target(self, path: str) -> tuple[str, Place] | None:
        """Return where the file at `path` of an archive belongs, and the place that says so; None if nowhere."""
        found = ((place.target(path), place) for place in self.places)
        return next(((target, place) for target, place in found if target is not None), None)
