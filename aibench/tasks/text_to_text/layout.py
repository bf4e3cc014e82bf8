"""Finds the files of WMT14 and of Multi30k below `data.root`, compressed or not. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aibench.datasets.folders import not_found, plain_or_compressed

SPLITS = ("train", "val")
# By split the places that are looked at, in this order. A place is one pair of files or several, of which all are read.
# {} is the language, `en` or `de`.
PLACES: dict[str, dict[str, list[tuple[str, ...]]]] = {
    "wmt14": {
        "train": [
            (  # the three archives of statmt.org; the last one unpacks into training/ where the first does
                "training/europarl-v7.de-en.{}",
                "commoncrawl.de-en.{}",
                "training/news-commentary-v9.de-en.{}",
            ),
            ("train.{}",),
        ],
        "val": [
            ("test/newstest2014-deen-{}.sgm",),  # test-filtered.tgz: 2,737 pairs, the paper's
            ("newstest2014.{}",),  # 2,737 of Stanford's, 3,003 in tensor2tensor's tree
            ("test-full/newstest2014-deen-{}.sgm",),  # test-full.tgz: 3,003 pairs
        ],
    },
    "multi30k": {
        "train": [("train.{}",), ("training/train.{}",)],
        "val": [("val.{}",), ("validation/val.{}",)],
    },
}
ALSO = {"commoncrawl.de-en.{}": "training/commoncrawl.de-en.{}"}
SGML = {"en": "src.en", "de": "ref.de"}  # these stand for {} in the name of an SGML file


@dataclass(frozen=True, slots=True)
class Files:
    """Holds two files whose lines belong together."""

    english: Path
    german: Path


def found(root: Path, corpus: str, split: str) -> list[Files] | None:
    """Return the files of a split; None where they are not complete at any of the places."""
    for place in PLACES[corpus][split]:
        files = [_files(root, name) for name in place]
        complete = [both for both in files if both is not None]
        if len(complete) == len(place):
            return complete
    return None


def problems(root: Path, typed: str, corpus: str) -> Iterator[str]:
    """Yield what keeps the folder `root` from being the corpus's, a line each."""
    for split in SPLITS:
        if found(root, corpus, split) is None:
            sought = ", or ".join(" and ".join(map(_shown, place)) for place in PLACES[corpus][split])
            yield not_found(typed, f"{sought} (.gz too)", root, f"Set data.root to the folder that holds {corpus}.")


def _shown(name: str) -> str:
    return name.format("{src.en,ref.de}" if name.endswith(".sgm") else "{en,de}")


def _files(root: Path, name: str) -> Files | None:
    for spelling in (name, ALSO.get(name, name)):
        english, german = (_file(root, spelling, language) for language in ("en", "de"))
        if english is not None and german is not None:
            return Files(english, german)
    return None


def _file(root: Path, name: str, language: str) -> Path | None:
    path = root / name.format(SGML[language] if name.endswith(".sgm") else language)
    return plain_or_compressed(path)
