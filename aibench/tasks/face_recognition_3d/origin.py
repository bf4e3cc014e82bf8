"""Says that the RGB-D faces of the paper cannot be had."""

from __future__ import annotations

from aibench.config.origin import Origin

ORIGIN = Origin(
    name="RGB-D faces of Intellifusion",
    publisher="Intellifusion, whose link answers no more",
    address="-",
    licence="not known",
    size="77,715 pairs",
    files={},
    by_hand="any RGB-D faces in the layout of docs/tasks/face_recognition_3d.md; or BIWI, with "
    "data=face_recognition_3d/biwi",
    obstacle="the paper's faces cannot be had from anyone, and BIWI, which can, is another data set.",
)
