"""Turns text into windows: prose about Python (embedded), Penn Treebank (disk) or random words (synthetic)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from aibench.config import Source
from aibench.config.places import expanded
from aibench.contract import Baseline, DataError, Facts, Identity, TaskData, digest
from aibench.datasets.published import PENN_TREEBANK, md5
from aibench.tasks.neural_architecture_search import penn
from aibench.tasks.neural_architecture_search.config import Config, DataConfig
from aibench.tasks.neural_architecture_search.embedded import LEAST, sentences
from aibench.tasks.neural_architecture_search.layout import FILES
from aibench.tasks.neural_architecture_search.windows import Array, HeldOutWindows, TrainingWindows
from aibench.text.vocabulary import EOS, SPECIALS, Vocabulary

HELD_OUT = ("val", "test")
PENN_WORDS = {"train": 929_589, "val": 73_760, "test": 82_430}  # an end of sentence a line included
PENN_VOCABULARY = 9_998 + len(SPECIALS)  # its 10,000 words have <unk> and the end among them


class Data(TaskData):
    """Holds four texts: what the shared weights learn (`train`), what cells are tried on (`reward`), `val` and `test`.

    Penn Treebank has three: cells are tried on `val`, as ENAS does. The text of `reward` is never that of `test`. A
    training sample is a `WeightsBatch` or a `RewardBatch` of one window, a held-out one a `HeldOutBatch`: words and the
    word after each, int64 (window,), and where in its text the window stands.
    """

    unit = "tokens"
    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.vocabulary, self.texts = _read(config)
        data = config.data
        for part, text in self.texts.items():
            if len(text) <= data.window:
                raise DataError(
                    f"data.window={data.window}: the {part} text has {len(text):,} words, none of them after a whole "
                    "window. Use a smaller data.window, or more text."
                )
        steps = config.optim.controller.steps
        text, reward = self.texts["train"], self.texts["reward"]
        self.training = TrainingWindows(text, reward, data.window, data.train_size, data.batch_size, steps)
        if self.training.passes == 0:
            raise DataError(
                f"data.batch_size={data.batch_size}: more than the {len(self.training.words):,} windows of the "
                "training text. Use a smaller data.batch_size or data.window."
            )
        self.held_out = {part: HeldOutWindows(self.judged(part), data.window, data.streams) for part in HELD_OUT}

    def judged(self, part: str) -> dict[str, Array]:
        """Return what an evaluation of `part`, `val` or `test`, reads, int64 (words,) each: all of it, or `val_size`.

        Before `val` come the first windows of `reward`, which rank the candidates; `test` is read by the child that
        the last evaluation chose.
        """
        data, texts = self.config.data, self.texts
        least = data.derivation_windows * data.window + 1
        most = None if data.val_size is None else data.val_size * data.window + 1
        read = {part: texts[part][:most]}
        return read if part == "test" else {"reward": texts["reward"][:least], **read}

    @property
    def facts(self) -> Facts:
        """Return `words` of the vocabulary by index, sizes of the texts in words, and what one epoch is made of."""
        return {
            "words": list(self.vocabulary.words),
            "text_words": {part: len(text) for part, text in self.texts.items()},
            "weights_steps": self.training.passes,
            "reward_text": "val" if self.config.data.source is Source.disk else "its own",
        }

    @property
    def parts(self) -> tuple[str, ...]:
        return ("train", *HELD_OUT)

    def baselines(self) -> Iterator[Baseline]:
        from aibench.tasks.neural_architecture_search.baseline import counted

        if self.config.data.source is not Source.synthetic:
            yield from counted(
                self.texts["train"], {part: self.judged(part)[part] for part in HELD_OUT}, len(self.vocabulary)
            )

    def dataset(self, split: str) -> Any:
        return self.training if split == "train" else self.held_out[split]

    def plan(self, dataset: TrainingWindows, generator: np.random.Generator) -> list[Array]:
        """Return one pass over the text, then the controller's batches."""
        return dataset.plan(generator)

    def held_out_share(self, dataset: HeldOutWindows, rank: int, size: int) -> Array:
        """Return whole streams: a process carries their states from window to window."""
        own = np.array_split(np.arange(self.config.data.streams), size)[rank]
        return np.flatnonzero(np.isin(dataset.tensors.stream.numpy(), own))

    def units(self, dataset: Any, indices: Array) -> int:
        """Return the words of the windows."""
        return len(indices) * self.config.data.window

    def fingerprint(self) -> str:
        held_out = (windows.fingerprint() for windows in self.held_out.values())
        return digest(" ".join(self.vocabulary.words), self.training.fingerprint(), *held_out)

    def file_paths(self) -> Iterator[Path]:
        if self.config.data.source is Source.disk:
            yield from (penn.file_of(_root(self.config), part) for part in FILES)

    def identity(self) -> Identity | None:
        if self.config.data.source is not Source.disk:
            return None
        return PENN_TREEBANK.compared(files=dict(zip(FILES, self.file_paths(), strict=True)))

    def verify(self) -> list[str]:
        """Return how long each text is, and of Penn Treebank's whether its file is the published one."""
        found = []
        for part, text in self.texts.items():
            line = f"{part}: {len(text):,} words"
            if self.config.data.source is Source.disk and part in FILES:
                is_it = md5(penn.file_of(_root(self.config), part)) == PENN_TREEBANK.md5[part]
                line += f", {'the published file' if is_it else 'not the published file (its MD5 sum differs)'}"
            found.append(line)
        return found


def _root(config: Config) -> Path:
    return expanded(config.data.root)


def _read(config: Config) -> tuple[Vocabulary, dict[str, Array]]:
    """Return the vocabulary, and the texts as indices into it, int64 (words,)."""
    match config.data.source:
        case Source.embedded:
            return _embedded()
        case Source.disk:
            parts = {part: penn.sentences(_root(config), part) for part in FILES}
            vocabulary = Vocabulary.counted(parts["train"])
            texts = {part: encoded(vocabulary, sentences) for part, sentences in parts.items()}
            return vocabulary, {**texts, "reward": texts["val"]}
        case Source.synthetic:
            return _made_up(config.data)


@cache  # an experiment builds the data once a run
def _embedded() -> tuple[Vocabulary, dict[str, Array]]:
    parts = sentences()
    vocabulary = Vocabulary.counted(parts["train"], least=LEAST)
    return vocabulary, {part: encoded(vocabulary, paragraphs) for part, paragraphs in parts.items()}


def encoded(vocabulary: Vocabulary, sentences: list[list[str]]) -> Array:
    """Return one text, int64 (words,): the sentences one after the other, each with an end."""
    return np.array([index for words in sentences for index in (*vocabulary.encode(words), EOS)], dtype=np.int64)


def _made_up(config: DataConfig) -> tuple[Vocabulary, dict[str, Array]]:
    """Make random words of Penn Treebank's sizes."""
    ordinary = tuple(f"word{number}" for number in range(PENN_VOCABULARY - len(SPECIALS)))
    texts = {
        part: np.random.default_rng((config.seed, place)).integers(EOS, PENN_VOCABULARY, size=size)
        for place, (part, size) in enumerate(PENN_WORDS.items())
    }
    return Vocabulary((*SPECIALS, *ordinary)), {**texts, "reward": texts["val"]}
