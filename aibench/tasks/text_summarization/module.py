"""Trains by likelihood, writes summaries by beam search, and measures ROUGE."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from aibench.contract import Facts, Scores, TaskModule
from aibench.metrics.scores import Ratio
from aibench.nn.schedules import each_step, half_cosine
from aibench.tasks.text_summarization.config import Config
from aibench.tasks.text_summarization.model import Read, State, Summarizer, Written, begin_small
from aibench.tasks.text_summarization.pointer import log_likelihood, log_probabilities, words_at
from aibench.tasks.text_summarization.rouge import Rouge
from aibench.text.beam import beam_search
from aibench.text.vocabulary import BOS, EOS, PAD

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Batch = tuple[Tensor, Tensor]
PICTURED = 5


class Module(TaskModule):
    """Trains a summariser. A batch is texts and their summaries, int64 (batch, any) each, filled up with `PAD`.

    Words are indices into `facts["words"]`; the model knows the first `facts["vocabulary"]` of them.
    """

    config: Config

    def __init__(self, config: Config, facts: Facts) -> None:
        super().__init__(config, facts)
        self.words: list[str] = facts["words"]
        self.network = Summarizer(config.model, facts["vocabulary"])
        if config.model.small_weights:
            begin_small(self.network)
        self.rouge = Rouge()
        self.scores: Ratio | None = None

    def forward(self, texts: Tensor, previous: Tensor) -> tuple[Tensor, ...]:
        """Return logits, attention's log-probabilities and gate's logits of every place; see `Summarizer.forward`."""
        written: tuple[Tensor, ...] = self.network(texts, previous)
        return written

    # Training

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        if not self.config.hardware.cuda_graph:
            return self.loss(*batch)
        data = self.config.data  # one shape for all batches; what is added is not read, and costs less than launches
        return self.loss(_widened(batch[0], data.source_words), _widened(batch[1], data.summary_words))

    def loss(self, texts: Tensor, summaries: Tensor) -> Tensor:
        """Return the mean over a summary's places of -log probability, and over the texts."""
        previous = F.pad(summaries[:, :-1], (1, 0), value=BOS)
        written: Written = self.network(texts, previous, self.config.optim.own_words)
        likelihood = log_likelihood(written.logits, written.attention, written.gate, texts, summaries)
        there = summaries != PAD
        return -(likelihood.where(there, 0).sum(1) / there.sum(1)).mean()

    def configure_gradient_clipping(self, optimizer: Any, *_: Any, **__: Any) -> None:
        """Scale longer gradients down, where `optim.gradient_norm` says so."""
        if self.config.optim.gradient_norm is not None:
            clip_grad_norm_(self.parameters(), self.config.optim.gradient_norm)

    def configure_optimizers(self) -> Any:
        optim = self.config.optim
        adam = torch.optim.Adam(self.parameters(), lr=optim.lr, weight_decay=optim.weight_decay, fused=True)
        if optim.hold_epochs is None:
            return adam
        steps = self.trainer.estimated_stepping_batches
        start = optim.hold_epochs * self.trainer.num_training_batches
        return each_step(adam, partial(half_cosine, start=start, end=steps))

    # Evaluation

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        texts, summaries = batch
        true = [[word for word in row if word not in (PAD, EOS)] for row in summaries.tolist()]
        self.rouge.update(self.summarized(texts), true)

    def on_validation_epoch_end(self) -> None:
        self.log_dict({f"val/{name}": value for name, value in self.rouge.compute().items()})
        with self.rouge.sync_context():
            each = self.rouge.of_each()
        self.scores = Ratio(each[self.config.target.metric.removeprefix("val/")])
        self.rouge.reset()

    def sample_scores(self) -> Scores | None:
        return self.scores

    @torch.no_grad()
    def summarized(self, texts: Tensor) -> list[list[int]]:
        """Return the words of a summary of each text, int64 (batch, any), by beam search."""
        network, beams = self.network, self.config.model.beams
        read, state = network.read(texts)
        samples = torch.arange(len(texts), device=texts.device).repeat_interleave(beams)
        read = Read(*(part[samples] for part in read))  # the hypotheses of a text share it
        copied_from = texts[samples]

        def step(written: Tensor, state: State) -> tuple[Tensor, State]:
            words = words_at(copied_from, written[:, None], network.vocabulary)[:, 0]
            place, state = network.next(words, read, state)
            return log_probabilities(*place, copied_from), state

        found = beam_search(
            step,
            state,
            batch=len(texts),
            beams=beams,
            longest=self.config.data.summary_words,
            length_penalty=self.config.model.length_penalty,
        )
        return [self._copied(row, text) for row, text in zip(found, texts.tolist(), strict=True)]

    def _copied(self, indices: list[int], text: list[int]) -> list[int]:
        """Return what stands where the pointer points, in place of its indices."""
        known = self.network.vocabulary
        return [index if index < known else text[index - known] for index in indices]

    # Serving

    def example_input(self) -> tuple[Tensor, ...]:
        data = self.config.data
        texts = torch.full((1, data.source_words), self.network.vocabulary - 1)
        return texts, torch.full((1, data.summary_words), BOS)

    @torch.inference_mode()
    def infer(self, batch: Batch) -> list[str]:
        """Return a summary of each text."""
        return [self.spelled(words) for words in self.summarized(batch[0].to(self.device))]

    def spelled(self, words: list[int]) -> str:
        """Return the words at these indices, without padding and ends."""
        return " ".join(self.words[word] for word in words if word not in (PAD, BOS, EOS))

    def render(self, batch: Batch) -> Figure:
        from aibench.tasks.text_summarization.figure import draw

        texts, true = (part[:PICTURED].cpu() for part in batch)
        rows = [self.spelled(row) for row in texts.tolist()], [self.spelled(row) for row in true.tolist()]
        return draw(*rows, self.infer((texts, true)))


def _widened(words: Tensor, length: int) -> Tensor:
    """Return `words`, int64 (batch, any), filled up with `PAD` to `length`, or as they are where they are longer."""
    return F.pad(words, (0, max(0, length - words.shape[1])), value=PAD)
