"""Says where Cityscapes can be had."""

from __future__ import annotations

from aibench.config.origin import Origin, Place

ORIGIN = Origin(
    name="Cityscapes",
    publisher="the Cityscapes team",
    address="https://www.cityscapes-dataset.com/downloads",
    licence="registration; non-commercial; not to be passed on",
    size="11 GB",
    files={
        "leftImg8bit_trainvaltest.zip": "0a6e97e94b616a514066c9e2adb0c97f",
        "gtFine_trainvaltest.zip": "4237c19de34c8a376e9ba46b495d6f66",
    },
    places=(
        *(Place(f"leftImg8bit/{split}/*_leftImg8bit.png") for split in ("train", "val")),
        *(Place(f"gtFine/{split}/*_gtFine_{kind}.png") for split in ("train", "val") for kind in ("color", "labelIds")),
    ),
    obstacle="Cityscapes asks for a registration, and the paper has no quality that would end a run.",
)
