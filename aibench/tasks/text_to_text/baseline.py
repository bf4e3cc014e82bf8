"""Says how many tokens are right by counts alone: of what follows what, and of what stands where with what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from aibench.contract import Baseline
from aibench.tasks.text_to_text.samples import Pairs

ROUNDS = 8  # of expectation maximisation
WEIGHTS = (0.6, 0.3, 0.1)  # of the likelihoods after the last two tokens, after the last one, and of the token alone

Tokens = NDArray[np.int64]
Table = NDArray[np.float64]
Answer = Callable[
    [Tokens, Tokens], Tokens
]  # of a source and its target, each from `BOS` to `EOS`, the target's guesses


def baselines(parts: Mapping[str, Pairs], entries: int) -> Iterator[Baseline]:
    """Yield the accuracies of the likeliest next token where the right ones before it are known, as of the model's.

    Args:
        parts: `train`, where everything is counted, and the held-out parts.
        entries: Entries of the vocabulary, one of both languages.
    """
    sentences = {
        part: list(zip(*(_lists(side) for side in pairs.parts[:2]), strict=True)) for part, pairs in parts.items()
    }
    train = sentences.pop("train")
    language, dictionary = Trigrams([target for _, target in train], entries), translations(train, entries)

    def both(source: Tokens, target: Tokens) -> Tokens:
        meant = dictionary[source].mean(0)
        return np.array((language.after(target) * meant).argmax(1))

    answers: list[tuple[str, Answer]] = [
        ("the most frequent token", lambda _, target: np.full(len(target) - 1, language.single.argmax())),
        ("a copy of the source", _aligned),
        ("the likeliest token after the last two", lambda _, target: language.after(target).argmax(1)),
        ("the likeliest translation of the word at the same place", lambda s, t: dictionary[_aligned(s, t)].argmax(1)),
        ("the likeliest after the last two, times the likeliest translation of the source", both),
    ]
    for name, answer in answers:
        quality = {part: accuracy(answer, pairs) for part, pairs in sentences.items()}
        yield Baseline(name, quality, "IBM model 1" if "translation" in name else "")


def accuracy(answer: Answer, pairs: list[tuple[Tokens, Tokens]]) -> float:
    """Return the part of all tokens behind `BOS` that `answer` gives rightly."""
    right = sum(int((answer(source, target) == target[1:]).sum()) for source, target in pairs)
    return right / sum(len(target) - 1 for _, target in pairs)


def _lists(side: object) -> list[Tokens]:
    return [side[at].numpy().astype(np.int64) for at in range(len(side))]  # type: ignore[index,arg-type]


def _aligned(source: Tokens, target: Tokens) -> Tokens:
    """Return the token of `source` at the place of each token of `target` behind `BOS`, or its last."""
    return source[np.minimum(np.arange(1, len(target)), len(source) - 1)]


class Trigrams:
    """Counts which token follows which two.

    Args:
        sentences: From `BOS` to `EOS`.
        entries: Entries of the vocabulary.

    Attributes:
        single: How likely each token is, float (entries,).
    """

    def __init__(self, sentences: list[Tokens], entries: int) -> None:
        self.entries = entries
        following = np.concatenate([sentence[1:] for sentence in sentences])
        last = np.concatenate([sentence[:-1] for sentence in sentences])
        before = np.concatenate([_before(sentence) for sentence in sentences])
        self.single: Table = np.bincount(following, minlength=entries) / len(following)
        pairs = np.bincount(last * entries + following, minlength=entries**2).reshape(entries, entries)
        self.pairs: Table = pairs / np.maximum(pairs.sum(1, keepdims=True), 1)
        contexts, which = np.unique(before * entries + last, return_inverse=True)
        triples = np.bincount(which * entries + following, minlength=len(contexts) * entries)
        table = triples.reshape(len(contexts), entries).astype(np.float32)
        self.contexts, self.triples = contexts, table / table.sum(1, keepdims=True)

    def after(self, sentence: Tokens) -> Table:
        """Return how likely each token is after each but the last of `sentence`, (tokens - 1, entries)."""
        last = sentence[:-1]
        code = _before(sentence) * self.entries + last
        place = np.minimum(np.searchsorted(self.contexts, code), len(self.contexts) - 1)
        known = (self.contexts[place] == code)[:, None]
        by_two, by_one, by_none = WEIGHTS
        likely: Table = by_two * self.triples[place] * known + by_one * self.pairs[last] + by_none * self.single
        return likely


def _before(sentence: Tokens) -> Tokens:
    """Return the token before each but the last of `sentence`; the first has itself."""
    return np.concatenate([sentence[:1], sentence[:-2]])


def translations(pairs: list[tuple[Tokens, Tokens]], entries: int) -> Table:
    """Return how likely each target's token is for each source's, (entries, entries): IBM model 1 (Brown et al. 1993).

    A token that training never saw in a source has equal likelihoods.
    """
    source = np.concatenate([np.tile(one, len(other) - 1) for one, other in pairs])
    target = np.concatenate([np.repeat(other[1:], len(one)) for one, other in pairs])
    lengths = np.concatenate([np.full(len(other) - 1, len(one)) for one, other in pairs])
    place = np.repeat(np.arange(len(lengths)), lengths)  # of each target's token: its share is spread over the source
    cell = source * entries + target
    table = np.full(entries**2, 1 / entries)
    for _ in range(ROUNDS):
        likely = table[cell]
        counts = np.bincount(cell, likely / np.bincount(place, likely)[place], entries**2).reshape(entries, entries)
        sums = counts.sum(1, keepdims=True)
        table = np.where(sums > 0, counts / np.maximum(sums, 1e-12), 1 / entries).ravel()
    result: Table = table.reshape(entries, entries)
    return result
