"""Turns sentences into indices of subwords or words, and back."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from aibench.config import Source
from aibench.contract import DataError, digest
from aibench.datasets.prepared import prepared
from aibench.tasks.text_to_text.config import DataConfig, Tokens
from aibench.tasks.text_to_text.corpus import Text
from aibench.text.vocabulary import BOS, EOS, PAD, UNK, Vocabulary

SPACE = "\u2581"  # sentencepiece's mark of a word's beginning
_RECIPE = 2  # to be raised with every change of how subwords are trained
_MOST_SENTENCES = 4_000_000  # that subwords are trained on; of a larger corpus every second pair, or third


class Tokeniser(Protocol):
    """Makes indices of one language's sentences."""

    @property
    def entries(self) -> Sequence[str]:
        """Return subwords or words by index; the specials of `text.vocabulary` come first."""

    def encode(self, sentences: Sequence[str]) -> list[list[int]]:
        """Return the indices of each sentence, without `BOS` and `EOS`."""


class Subwords:
    """Cuts sentences by byte-pair encoding.

    Args:
        path: The model, as sentencepiece wrote it.
    """

    def __init__(self, path: Path) -> None:
        import sentencepiece

        self._processor: Any = sentencepiece.SentencePieceProcessor(model_file=str(path))
        self.entries = [self._processor.id_to_piece(index) for index in range(self._processor.get_piece_size())]

    def encode(self, sentences: Sequence[str]) -> list[list[int]]:
        encoded: list[list[int]] = self._processor.encode(list(sentences))
        return encoded


class Words:
    """Cuts sentences at white space into words, where they are frequent enough."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self.entries = vocabulary.words

    def encode(self, sentences: Sequence[str]) -> list[list[int]]:
        return [self._vocabulary.encode(sentence.split()) for sentence in sentences]


@dataclass(frozen=True, slots=True)
class Tokenisers:
    """Holds those of both languages.

    Attributes:
        identity: Names what the sentences become: equal ones make the same of the same.
    """

    source: Tokeniser
    target: Tokeniser
    identity: str


def tokenisers(config: DataConfig, text: Text) -> Tokenisers:
    """Learn from `text`, the whole training part, what sentences are cut into."""
    if config.tokens is Tokens.subwords:
        joint, name = _subwords(config, text)
        return Tokenisers(joint, joint, name)
    sides = [[cased(side, config).split() for side in sides] for sides in zip(*text.read(), strict=True)]
    source, target = (Words(Vocabulary.counted(side, least=config.least)) for side in sides)
    return Tokenisers(source, target, digest(*source.entries, "", *target.entries))


def cased(sentence: str, config: DataConfig) -> str:
    """Return `sentence` as it is trained on and compared with."""
    return sentence.lower() if config.lowercase else sentence


def written(indices: Sequence[int], entries: Sequence[str], tokens: Tokens) -> str:
    """Return the text of `indices` up to the first `EOS`, without `PAD` and `BOS`, as a person writes it."""
    ends = indices.index(EOS) if EOS in indices else len(indices)
    chosen = [entries[index] for index in indices[:ends] if index not in (PAD, BOS)]
    if tokens is Tokens.words:
        return " ".join(chosen)
    return "".join(chosen).replace(SPACE, " ").strip()


def _subwords(config: DataConfig, text: Text) -> tuple[Subwords, str]:
    import sentencepiece

    parameters = f"{sentencepiece.__version__} {_RECIPE} {config.vocabulary} {config.lowercase} {text.identity}"
    name = f"text_to_text-subwords-{digest(parameters)}.model"

    def make(path: Path) -> None:
        path.write_bytes(_trained(config, text))

    what = f"text_to_text: trains {config.vocabulary:,} subwords on the corpus, minutes for WMT14"
    return Subwords(prepared(config.cache, name, make, doing=what if config.source is Source.disk else None)), name


def _trained(config: DataConfig, text: Text) -> bytes:
    """Train a sentencepiece model."""
    import sentencepiece

    count = sum(1 for _ in text.read())  # and a fault of the files is found here, not within sentencepiece
    every = max(1, -(-2 * count // _MOST_SENTENCES))
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(cased(side, config) for pair in islice(text.read(), 0, None, every) for side in pair),
            model_writer=model,
            model_type="bpe",
            vocab_size=config.vocabulary,
            character_coverage=0.99999,  # Common Crawl has stray characters of many scripts
            pad_id=PAD,
            bos_id=BOS,
            eos_id=EOS,
            unk_id=UNK,
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise DataError(
            f"data.vocabulary={config.vocabulary}: the corpus does not yield so many subwords ({reason}). Lower it."
        ) from error
    return model.getvalue()
