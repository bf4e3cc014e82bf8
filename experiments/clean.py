"""Refuses results whose code nobody can have again: those of a tree with changes that no commit has.

    python experiments/clean.py RESULTS...

`make studies` begins with it. `make studies ALLOW_DIRTY=1` leaves it out: for results of before this was demanded,
until their study is made anew.
"""

from __future__ import annotations

import sys
from pathlib import Path

from aibench.results.result import ResultError, read_result, result_files


def fault(places: list[Path]) -> str | None:
    """Return a line that names the first result that is not of a clean commit; None where all are."""
    files = list(result_files(places))
    found = [(path, read_result(path).commit) for path in files]
    dirty = [(path, commit) for path, commit in found if commit is None or commit.endswith("-dirty")]
    if not dirty:
        return None
    path, commit = dirty[0]
    of = f"commit {commit}" if commit else "no commit"
    more = f", and {len(dirty) - 1} more of {len(files)}" if len(dirty) > 1 else ""
    return (
        f"{path}: of {of}{more}. Train from a clean tree, or give ALLOW_DIRTY=1 for results that cannot be made again."
    )


def main() -> None:
    try:
        found = fault([Path(word) for word in sys.argv[1:]])
    except ResultError as error:
        found = str(error)
    sys.exit(found)


if __name__ == "__main__":
    main()
