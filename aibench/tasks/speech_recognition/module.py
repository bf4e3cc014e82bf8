"""Trains and evaluates a speech recogniser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import ctc_loss

from aibench.config import Precision
from aibench.contract import Facts, Scores, TaskModule
from aibench.metrics.joined import joined
from aibench.metrics.scores import Ratio
from aibench.nn.schedules import each_step
from aibench.tasks.speech_recognition.alphabet import BLANK, decode
from aibench.tasks.speech_recognition.config import WER, Config, Optimizer, wer_names
from aibench.tasks.speech_recognition.decoding import transcripts
from aibench.tasks.speech_recognition.metric import ErrorRates
from aibench.tasks.speech_recognition.model import DeepSpeech2
from aibench.tasks.speech_recognition.utterances import Batch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_EXAMPLE_FRAMES = {"mini": 80, "reference": 1_000}  # 1.3 s and 10 s
_UTTERANCES = 4


class Module(TaskModule):
    """Trains a speech recogniser. A batch is what `utterances.collated` returns."""

    config: Config

    def __init__(self, config: Config, facts: Facts) -> None:
        super().__init__(config, facts)
        self.network = DeepSpeech2(config.model, config.data.bins)
        if config.hardware.sync_batchnorm:
            self.network.share_statistics()
        self.rates = ErrorRates(len(config.data.held_out_sets))

    def forward(self, spectra: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return what `DeepSpeech2.forward` does."""
        result: tuple[Tensor, Tensor] = self.network(spectra, lengths)
        return result

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        spectra, lengths, labels, _ = batch
        log_probabilities, steps = self(spectra, lengths)
        return loss_of(log_probabilities, steps, labels)

    def configure_gradient_clipping(
        self, optimizer: Any, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        torch.nn.utils.clip_grad_norm_(self.parameters(), self.config.optim.clip)

    def on_validation_epoch_start(self) -> None:
        self.rates.counted.clear()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        spectra, lengths, labels, sets = batch
        heard = self._heard(spectra, lengths)
        self.rates.update(heard, [decode(row) for row in labels.tolist()], sets.tolist())

    def on_validation_epoch_end(self) -> None:
        rates = self.rates.compute()
        self.log_dict({WER: rates["wer"], "val/cer": rates["cer"]})
        names = wer_names(self.config.data)
        if names:
            self.log_dict(dict(zip(names, rates["wer_by_set"].view(-1), strict=True)))  # one set has no axis
        self.rates.reset()

    def sample_scores(self) -> Scores | None:
        """Return the wrong words (or characters) of each held-out utterance of the sets that the target is of."""
        if not self.rates.counted:
            return None
        metric, counted = self.config.target.metric, joined([torch.tensor(self.rates.counted)]).numpy()
        names = wer_names(self.config.data)
        if metric in names:
            counted = counted[counted[:, 0] == names.index(metric)]
        first = 3 if metric == "val/cer" else 1
        return Ratio(counted[:, first], counted[:, first + 1])

    def configure_optimizers(self) -> Any:
        config = self.config.optim
        # Fused optimisers divide by the scale of fp16 gradients in their own step, which is after the clipping.
        options: dict[str, Any] = {"fused": self.config.hardware.precision is not Precision.fp16}
        if config.optimizer is Optimizer.sgd:
            options |= {"momentum": config.momentum, "nesterov": config.momentum > 0}
        kind = torch.optim.SGD if config.optimizer is Optimizer.sgd else torch.optim.Adam
        optimizer = kind(self.parameters(), lr=config.lr, weight_decay=config.weight_decay, **options)
        assert self.trainer.estimated_stepping_batches  # has the trainer count the batches of an epoch
        epoch = int(self.trainer.num_training_batches)
        return each_step(optimizer, lambda step: config.anneal ** -(step // epoch))

    def example_input(self) -> tuple[Tensor, ...]:
        frames = _EXAMPLE_FRAMES[self.config.scale]
        return torch.zeros(1, frames, self.config.data.bins), torch.tensor([frames])

    @torch.inference_mode()
    def infer(self, batch: Batch) -> list[str]:
        """Return what each utterance of `batch` says, in upper case."""
        spectra, lengths, *_ = batch
        return self._heard(spectra.to(self.device), lengths.to(self.device))

    def _heard(self, spectra: Tensor, lengths: Tensor) -> list[str]:
        log_probabilities, steps = self(spectra, lengths)
        return transcripts(log_probabilities, steps, self.config.model.beams)

    @torch.inference_mode()
    def render(self, batch: Batch) -> Figure:
        """Draw utterances: spectrogram, the letters where they were heard, and what was said and heard."""
        from aibench.tasks.speech_recognition.figure import draw

        spectra, lengths, labels, sets = (tensor[:_UTTERANCES] for tensor in batch)
        log_probabilities, _ = self(spectra.to(self.device), lengths.to(self.device))
        said = [decode(row) for row in labels.tolist()]
        return draw(
            spectra.cpu(), lengths.tolist(), log_probabilities.cpu(), said, self.infer((spectra, lengths, labels, sets))
        )


def loss_of(log_probabilities: Tensor, steps: Tensor, labels: Tensor) -> Tensor:
    """Return CTC's loss, summed and divided by the batch's utterances; one too short for its labels has none.

    Args:
        log_probabilities: float (batch, steps, labels).
        steps: int64 (batch,): steps of each utterance.
        labels: int64 (batch, characters), filled up with blanks.
    """
    lengths = (labels != BLANK).sum(1)
    total = ctc_loss(log_probabilities.transpose(0, 1), labels, steps, lengths, BLANK, "sum", zero_infinity=True)
    return total / len(labels)
