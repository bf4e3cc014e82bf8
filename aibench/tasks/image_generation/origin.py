"""Says where the bedrooms of LSUN can be had."""

from __future__ import annotations

from aibench.config.origin import Origin, Place

ORIGIN = Origin(
    name="LSUN bedrooms",
    publisher="Yu et al., Princeton",
    address="http://dl.yf.io/lsun/scenes",
    licence="for research; no registration",
    size="46 GB",
    files={
        "bedroom_train_lmdb.zip": "a15644c2e7153106867f0adb3491fc41224102d1f01b24494fb47d9f5d1f174e",
        "bedroom_val_lmdb.zip": "5d022e781b241c25ec2e1f1f769afcdb8091d7fd58362667aec03137b8114b12",
    },
    places=(Place("*_lmdb/data.mdb"), Place("*_lmdb/lock.mdb")),
    obstacle="LSUN's bedrooms are in no package, and the paper has no quality that would end a run.",
)
