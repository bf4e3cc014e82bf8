"""Image-to-image translation: its losses, its pool of generated images, and a run that is interrupted."""

from __future__ import annotations

import itertools
import signal

import numpy as np
import pytest
import torch
from rich.console import Console

from aibench.results.result import Status
from aibench.tasks.image_to_image.data import Data
from aibench.tasks.image_to_image.module import Module, _cut
from aibench.tasks.image_to_image.pool import ImagePool
from aibench.training.run import train

TASK = "task=image_to_image"
SMALL = ("data.train_size=24", "data.val_size=20", "data.batch_size=6", "data.eval_batch_size=8", "model.width=4")
TINY = (*SMALL, "model.discriminator_width=4", "model.blocks=1", "hardware=cpu", "hardware.threads=1", "progress=false")


@pytest.fixture
def data(composed):
    return Data(composed(TASK, *TINY))


@pytest.fixture
def module(composed, data):
    torch.manual_seed(0)
    return Module(composed(TASK, *TINY), data.facts)


# The training step


class _Optimizers:
    """Stands in for Lightning's: records gradients, takes no step."""

    def __init__(self, *networks):
        self.weights = [weight for network in networks for weight in network.parameters()]
        self.gradients = None

    def zero_grad(self):
        for weight in self.weights:
            weight.grad = None

    def step(self):
        self.gradients = [weight.grad.clone() for weight in self.weights]


def _one_step(module, batch):
    """The loss of a training step, and the gradients of the generators and of the discriminators."""
    pair = _Optimizers(module.to_photo, module.to_labels), _Optimizers(module.photo_critic, module.labels_critic)
    module.optimizers, module.lr_schedulers, module.manual_backward = lambda: pair, list, torch.Tensor.backward
    return module.training_step(batch, 0), pair[0].gradients, pair[1].gradients


def _by_the_book(module, labels, photos):
    """The losses of generators and discriminators of CycleGAN, each network on one image at a time."""
    to_photo, to_labels = (lambda images, net=net: torch.cat([net(x[None]) for x in images]) for net in _nets(module))
    photo_real, labels_real = module.photo_critic, module.labels_critic
    made_photos, made_labels = to_photo(labels), to_labels(photos)

    def distance(a, b):
        return (a - b).abs().sum() / a.numel()

    generators = ((photo_real(made_photos) - 1) ** 2).mean() + ((labels_real(made_labels) - 1) ** 2).mean()
    generators += 10 * distance(to_labels(made_photos), labels) + 10 * distance(to_photo(made_labels), photos)
    generators += 5 * distance(to_photo(photos), photos) + 5 * distance(to_labels(labels), labels)
    critics = 0.0
    for critic, real, made in ((photo_real, photos, made_photos), (labels_real, labels, made_labels)):
        critics += 0.5 * ((critic(real) - 1) ** 2).mean() + 0.5 * (critic(made.detach()) ** 2).mean()
    return generators, critics


def _nets(module):
    return module.to_photo, module.to_labels


def test_a_step_follows_the_gradients_of_the_losses_of_the_paper(module, monkeypatch):
    monkeypatch.setattr("aibench.tasks.image_to_image.module._cut", lambda images, size: images)
    batch = torch.randint(256, (2, 3, 3, 32, 32), dtype=torch.uint8)
    loss, *gradients = _one_step(module, (batch[0], batch[1]))
    labels, photos = batch / 127.5 - 1
    expected = _by_the_book(module, labels, photos)
    torch.testing.assert_close(loss, sum(expected).detach())
    weights = [[*itertools.chain(*(net.parameters() for net in nets))] for nets in (_nets(module), _critics(module))]
    for part, found, of in zip(expected, gradients, weights, strict=True):
        torch.testing.assert_close(found, [*torch.autograd.grad(part, of, retain_graph=True)], atol=2e-5, rtol=1e-3)


def _critics(module):
    return module.photo_critic, module.labels_critic


def test_without_the_identity_loss_the_generators_only_translate(composed, data):
    module = Module(composed(TASK, *TINY, "optim.identity=0"), data.facts)
    calls = []
    for net in _nets(module):
        net.register_forward_hook(lambda _, inputs, output: calls.append(len(output)))
    _one_step(module, data.dataset("train").gather(torch.arange(6)))
    assert calls == [6, 6, 6, 6]


