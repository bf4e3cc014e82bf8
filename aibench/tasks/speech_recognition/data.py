"""Samples: generated voices, LibriSpeech, or made-up spectrograms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aibench.config import Source
from aibench.config.places import expanded
from aibench.contract import Baseline, Facts, Identity, TaskData, digest
from aibench.datasets.published import librispeech
from aibench.tasks.speech_recognition import voices
from aibench.tasks.speech_recognition.alphabet import LABELS
from aibench.tasks.speech_recognition.config import Config
from aibench.tasks.speech_recognition.features import frames_of, steps_of
from aibench.tasks.speech_recognition.librispeech import LibriSpeech
from aibench.tasks.speech_recognition.utterances import Batch, Sample, Utterances, collated
from aibench.text.batches import by_length

MADE_UP = {"train": 281_241, "val": 2_620}  # LibriSpeech's three training sets, and test-clean
DISTINCT = 64
LETTERS_A_SECOND = 14


class Data(TaskData):
    """Holds utterances.

    A sample is `(spectrogram, labels, set)`: float (frames, bins), int64 (characters,) of `alphabet`, and the number of
    its set in `data.held_out_sets`. "AB" is `tensor([2, 3])`. A batch is what `collated` returns.
    """

    unit = "utterances"
    with_test = (Source.embedded,)
    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        sources: dict[Source, Callable[[str], Utterances | LibriSpeech]] = {
            Source.embedded: self._spoken,
            Source.disk: self._read,
            Source.synthetic: self._made_up,
        }
        self.splits = {split: sources[config.data.source](split) for split in ("train", "val")}

    @property
    def facts(self) -> Facts:
        """Return `left_out`: how many training utterances of LibriSpeech are too short, too long or too dense."""
        training = self.splits["train"]
        return {"left_out": training.left_out} if isinstance(training, LibriSpeech) else {}

    def dataset(self, split: str) -> Any:
        return self._test if split == "test" else self.splits[split]

    @cached_property
    def _test(self) -> Utterances:
        """Have the test part spoken, which a session does not wait for."""
        return voices.utterances("test", self.config.data)

    def baselines(self) -> Iterator[Baseline]:
        if self.config.data.source is Source.embedded:
            from aibench.tasks.speech_recognition.baseline import baselines

            yield from baselines({part: self.dataset(part) for part in self.parts})

    def collate(self, samples: list[Sample]) -> Batch:
        return collated(samples)

    def plan(self, dataset: Any, generator: np.random.Generator) -> Sequence[NDArray[np.int64]]:
        """Return batches of utterances of like lengths, in random order; what fills no batch is left out."""
        return by_length(dataset.lengths, self.config.data.batch_size, generator)

    def first_plan(self, dataset: Any, generator: np.random.Generator) -> Sequence[NDArray[np.int64]]:
        """Return batches from short to long utterances, where that is asked for.

        SortaGrad; Amodei et al. 2016, 3.3.
        """
        if not self.config.data.sorted_first_epoch:
            return self.plan(dataset, generator)
        size = self.config.data.batch_size
        order = np.argsort(dataset.lengths, kind="stable")
        return np.split(order[: len(order) // size * size], len(order) // size)

    def fingerprint(self) -> str:
        """Return the digest of all utterances; of the test part who says what is in it, and not how it sounds."""
        test = voices.script("test", self.config.data) if "test" in self.parts else ""
        return digest(*(dataset.fingerprint() for dataset in self.splits.values()), test, self.glance)

    def identity(self) -> Identity | None:
        found = [dataset.available for dataset in self.splits.values() if isinstance(dataset, LibriSpeech)]
        counts = {name: count for sets in found for name, count in sets.items()}
        utterances = {f"utterances of {name}": count for name, count in counts.items()}
        return librispeech(list(counts)).compared(utterances) if counts else None

    def _spoken(self, split: str) -> Utterances:
        return voices.utterances(split, self.config.data)

    def _read(self, split: str) -> LibriSpeech:
        root, strides = expanded(self.config.data.root), self.config.model.strides
        return LibriSpeech(root, split, self.config.data, lambda frames: steps_of(frames, strides))

    def verify(self) -> list[str]:
        """Read every utterance, and say how many are left out of training, and how many no model could spell."""
        lines = super().verify()
        for split, dataset in self.splits.items():
            if isinstance(dataset, LibriSpeech) and split == "train":
                lines.append(f"train: {dataset.left_out:,} left out as too short, too long or too dense")
            if isinstance(dataset, LibriSpeech) and dataset.too_dense:
                lines.append(f"{split}: {dataset.too_dense:,} say more letters than the model has steps for (CTC)")
        return lines

    def _made_up(self, split: str) -> Utterances:
        """Make random utterances of 1 s to `data.longest`, long ones more often, as in LibriSpeech."""
        data = self.config.data
        rng = np.random.default_rng((data.seed, split == "val"))
        count = (data.train_size if split == "train" else data.val_size) or MADE_UP[split]
        longest = max(1.5, data.longest)
        seconds = rng.triangular(1, longest, longest, DISTINCT)
        lengths = frames_of((seconds * data.sample_rate).astype(np.int64), data.hop)
        generator = torch.Generator().manual_seed(2 * data.seed + (split == "val"))
        frames = torch.randn(int(lengths.sum()), data.bins, generator=generator)
        labels = [rng.integers(1, LABELS, int(LETTERS_A_SECOND * length)).tolist() for length in seconds]
        sets = 1 if split == "train" else len(data.held_out_sets)
        return Utterances(frames, lengths, labels, count, sets)
