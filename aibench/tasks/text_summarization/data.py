"""Provides texts and summaries: docstrings (embedded), Gigaword's headlines (disk) or made-up words (synthetic)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from aibench.config import Source
from aibench.config.places import expanded
from aibench.contract import Baseline, Facts, Identity, TaskData, digest
from aibench.datasets.published import gigaword_headlines
from aibench.tasks.text_summarization.config import Config
from aibench.tasks.text_summarization.corpus import Corpus, Pairs
from aibench.tasks.text_summarization.layout import line_files
from aibench.text.batches import Ragged, by_length, padded
from aibench.text.vocabulary import EOS, SPECIALS

Sample = tuple[Tensor, Tensor]
MADE_UP = {"train": 20_000, "val": 1_000}
MADE_UP_UNKNOWN = 1_000  # words of made-up texts that the model does not know


class Samples(Dataset[Sample]):
    """Holds samples: a text and its summary, int64 (any,) each. A batch fills them up with `PAD`.

    Args:
        pairs: The samples.
        longest: A summary is cut off after so many places, of which its `EOS` is the last; None: not at all.
    """

    def __init__(self, pairs: Pairs, longest: int | None) -> None:
        self.pairs = pairs
        self.longest = longest

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Sample:
        return self.pairs.texts[index], self.pairs.summaries[index][: self.longest]

    def gather(self, indices: Tensor) -> Sample:
        """Return the batch of the samples at `indices`, int64 (batch,)."""
        summaries = self.pairs.summaries.gather(indices)[:, : self.longest]
        return self.pairs.texts.gather(indices), summaries


class Data(TaskData):
    """Holds texts, each with what it says in a few words.

    A sample is `(text, summary)`: int64 (words,) each, indices into `facts["words"]`; a summary ends with `EOS`. A
    batch fills both up with `PAD`.
    """

    unit = "texts"
    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.corpus = _read(config)
        self.splits = {
            split: Samples(self._part(split), config.data.summary_words if split == "train" else None)
            for split in self.corpus.splits
        }

    def _part(self, split: str) -> Pairs:
        """Return the samples of `split` that are used: of more than are asked for, those that the data's seed draws."""
        pairs, wanted = self.corpus.splits[split], self.config.data
        size = wanted.train_size if split == "train" else wanted.val_size
        if size is None or size >= len(pairs):
            return pairs
        if wanted.source is not Source.disk:
            return pairs.chosen(np.arange(size))  # these are in random order
        drawn = np.random.default_rng((wanted.seed, split != "train")).permutation(len(pairs))[:size]
        return pairs.chosen(np.sort(drawn))

    @property
    def facts(self) -> Facts:
        """Return what the module must know.

        `words`: by index. `vocabulary`: how many of them the model knows. `pairs`: of each split.
        """
        return {
            "words": list(self.corpus.words),
            "vocabulary": min(self.config.model.vocabulary, len(self.corpus.words)),
            "pairs": {split: len(samples) for split, samples in self.splits.items()},
        }

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(self.splits)

    def baselines(self) -> Iterator[Baseline]:
        from aibench.tasks.text_summarization.baseline import untrained

        if self.config.data.source is Source.embedded:
            yield from untrained({split: samples.pairs for split, samples in self.splits.items()})

    def dataset(self, split: str) -> Samples:
        return self.splits[split]

    def plan(self, dataset: Any, generator: np.random.Generator) -> Sequence[NDArray[np.int64]]:
        """Return batches of texts of like lengths."""
        return by_length(dataset.pairs.texts.lengths, self.config.data.batch_size, generator)

    def collate(self, samples: list[Sample]) -> Sample:
        texts, summaries = zip(*samples, strict=True)
        return padded([text.numpy() for text in texts]), padded([summary.numpy() for summary in summaries])

    def file_paths(self) -> Iterator[Path]:
        if self.config.data.source is Source.disk:
            for pair in self._line_files().values():
                yield from pair

    def identity(self) -> Identity | None:
        data = self.config.data
        if data.source is not Source.disk:
            return None
        return gigaword_headlines(str(data.held_out)).compared(self.corpus.lines)

    def verify(self) -> list[str]:
        """Read every pair, and say how many training pairs are left out for an empty side."""
        lines, found = super().verify(), self.corpus.lines.get("training pairs")
        kept = len(self.corpus.splits["train"])
        return lines if found in (None, kept) else [*lines, f"train: {found - kept:,} left out, with an empty side"]

    def _line_files(self) -> dict[str, tuple[Path, Path]]:
        found = line_files(expanded(self.config.data.root), self.config.data.held_out)
        assert found is not None, "Config.problems lets no other folder pass"
        return found

    def fingerprint(self) -> str:
        parts = [samples.pairs.fingerprint() for samples in self.splits.values()]
        return digest(*parts, str(self.config.data.summary_words), " ".join(self.corpus.words))


def _read(config: Config) -> Corpus:
    data = config.data
    match data.source:
        case Source.embedded:
            from aibench.tasks.text_summarization.embedded import docstrings

            return docstrings(data.source_words)
        case Source.disk:
            from aibench.tasks.text_summarization.gigaword import gigaword

            return gigaword(expanded(data.root), data.held_out, data.cache, data.source_words)
        case Source.synthetic:
            return _made_up(config)


def _made_up(config: Config) -> Corpus:
    """Make texts and summaries of random words, all as long as they may be; some of them words that no model knows."""
    wanted, known = config.data, config.model.vocabulary
    words = (*SPECIALS, *(f"word{index}" for index in range(len(SPECIALS), known + MADE_UP_UNKNOWN)))
    splits = {}
    for split, size in (("train", wanted.train_size), ("val", wanted.val_size)):
        count = min(size or MADE_UP[split], MADE_UP[split])
        generator = np.random.default_rng((wanted.seed, split == "val"))
        shapes = ((count, wanted.source_words), (count, wanted.summary_words))
        texts, summaries = (generator.integers(len(SPECIALS), len(words), shape, np.int32) for shape in shapes)
        summaries[:, -1] = EOS
        splits[split] = Pairs(_rows(texts), _rows(summaries))
    return Corpus(words, splits)


def _rows(table: NDArray[np.int32]) -> Ragged:
    return Ragged(table.flatten(), np.arange(1, len(table) + 1, dtype=np.int64) * table.shape[1])
