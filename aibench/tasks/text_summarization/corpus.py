"""Turns texts and summaries into indices: counted and encoded in one pass, and kept."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aibench.contract import digest
from aibench.datasets.arrays import Arrays
from aibench.text.batches import Ragged
from aibench.text.vocabulary import EOS, SPECIALS, UNK

_SPLITS = ("train", "val", "test")
UNKNOWN = (*SPECIALS, "UNK")  # texts write <unk> or UNK for rare words; and none may end a sentence early
Example = tuple[Sequence[str], Sequence[str]]


@dataclass
class Pairs:
    """Holds texts, and what each of them is in short.

    Attributes:
        texts: Words of each, at least one.
        summaries: Words of each, and `EOS`.
    """

    texts: Ragged
    summaries: Ragged

    def __len__(self) -> int:
        return len(self.texts)

    def chosen(self, indices: NDArray[np.int64]) -> Pairs:
        """Return some of the pairs."""
        texts, summaries = (
            Ragged.of([part[int(at)].numpy() for at in indices]) for part in (self.texts, self.summaries)
        )
        return Pairs(texts, summaries)

    def fingerprint(self) -> str:
        """Return the digest of all pairs."""
        return digest(self.texts.fingerprint(), self.summaries.fingerprint())


@dataclass
class Corpus:
    """Holds splits and the words that occur in them.

    Attributes:
        words: By index: the specials, then the most frequent of the training part first, equally frequent ones in
            alphabetical order. A model knows as many of them as it has room for; the rest it can only copy.
        splits: `train`, `val`, and `test` where there is one.
        lines: How many pairs the files have, those left out among them, where there are files.
    """

    words: tuple[str, ...]
    splits: dict[str, Pairs]
    lines: dict[str, int] = field(default_factory=dict)

    def arrays(self) -> Arrays:
        """Return it as arrays, of which `of` makes it again."""
        arrays: Arrays = {"words": np.frombuffer("\n".join(self.words).encode(), np.uint8)}
        for split, pairs in self.splits.items():
            for name, part in (("texts", pairs.texts), ("summaries", pairs.summaries)):
                arrays |= {f"{split}_{name}": part.values, f"{split}_{name}_ends": part.ends}
        return arrays | {f"lines {what}": np.array(count) for what, count in self.lines.items()}

    @classmethod
    def of(cls, arrays: Arrays) -> Corpus:
        """Make it of what `arrays` returned."""
        words = tuple(arrays["words"].tobytes().decode().split("\n"))
        splits = {
            split: Pairs(
                *(Ragged(arrays[f"{split}_{name}"], arrays[f"{split}_{name}_ends"]) for name in ("texts", "summaries"))
            )
            for split in _SPLITS
            if f"{split}_texts" in arrays
        }
        prefix = "lines "
        lines = {name.removeprefix(prefix): int(count) for name, count in arrays.items() if name.startswith(prefix)}
        return cls(words, splits, lines)


@dataclass
class _Growing:
    """Holds sequences that are still added to, as the numbers of their words in order of first appearance."""

    values: array[int] = field(default_factory=lambda: array("i"))
    ends: array[int] = field(default_factory=lambda: array("q"))

    def add(self, numbers: Iterable[int]) -> None:
        self.values.extend(numbers)
        self.ends.append(len(self.values))


def encoded(parts: Mapping[str, Iterable[Example]], text_words: int) -> Corpus:
    """Encode splits as a corpus.

    Args:
        parts: Words of texts and of their summaries, by split; `train` among them.
        text_words: A text is cut off after so many.
    """
    numbers: dict[str, int] = dict.fromkeys(UNKNOWN, UNK)
    sequences = {(split, part): _Growing() for split in parts for part in (0, 1)}
    for split, examples in parts.items():
        for text, summary in examples:
            for part, words in enumerate((text[:text_words], summary)):
                found = [numbers.setdefault(word, len(numbers)) for word in words]
                sequences[split, part].add([*found, EOS] if part else found)
    words, index = _by_frequency(numbers, [sequences["train", part].values for part in (0, 1)])
    pairs = {split: Pairs(*(_renumbered(sequences[split, part], index) for part in (0, 1))) for split in parts}
    return Corpus(words, pairs)


def _by_frequency(numbers: dict[str, int], counted: list[array[int]]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Return the words in order of their index, and the index of each number."""
    counts = np.zeros(len(numbers), dtype=np.int64)
    for values in counted:
        counts += np.bincount(np.frombuffer(values, np.int32), minlength=len(numbers))
    ordinary = sorted(
        (word for word in numbers if word not in UNKNOWN), key=lambda word: (-counts[numbers[word]], word)
    )
    index = np.arange(len(numbers), dtype=np.int32)  # the specials keep theirs
    index[[numbers[word] for word in ordinary]] = np.arange(len(SPECIALS), len(SPECIALS) + len(ordinary))
    return (*SPECIALS, *ordinary), index


def _renumbered(sequences: _Growing, index: NDArray[np.int32]) -> Ragged:
    values = np.frombuffer(sequences.values, np.int32) if sequences.values else np.zeros(0, np.int32)
    return Ragged(index[values], np.array(sequences.ends, dtype=np.int64))


__all__ = ["Corpus", "Example", "Pairs", "encoded"]
