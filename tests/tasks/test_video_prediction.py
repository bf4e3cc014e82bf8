"""Video prediction: its network, its loss, its metric and its answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from torchmetrics import MeanSquaredError

from aibench.contract import example_batch
from aibench.tasks.video_prediction.data import Data
from aibench.tasks.video_prediction.metric import FrameErrors
from aibench.tasks.video_prediction.model import ConvLSTM, moved
from aibench.tasks.video_prediction.module import Module, true_share

TASK = "task=video_prediction"
SMALL = (TASK, "data.train_size=16", "data.val_size=10", "data.batch_size=4", "data.eval_batch_size=4")
REFERENCE = (TASK, "scale=reference", "data.source=synthetic", "session=steps")


@pytest.fixture
def module(composed):
    """A miniature."""
    torch.manual_seed(0)
    return Module(composed(*SMALL), {}).eval()


@pytest.fixture
def batch(composed):
    """Four held-out episodes."""
    return example_batch(Data(composed(*SMALL)), "val", 4)


# The network

LSTMS = [(32, 32, 32), (32, 32, 32), (16, 32, 64), (16, 64, 64), (8, 64, 128), (16, 128, 64), (32, 96, 32)]
CONVOLUTIONS = [  # height of what the kernel is laid on, inputs, outputs, kernel, whether it has a bias
    (32, 3, 32, 5, False),
    (16, 32, 32, 3, True),
    (8, 64, 64, 3, True),
    (8, 74, 64, 1, True),
    (8, 128, 128, 3, True),  # transposed, as the two below: laid on what comes in
    (16, 96, 96, 3, True),
    (32, 64, 64, 3, False),
    (64, 64, 3, 1, True),
    (64, 64, 12, 1, True),
]
NORMS = (32, 32, 32, 64, 64, 128, 64, 32, 64)


def test_the_reference_has_the_layers_of_the_authors_code(composed):
    """Layer by layer, as `prediction_model.py` lists them, with a twelfth mask: about 8.3 M parameters."""
    with torch.device("meta"):
        module = Module(composed(*REFERENCE), {}).eval()
        example = [tensor.to("meta") for tensor in module.example_input()]
    with FlopCounterMode(display=False) as counter:
        frames, states = module(*example)
    assert frames.shape == (1, 8, 3, 64, 64)
    assert states.shape == (1, 8, 5)
    layers = [*CONVOLUTIONS, *((height, inputs + out, 4 * out, 5, True) for height, inputs, out in LSTMS)]
    weights = sum(inputs * out * kernel**2 + out * bias for _, inputs, out, kernel, bias in layers)
    kernels, state = (8 * 8 * 128 + 1) * 250, (10 + 1) * 5
    expected = weights + kernels + state + 2 * sum(NORMS)
    assert expected == 8_311_967 + 65  # the mask of the authors' code's tenth kernel: 64 weights and a bias
    assert sum(parameter.numel() for parameter in module.parameters()) == expected
    assert expected == pytest.approx(8.3e6, rel=0.01)
    products = sum(height**2 * inputs * out * kernel**2 for height, inputs, out, kernel, _ in layers)
    products += 8 * 8 * 128 * 250 + 10 * 5 + 64 * 64 * 10 * 25  # a kernel for each pixel, from masks and kernels
    assert counter.get_total_flops() / 2 == pytest.approx(9 * products, rel=0.001)
    assert 9 * products == pytest.approx(15.9e9, rel=0.01)


def test_bair_has_smaller_actions_and_states(composed):
    with torch.device("meta"):
        module = Module(composed(*REFERENCE, "data=video_prediction/bair", "data.source=synthetic"), {})
    count = sum(parameter.numel() for parameter in module.parameters())
    assert count == 8_312_032 - 3 * 64 - (11 * 5 - 8 * 3)  # 7 numbers for 10: less in the 1x1 convolution and the state


def test_a_frame_is_a_mixture_of_the_last_one_moved():
    rng = np.random.default_rng(0)
    frame = rng.random((2, 3, 6, 5))
    kernels, masks = rng.normal(size=(2, 4, 9)), rng.random((2, 4, 6, 5))
    result = moved(*(torch.from_numpy(array) for array in (frame, kernels, masks)))
    positive = np.maximum(kernels - 1e-12, 0) + 1e-12
    positive = (positive / positive.sum(2, keepdims=True)).reshape(2, 4, 3, 3)
    padded = np.pad(frame, ((0, 0), (0, 0), (1, 1), (1, 1)))
    expected = np.zeros_like(frame)
    for n, k, y, x in np.ndindex(2, 4, 6, 5):
        for c in range(3):
            expected[n, c, y, x] += masks[n, k, y, x] * (positive[n, k] * padded[n, c, y : y + 3, x : x + 3]).sum()
    np.testing.assert_allclose(result.numpy(), expected, atol=1e-12)


def test_a_kernel_without_a_positive_number_averages():
    frame = torch.rand(1, 3, 5, 5)
    result = moved(frame, torch.full((1, 1, 9), -1.0), torch.ones(1, 1, 5, 5))
    torch.testing.assert_close(result[0, :, 2, 2], frame[0, :, 1:4, 1:4].mean((1, 2)))


def test_a_convlstm_on_one_pixel_is_an_lstm():
    torch.manual_seed(0)
    cell, expected = ConvLSTM(3, 4, 1), torch.nn.LSTMCell(3, 4)
    weight = cell.gates.weight.detach()[:, :, 0, 0].view(4, 4, 7)[[0, 2, 1, 3]].reshape(16, 7)  # PyTorch: i, f, g, o
    bias = cell.gates.bias.detach().view(4, 4)[[0, 2, 1, 3]]
    bias[1] += 1
    with torch.no_grad():
        expected.weight_ih.copy_(weight[:, :3])
        expected.weight_hh.copy_(weight[:, 3:])
        expected.bias_ih.copy_(bias.flatten())
        expected.bias_hh.zero_()
    state, other = None, None
    for x in torch.rand(3, 2, 3):
        _, state = cell(x[:, :, None, None], state)
        other = expected(x, other)
    torch.testing.assert_close(state[0][:, :, 0, 0], other[0])
    torch.testing.assert_close(state[1][:, :, 0, 0], other[1])


def test_predictions_look_at_no_frame_beyond_the_context(module, batch):
    video, actions, states = batch
    changed = video.clone()
    changed[:, module.config.data.context :] = 0
    later = states.clone()
    later[:, 1:] = 0
    with torch.no_grad():
        frames, places = module(video, actions, states)
        again, same = module(changed, actions, later)
    assert torch.equal(frames, again)
    assert torch.equal(places, same)


def test_an_action_changes_the_frames_after_it_alone(module, batch):
    video, actions, states = batch
    changed = actions.clone()
    changed[:, 3] += 1
    with torch.no_grad():
        frames, _ = module(video, actions, states)
        others, _ = module(video, changed, states)
    differs = (frames != others).flatten(2).any(2).all(0)
    assert differs.tolist() == [False, False, True, True]  # frames 2 to 5; action 3 leads to frame 4


def test_without_actions_it_is_told_nothing(composed, batch):
    module = Module(composed(*SMALL, "model.actions=false"), {}).eval()
    video, actions, states = batch
    with torch.no_grad():
        frames, _ = module(video, actions, states)
        others, _ = module(video, -actions, -states)
    assert torch.equal(frames, others)
    module.training_step(batch, 0).backward()
    assert all(parameter.grad is not None for parameter in module.parameters())


# Scheduled sampling and the loss


def test_the_share_of_true_frames_falls_along_an_inverse_sigmoid():
    steps = [0, 900, 5000, 10_000, 1_000_000]
    shares = [true_share(step, 900) for step in steps]
    assert shares[:4] == pytest.approx([900 / (900 + math.exp(step / 900)) for step in steps[:4]])
    assert shares[0] > 0.99
    assert shares[-1] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("truth", [0, 1, 3, 4])
def test_as_many_sequences_as_asked_for_see_true_frames(module, batch, truth):
    """A sequence that is shown a true frame gives another prediction when that frame is changed."""
    torch.manual_seed(0)
    video, actions, states = batch
    changed = video.clone()
    changed[:, 2] = 255 - changed[:, 2]
    with torch.no_grad():
        frames, _ = module.train()(video, actions, states, torch.tensor(truth))
        torch.manual_seed(0)
        changed[:, 3:] = 255 - changed[:, 3:]
        others, _ = module(changed, actions, states, torch.tensor(truth))
    seen = (frames != others).flatten(2).any(2)
    assert seen[:, 0].sum() == 0
    assert seen[:, 1].sum() == truth


def test_the_loss_is_the_mean_over_predicted_frames_and_states(module, batch):
    module.config.optim.sampling = 1e-9  # no true frames
    module.config.optim.state_weight = 0.5
    video, actions, states = batch
    with torch.no_grad():
        loss = module.training_step(batch, 0).item()
        frames, places = module(video, actions, states)
    errors = [((frames[:, t] - video[:, t + 2] / 255) ** 2).mean().item() for t in range(4)]
    wrong = [((places[:, t] - states[:, t + 2]) ** 2).mean().item() for t in range(4)]
    assert loss == pytest.approx(np.mean(errors) + 0.5 * np.mean(wrong), rel=1e-5)


# Refused values


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("model.decoder=[8,8]", "model.decoder=[8, 8]: needs as many numbers as model.encoder="),
        ("model.encoder=[[0]]", "model.encoder=[[0]]: each must be at least 1."),
        ("model.masks=0", "model.masks=0: must be at least 1."),
        ("model.kernel=4", "model.kernel=4: must be odd."),
        ("model.lstm_kernel=2", "model.lstm_kernel=2: must be odd"),
        ("data.size=30", "data.size=30: is halved 2 times. Set data.size to a multiple of 4."),
        ("data.size=64", "data.size=64: the embedded data have 32. Set data.size=32."),
        ("data.action_size=5", "data.action_size=5: the embedded data have 2."),
        ("data.context=0", "data.context=0: must be at least 1."),
        ("data.frames=2", "data.frames=2: must be at least 3."),
        ("data.held_out_part=1", "data.held_out_part=1.0: must lie between 0 and 1."),
        ("optim.sampling=0", "optim.sampling=0.0: must be greater than 0."),
        ("optim.state_weight=-1", "optim.state_weight=-1.0: must be at least 0."),
    ],
)
def test_values_that_make_no_sense_are_refused(refusal, word, said):
    assert refusal(TASK, word).startswith(said)


# The metric


def test_errors_are_means_over_frames_whatever_the_batches():
    generator = np.random.default_rng(0)
    true, predicted = generator.random((2, 7, 3, 3, 8, 8))
    metric = FrameErrors()
    for part in (slice(0, 4), slice(4, 7)):
        metric.update(torch.from_numpy(predicted[part]).float(), torch.from_numpy(true[part]).float())
    squared, decibels = metric.compute()
    sums, ratios = [], []
    for sequence, frame in np.ndindex(7, 3):
        total = sum(
            (float(a) - float(b)) ** 2
            for a, b in zip(predicted[sequence, frame].flat, true[sequence, frame].flat, strict=True)
        )
        sums.append(total)
        ratios.append(10 * math.log10(1 / (total / 192)))
    assert squared.item() == pytest.approx(np.mean(sums), rel=1e-6)
    assert decibels.item() == pytest.approx(np.mean(ratios), rel=1e-6)


def test_the_unit_is_that_of_the_papers_72():
    """72 a frame of 3x64x64 pixels is a mean squared error of 0.00586, or 22.3 dB."""
    true = torch.zeros(1, 2, 3, 64, 64)
    metric = FrameErrors()
    metric.update(true + math.sqrt(72 / 12_288), true)
    squared, decibels = metric.compute()
    assert squared.item() == pytest.approx(72, rel=1e-5)
    assert decibels.item() == pytest.approx(22.32, abs=0.01)


def test_an_evaluation_counts_every_predicted_frame_once(composed, module, evaluated):
    data = Data(composed(*SMALL))
    expected = MeanSquaredError()
    logged, _ = evaluated(module, data, times=2)
    video, actions, states = example_batch(data, "val", 10)
    with torch.no_grad():
        expected.update(module(video, actions, states)[0].contiguous(), (video[:, 2:] / 255).contiguous())
    assert logged["val/mse"] == pytest.approx(float(expected.compute()) * 3 * 32 * 32, rel=1e-5)
    assert set(logged) == {"val/mse", "val/psnr"}


# What a user sees


def test_a_request_is_answered_with_the_frames_to_come(module, batch):
    answer = module.infer(batch)
    assert answer.shape == (4, 4, 32, 32, 3)
    assert answer.dtype == np.uint8
    with torch.no_grad():
        frames, _ = module(*batch)
    np.testing.assert_allclose(answer.transpose(0, 1, 4, 2, 3) / 255, frames.numpy().clip(0, 1), atol=0.5 / 255 + 1e-6)


def test_the_figure_sets_predictions_under_what_happened(module, batch):
    titles = [axes.get_title() for axes in module.render(batch).axes if axes.get_title()]
    assert titles.count("shown") == 3 * 2
    assert sum(title.startswith("error") for title in titles) == 3 * 4
