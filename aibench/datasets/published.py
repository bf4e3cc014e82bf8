"""Lists the published data sets that the suite knows, and tells other data of the same form from them.

The numbers come from the publishers or from people who read the files, as `source` says. What nobody could count is not
here.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aibench.config import DataError


@dataclass(frozen=True, slots=True)
class Identity:
    """Says how data on disk compare with the published data set of their form.

    Attributes:
        name: Name of the published data set.
        known_by: The contents that were compared.
        differences: What differs, a line each; none where the data are the published ones as far as was compared.
    """

    name: str
    known_by: str
    differences: list[str]

    def __str__(self) -> str:
        if not self.differences:
            return f"{self.name}: the published files, by {self.known_by}"
        return f"not the published files of {self.name}: {'; '.join(self.differences)}"


@dataclass(frozen=True, slots=True)
class Published:
    """Describes a published data set.

    Attributes:
        name: Its name.
        source: The source of its numbers.
        counts: What is counted, and how many there are.
        md5: MD5 sums of files, unpacked, by what the file holds.
    """

    name: str
    source: str
    counts: Mapping[str, int] = field(default_factory=dict)
    md5: Mapping[str, str] = field(default_factory=dict)

    def compared(
        self,
        counts: Mapping[str, int] | None = None,
        files: Mapping[str, Path] | None = None,
        *,
        header: bool = False,
    ) -> Identity:
        """Return how data compare with these.

        Args:
            counts: What was counted, by the names of `Published.counts`, all of them.
            files: Those whose sums are known, by the names of `Published.md5`, all of them; `.gz` are unpacked.
            header: Whether a first line is left out.

        Raises:
            DataError: A file cannot be read.
        """
        counts, files = counts or {}, files or {}
        assert set(counts) == set(self.counts), "every number is compared"
        assert set(files) == set(self.md5), "every sum is compared"
        differences = [
            f"{counts[what]:,} {what}, published are {count:,}"
            for what, count in self.counts.items()
            if counts[what] != count
        ]
        for what, published in self.md5.items():
            found = md5(files[what], header)
            if found != published:
                differences.append(f"{files[what].name} has the MD5 sum {found}, published is {published}")
        sums = [f"the MD5 sums of {len(self.md5)} files" if len(self.md5) > 1 else "an MD5 sum"] if self.md5 else []
        numbers = [", ".join(f"{count:,} {what}" for what, count in self.counts.items())] if self.counts else []
        return Identity(self.name, " and ".join((*sums, *numbers)), differences)


def md5(path: Path, header: bool = False) -> str:
    """Return the MD5 sum of a file's content, unpacked where its name ends in `.gz`, with or without its `header`.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            state = hashlib.md5(usedforsecurity=False)
            if header:
                file.readline()
            while block := file.read(1 << 20):
                state.update(block)
        return state.hexdigest()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: {getattr(error, 'strerror', None) or error}. Restore this file.") from error


