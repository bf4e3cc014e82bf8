"""A training step on shapes: its operations, what it keeps for its backward pass, what its optimisers keep."""

from __future__ import annotations

import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from aibench.characterization.selection import selected
from aibench.characterization.stepping import measured_step, sampled_steps
from aibench.characterization.traffic import memory_estimate, roofline, step_bytes
from aibench.characterization.workload import Workload
from aibench.meters.ceiling import Ceiling
from aibench.meters.operations import forward_of
from aibench.meters.proposals import every_proposal

BATCH, WIDE, CLASSES = 6, 50, 10


class Network(pl.LightningModule):
    def __init__(self, optimizer):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(20, WIDE), nn.Sigmoid(), nn.Linear(WIDE, CLASSES))
        self.optimizer = optimizer

    def example_input(self):
        return (torch.zeros(1, 20),)

    def forward(self, images):
        return self.layers(images)

    def training_step(self, batch, batch_idx):
        images, labels = batch
        return nn.functional.cross_entropy(self(images), labels)

    def configure_optimizers(self):
        return self.optimizer(self.parameters())


class Depends(Network):
    """Its loss depends on its numbers, which the meta device has none of."""

    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)
        return loss if float(loss) > 0 else loss * 2


class Made(Workload):
    name, suite, scale, batch_size = "made", "Nobody's", "mini", BATCH

    def __init__(self, module):
        self.module = module

    def build(self):
        return self.module()

    def batch(self):
        return torch.zeros(self.batch_size, 20), torch.zeros(self.batch_size, dtype=torch.int64)

    def batches(self):
        return [self.batch()] * 10


def adam(parameters):
    return torch.optim.Adam(parameters)


WEIGHTS = 20 * WIDE + WIDE + WIDE * CLASSES + CLASSES


def test_a_step_is_counted_as_by_hand_and_keeps_what_its_layers_need():
    step = measured_step(Made(lambda: Network(adam)), 1.0, [])
    forward, backward = 20 * WIDE + WIDE * CLASSES, 20 * WIDE + 2 * WIDE * CLASSES
    assert step.flops == 2 * (forward + backward)
    assert step.where == "on the meta device"
    kept = BATCH * (WIDE + CLASSES) + 1  # the sigmoid's result, the logarithms of the softmax, the total weight
    assert step.saved == step.most_saved == 4 * kept
    assert step.inputs == BATCH * (20 * 4 + 8)


@pytest.mark.parametrize(
    ("optimizer", "numbers"),
    [
        (adam, 2),
        (lambda parameters: torch.optim.Adam(parameters, amsgrad=True), 3),
        (lambda parameters: torch.optim.SGD(parameters, lr=0.1), 0),
        (lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9), 1),
        (lambda parameters: torch.optim.RMSprop(parameters, centered=True), 2),
    ],
)
def test_optimisers_keep_as_much_as_they_do_after_a_real_step(optimizer, numbers):
    step = measured_step(Made(lambda: Network(optimizer)), 1.0, [])
    module = Network(optimizer)
    real = module.configure_optimizers()
    module(torch.zeros(2, 20)).sum().backward()
    real.step()
    kept = sum(
        one.numel() * 4
        for state in real.state.values()
        for one in state.values()
        if torch.is_tensor(one) and one.dim() > 0
    )
    assert step.state == kept == numbers * 4 * WEIGHTS


def test_an_unknown_optimiser_has_no_known_state():
    step = measured_step(Made(lambda: Network(torch.optim.LBFGS)), 1.0, [])
    assert step.state is None


def test_a_step_that_needs_numbers_is_computed_with_a_smaller_batch():
    reasons = []
    step = measured_step(Made(lambda: Depends(adam)), 3e10, reasons)
    assert step.where == "on the CPU"
    assert step.samples == 2  # the largest power of two with at most 3e11 operations
    assert "meta" in reasons[0]
    assert step.flops == measured_step(Made(lambda: Network(adam)), 1.0, []).flops


def test_sampled_steps_are_one_number_each():
    assert len(set(sampled_steps(Made(lambda: Depends(adam)), 3))) == 1


def test_bytes_are_what_a_step_must_touch():
    step = measured_step(Made(lambda: Network(adam)), 1.0, [])
    found = step_bytes(Network(adam), step, 2 * BATCH)
    assert found["weights"] == found["gradients"] == 2 * 4 * WEIGHTS
    assert found["optimizer_state"] == 4 * 4 * WEIGHTS
    assert found["inputs"] == 2 * step.inputs
    assert found["activations"] == 2 * 2 * step.saved
    assert found["total"] == sum(value for name, value in found.items() if name not in ("total", "method"))
    estimate = memory_estimate(Network(adam), step)
    assert estimate == {"fixed": 16.0 * WEIGHTS, "per_sample": (step.most_saved + step.inputs) / BATCH}


def test_a_roof_has_two_sides():
    best = Ceiling(flops=100.0, bandwidth=10.0, method="made", device="none", threads=1, precision="fp32")
    low, high = roofline(50.0, 10.0, best), roofline(500.0, 10.0, best)
    assert (low["bound_by"], low["attainable"]) == ("memory", 50.0)
    assert (high["bound_by"], high["attainable"]) == ("compute", 100.0)
    assert low["ridge"] == 10.0


def test_every_proposal_is_kept_best_first_and_only_meanwhile():
    from torchvision.ops import boxes

    same = torch.tensor([[0.0, 0, 9, 9]] * 3)
    scores, groups = torch.tensor([0.2, 0.9, 0.5]), torch.zeros(3, dtype=torch.int64)
    with every_proposal():
        assert boxes.batched_nms(same, scores, groups, 0.5).tolist() == [1, 2, 0]
    assert boxes.batched_nms(same, scores, groups, 0.5).tolist() == [1]


def test_a_deep_network_without_statistics_stays_finite_while_it_is_counted():
    norm = torch.nn.BatchNorm2d(3).eval()
    values = 1e30 * torch.randn(2, 3, 4, 4)
    before = norm(values)
    with every_proposal():
        assert norm(values).abs().max() < 10
        assert norm(values[:1, :, :1, :1]).isfinite().all()  # one value a channel cannot normalise itself
    assert torch.equal(norm(values), before)
    assert torch.equal(norm.running_mean, torch.zeros(3))


@pytest.mark.slow
def test_the_papers_largest_number_is_the_detector_of_the_authors_code():
    """157,802 M multiply-adds (paper, 5.2.1): Faster R-CNN with ResNet-101, 300 proposals, about 600x900 pixels."""
    words = ["model=object_detection/resnet101_c4", "data.height=600", "data.width=900"]
    (workload,) = selected(["task=object_detection", "scale=reference", "hardware=cpu", *words])
    torch.manual_seed(0)
    count, _ = forward_of(workload.build, [], 300.0)
    assert count.flops / 2 == pytest.approx(157_802e6, rel=0.01)
