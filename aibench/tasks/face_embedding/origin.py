"""Says where VGGFace2 and LFW can be had."""

from __future__ import annotations

from aibench.config.origin import Origin, Place

ORIGIN = Origin(
    name="VGGFace2 (to train on) and LFW (held out)",
    publisher="Oxford's VGG, which serves it no more; the University of Massachusetts",
    address="http://vis-www.cs.umass.edu/lfw",
    licence="VGGFace2: non-commercial research; LFW: for research",
    size="38 GB and 180 MB",
    files={
        "vggface2_train.tar.gz": "0e7ecc1bec3e8ae402b79db927510abaff386a91ea1b223d5c83e995bc4d28af",
        "lfw.tgz": "a17d05bd522c52d84eca14327a23d494",
        "pairs.txt": "9f1ba174e4e1c508ff7cdf10ac338a7d",
    },
    places=(
        Place("train/n*/*.jpg"),
        Place("*/train/n*/*.jpg", strip=1),
        Place("lfw/*/*.jpg"),
        Place("pairs.txt", "lfw"),
    ),
    by_hand="the faces are cut out of both sets first, by MTCNN with a margin of 44 pixels to 182x182, as the authors "
    "do",
    obstacle="VGGFace2 is served no more, and LFW alone is there to judge and not to train on.",
)
