"""Says where VOC 2007 can be had."""

from __future__ import annotations

from aibench.config.origin import Origin, Place

ORIGIN = Origin(
    name="PASCAL VOC 2007",
    publisher="the PASCAL VOC team",
    address="http://host.robots.ox.ac.uk/pascal/VOC/voc2007",
    licence="pictures on the terms of Flickr",
    size="0.9 GB",
    files={
        "VOCtrainval_06-Nov-2007.tar": "c52e279531787c972589f7e41ab4ae64",
        "VOCtest_06-Nov-2007.tar": "b6e924de25625d8de591ea690078ad9f",
    },
    places=(
        *(Place(f"VOCdevkit/VOC2007/{folder}/*") for folder in ("Annotations", "JPEGImages")),
        Place("VOCdevkit/VOC2007/ImageSets/Main/*"),
    ),
    obstacle="VOC2007 is in no package, and the paper's quality takes weights that were trained on ImageNet.",
)
