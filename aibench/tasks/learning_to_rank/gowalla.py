"""Reads Gowalla's check-ins from disk: the published split, or SNAP's raw file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from aibench.contract import DataError
from aibench.interactions.filtering import first_appearance, first_visits, frequent
from aibench.interactions.rows import Ints
from aibench.interactions.table import BLANKS, Format, Kind, read_table
from aibench.tasks.learning_to_rank.config import DataConfig
from aibench.tasks.learning_to_rank.interactions import Interactions, later_part
from aibench.tasks.learning_to_rank.layout import published_split, raw_file

RAW = Format(
    {"user": Kind.whole, "time": Kind.time, "latitude": Kind.number, "longitude": Kind.number, "item": Kind.whole}, "\t"
)
SPLIT = Format({"user": Kind.whole, "item": Kind.whole, "rating": Kind.number}, BLANKS)


def gowalla(root: Path, config: DataConfig) -> Interactions:
    """Read the check-ins below `root`: of the published split where it is there, else of SNAP's file.

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


def _of_raw(path: Path, config: DataConfig) -> Interactions:
    """Sort in time, keep first visits, leave out rare users and items, hold out the last 20 % of each user."""
    table = read_table(path, RAW)
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
    lines = {"check-ins": len(table)}
    return replace(Interactions.of(user, locations[item], later_part(user)), lines=lines)


def _of_split(train: Path, test: Path) -> Interactions:
    """Read the files as they are, oldest first; a user's later visits to an item are dropped."""
    trained, tested = (read_table(path, SPLIT) for path in (train, test))
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
    lines = {"users": len(users), "training check-ins": len(trained), "held-out check-ins": len(tested)}
    return replace(Interactions.of(user[kept], items[kept], late[kept]), lines=lines)