MNIST = Published(
    "MNIST",
    "the files of yann.lecun.com, unpacked",
    md5={
        "train images": "6bbc9ace898e44ae57da46a324031adb",
        "train labels": "a25bea736e30d166cdddb491f175f624",
        "val images": "2646ac647ad5339dbf082846283269ea",
        "val labels": "27ae3e4e09519cfbb04c329615203637",
    },
)
PENN_TREEBANK = Published(
    "Penn Treebank",
    "Mikolov's archive, as torchtext checked its files",
    md5={
        "train": "f26c4b92c5fdc7b3f8c7cdcb991d8420",
        "val": "aa0affc06ff7c36e977d7cd49e3839bf",
        "test": "8b80168b89c18661a38ef683c0dc3721",
    },
)
MOVIELENS_100K = Published("MovieLens 100K", "GroupLens' u.data", md5={"ratings": "6e47046882bad158b0efbb84cd5cb987"})
MOVIELENS = {
    "ml_1m": Published(
        "MovieLens 1M", "GroupLens' ratings.dat", {"users": 6_040, "items": 3_706, "ratings": 1_000_209}
    ),
    "ml_20m": Published(
        "MovieLens 20M", "GroupLens' ratings.csv", {"users": 138_493, "items": 26_744, "ratings": 20_000_263}
    ),
}
MULTI30K = Published(
    "Multi30k",
    "the publisher's raw texts of task 1 (github.com/multi30k/dataset)",
    md5={
        "train English": "053a34ece7c904dbc8c7361799afbe4c",
        "train German": "d3b4bc1671cfb805267f97f16884beba",
        "val English": "2234730e7925354b766681b029b347ec",
        "val German": "9f139b15d9d11936dea7af2904e57d8c",
    },
)
PAPERS_PAIRS = 2_737  # newstest2014 as the evaluation of WMT14 filtered it
NEWSTEST2014 = {
    PAPERS_PAIRS: Published("WMT14's newstest2014, filtered", "sacrebleu's wmt14", {"held-out pairs": PAPERS_PAIRS}),
    3_003: Published("WMT14's newstest2014, whole", "sacrebleu's wmt14/full", {"held-out pairs": 3_003}),
}
IMAGENET = Published(
    "ImageNet (ILSVRC 2012)",
    "Russakovsky et al. 2015, arXiv 1409.0575",
    {"classes": 1_000, "training images": 1_281_167, "held-out images": 50_000},
)
IMAGENET_AND_KODAK = Published(
    "ImageNet (ILSVRC 2012) with Kodak's pictures",
    "Russakovsky et al. 2015, arXiv 1409.0575, and r0k.us",
    {"training images": 1_281_167, "held-out images": 24},
)
LSUN_BEDROOMS = Published(
    "LSUN's bedrooms", "Yu et al. 2015, arXiv 1506.03365", {"training images": 3_033_042, "held-out images": 300}
)
CITYSCAPES = Published(
    "Cityscapes",
    "Cordts et al. 2016, arXiv 1604.01685",
    {"training photos": 2_975, "training label maps": 2_975, "held-out scenes": 500},
)
VOC2007 = Published("VOC2007", "its lists of images", {"training images": 5_011, "held-out images": 4_952})
COCO_2014 = Published(
    "COCO 2014",
    "torchvision's documentation, and its files of captions",
    {"training images": 82_783, "held-out images": 40_504, "training captions": 414_113},
)
COCO_KARPATHY = Published(
    "COCO 2014 in Karpathy's split",
    "Karpathy & Li 2015, arXiv 1412.2306",
    {"training images": 113_287, "held-out images": 5_000},
)
VGGFACE2_AND_LFW = Published(
    "VGGFace2 with LFW's pairs",
    "Cao et al. 2018, arXiv 1710.08092, and scikit-learn's copy of pairs.txt",
    {"training images": 3_141_890, "people": 8_631},
    {"pairs": "9f1ba174e4e1c508ff7cdf10ac338a7d"},
)
ROBOT_PUSHING = Published("Google's robot pushing", "its list of files", {"training files": 264})
SHAPENET_CHAIRS = Published(
    "ShapeNet's chairs of Yan et al. 2016",
    "their lists of objects",
    {"training objects": 4_744, "held-out objects": 1_356},
)
GOWALLA = Published("Gowalla", "snap.stanford.edu", {"check-ins": 6_442_890})
GOWALLA_SPLIT = Published(
    "Gowalla as rank_distill splits it",
    "its files (github.com/graytowne/rank_distill)",
    {"users": 13_149, "training check-ins": 433_356, "held-out check-ins": 102_294},
)
_GIGAWORD = {"valid": 189_651, "test": 1_951}
_LIBRISPEECH = {
    "train-clean-100": 28_539,
    "train-clean-360": 104_014,
    "train-other-500": 148_688,
    "dev-clean": 2_703,
    "dev-other": 2_864,
    "test-clean": 2_620,
    "test-other": 2_939,
}


def gigaword_headlines(held_out: str) -> Published:
    """Return Gigaword's headlines with one of its held-out parts, `valid` or `test`."""
    counts = {"training pairs": 3_803_957, "held-out pairs": _GIGAWORD[held_out]}
    return Published("Gigaword's headlines", "Rush et al. 2015 (github.com/harvardnlp/sent-summary)", counts)


def librispeech(sets: Sequence[str]) -> Published:
    """Return those of LibriSpeech's `sets` that are known, by their utterances."""
    return Published(
        "LibriSpeech",
        "its transcripts (openslr.org/12)",
        {f"utterances of {name}": _LIBRISPEECH.get(name, 0) for name in sets},
    )
