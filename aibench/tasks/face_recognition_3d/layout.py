"""Finds RGB-D faces on disk: the authors' lists of pairs, or BIWI's sequences. Imports no torch."""

from __future__ import annotations

import csv
import enum
from collections.abc import Iterator
from pathlib import Path

from aibench.datasets.folders import enumerated, not_found


class Layout(enum.StrEnum):
    """Lists how the data set on disk may be laid out."""

    png_npy = enum.auto()  # the authors': lists of pairs of a PNG and an array of depths
    biwi = enum.auto()  # the BIWI Kinect Head Pose Database


# The authors' layout

LISTS = {"train": "train.csv", "val": "eval.csv"}
COLUMNS = ["rgb_image_path", "dep_image_path", "cls_name"]

# BIWI's. Who is in which of the 24 sequences, women and men counted apart (from the loader of the data set's card,
# huggingface.co/datasets/ETHZurich/biwi_kinect_head_pose): four people were recorded a second time.

PEOPLE = dict(
    zip(
        (f"{number:02d}" for number in range(1, 25)),
        (
            *("F01", "F02", "F03", "F04", "F05", "F06", "M01", "M02", "M03", "M04", "M05", "M06"),
            *("M07", "M08", "F03", "M09", "M10", "F05", "M11", "M12", "F02", "M01", "M13", "M14"),
        ),
        strict=True,
    )
)
AGAIN = ("15", "18", "21", "22")  # second recordings
INSIDE = ("", "hpdb", "faces_0")  # where the folders of the sequences may lie in data.root


def problems(root: Path, typed: str, layout: Layout, classes: int) -> Iterator[str]:
    """Yield what keeps the folder `root` from being laid out so, with `classes` people, a line each."""
    yield from (_biwi_problems if layout is Layout.biwi else _list_problems)(root, typed, classes)


def _list_problems(root: Path, typed: str, classes: int) -> Iterator[str]:
    """Yield what keeps the folder `root` from holding the authors' lists with `classes` people, a line each."""
    missing = [name for name in LISTS.values() if not (root / name).is_file()]
    if missing:
        yield not_found(typed, " and ".join(LISTS.values()), root, "Set data.root to the folder that holds the lists.")
        return
    for name in LISTS.values():
        header = _header(root / name)
        if header != COLUMNS:
            yield (
                f"data.root={typed}: looked for the columns {','.join(COLUMNS)} in {name}, found "
                f"{','.join(header) or 'nothing'}. Write that header as its first line."
            )
            return
    found = len(_classes(root / LISTS["train"]))
    if found != classes:
        yield (
            f"data.root={typed}: {LISTS['train']} names {found:,} classes, and data.classes={classes}. Complete the "
            f"list, or set data.classes={found}."
        )


def _header(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8", errors="replace") as lines:
        return next(csv.reader(lines), [])


def _classes(path: Path) -> set[str]:
    """Return the names in the last column; lines that cannot be read are for the reader to name."""
    with path.open(newline="", encoding="utf-8", errors="replace") as lines:
        return {row[2] for row in list(csv.reader(lines))[1:] if len(row) == len(COLUMNS)}


def sequences(root: Path) -> Path | None:
    """Return the folder that holds BIWI's sequences 01 to 24; None where there is none."""
    return next((root / name for name in INSIDE if (root / name / "01").is_dir()), None)


def _biwi_problems(root: Path, typed: str, classes: int) -> Iterator[str]:
    """Yield what keeps the folder `root` from being the BIWI Kinect Head Pose Database, a line each."""
    folder = sequences(root)
    if folder is None:
        yield not_found(
            typed,
            "BIWI's folders 01 to 24 in it, in hpdb or in faces_0",
            root,
            "Set data.root to the folder that holds them.",
        )
        return
    missing = [name for name in PEOPLE if not (folder / name).is_dir()]
    if missing:
        yield f"data.root={typed}: {folder} has no folder {enumerated(missing)}. Unpack the whole database."
    people = len(set(PEOPLE.values()))
    if classes != people:
        yield f"data.classes={classes}: BIWI has {people} people. Set data.classes={people}."
