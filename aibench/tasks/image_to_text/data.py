"""Samples: shapes on photographs, COCO 2014, or made-up images and captions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from aibench.config import Source
from aibench.config.places import expanded
from aibench.contract import Baseline, DataError, Facts, Identity, TaskData, digest
from aibench.datasets.published import COCO_2014, COCO_KARPATHY
from aibench.tasks.image_to_text import coco, layout
from aibench.tasks.image_to_text.config import Config
from aibench.tasks.image_to_text.scenes import REFERENCES, Pictures, captioned_scenes
from aibench.text.batches import Ragged, padded
from aibench.text.vocabulary import BOS, EOS, SPECIALS, Vocabulary

COCO_SIZES = {"train": 414_113, "val": 40_504}  # captions to train on, images held out
DISTINCT = 64  # made-up images
MADE_UP_WORDS = (8, 15)  # a made-up caption has at least the one and less than the other

Sample = tuple[Tensor, list[Tensor]]
Batch = tuple[Tensor, Tensor, Tensor]
Whole = coco.Whole


class Captioned(Dataset[Sample]):
    """Holds images with captions. A sample is an image, uint8 (3, size, size), and its captions, int64 (words,) each.

    Args:
        images: Uint8 (3, size, size) each, by index.
        captions: Captions as indices, from `BOS` to `EOS`.
        owners: The image of each caption, int64 (captions,), ascending.
        one: Whether a sample is one caption with its image (training), rather than one image with all its captions.
        count: How many samples; null takes each once, and more than there are take turns.
    """

    def __init__(self, images: Any, captions: Ragged, owners: Whole, one: bool, count: int | None) -> None:
        self.images = images
        self.captions = captions
        self.owners = owners
        self.one = one
        self.firsts = np.searchsorted(owners, np.arange(len(images) + 1))
        self.distinct = len(captions) if one else len(images)
        self.count = self.distinct if count is None else count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        index %= self.distinct
        if self.one:
            return self.images[int(self.owners[index])], [self.captions[index]]
        return self.images[index], [self.captions[at] for at in range(self.firsts[index], self.firsts[index + 1])]

    def fingerprint(self) -> str:
        """Name the captions, and the images or their files."""
        names = self.images if isinstance(self.images, Tensor) else self.images.files.view(np.uint8)
        return digest(names, self.captions.fingerprint(), self.owners, str(self.count))


class InFiles(Captioned):
    """Reads images on disk: those of `coco.Pictures`."""

    def file_paths(self) -> Iterator[Path]:
        """Yield the images."""
        paths: Iterator[Path] = self.images.file_paths()
        return paths


class InMemory(Captioned):
    """Holds images in one tensor, uint8 (images, 3, size, size), gathered a batch at a time."""

    def gather(self, indices: Tensor) -> Batch:
        """Return the batch of the samples at `indices`, int64 (batch,)."""
        chosen = indices.numpy() % self.distinct
        if self.one:
            images, places, samples = self.owners[chosen], chosen, np.arange(len(chosen))
        else:
            each = self.firsts[chosen + 1] - self.firsts[chosen]
            samples = np.repeat(np.arange(len(chosen)), each)
            within = np.arange(len(samples)) - np.repeat(np.cumsum(each) - each, each)
            images, places = chosen, self.firsts[chosen][samples] + within
        captions = self.captions.gather(torch.from_numpy(places))
        return self.images[torch.from_numpy(images)], captions, torch.from_numpy(samples)


class Data(TaskData):
    """Holds captions with their images to train on, and images with all their captions held out.

    A sample is `(image, captions)`: uint8 (3, size, size), and a list of one caption (training) or of all (held out),
    int64 (words,) each, from `BOS` to `EOS`: `(image, [tensor([1, 4, 9, 27, 2])])`. A batch has the captions of all its
    images in one tensor, and the place of the image that each is of; see `InMemory.gather`.
    """

    unit = "captions"
    with_test = (Source.embedded,)
    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        match config.data.source:
            case Source.embedded:
                self.vocabulary, self.splits = self._embedded()
            case Source.disk:
                self.vocabulary, self.splits = self._read()
            case Source.synthetic:
                self.vocabulary, self.splits = self._made_up()

    @property
    def facts(self) -> Facts:
        """Return `vocabulary`, the number of words, specials included, and `words`, in the order of their indices."""
        return {"vocabulary": len(self.vocabulary), "words": list(self.vocabulary.words)}

    def dataset(self, split: str) -> Captioned:
        return self.test if split == "test" else self.splits[split]

    @cached_property
    def test(self) -> Captioned:
        """Return the scenes of `test`, generated where they are asked for first."""
        return self._scenes("test", self._pictures("test"))

    def baselines(self) -> Iterator[Baseline]:
        from aibench.tasks.image_to_text.baseline import blind, nearest

        if self.config.data.source is Source.embedded:
            parts = {part: self.dataset(part) for part in self.parts}
            yield from blind(parts, len(self.vocabulary))
            yield nearest(parts, len(self.vocabulary))

    def collate(self, samples: list[Sample]) -> Batch:
        images, captions = zip(*samples, strict=True)
        every = padded([caption.numpy() for row in captions for caption in row])
        each = torch.tensor([len(row) for row in captions])
        return torch.stack(images), every, torch.arange(len(samples)).repeat_interleave(each)

    def fingerprint(self) -> str:
        """Name the samples; those of `test` by the seed and the sizes that all scenes are generated of."""
        return digest(*self.vocabulary.words, *(dataset.fingerprint() for dataset in self.splits.values()), self.glance)

    def file_paths(self) -> Iterator[Path]:
        yield from super().file_paths()
        if self.config.data.source is Source.disk:
            yield from layout.caption_files(expanded(self.config.data.root), self.config.data.split)

    def identity(self) -> Identity | None:
        data, (train, val) = self.config.data, self.splits.values()
        if data.source is not Source.disk:
            return None
        counts = {"training images": len(train.images), "held-out images": len(val.images)}
        if data.split is layout.Split.karpathy:
            return COCO_KARPATHY.compared(counts)
        return COCO_2014.compared({**counts, "training captions": len(train.captions)})

    def _size(self, split: str) -> int | None:
        return self.config.data.train_size if split == "train" else self.config.data.val_size

    def _embedded(self) -> tuple[Vocabulary, dict[str, Captioned]]:
        made = {split: self._pictures(split) for split in ("train", "val")}
        texts = (text.split() for row in made["train"][1] for text in row)
        self.vocabulary = Vocabulary.counted(texts, least=self.config.data.least_count)
        return self.vocabulary, {split: self._scenes(split, scenes) for split, scenes in made.items()}

    def _pictures(self, split: str) -> tuple[Pictures, list[list[str]]]:
        """Generate the pictures and the descriptions of a split: as many for `test` as for `val`."""
        size = self._size(split)
        assert size is not None, "Config.problems lets no such run through"
        count = -(-size // REFERENCES) if split == "train" else size
        return captioned_scenes(split, count, self.config.model.size, self.config.data.seed)

    def _scenes(self, split: str, made: tuple[Pictures, list[list[str]]]) -> Captioned:
        pictures, rows = made
        captions = Ragged.of([[BOS, *self.vocabulary.encode(text.split()), EOS] for row in rows for text in row])
        owners = np.repeat(np.arange(len(pictures)), REFERENCES)
        return InMemory(torch.from_numpy(pictures), captions, owners, split == "train", self._size(split))

    def _read(self) -> tuple[Vocabulary, dict[str, Captioned]]:
        vocabulary, found = coco.captions(self.config)
        root = expanded(self.config.data.root)
        splits: dict[str, Captioned] = {}
        for split, (files, captions, owners) in found.items():
            pictures = coco.Pictures(root, files, coco.transform(self.config, split))
            size = self._size(split)
            splits[split] = InFiles(pictures, captions, owners, split == "train", size)
            if size is not None and size > splits[split].distinct:
                there = f"{splits[split].distinct:,} {'captions' if split == 'train' else 'images'}"
                raise DataError(f"{root}: {there}, fewer than data.{split}_size={size}. Lower it.")
        return vocabulary, splits

    def _made_up(self) -> tuple[Vocabulary, dict[str, Captioned]]:
        data, size = self.config.data, self.config.model.size
        vocabulary = Vocabulary((*SPECIALS, *(f"word{index}" for index in range(len(SPECIALS), data.vocabulary))))
        splits: dict[str, Captioned] = {}
        for split, count in COCO_SIZES.items():
            generator = np.random.default_rng((data.seed, split == "val"))
            images = generator.integers(256, size=(DISTINCT, 3, size, size), dtype=np.uint8)
            lengths = generator.integers(*MADE_UP_WORDS, DISTINCT * REFERENCES)
            texts = [generator.integers(len(SPECIALS), data.vocabulary, length) for length in lengths]
            captions = Ragged.of([[BOS, *text, EOS] for text in texts])
            owners = np.repeat(np.arange(DISTINCT), REFERENCES)
            splits[split] = InMemory(
                torch.from_numpy(images), captions, owners, split == "train", self._size(split) or count
            )
        return vocabulary, splits
