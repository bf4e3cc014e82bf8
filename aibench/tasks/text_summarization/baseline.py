"""Summarises without a model: by the first words, by the most similar text, by the same words for all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfTransformer

from aibench.contract import Baseline
from aibench.tasks.text_summarization.corpus import Pairs
from aibench.tasks.text_summarization.rouge import subsequence_f1
from aibench.text.batches import Ragged

SEEN = 1000  # training texts on which a choice is made
CANDIDATES = 300  # summaries that are tried for all texts
Words = list[int]


def untrained(parts: Mapping[str, Pairs]) -> Iterator[Baseline]:
    """Yield ROUGE-L of summaries that need no model; what is chosen is chosen on the training part.

    Args:
        parts: `train` and held-out ones.
    """
    texts = {part: _rows(pairs.texts) for part, pairs in parts.items()}
    summaries = {part: [words[:-1] for words in _rows(pairs.summaries)] for part, pairs in parts.items()}
    held_out = [part for part in parts if part != "train"]
    seen = summaries["train"][:SEEN]

    count = max(range(1, 16), key=lambda count: rouge_l([text[:count] for text in texts["train"][:SEEN]], seen))
    written = {part: [text[:count] for text in texts[part]] for part in held_out}
    yield _judged(f"the text's first {count} words", written, summaries)

    nearest = {part: most_similar(parts["train"].texts, parts[part].texts) for part in held_out}
    written = {part: [summaries["train"][at] for at in nearest[part]] for part in held_out}
    yield _judged("the most similar training text's summary", written, summaries, "by the cosine of tf-idf")

    tried = summaries["train"][SEEN : SEEN + CANDIDATES]
    best = max(tried, key=lambda words: rouge_l([words] * (SEEN // 4), seen[: SEEN // 4]))
    written = {part: [best] * len(summaries[part]) for part in held_out}
    yield _judged("the same summary for all", written, summaries)


def _judged(
    name: str, written: Mapping[str, Sequence[Words]], true: Mapping[str, Sequence[Words]], note: str = ""
) -> Baseline:
    return Baseline(name, {part: rouge_l(rows, true[part]) for part, rows in written.items()}, note)


def rouge_l(written: Sequence[Words], true: Sequence[Words]) -> float:
    """Return the mean F1 of the longest common subsequences."""
    scores = [subsequence_f1(ours, theirs) for ours, theirs in zip(written, true, strict=True)]
    return float(np.mean(scores))


def most_similar(known: Ragged, asked: Ragged) -> list[int]:
    """Return the place in `known` of the text with the greatest cosine of tf-idf to each of `asked`."""
    width = int(max(known.values.max(), asked.values.max())) + 1
    weights = TfidfTransformer(sublinear_tf=True).fit(_counts(known, width))
    similarity = weights.transform(_counts(asked, width)) @ weights.transform(_counts(known, width)).T
    places: list[int] = similarity.toarray().argmax(axis=1).tolist()
    return places


def _counts(texts: Ragged, width: int) -> sp.csr_array:
    """Return how often each word occurs in each text, (texts, width)."""
    ends = np.concatenate([[0], texts.ends])
    counts = sp.csr_array((np.ones(len(texts.values)), texts.values, ends), shape=(len(texts), width), copy=True)
    counts.sum_duplicates()  # in place: hence the copy
    return counts


def _rows(texts: Ragged) -> list[Words]:
    return [texts[at].tolist() for at in range(len(texts))]


__all__ = ["most_similar", "rouge_l", "untrained"]
