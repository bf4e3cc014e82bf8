"""Gowalla's check-ins from disk: the published split, or SNAP's raw file."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aibench.contract import DataError
from aibench.tasks.learning_to_rank.config import CheckInsConfig, published_split, raw_file
from aibench.tasks.learning_to_rank.interactions import (
    Interactions,
    Ints,
    first_appearance,
    first_visits,
    frequent,
    later_part,
)

if TYPE_CHECKING:
    import pandas as pd

TYPES = {"user": "int64", "item": "int64", "time": "str", "beyond": "str"}
TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Format:
    """Lines of fields.

    Attributes:
        columns: Their names; `user` and `item` are whole numbers, `time` is ISO 8601 in UTC, the others are numbers.
        separator: Between fields, a regular expression.
    """

    columns: tuple[str, ...]
    separator: str

    def fault(self, line: str) -> str | None:
        """What is wrong with a line; None where nothing is."""
        fields = line.split("\t") if self.separator == "\t" else line.split()
        if len(fields) != len(self.columns):
            return f"{len(fields)} fields where {len(self.columns)} belong ({', '.join(self.columns)})"
        for name, field in zip(self.columns, fields, strict=True):
            if name in ("user", "item") and not _is_whole(field):
                return f"{name} {field!r} is no whole number"
            if name == "time" and not _is_time(field):
                return f"time {field!r} is not like 2010-10-19T23:55:27Z"
            if name not in ("user", "item", "time") and not _is_number(field):
                return f"{name} {field!r} is no number"
        return None


RAW = Format(("user", "time", "latitude", "longitude", "item"), "\t")
SPLIT = Format(("user", "item", "rating"), r"\s+")


def gowalla(root: Path, config: CheckInsConfig) -> Interactions:
    """The check-ins below `root`: of the published split where it is there, else of SNAP's file.

    Raises:
        DataError: A line is damaged, or nothing is left of the file.
    """
    split = published_split(root)
    if split is not None:
        return _of_split(*split)
    raw = raw_file(root)
    if raw is None:
        raise DataError(f"{root}: neither the published split nor SNAP's check-ins.")
    return _of_raw(raw, config)


def _of_raw(path: Path, config: CheckInsConfig) -> Interactions:
    """Sort in time, keep first visits, leave out rare users and items, hold out the last 20 % of each user."""
    table = _read(path, RAW)
    table = table.iloc[::-1]  # newest first in the file: turned round, visits within a second stay in order
    order = np.lexsort((table["time"].to_numpy(), table["user"].to_numpy()))
    _, user = first_appearance(table["user"].to_numpy()[order])
    locations, item = first_appearance(table["item"].to_numpy()[order])
    kept = first_visits(user, item)
    kept = kept[frequent(user[kept], item[kept], config.min_items_per_user, config.min_users_per_item)]
    if len(kept) == 0:
        raise DataError(
            f"{path}: no user with {config.min_items_per_user} or more items of {config.min_users_per_item} or more "
            "users. Lower data.min_items_per_user and data.min_users_per_item."
        )
    user, item = first_appearance(user[kept])[1], item[kept]
    return Interactions.of(user, locations[item], later_part(user))


def _of_split(train: Path, test: Path) -> Interactions:
    """The files as they are, oldest first; a user's later visits to an item are dropped."""
    trained, tested = (_read(path, SPLIT) for path in (train, test))
    users = trained["user"].unique()
    unknown = ~tested["user"].isin(users).to_numpy()
    if unknown.any():
        user = tested["user"].to_numpy()[unknown][0]
        raise DataError(f"{test}: user {user} has no line in {train}.")
    names = np.concatenate([trained["user"].to_numpy(), tested["user"].to_numpy()])
    items = np.concatenate([trained["item"].to_numpy(), tested["item"].to_numpy()])
    late = np.arange(len(names)) >= len(trained)
    user, (_, item) = first_appearance(names)[1], first_appearance(items)
    kept: Ints = first_visits(user, item)
    return Interactions.of(user[kept], items[kept], late[kept])


def _read(path: Path, kind: Format) -> pd.DataFrame:
    """A file's columns, `time` as an integer that counts from 1970."""
    import pandas as pd  # takes half a second: only runs from disk wait for it

    try:
        table = pd.read_csv(
            path,
            sep=kind.separator,
            header=None,
            names=[*kind.columns, "beyond"],
            dtype={name: TYPES.get(name, "float64") for name in [*kind.columns, "beyond"]},
            quoting=3,  # csv.QUOTE_NONE
        )
        if table["beyond"].notna().any():
            raise ValueError("a line with too many fields")
        if "time" in table:
            table["time"] = pd.to_datetime(table["time"], format=TIME).astype("int64")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: the compressed file is cut off or damaged ({error}).") from error
    except (ValueError, OverflowError, pd.errors.ParserError) as error:
        raise DataError(_first_fault(path, kind) or f"{path}: {' '.join(str(error).split())}.") from error
    if len(table) == 0:
        raise DataError(f"{path}: holds no line.")
    return table


def _first_fault(path: Path, kind: Format) -> str | None:
    """Names the first damaged line of a file that could not be read at once."""
    for number, line in enumerate(_lines(path), start=1):
        fault = kind.fault(line.rstrip("\r\n")) if line.strip() else None
        if fault is not None:
            return f"{path}:{number}: {fault}."
    return None


def _lines(path: Path) -> Iterator[str]:
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        for line in file:
            yield line.decode(errors="replace")


def _is_whole(field: str) -> bool:
    return field.strip().removeprefix("-").isdecimal()


def _is_time(field: str) -> bool:
    try:
        datetime.strptime(field, TIME)
    except ValueError:
        return False
    return True


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
