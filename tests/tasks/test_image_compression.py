"""Image compression: its networks, its loss, its learning rate, its metric and its figure."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from aibench.tasks.image_compression.metric import SMALLEST, ms_ssim
from aibench.tasks.image_compression.model import Binariser, ConvLSTM
from aibench.tasks.image_compression.module import Module
from aibench.vision.embedded import photographs

TASK = "task=image_compression"
REFERENCE = (TASK, "scale=reference", "data.source=synthetic", "session=steps")


@pytest.fixture
def module(composed):
    torch.manual_seed(0)
    return Module(composed(TASK), {}).eval()


def noise(*shape):
    return torch.randint(256, shape, dtype=torch.uint8)


# The networks


def test_the_reference_model_has_the_parameters_and_multiply_adds_of_the_authors_code(composed):
    with torch.device("meta"):
        module = Module(composed(*REFERENCE), {}).eval()
        (images,) = (tensor.to("meta") for tensor in module.example_input())
    with FlopCounterMode(display=False) as counter:
        codes, reconstructions = module(images)
    parts = (module.codec, module.codec.encoder, module.codec.binariser, module.codec.decoder)
    counts = [sum(weights.numel() for weights in part.parameters()) for part in parts]
    assert counts == pytest.approx([35.457e6, 17.107e6, 0.016384e6, 18.334e6], rel=0.001)
    assert counter.get_total_flops() / 2 == pytest.approx(11_820e6, rel=0.01)
    assert counter.get_total_flops() / 2 / 16 == pytest.approx(738.9e6, rel=0.01)
    assert codes.shape == (16, 1, 32, 2, 2)
    assert reconstructions.shape == (16, 1, 3, 32, 32)


@pytest.mark.parametrize(("words", "iterations"), [((TASK,), 4), (REFERENCE, 16)])
def test_an_iteration_is_an_eighth_of_a_bit_per_pixel_at_both_scales(words, iterations, composed):
    model = composed(*words).model
    assert model.bits / model.block**2 == 0.125
    assert model.iterations == iterations


def test_a_cell_is_an_lstm_whose_products_are_convolutions():
    torch.manual_seed(0)
    cell = ConvLSTM(2, 3, kernel=3, stride=2).double()
    inputs = torch.randn(2, 1, 2, 6, 8, dtype=torch.double)
    state = None
    for x in inputs:
        state = cell(x, state)

    def convolved(x, weights, stride):
        maps = [
            sum(correlate2d(np.pad(plane, 1), kernel, "valid") for plane, kernel in zip(x, kernels, strict=True))
            for kernels in weights.detach().numpy()
        ]
        return np.array(maps)[:, ::stride, ::stride]

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    output = memory = np.zeros((3, 3, 4))
    for x in inputs[:, 0].numpy():
        gates = convolved(x, cell.from_input.weight, 2) + convolved(output, cell.from_state.weight, 1)
        into, keep, out, candidate = gates.reshape(4, 3, 3, 4)
        memory = sigmoid(keep) * memory + sigmoid(into) * np.tanh(candidate)
        output = sigmoid(out) * np.tanh(memory)
    np.testing.assert_allclose(state[0][0].detach(), output, atol=1e-12)
    np.testing.assert_allclose(state[1][0].detach(), memory, atol=1e-12)


def test_the_binariser_draws_bits_with_the_right_mean_and_lets_the_gradient_pass():
    torch.manual_seed(0)
    binariser = Binariser(1, 1)
    nn.init.ones_(binariser.features.weight)
    features = torch.tensor([-2.0, -0.5, 0.0, 0.5, 2.0]).view(1, 1, 1, 5).expand(20_000, 1, 1, 5).requires_grad_()
    bits = binariser(features)
    assert set(bits.detach().round(decimals=4).flatten().tolist()) == {-1.0, 1.0}
    numbers = np.tanh([-2.0, -0.5, 0.0, 0.5, 2.0])
    np.testing.assert_allclose(bits.detach().mean(0)[0, 0], numbers, atol=0.03)
    (gradient,) = torch.autograd.grad(bits.sum(), features)
    np.testing.assert_allclose(gradient[0, 0, 0], 1 - numbers**2, atol=1e-6)
    binariser.eval()
    assert binariser(features)[:2, 0, 0].tolist() == [[-1, -1, 1, 1, 1]] * 2


def test_each_iteration_encodes_what_the_ones_before_left_over(module):
    seen, parts = [], []
    module.codec.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    module.codec.decoder.register_forward_hook(lambda _, inputs, output: parts.append(output[0]))
    images = noise(2, 3, 32, 48)
    codes, reconstructions = module(images)
    assert set(codes.unique().tolist()) == {-1.0, 1.0}
    left = images.numpy() / 255 - 0.5
    for place in range(4):
        np.testing.assert_allclose(seen[place].detach(), left, atol=1e-5)
        left = left - parts[place].detach().numpy()
        np.testing.assert_allclose(reconstructions[place].detach(), images.numpy() / 255 - 0.5 - left, atol=1e-5)


def test_the_loss_is_what_is_left_over_after_each_iteration_in_the_mean(module):
    images = noise(3, 3, 32, 32)
    residuals = [np.abs(images.numpy() / 255 - 0.5 - part).mean() for part in module(images)[1].detach().numpy()]
    assert len(residuals) == 4
    assert float(module.training_step(images, 0).detach()) == pytest.approx(np.mean(residuals), rel=1e-5)


def test_an_image_of_any_size_is_continued_by_its_border_to_whole_blocks(module):
    image = noise(1, 3, 21, 30)
    codes, reconstructions = module(image)
    whole = torch.from_numpy(np.pad(image.numpy(), ((0, 0), (0, 0), (0, 3), (0, 2)), mode="edge"))
    expected, wider = module(whole)
    assert codes.shape == (4, 1, 8, 3, 4)
    assert torch.equal(codes, expected)
    assert torch.equal(reconstructions, wider[..., :21, :30])


def test_the_first_weights_are_scaled_by_the_gain(composed):
    torch.manual_seed(0)
    once = Module(composed(TASK, "model.gain=1"), {}).state_dict()
    torch.manual_seed(0)
    thrice = Module(composed(TASK, "model.gain=3"), {}).state_dict()
    for name, weights in once.items():
        if name.startswith("codec"):
            torch.testing.assert_close(thrice[name], 3 * weights)


# Refused values


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("model.stem=0", "model.stem=0: must be at least 1."),
        ("model.bits=0", "model.bits=0: must be at least 1."),
        ("model.iterations=0", "model.iterations=0: must be at least 1."),
        ("model.iterations=256", "model.iterations=256: must be at most 255."),
        ("model.gain=0", "model.gain=0.0: must be greater than 0."),
        ("model.decoder=[8,8]", "model.decoder=[8, 8]: 2 cells for the 2 of model.encoder. The decoder needs one more"),
        ("model.decoder=[8,8,6]", "model.decoder=[8, 8, 6]: each must be a multiple of 4"),
        ("model.encoder=[8,0]", "model.encoder=[8, 0]: each must be at least 1."),
        ("model.encoder_kernels=[1]", "model.encoder_kernels=[1]: needs 2 values, one for each cell."),
        ("model.decoder_kernels=[1,1,2]", "model.decoder_kernels=[1, 1, 2]: each must be odd."),
        ("data.size=33", "data.size=33: not a multiple of 8, the side of the blocks of model.decoder=[48, 48, 32]. "),
        ("optim.gamma=0", "optim.gamma=0.0: must lie in 0 to 1, 0 left out."),
    ],
)
def test_values_that_make_no_sense_are_refused(refusal, word, said):
    assert refusal(TASK, word).startswith(said)


# The learning rate


def test_the_learning_rate_halves_at_its_milestones(module, rates):
    found = rates(module, (0, 11, 12, 39, 40, 79, 80, 999), 4, 1000, milestones=[3, 10, 20], gamma=0.5)
    assert found == [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125]


# The metric


def by_definition(image, original, coarsest_mirrored=False):
    """MS-SSIM as Wang, Simoncelli and Bovik (2003) define it, of two arrays (3, height, width) in 0 to 255.

    With `coarsest_mirrored`, windows of the coarsest scale reach beyond the border, where the image is mirrored: so do
    those of torchmetrics, and that is all in which it departs from the definition.
    """
    line = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2

    def filtered(planes, mirrored=False):
        planes = np.pad(planes, ((0, 0), (5, 5), (5, 5)), mode="reflect") if mirrored else planes
        return np.array([correlate2d(plane, window, "valid") for plane in planes])

    def halved(planes):
        height, width = (side // 2 * 2 for side in planes.shape[1:])
        return sum(planes[:, i:height:2, j:width:2] for i in (0, 1) for j in (0, 1)) / 4

    x, y = image.astype(np.float64), original.astype(np.float64)
    product = 1.0
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        x, y = (halved(x), halved(y)) if scale else (x, y)
        mirrored = coarsest_mirrored and scale == 4
        mean_x, mean_y = filtered(x, mirrored), filtered(y, mirrored)
        var_x, var_y = filtered(x * x, mirrored) - mean_x**2, filtered(y * y, mirrored) - mean_y**2
        covariance = filtered(x * y, mirrored) - mean_x * mean_y
        value = (2 * covariance + 58.5225) / (var_x + var_y + 58.5225)
        if scale == 4:
            value *= (2 * mean_x * mean_y + 6.5025) / (mean_x**2 + mean_y**2 + 6.5025)
        product *= max(0, value.mean()) ** weight
    return product


def distorted(original):
    """A photograph in noise of two strengths and moved to the side, uint8 (3, 3, height, width)."""
    generator = np.random.default_rng(0)
    noisy = [np.clip(original + generator.normal(0, spread, original.shape), 0, 255) for spread in (10, 60)]
    return np.array([*noisy, np.roll(original, 2, axis=2)]).astype(np.uint8)


@pytest.mark.parametrize(("height", "width"), [(192, 192), (176, 190)])
def test_ms_ssim_is_that_of_its_definition_but_for_the_border_of_the_coarsest_scale(height, width):
    original = photographs()[0].transpose(2, 0, 1)[:, 200 : 200 + height, 200 : 200 + width]
    images = distorted(original)
    originals = np.broadcast_to(original, images.shape).copy()
    found = ms_ssim(torch.from_numpy(images), torch.from_numpy(originals)).numpy()
    assert found.min() < 0.8
    np.testing.assert_allclose(found, [by_definition(image, original, True) for image in images], atol=2e-5)
    np.testing.assert_allclose(found, [by_definition(image, original) for image in images], atol=3e-3)


def test_ms_ssim_is_computed_in_full_precision_under_mixed_precision():
    torch.manual_seed(0)
    originals = noise(1, 3, SMALLEST, SMALLEST) // 8 + 200
    images = (originals + torch.randint(2, originals.shape)).to(torch.uint8)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = ms_ssim(images, originals)
    assert torch.equal(mixed, ms_ssim(images, originals))
    assert float(ms_ssim(originals, originals)) == pytest.approx(1)


def test_an_evaluation_is_the_mean_over_images_of_ms_ssim_on_whole_numbers_beside_the_rate(module):
    logged = {}
    module.log = lambda name, value: logged.update({name: float(value)})
    images = [noise(3, 176, 192) // 4 + 90, noise(3, 192, 176) // 4 + 30, noise(3, 180, 181) // 4]
    for _ in range(2):  # the second evaluation starts from nothing
        with torch.no_grad():
            module.validation_step(images[:2], 0)
            module.validation_step(images[2][None], 1)
        module.on_validation_epoch_end()
    expected = []
    for image in images[:2]:
        with torch.no_grad():
            last = module(image[None])[1][-1, 0].numpy()
        expected.append(by_definition(np.clip(np.rint(255 * (last + 0.5)), 0, 255), image.numpy(), True))
    with torch.no_grad():
        pixels = (255 * (module(images[2][None])[1][-1] + 0.5)).round().clamp(0, 255).to(torch.uint8)
    expected.append(float(ms_ssim(pixels, images[2][None])))
    assert logged["val/ms_ssim"] == pytest.approx(np.mean(expected), abs=1e-4)
    scores = module.sample_scores()
    assert [scores.value(np.array([index])) for index in range(3)] == pytest.approx(expected, abs=1e-4)
    assert scores.value(np.arange(3)) == pytest.approx(logged["val/ms_ssim"], abs=1e-6)
    padded = 4 * 8 * 23 * 23 / (180 * 181)
    assert logged["val/bits_per_pixel"] == pytest.approx((0.5 + 0.5 + padded) / 3)


# What a person sees


def test_the_figure_shows_pictures_at_several_rates_and_three_curves(module):
    with torch.no_grad():
        figure = module.render(noise(5, 3, 192, 192))
    figure.canvas.draw()
    pictures = [axes for axes in figure.get_axes() if axes.get_images()]
    (curves,) = (axes for axes in figure.get_axes() if not axes.get_images())
    assert len(pictures) == 4 * 4
    assert pictures[1].get_title().startswith("0.125 bits a pixel: ")
    rates = curves.get_lines()[0].get_xdata()
    assert rates.tolist() == [0.125, 0.25, 0.375, 0.5]
    assert [text.get_text() for text in curves.get_legend().get_texts()] == [
        "codec, bits as they are",
        "codec, with the entropy coder",
        "JPEG (Pillow), whole files",
    ]
