"""Holds pairs of sentences as the model sees them, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from aibench.config import Source
from aibench.contract import DataError, digest
from aibench.datasets.arrays import Arrays, kept_arrays
from aibench.tasks.text_to_text.config import DataConfig, TooLong
from aibench.tasks.text_to_text.corpus import Text
from aibench.tasks.text_to_text.grammar import Pair
from aibench.tasks.text_to_text.tokens import Tokeniser, Tokenisers, cased
from aibench.text.batches import Indices, Ragged
from aibench.text.vocabulary import BOS, EOS

_RECIPE = 1  # to be raised with every change of how training pairs are encoded
_PART = 20_000  # pairs that are encoded at a time

Encoded = tuple[list[list[int]], list[list[int]]]


class Pairs:
    """Holds sources with their targets, each from `BOS` to `EOS`; of held-out ones the references' text too.

    Args:
        source: Indices.
        target: Indices, as many sequences.
        text: Bytes of the UTF-8 references, as many sequences; None in training.
    """

    def __init__(self, source: Ragged, target: Ragged, text: Ragged | None = None) -> None:
        self.parts = (source, target) if text is None else (source, target, text)

    def __len__(self) -> int:
        return len(self.parts[0])

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return tuple(part[index] for part in self.parts)

    @property
    def lengths(self) -> Indices:
        """Return the length of the longer side of each pair."""
        return np.maximum(self.parts[0].lengths, self.parts[1].lengths)

    def fingerprint(self) -> str:
        """Return the digest of all pairs."""
        return digest(*(part.fingerprint() for part in self.parts))

    def gather(self, indices: Tensor) -> tuple[Tensor, ...]:
        """Return a batch: int64 (batch, longest) of each part, filled up with `PAD`.

        `PAD` is 0, which no byte of a text is.
        """
        return tuple(part.gather(indices) for part in self.parts)


def references(text: Tensor) -> list[str]:
    """Return the texts that `Pairs` has as bytes: int64 (batch, longest)."""
    return [bytes(row).rstrip(b"\0").decode() for row in text.to(torch.uint8).tolist()]


def training_pairs(config: DataConfig, text: Text, tokens: Tokenisers) -> Pairs:
    """Return the first `data.train_size` training pairs that are not too long; disk's are kept in `data.cache`."""
    if config.source is not Source.disk:
        return Pairs(*_encoded(config, text, tokens))
    kind = f"{_RECIPE} {config.lowercase} {config.longest} {config.too_long} {config.train_size}"

    def make() -> Arrays:
        source, target = _encoded(config, text, tokens)
        return {
            "source": source.values,
            "source_ends": source.ends,
            "target": target.values,
            "target_ends": target.ends,
        }

    name = f"text_to_text-train-{digest(kind, tokens.identity, text.identity)}"
    doing = "text_to_text: encodes the training corpus, minutes for WMT14"
    kept = kept_arrays(config.cache, name, make, doing=doing)
    return Pairs(*(Ragged(kept[side], kept[f"{side}_ends"]) for side in ("source", "target")))


def held_out_pairs(config: DataConfig, text: Text, tokens: Tokenisers) -> Pairs:
    """Return the held-out part: every pair of it, whatever its length."""
    pairs = list(text.read())
    source, target = _tokens(config, pairs, tokens)
    german = [np.frombuffer(cased(pair[1], config).encode(), dtype=np.uint8) for pair in pairs]
    return Pairs(Ragged.of(source), Ragged.of(target), Ragged.of(german))


def _encoded(config: DataConfig, text: Text, tokens: Tokenisers) -> tuple[Ragged, Ragged]:
    """Return sources and targets of the pairs of `text` that fit, as many as are wanted."""
    parts: list[tuple[Ragged, Ragged]] = []
    pairs, wanted = text.read(), config.train_size
    while wanted != 0 and (part := list(islice(pairs, _PART))):
        kept = [both for both in zip(*_tokens(config, part, tokens), strict=True) if _fits(config, both)]
        if kept:
            sources, targets = zip(*kept[:wanted], strict=True)
            parts.append((_narrow(sources, tokens.source), _narrow(targets, tokens.target)))
        wanted = wanted and wanted - len(kept[:wanted])
    if not parts:
        raise DataError(f"data.longest={config.longest}: no pair of sentences is so short. Raise it.")
    source, target = (_joined(side) for side in zip(*parts, strict=True))
    return source, target


def _narrow(sequences: Sequence[list[int]], tokeniser: Tokeniser) -> Ragged:
    """Keep `sequences` in the smallest type that holds every index: two bytes for up to 65,536 entries."""
    ragged = Ragged.of(sequences)
    return Ragged(ragged.values.astype(np.min_scalar_type(len(tokeniser.entries) - 1)), ragged.ends)


def _joined(parts: Sequence[Ragged]) -> Ragged:
    lengths = np.concatenate([part.lengths for part in parts])
    return Ragged(np.concatenate([part.values for part in parts]), np.cumsum(lengths))


def _fits(config: DataConfig, both: tuple[list[int], list[int]]) -> bool:
    return config.too_long is TooLong.cut or max(map(len, both)) <= config.longest + 2


def _tokens(config: DataConfig, pairs: list[Pair], tokens: Tokenisers) -> Encoded:
    """Return sources and targets, from `BOS` to `EOS`."""
    most = config.longest if config.too_long is TooLong.cut else None
    source, target = (
        [[BOS, *indices[:most], EOS] for indices in tokeniser.encode([cased(pair[side], config) for pair in pairs])]
        for side, tokeniser in enumerate((tokens.source, tokens.target))
    )
    return source, target
