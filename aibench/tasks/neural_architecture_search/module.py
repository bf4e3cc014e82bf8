"""Trains shared weights and controller in turn, and evaluates the child that the controller proposes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import LambdaLR

from aibench.contract import Facts, Scores, TaskModule
from aibench.metrics.perplexity import CorpusPerplexity, SamplePerplexity
from aibench.metrics.scores import Ratio
from aibench.nn import ranks
from aibench.nn.schedules import stairs
from aibench.tasks.neural_architecture_search.cell import Cell, chain
from aibench.tasks.neural_architecture_search.config import Config, Optimizer
from aibench.tasks.neural_architecture_search.controller import Controller, Sampled
from aibench.tasks.neural_architecture_search.model import SharedWeights
from aibench.tasks.neural_architecture_search.reading import CarriedState, continuation, in_order
from aibench.tasks.neural_architecture_search.windows import PARTS, HeldOutBatch, RewardBatch, WeightsBatch
from aibench.text.vocabulary import BOS, PAD, UNK

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CONTINUED = 20  # words that a user is shown


class Module(TaskModule):
    """Trains ENAS, which searches a recurrent cell.

    Each epoch is a pass over the text that trains the shared weights, every step in another cell that the controller
    samples, and then steps of REINFORCE that train the controller.

    An evaluation samples candidates, takes the one with the least perplexity on windows of the reward text, and
    measures it on all of the held-out text. Its draws are apart from the training's and the same in each evaluation.

    Attributes:
        phase: `shared weights` or `controller`: which of them the last batch trained.
        uncountable: Why the result has no FLOPs.
        derived: The decisions for the child that the last evaluation chose, int64 (2 blocks - 1,).
        baseline: Moving average of the rewards; NaN before the first.
    """

    uncountable: str | None = "the operations of a step vary with the cell that the controller samples for it"
    config: Config
    own_buffers = ("state.",)
    derived: Tensor
    baseline: Tensor

    def __init__(self, config: Config, facts: Facts) -> None:
        super().__init__(config, facts)
        self.automatic_optimization = False
        self.phase = "shared weights"
        self.shared = SharedWeights(len(facts["words"]), config.model)
        self.controller = Controller(config.model)
        self.state = CarriedState(config.data.batch_size, config.model.hidden)
        self.held_out_state = CarriedState(config.data.streams, config.model.hidden, persistent=False)
        self.register_buffer("derived", torch.tensor(chain(config.model.blocks)))
        self.register_buffer("baseline", torch.tensor(torch.nan))
        self.perplexity = SamplePerplexity(ignore=PAD)
        self.scores: Ratio | None = None
        self.candidate_perplexities = torch.nn.ModuleList(
            CorpusPerplexity(ignore=PAD) for _ in range(config.optim.controller.candidates)
        )

    @property
    def child(self) -> Cell:
        """Return the cell that the last evaluation chose; before the first one, a chain of tanh nodes."""
        return Cell.of(self.derived.tolist())

    def forward(self, words: Tensor) -> Tensor:
        """Return the child's logits of the word after each, float (batch, any, vocabulary), of int64 (batch, any)."""
        logits: Tensor = self.shared(words, self.child, self._zeros(len(words)))[0]
        return logits

    def _zeros(self, rows: int) -> Tensor:
        return self.shared.bias.new_zeros(rows, self.config.model.hidden)

    # Training

    def training_step(self, batch: WeightsBatch | RewardBatch, batch_idx: int) -> Tensor:
        if isinstance(batch, WeightsBatch):
            self.phase = "shared weights"
            return self._train_weights(batch)
        self.phase = "controller"
        return self._train_controller(batch)

    def _train_weights(self, batch: WeightsBatch) -> Tensor:
        """Take a step in one sampled cell; the controller is fixed."""
        optimizer: Any = self.optimizers()[0]  # type: ignore[index]
        with torch.no_grad():
            decisions = ranks.of_first(self.controller(1).decisions[0])
        cell = Cell.of(decisions.tolist())  # the one read-back in a step: which operators run depends on it
        streams = slice(len(batch.number))  # this process's, of several that train together
        logits, state = self.shared(batch.words, cell, self.state.before(batch.number, streams))
        self.state.put(batch.number, state, streams)
        loss = cross_entropy(logits.flatten(0, 1), batch.targets.flatten())
        optimizer.zero_grad()
        self.manual_backward(loss)
        torch.nn.utils.clip_grad_norm_(self.shared.parameters(), self.config.optim.clip)
        optimizer.step()
        schedule: Any = self.lr_schedulers()
        schedule.step()
        return loss.detach()

    def _train_controller(self, batch: RewardBatch) -> Tensor:
        """Take a step of REINFORCE with fixed shared weights, without dropout. Each window starts from zeros."""
        config = self.config.optim.controller
        optimizer: Any = self.optimizers()[1]  # type: ignore[index]
        sampled: Sampled = self.controller(config.samples, self._common_draws())
        cells = [Cell.of(decisions) for decisions in sampled.decisions.tolist()]
        rewards = torch.stack([config.reward / self._tried(batch, cell) for cell in cells])
        self.baseline.copy_(moved(self.baseline, rewards.mean(), config.baseline_decay))
        loss = policy_loss(sampled.log_probability, rewards - self.baseline) - config.entropy * sampled.entropy.mean()
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
        return loss.detach()

    def _common_draws(self) -> torch.Generator | None:
        """Return a generator that draws alike on all devices that train together; None of one device."""
        if ranks.place()[1] == 1:
            return None
        seed = ranks.of_first(torch.randint(2**31, (1,), device=self.device))
        return torch.Generator(self.device).manual_seed(int(seed))

    @torch.no_grad()
    def _tried(self, batch: RewardBatch, cell: Cell) -> Tensor:
        self.shared.eval()
        logits, _ = self.shared(batch.words, cell, self._zeros(len(batch.words)))
        self.shared.train()
        return perplexity(logits, batch.targets)

    def configure_optimizers(self) -> Any:
        optim = self.config.optim
        kind: Any = {Optimizer.sgd: torch.optim.SGD, Optimizer.adam: torch.optim.Adam}[optim.optimizer]
        weights = kind(self.shared.parameters(), lr=optim.lr, weight_decay=optim.weight_decay, fused=True)
        controller = torch.optim.Adam(self.controller.parameters(), lr=optim.controller.lr, fused=True)
        epoch = self.facts["weights_steps"]
        first = optim.decay_from * epoch
        return [weights, controller], [LambdaLR(weights, lambda step: stairs(step, epoch, optim.decay, first))]

    # Evaluation

    def on_validation_epoch_start(self) -> None:
        generator = torch.Generator(self.device).manual_seed(self.config.seed)
        self.candidates = self.controller(self.config.optim.controller.candidates, generator)
        self.held_out_state.forget()
        self._is_chosen = self.judging != "val"  # the test part is read by the child that was chosen before

    def validation_step(self, batch: HeldOutBatch, batch_idx: int) -> None:
        for part, rows in in_order(batch):
            if PARTS[part] == "reward":
                self._rank(rows)
            else:
                self._choose()
                self._measure(rows)

    def _rank(self, rows: HeldOutBatch) -> None:
        """Try every candidate. All of the reward text comes before the others."""
        metrics: Any = self.candidate_perplexities
        for decisions, metric in zip(self.candidates.decisions.tolist(), metrics, strict=True):
            logits, _ = self.shared(rows.words, Cell.of(decisions), self._zeros(len(rows.words)))
            metric.update(logits, rows.targets)

    def _choose(self) -> None:
        """Let the best candidate be the child, once in an evaluation: the processes find it together."""
        if not self._is_chosen:
            metrics: Any = self.candidate_perplexities
            found = torch.stack([metric.compute() for metric in metrics])
            self.derived.copy_(self.candidates.decisions[found.argmin()])
            self._is_chosen = True

    def _measure(self, rows: HeldOutBatch) -> None:
        logits, state = self.shared(rows.words, self.child, self.held_out_state.before(rows.time, rows.stream))
        self.held_out_state.put(rows.time, state, rows.stream)
        self.perplexity.update(logits, rows.targets, rows.sentences)

    def on_validation_epoch_end(self) -> None:
        if self.judging == "val":  # the test part has no reward text
            self._log_candidates()
        self.scores = self.perplexity.scores()
        self.log("val/perplexity", self.scores.value(np.arange(len(self.scores))))

    def _log_candidates(self) -> None:
        """Tell the chosen candidate from the average one."""
        metrics: Any = self.candidate_perplexities
        tried = torch.stack([metric.compute() for metric in metrics])
        self.log("reward/best_candidate", tried.min())
        self.log("reward/mean_candidate", tried.mean())
        self.log("controller/entropy", self.candidates.entropy.mean())
        for metric in metrics:
            metric.reset()

    def sample_scores(self) -> Scores | None:
        return self.scores

    # For a user

    def example_input(self) -> tuple[Tensor, ...]:
        return (torch.full((1, self.config.data.window), UNK),)

    @torch.inference_mode()
    def infer(self, batch: HeldOutBatch) -> list[str]:
        """Return how the child goes on after each window: its likeliest word, twenty times; `<unk>` is passed over."""
        words = batch.words.to(self.device)
        ahead = continuation(self.shared, self.child, words, self._zeros(len(words)), CONTINUED, (PAD, BOS, UNK))
        return [self._spelled(row) for row in ahead.tolist()]

    def _spelled(self, indices: list[int]) -> str:
        return " ".join(self.facts["words"][index] for index in indices)

    def render(self, batch: HeldOutBatch) -> Figure:
        """Draw the child as a graph, and write how it goes on after a few windows."""
        from aibench.tasks.neural_architecture_search.figure import draw

        prompts = [self._spelled([index for index in row if index != PAD]) for row in batch.words.tolist()]
        return draw(self.child, prompts, self.infer(batch))


def perplexity(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the perplexity of one batch, float (), the shares of all processes together.

    Args:
        logits: float (batch, window, vocabulary).
        targets: int64 (batch, window).
    """
    loss = cross_entropy(logits.flatten(0, 1), targets.flatten())
    size = ranks.place()[1]
    return (loss if size == 1 else ranks.summed(loss) / size).exp()  # of all windows of a batch, whoever has them


def policy_loss(log_probabilities: Tensor, advantages: Tensor) -> Tensor:
    """Return what REINFORCE minimises: the sampled cells' mean of -log probability times advantage; each (cells,)."""
    return -(log_probabilities * advantages).mean()


def moved(baseline: Tensor, reward: Tensor, decay: float) -> Tensor:
    """Return the moving average after `reward`; the first reward itself where there was none."""
    return torch.where(baseline.isnan(), reward, decay * baseline + (1 - decay) * reward)
