"""Trains and evaluates an image caption generator."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from aibench.contract import Facts, Scores, TaskModule
from aibench.metrics.perplexity import SamplePerplexity
from aibench.metrics.scores import Ratio
from aibench.nn import ranks
from aibench.nn.decay import Annealing
from aibench.nn.schedules import each_step, half_cosine
from aibench.tasks.image_to_text.config import Config
from aibench.tasks.image_to_text.model import Eye, Writer
from aibench.text.vocabulary import PAD, Vocabulary
from aibench.vision.pixels import Normalise

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Batch = tuple[Tensor, Tensor, Tensor]
_EXAMPLE_WORDS = 12  # `<s>` and 11 words: COCO's captions have 10.5 words in the mean, the miniature's 11.6


class Module(TaskModule):
    """Trains a caption generator.

    A batch is images, uint8 (images, 3, size, size), captions with `<s>` and `</s>`, int64 (captions, longest), filled
    up with padding, and the place in the batch of the image that each is of, int64 (captions,), ascending.
    """

    config: Config

    def __init__(self, config: Config, facts: Facts) -> None:
        super().__init__(config, facts)
        self.vocabulary = Vocabulary(tuple(facts["words"]))
        self.eye = Eye(config.model)
        self.writer = Writer(len(self.vocabulary), config.model)
        if config.model.weights is not None:
            self.initialisation = f"encoder with the weights of {config.model.weights}"
        self.normalise = Normalise(config.data.mean, config.data.std)
        self.perplexity = SamplePerplexity(ignore=PAD)
        self.scores: Ratio | None = None
        self.written: list[list[int]] = []
        self.references: list[list[list[int]]] = []

    def forward(self, images: Tensor, captions: Tensor, owners: Tensor) -> Tensor:
        """Return the logits of what follows each word of `captions`, float (captions, words, vocabulary)."""
        logits: Tensor = self.writer(self.seen(images)[owners], captions)
        return logits

    def seen(self, images: Tensor) -> Tensor:
        """Return what the decoder reads of `images`, uint8 (images, 3, size, size): float (images, embedding)."""
        word: Tensor = self.eye(self.normalise(images))
        return word

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        images, captions, owners = batch
        logits = self(images, captions[:, :-1], owners)
        loss = cross_entropy(logits.flatten(0, 1), captions[:, 1:].flatten(), ignore_index=PAD)
        return ranks.weighted(loss, (captions[:, 1:] != PAD).sum())

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        images, captions, owners = batch
        seen = self.seen(images)
        logits = self.writer(seen[owners], captions[:, :-1])
        first = self.place(batch_idx)
        self.perplexity.update(logits, captions[:, 1:], (first + owners)[:, None])
        wanted = self.config.data.described - first
        if wanted > 0:
            self.written += self._written(seen[:wanted])
            self.references += _by_image(captions, owners)[:wanted]

    def on_validation_epoch_end(self) -> None:
        self.scores = self.perplexity.scores()
        self.log("val/perplexity", self.scores.value(np.arange(len(self.scores))))
        parts = ranks.gathered((self.written, self.references))
        texts = [self.text(caption) for written, _ in parts for caption in written]
        references = [[self.text(caption) for caption in row] for _, rows in parts for row in rows]
        self.log("val/bleu", bleu(texts, references))
        self.written, self.references = [], []

    def sample_scores(self) -> Scores | None:
        return self.scores

    def configure_optimizers(self) -> Any:
        optim = self.config.optim
        learning = [parameter for parameter in self.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(learning, lr=optim.lr, weight_decay=optim.weight_decay, fused=True)
        if optim.decay is Annealing.none:
            return optimizer
        budget = int(self.trainer.estimated_stepping_batches)
        return each_step(optimizer, partial(half_cosine, start=0, end=budget))

    def example_input(self) -> tuple[Tensor, ...]:
        size = self.config.model.size
        words = torch.arange(_EXAMPLE_WORDS)[None] % len(self.vocabulary)
        return torch.zeros(1, 3, size, size, dtype=torch.uint8), words, torch.zeros(1, dtype=torch.int64)

    @torch.inference_mode()
    def infer(self, batch: Batch) -> list[str]:
        """Return a caption for each image."""
        return [self.text(caption) for caption in self._written(self.seen(batch[0].to(self.device)))]

    def text(self, caption: list[int]) -> str:
        """Return the words of a caption, with or without `<s>` and `</s>`."""
        return " ".join(self.vocabulary.decode(caption))

    def render(self, batch: Batch) -> Figure:
        """Draw pictures with the model's caption and one of the references."""
        from aibench.tasks.image_to_text.figure import draw

        references = [self.text(captions[0]) for captions in _by_image(*batch[1:])]
        return draw(batch[0], self.infer(batch), references)

    def _written(self, seen: Tensor) -> list[list[int]]:
        model = self.config.model
        return self.writer.written(seen, model.beams, model.longest)


def bleu(texts: list[str], references: list[list[str]]) -> float:
    """Return the whole corpus's BLEU-4, in 0 to 100: sacrebleu's, of words as they stand (`tokenize="none"`).

    Args:
        texts: One for each image.
        references: At least one for each image; not all need have as many.
    """
    from sacrebleu.metrics.bleu import BLEU

    most = max(map(len, references))
    streams: Any = [[row[place] if place < len(row) else None for row in references] for place in range(most)]
    return float(BLEU(tokenize="none", force=True).corpus_score(texts, streams).score)


def _by_image(captions: Tensor, owners: Tensor) -> list[list[list[int]]]:
    """Return the captions of each image of a batch."""
    rows: list[list[list[int]]] = [[] for _ in range(int(owners[-1]) + 1)]
    for owner, caption in zip(owners.tolist(), captions.tolist(), strict=True):
        rows[owner].append(caption)
    return rows
