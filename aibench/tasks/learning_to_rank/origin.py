"""Says where the check-ins of Gowalla can be had."""

from __future__ import annotations

from aibench.config.origin import Origin, Place

ORIGIN = Origin(
    name="Gowalla's check-ins",
    publisher="Stanford's SNAP",
    address="https://snap.stanford.edu/data/loc-Gowalla.html",
    licence="open",
    size="not known",
    files={"loc-gowalla_totalCheckins.txt.gz": None},
    places=(
        Place("*loc-gowalla_totalCheckins.txt*", strip=None),
        Place("*test/train.txt", "test", strip=None),
        Place("*test/test.txt", "test", strip=None),
    ),
    obstacle="Gowalla's check-ins are in no package.",
)
