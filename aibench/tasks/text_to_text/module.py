"""Trains and evaluates translation."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from aibench.contract import Facts, Scores, TaskModule
from aibench.metrics.joined import joined
from aibench.metrics.perplexity import CorpusPerplexity
from aibench.metrics.scores import Ratio
from aibench.nn import ranks
from aibench.nn.schedules import each_step, inverse_root
from aibench.tasks.text_to_text.config import Config
from aibench.tasks.text_to_text.metric import CorpusBleu, TokenAccuracy, right_tokens
from aibench.tasks.text_to_text.model import Past, Transformer
from aibench.tasks.text_to_text.samples import references
from aibench.tasks.text_to_text.tokens import written
from aibench.text.beam import beam_search
from aibench.text.vocabulary import BOS, PAD

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Batch = tuple[Tensor, ...]
BETAS, EPSILON = (0.9, 0.98), 1e-9  # Adam's (Vaswani et al. 2017, 5.3, and the authors' code)
_SHOWN = 5
_PART = 25  # sentences that are evaluated at a time


class Module(TaskModule):
    """Trains a Transformer.

    A batch is sources, int64 (batch, sources), and targets, int64 (batch, targets), each from `BOS` to `EOS` and filled
    up with `PAD`; in evaluation also the references' bytes.
    """

    config: Config

    def __init__(self, config: Config, facts: Facts) -> None:
        super().__init__(config, facts)
        self.network = Transformer(config.model, len(facts["source_entries"]), len(facts["target_entries"]))
        self.accuracy = TokenAccuracy()
        self.perplexity = CorpusPerplexity(ignore=PAD)
        self.bleu = CorpusBleu()
        self.sentences: list[Tensor] = []  # of the last evaluation: right tokens and tokens, (sentences, 2) each

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the logits of the token after each of `target`: float (batch, targets, vocabulary)."""
        logits: Tensor = self.network(source, target)
        return logits

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the smoothed cross-entropy of a token."""
        source, target = batch
        loss = cross_entropy(
            self(source, target[:, :-1]).flatten(0, 1),
            target[:, 1:].flatten(),
            ignore_index=PAD,
            label_smoothing=self.config.optim.label_smoothing,
        )
        return ranks.weighted(loss, (target[:, 1:] != PAD).sum())

    def on_validation_epoch_start(self) -> None:
        self.sentences.clear()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        source, target, text = batch
        for sources, targets in of_like_lengths(source, target):
            logits, following = self(sources, targets[:, :-1]), targets[:, 1:]
            self.accuracy.update(logits, following)
            self.perplexity.update(logits, following)
            self.sentences.append(torch.stack([part.sum(1) for part in right_tokens(logits, following)], dim=1))
        before = self.place(batch_idx)
        most = self.config.data.translated
        count = len(source) if most is None else min(len(source), most - before)
        if count > 0:
            self.bleu.update(self._translated(trimmed(source[:count])), references(text[:count]))

    def on_validation_epoch_end(self) -> None:
        self.log("val/accuracy", self.accuracy.compute())
        self.log("val/perplexity", self.perplexity.compute().float())
        self.log("val/bleu", self.bleu.compute())
        for metric in (self.accuracy, self.perplexity, self.bleu):
            metric.reset()

    def sample_scores(self) -> Scores | None:
        """Return the right tokens of each held-out sentence, in whatever order: the accuracy is a sum over them."""
        if not self.sentences or self.config.target.metric != "val/accuracy":
            return None
        return Ratio(*joined(self.sentences).T.cpu().numpy())

    def configure_optimizers(self) -> Any:
        optim = self.config.optim
        optimizer = torch.optim.Adam(
            self.parameters(), lr=optim.lr, betas=BETAS, eps=EPSILON, weight_decay=optim.weight_decay, fused=True
        )
        return each_step(optimizer, partial(inverse_root, warmup=optim.warmup_steps))

    def example_input(self) -> tuple[Tensor, ...]:
        source, target = self.facts["lengths"]
        return torch.full((1, source), BOS), torch.full((1, target - 1), BOS)

    @torch.inference_mode()
    def infer(self, batch: Batch) -> list[str]:
        """Return the sources' translations."""
        return self._translated(trimmed(batch[0].to(self.device)))

    def _translated(self, source: Tensor) -> list[str]:
        beam = self.config.model.beam
        decoding, past = self.network.decoding(source)

        def step(tokens: Tensor, pasts: list[Past]) -> tuple[Tensor, list[Past]]:
            logits, pasts = decoding(tokens, pasts)
            logits[:, [PAD, BOS]] = -torch.inf  # neither is a token of a text
            return logits.float().log_softmax(1), pasts

        found = beam_search(
            step,
            past,
            batch=len(source),
            beams=beam.size,
            longest=(source != PAD).sum(1) + beam.extra_length,
            length_penalty=beam.length_penalty,
        )
        return [written(indices, self.facts["target_entries"], self.config.data.tokens) for indices in found]

    def render(self, batch: Batch) -> Figure:
        """Draw sources, references and translations."""
        from aibench.tasks.text_to_text.figure import draw

        source, _, text = (part[:_SHOWN] for part in batch)
        entries, tokens = self.facts["source_entries"], self.config.data.tokens
        sources = [written(indices, entries, tokens) for indices in source.tolist()]
        return draw(sources, references(text), self.infer((source,)))


def trimmed(tokens: Tensor) -> Tensor:
    """Return sequences without the columns that are padding alone."""
    return tokens[:, : int((tokens != PAD).sum(1).max())]


def of_like_lengths(source: Tensor, target: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Split a batch into parts with less padding each: held-out sentences come in any order, of any length."""
    order = (target != PAD).sum(1).argsort()
    for rows in torch.split(order, _PART):
        yield trimmed(source[rows]), trimmed(target[rows])
