"""Says where WMT14 and Multi30k can be had."""

from __future__ import annotations

from aibench.config.origin import Origin, Place

ORIGIN = Origin(
    name="WMT14 English-German",
    publisher="ACL's workshop on machine translation",
    address="https://www.statmt.org/wmt14/translation-task.html",
    licence="each corpus has its own terms; for research",
    size="1.7 GB",
    files={
        "training-parallel-europarl-v7.tgz": "0224c7c710c8a063dfd893b0cc0830202d61f4c75c17eb8e31836103d27d96e7",
        "training-parallel-commoncrawl.tgz": "c7a74e2ea01ac6c920123108627e35278d4ccb5701e15428ffa34de86fa3a9e5",
        "training-parallel-nc-v9.tgz": "cb8953f292298e6877ae433c98912b927cb0766b303f4540512ddd286c748485",
        "test-filtered.tgz": "84c597844c1542e29c2aff23aaee4310",
    },
    places=(
        Place("training/*.de-en.*"),
        Place("commoncrawl.de-en.*"),
        Place("test/newstest2014-deen-*.sgm"),
        Place("test-full/newstest2014-deen-*.sgm"),
        *(Place(f"*{split}.{side}*", strip=None) for split in ("train", "val") for side in ("en", "de")),
    ),
    by_hand="Multi30k, which the authors train on, instead: train.en.gz, train.de.gz, val.en.gz, val.de.gz of "
    "https://github.com/multi30k/dataset (1.3 MB), and data=text_to_text/multi30k model=text_to_text/multi30k",
    obstacle="WMT14 is in no package; Multi30k, which the authors train on, is prepared, and lacks a GPU.",
)
