"""Samples: sentences of the grammar, WMT14 or Multi30k, or made-up ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from aibench.config import Source
from aibench.contract import Baseline, DataError, Facts, Identity, TaskData, digest
from aibench.datasets.published import MULTI30K, NEWSTEST2014, PAPERS_PAIRS
from aibench.tasks.text_to_text import corpus
from aibench.tasks.text_to_text.config import Config, Corpus, Tokens
from aibench.tasks.text_to_text.layout import SPLITS
from aibench.tasks.text_to_text.samples import Pairs, held_out_pairs, training_pairs
from aibench.tasks.text_to_text.tokens import tokenisers
from aibench.text.batches import Indices, Ragged, by_length, by_tokens
from aibench.text.vocabulary import BOS, EOS, SPECIALS

MADE_UP = {"train": 50_000, "val": 3_000}
MADE_UP_WORDS = 3_000  # words of each language: about Multi30k's
MEAN_LENGTH, SPREAD = 25, 0.6  # median length of made-up sentences, and deviation of its logarithm; about WMT14's


class Data(TaskData):
    """Holds sentences and their translations.

    A sample is `(source, target)`, int64 (tokens,) each, from `BOS` to `EOS`: `(tensor([1, 17, 5, 2]), tensor([1, 8,
    30, 2]))`; a held-out one has the reference's bytes too, int64 (bytes,). A batch is filled up with `PAD`, to the
    longest source and to the longest target.
    """

    unit = "tokens"
    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.entries: tuple[Sequence[str], Sequence[str]]
        self.splits = self._made_up() if config.data.source is Source.synthetic else self._written()

    @property
    def facts(self) -> Facts:
        """Return what the module must know.

        `source_entries` and `target_entries`: subwords or words by index. `held_out`: what is evaluated on. `lengths`:
        mean tokens of a training source and target.
        """
        source, target = self.entries
        lengths = [round(float(part.lengths.mean())) for part in self.splits["train"].parts]
        held_out = f"{len(self.splits['val']):,} pairs"
        if self.config.data.source is Source.disk and self.config.data.corpus is Corpus.wmt14:
            held_out = corpus.NAMES.get(len(self.splits["val"]), f"newstest2014, {held_out}")
        return {
            "source_entries": list(source),
            "target_entries": list(target),
            "held_out": held_out,
            "lengths": lengths,
        }

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(self.splits)

    def baselines(self) -> Iterator[Baseline]:
        if self.config.data.source is Source.embedded:
            from aibench.tasks.text_to_text.baseline import baselines

            yield from baselines(self.splits, len(self.entries[0]))

    def dataset(self, split: str) -> Pairs:
        return self.splits[split]

    def plan(self, dataset: Any, generator: np.random.Generator) -> list[Indices]:
        """Return batches of like lengths: of `data.batch_tokens` if given, else of `data.batch_size` sentences."""
        data = self.config.data
        if data.batch_tokens is None:
            return by_length(dataset.lengths, data.batch_size, generator)
        return by_tokens(dataset.lengths, data.batch_tokens, generator, most=data.batch_size)

    def units(self, dataset: Any, indices: Indices) -> int:
        """Return the tokens that the model has to give: all of a target but its `BOS`."""
        return int(dataset.parts[1].lengths[indices].sum()) - len(indices)

    def file_paths(self) -> Iterator[Path]:
        data = self.config.data
        if data.source is Source.disk:
            for split in SPLITS:
                yield from corpus.paths(data, split)

    def identity(self) -> Identity | None:
        data = self.config.data
        if data.source is not Source.disk:
            return None
        if data.corpus is Corpus.multi30k:
            kinds = [f"{split} {side}" for split in SPLITS for side in ("English", "German")]
            return MULTI30K.compared(files=dict(zip(kinds, self.file_paths(), strict=True)))
        if data.val_size is not None:
            return None
        count = len(self.splits["val"])
        return NEWSTEST2014[count if count in NEWSTEST2014 else PAPERS_PAIRS].compared({"held-out pairs": count})

    def verify(self) -> list[str]:
        """Read every pair, and say how many training pairs are left out for an empty side."""
        lines = super().verify()
        missing = corpus.without_a_side(self.config.data) if self.config.data.source is Source.disk else 0
        return [*lines, f"train: {missing:,} left out, with an empty side"] if missing else lines

    def fingerprint(self) -> str:
        """Return the digest of all pairs and of what they are cut into."""
        return digest(*(pairs.fingerprint() for pairs in self.splits.values()), *self.entries[0], "", *self.entries[1])

    def _written(self) -> dict[str, Pairs]:
        data = self.config.data
        read = corpus.embedded if data.source is Source.embedded else corpus.from_files
        train, val = (read(data, split) for split in SPLITS)
        tokens = tokenisers(data, read(replace(data, train_size=None, val_size=None), "train"))
        self.entries = tokens.source.entries, tokens.target.entries
        splits = {"train": training_pairs(data, train, tokens), "val": held_out_pairs(data, val, tokens)}
        if data.source is Source.embedded:
            splits["test"] = held_out_pairs(data, read(data, "test"), tokens)
        for split, size in (("train", data.train_size), ("val", data.val_size)):
            if size is not None and len(splits[split]) < size:
                raise DataError(f"data.{split}_size={size}: there are {len(splits[split]):,} such pairs. Lower it.")
        return splits

    def _made_up(self) -> dict[str, Pairs]:
        data = self.config.data
        size = MADE_UP_WORDS if data.tokens is Tokens.words or data.vocabulary is None else data.vocabulary
        entries = [*SPECIALS, *(f"{number}" for number in range(len(SPECIALS), size))]
        self.entries = entries, entries
        sizes = {"train": data.train_size or MADE_UP["train"], "val": data.val_size or MADE_UP["val"]}
        generator = np.random.default_rng(data.seed)
        splits = {}
        for split, count in sizes.items():
            lengths = generator.lognormal(np.log(MEAN_LENGTH), SPREAD, size=count).clip(1, data.longest)
            source, target = (
                _random_sequences((lengths * generator.uniform(0.9, 1.1, size=count)).astype(int), size, generator)
                for _ in range(2)
            )
            splits[split] = Pairs(source, target, _digits(target) if split == "val" else None)
        return splits


def _random_sequences(lengths: Indices, size: int, generator: np.random.Generator) -> Ragged:
    """Return sequences from `BOS` to `EOS` of random entries of a vocabulary of `size`."""
    ends = np.cumsum(lengths + 2)
    values = generator.integers(len(SPECIALS), size, size=ends[-1])
    values[ends - 1] = EOS
    values[ends - lengths - 2] = BOS
    return Ragged(values.astype(np.int32), ends)


def _digits(target: Ragged) -> Ragged:
    """Return the references' bytes: the indices as text."""
    texts = [" ".join(str(index) for index in target[at].tolist()).encode() for at in range(len(target))]
    return Ragged.of([np.frombuffer(text, dtype=np.uint8) for text in texts])
