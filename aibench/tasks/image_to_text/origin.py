"""Says where COCO 2014 can be had."""

from __future__ import annotations

from aibench.config.origin import Origin, Place

ORIGIN = Origin(
    name="COCO 2014",
    publisher="the COCO consortium",
    address="https://cocodataset.org/#download",
    licence="captions CC BY 4.0; pictures on the terms of Flickr",
    size="20 GB",
    files={
        "train2014.zip": "0da8c0bd3d6becc4dcb32757491aca88",
        "val2014.zip": "a3d79f5ed8d289b7a7554ce06a5782b3",
        "annotations_trainval2014.zip": "031296bbc80c45a1d1f76bf9a90ead27e94e99ec629208449507a4917a3bf009",
    },
    places=(Place("train2014/*.jpg"), Place("val2014/*.jpg"), Place("annotations/captions_*2014.json")),
    obstacle="COCO's pictures are in no package, and its epochs take many hours of a GPU.",
)