def test_the_discriminators_are_shown_pooled_images_and_learn_again_after_the_generators_step(module):
    batch = torch.randint(256, (2, 6, 3, 32, 32), dtype=torch.uint8)
    shown = []
    module.photo_pool.exchange = lambda new: shown.append(new) or torch.zeros_like(new)
    _one_step(module, (batch[0], batch[1]))
    assert shown[0].shape == (6, 3, 32, 32)
    assert not shown[0].requires_grad
    assert all(weight.requires_grad for net in _critics(module) for weight in net.parameters())


def test_the_learning_rate_is_constant_and_then_falls_to_zero(module, rates):
    found = rates(module, range(201), 10, 200, constant=0.5)
    np.testing.assert_allclose(found[:101], 1)
    np.testing.assert_allclose(found[100:], np.linspace(1, 0, 101), atol=1e-12)


def test_a_cut_is_a_part_of_the_image_or_its_mirror_image():
    torch.manual_seed(0)
    images = torch.randint(256, (60, 3, 6, 6), dtype=torch.uint8)
    used = set()
    for image, cut in zip(images.numpy(), _cut(images, 5).numpy(), strict=True):
        found = [
            (top, left, mirrored)
            for top, left, mirrored in itertools.product(range(2), range(2), (False, True))
            if np.array_equal(image[:, top : top + 5, left : left + 5][:, :, :: -1 if mirrored else 1], cut)
        ]
        assert len(found) == 1
        used.update(found)
    assert len(used) == 8


# The pool


def test_a_pool_hands_out_each_image_half_of_the_time_and_never_loses_one():
    torch.manual_seed(0)
    pool = ImagePool(10, 2)
    handed, kept_new = [], 0
    for first in range(0, 3000, 4):
        new = torch.arange(first, first + 4).float().view(4, 1, 1, 1).expand(4, 3, 2, 2)
        out = pool.exchange(new)
        assert torch.equal(out, out[:, :1, :1, :1].expand_as(out)), "images are handed out whole"
        numbers = out[:, 0, 0, 0].tolist()
        if first < 8:
            assert numbers == [*range(first, first + 4)], "while it fills, the new ones"
        kept_new += sum(number not in new[:, 0, 0, 0] for number in numbers)
        handed += numbers
    inside = pool.images[:, 0, 0, 0].tolist()
    assert 0.47 < kept_new / 2990 < 0.53
    while_filling = set(range(10))
    assert set(handed) | set(inside) == {float(number) for number in range(3000)}
    twice = {number for number in handed if handed.count(number) == 2}
    assert twice <= while_filling, "only what filled the pool is handed out when it comes and when it leaves"
    assert max(handed.count(number) for number in while_filling) == 2


def test_without_a_pool_the_discriminators_see_the_newest_images():
    new = torch.rand(4, 3, 2, 2)
    assert torch.equal(ImagePool(0, 2).exchange(new), new)


@pytest.mark.parametrize("seen", [6, 30])
def test_a_restored_pool_goes_on_as_the_first(seen, tmp_path):
    first, second = ImagePool(20, 2), ImagePool(20, 2)
    for _ in range(seen // 3):
        first.exchange(torch.rand(3, 3, 2, 2))
    torch.save(first.state_dict(), tmp_path / "pool.pt")
    second.load_state_dict(torch.load(tmp_path / "pool.pt", weights_only=True))
    for _ in range(10):
        new, state = torch.rand(3, 3, 2, 2), torch.get_rng_state()
        expected = first.exchange(new)
        torch.set_rng_state(state)
        assert torch.equal(second.exchange(new), expected)


# A whole session


@pytest.mark.slow
def test_an_interrupted_run_goes_on_to_the_same_history(composed, tmp_path, monkeypatch):
    words = (TASK, *TINY, "session=epochs", "epochs=3", "optim.pool=8", "target.evaluations_per_epoch=2")
    histories = []
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
        with monkeypatch.context() as patch:
            if name == "cut":
                stopped = _interrupted(Module.training_step, tmp_path / name / "last.ckpt")
                patch.setattr(Module, "training_step", stopped)
            result = train(composed(*words), tmp_path / name, None, Console(quiet=True))
        if name == "cut":
            assert result.status is Status.interrupted
            result = train(composed(*words, "resume=auto"), tmp_path / name, None, Console(quiet=True))
            assert result.resumed == 1
        assert result.status is Status.completed, result.message
        histories.append([row.metrics for row in result.history])
    assert histories[0] == histories[1]


def _interrupted(step, checkpoint):
    """Return a training step that sends this process SIGINT once `checkpoint` is there."""
    passed = []

    def training_step(self, *arguments):
        if checkpoint.exists() and not passed:
            passed.append(True)
            signal.raise_signal(signal.SIGINT)
        return step(self, *arguments)

    return training_step
