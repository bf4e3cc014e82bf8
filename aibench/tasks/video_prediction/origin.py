"""Says where the motions of robots that push can be had."""

from __future__ import annotations

from aibench.config.origin import Origin, Place

ORIGIN = Origin(
    name="Google's robot pushing",
    publisher="Google Brain",
    address="https://sites.google.com/site/brainrobotdata/home/push-dataset",
    licence="CC BY 4.0",
    size="137 GB",
    files={"push_train.tfrecord-00000-of-00264 ... push_train.tfrecord-00263-of-00264": None},
    places=(Place("*push_train.tfrecord-*", "push_train", strip=None),),
    obstacle="the pushing robots are in no package, and their size asks for a data centre.",
)
