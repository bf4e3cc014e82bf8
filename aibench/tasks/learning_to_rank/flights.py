"""Makes the embedded check-ins: flights of aircraft."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aibench.interactions.flights import first_flights
from aibench.tasks.learning_to_rank.config import DataConfig
from aibench.tasks.learning_to_rank.interactions import Interactions, later_part

if TYPE_CHECKING:
    import pandas as pd

HOURS = 4  # the length of a block of departures


def flights(config: DataConfig) -> Interactions:
    """Return which aircraft did what for the first time: users are aircraft, items are like `ORD UA 08-12`.

    An item is a destination, a carrier and the four hours of the day in which the departure was scheduled.
    """
    user, item = first_flights(
        "hours-1",
        _visited,
        cache=config.cache,
        min_items_per_user=config.min_items_per_user,
        min_users_per_item=config.min_users_per_item,
    )
    return Interactions.of(user, item, later_part(user))


def _visited(table: pd.DataFrame) -> pd.Series[str]:
    hours = (table["hour"].astype(int) // HOURS * HOURS).map(lambda hour: f"{hour:02}-{hour + HOURS:02}")
    return table["dest"] + " " + table["carrier"] + " " + hours
