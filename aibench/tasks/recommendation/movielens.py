"""Reads MovieLens's ratings from disk: every rating is an interaction, whatever its value."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aibench.contract import DataError
from aibench.interactions.rows import Ints
from aibench.interactions.table import Format, Kind, line_of, read_table
from aibench.tasks.recommendation.config import DataConfig
from aibench.tasks.recommendation.held_out import Interactions
from aibench.tasks.recommendation.layout import RECBOLE_FILE, Release, ratings_file

if TYPE_CHECKING:
    import pandas as pd

FIELDS = {"user": Kind.whole, "item": Kind.whole, "rating": Kind.number, "timestamp": Kind.whole}
FORMATS = {
    Release.ml_100k: Format(FIELDS, "\t"),
    Release.ml_1m: Format(FIELDS, "::"),
    Release.ml_20m: Format(FIELDS, ",", header="userId,movieId,rating,timestamp"),
}
# MovieLens 100K as RecBole has it: the same lines under a header.
RECBOLE = Format(FIELDS, "\t", header="user_id:token\titem_id:token\trating:float\ttimestamp:float")
LEAST, MOST = 0.5, 5.0  # stars


def movielens(root: Path, config: DataConfig) -> Interactions:
    """Read the ratings below `root`, in the order of their timestamps and, where those are equal, of their lines.

    Raises:
        DataError: A line is damaged, a user rates once or something twice, or the file is not complete.
    """
    path = ratings_file(root, config.release)
    assert path is not None, "Config.problems lets no such root through"
    layout = RECBOLE if path.name == RECBOLE_FILE else FORMATS[config.release]
    table = read_table(path, layout)
    _require_values(path, layout, table)
    _, user = np.unique(table["user"].to_numpy(), return_inverse=True)
    originals, item = np.unique(table["item"].to_numpy(), return_inverse=True)
    if config.complete:
        _require_complete(path, config, found=(int(user.max()) + 1, len(originals), len(user)))
    _require_pairs(path, layout, table, user, item)
    order = np.lexsort((table["timestamp"].to_numpy(), user))  # stable: equal timestamps stay in the file's order
    return Interactions.of(user[order], item[order] + 1, len(originals))


def _require_values(path: Path, layout: Format, table: pd.DataFrame) -> None:
    """Refuse numbers that no release has: an id below 1, a rating that is none of half a star to five."""
    bounds = {"user": (1, np.inf), "item": (1, np.inf), "rating": (LEAST, MOST), "timestamp": (0, np.inf)}
    for name, (least, most) in bounds.items():
        values = table[name].to_numpy()
        wrong = np.flatnonzero((values < least) | (values > most))
        if len(wrong):
            at = f"{path}:{line_of(path, layout, wrong[0])}"
            bound = f"above {most:g}" if values[wrong[0]] > most else f"below {least:g}"
            raise DataError(f"{at}: {name} {values[wrong[0]]:g} is {bound}. Restore this file.")
    odd = np.flatnonzero(2 * table["rating"].to_numpy() % 1)
    if len(odd):
        at, rating = f"{path}:{line_of(path, layout, odd[0])}", table["rating"].iloc[odd[0]]
        raise DataError(f"{at}: rating {rating:g} is no whole or half star. Restore this file.")


def _require_pairs(path: Path, layout: Format, table: pd.DataFrame, user: Ints, item: Ints) -> None:
    """Check that nobody rates anything twice, and everybody has something to train on and to hold out."""
    pair = user * (item.max() + 1) + item
    _, firsts = np.unique(pair, return_index=True)
    if len(firsts) < len(pair):
        again = np.setdiff1d(np.arange(len(pair)), firsts)[0]
        names = f"user {table['user'].iloc[again]} rates item {table['item'].iloc[again]}"
        raise DataError(f"{path}:{line_of(path, layout, again)}: {names} a second time. Restore this file.")
    lonely = np.flatnonzero(np.bincount(user) < 2)
    if len(lonely):
        row = np.flatnonzero(user == lonely[0])[0]
        raise DataError(
            f"{path}:{line_of(path, layout, row)}: the only rating of user {table['user'].iloc[row]}; the last one is "
            "held out, so two are needed. Restore this file."
        )


def _require_complete(path: Path, config: DataConfig, found: tuple[int, int, int]) -> None:
    wanted = (config.users, config.items, config.ratings)
    if found != wanted:
        ours, theirs = (
            f"{users:,} users, {items:,} items, {count:,} ratings" for users, items, count in (found, wanted)
        )
        raise DataError(
            f"{path}: {ours} where {config.release} has {theirs}. Restore this file, or set data.complete=false to "
            "take it as it is."
        )
