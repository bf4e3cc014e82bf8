"""Says where the headlines of Gigaword can be had."""

from __future__ import annotations

from aibench.config.origin import Origin, Place

ORIGIN = Origin(
    name="Gigaword headlines",
    publisher="Rush et al.; derived from LDC's Gigaword",
    address="https://github.com/harvardnlp/sent-summary",
    licence="the terms of LDC's Gigaword",
    size="0.3 GB",
    files={"summary.tar.gz": "ffa257f32de233bfc832e9e5e3910cb72f4023b37a86af8fee87b344baeb8a4a"},
    places=(
        Place("sumdata/*.txt", strip=1),
        Place("sumdata/*.txt.gz", strip=1),
        *(Place(f"*{split}.{side}.txt", strip=None) for split in ("train", "dev", "test") for side in ("src", "tgt")),
    ),
    obstacle="Gigaword is LDC's text, and no package has its headlines.",
)
