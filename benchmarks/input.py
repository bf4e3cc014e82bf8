"""How many images a second one core reads from JPEG files of ImageNet's kind: as before, and as now.

    python benchmarks/input.py [--pairs 5] [--images 48]

The files are generated: 500 x 375 pixels, about 110 kB as ImageNet's are on average. Both ways make the training sample
of the reference's ResNet-50 (a part of the picture at 224 x 224, mirrored or not) under the random state of
(seed, epoch, index), as a process that reads samples does. `before` decodes and resizes by Pillow; `now` is the data
set of `task=image_classification`. They take turns, and seconds are those in which a core computed for this process.
The two samples of a file are compared too: the same part, and pixels that differ by a rounding.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table
from torchvision.transforms import v2

from aibench.tasks.image_classification.imagenet import ImageTree
from aibench.training import loader
from aibench.training.loader import SeededSamples
from aibench.vision.files import read_image
from aibench.vision.jpeg import read_pixels

SIZE, CLASS = 224, "n00000000"


class Before(ImageTree):
    """Reads as this suite did: Pillow decodes, crops and resizes."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.pillow = v2.Compose([v2.RandomResizedCrop(SIZE), v2.RandomHorizontalFlip(), v2.PILToTensor()])

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.pillow(read_image(self.path(index))), torch.tensor(self.labels[index])


def generated(root: Path, count: int) -> float:
    """Write `count` pictures of soft shapes and grain. Returns their mean size in bytes."""
    folder = root / "train" / CLASS
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(count):
        shapes = np.uint8(np.clip(128 + 45 * random.normal(size=(48, 64, 3)), 0, 255))
        soft = np.asarray(Image.fromarray(shapes).resize((500, 375), Image.Resampling.BICUBIC), dtype=float)
        grained = np.clip(soft + random.normal(0, 17, (375, 500, 1)), 0, 255)
        Image.fromarray(np.uint8(grained)).save(folder / f"{number:04}.JPEG", quality=89)
    return statistics.fmean(path.stat().st_size for path in folder.iterdir())


def rate(samples: SeededSamples, epoch: int) -> float:
    """Images a second of a core."""
    since = time.process_time()
    for index in range(len(samples.dataset)):
        samples[epoch, index]
    return len(samples.dataset) / (time.process_time() - since)


def _is_equal(path: Path) -> bool:
    return np.array_equal(np.asarray(read_image(path)), read_pixels(path).permute(1, 2, 0))


def main() -> None:
    """Measure, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--images", type=int, default=48)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    config: Any = SimpleNamespace(size=SIZE, resize=256, train_size=None, val_size=None)
    with tempfile.TemporaryDirectory() as scratch, mock.patch.object(loader, "get_worker_info", return_value=True):
        root = Path(scratch)
        size = generated(root, asked.images)
        before, now = (SeededSamples(kind(root, "train", [CLASS], config), 1) for kind in (Before, ImageTree))
        apart = max(int((before[0, i][0].int() - now[0, i][0].int()).abs().max()) for i in range(asked.images))
        equal = all(
            np.array_equal(np.asarray(read_image(path)), read_pixels(path).permute(1, 2, 0))
            for path in root.glob("*/*/*")
        )
        rates = []
        for pair in range(asked.pairs):
            order = (before, now) if pair % 2 else (now, before)
            found = {id(samples): rate(samples, pair) for samples in order}
            rates.append((found[id(before)], found[id(now)]))
    ratios = [second / first for first, second in rates]
    table = Table("files", "before, img/s a core", "now", "now / before")
    middle = [f"{statistics.median(one):.0f} ({min(one):.0f} to {max(one):.0f})" for one in zip(*rates, strict=True)]
    gain = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    table.add_row(f"JPEG, {size / 1000:.0f} kB", *middle, gain)
    Console().print(table)
    print(f"decoded pixels equal: {equal}; samples differ by {apart} of 255 at most")


if __name__ == "__main__":
    main()
