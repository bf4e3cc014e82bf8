"""Image compression: its bytes, with and without the entropy coder."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from aibench.contract import DataError, example_batch
from aibench.tasks.image_compression import coder, stream
from aibench.tasks.image_compression.config import EntropyCoder
from aibench.tasks.image_compression.data import Data
from aibench.tasks.image_compression.module import Module

TASK = "task=image_compression"
CODERS = pytest.mark.parametrize("entropy_coder", list(EntropyCoder))


def random_code(*shape):
    return np.random.default_rng(0).integers(0, 2, shape, np.uint8)


def orderly_code(iterations, bits, rows, columns):
    """Stripes, one bit in fifty of them wrong: neighbours and iterations are alike."""
    generator = np.random.default_rng(0)
    code = np.broadcast_to(np.arange(columns) // 5 % 2, (iterations, bits, rows, columns))
    return (code ^ (generator.random(code.shape) < 0.02)).astype(np.uint8)


# The entropy coder


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 3, 1, 7), (3, 8, 9, 5), (1, 2, 30, 1)])
@pytest.mark.parametrize("code", [random_code, orderly_code])
def test_what_the_entropy_coder_writes_it_reads(code, shape):
    assert np.array_equal(coder.decode(coder.encode(code(*shape)), shape), code(*shape))


@pytest.mark.parametrize("bit", [0, 1])
def test_a_code_of_one_bit_over_and_over_survives(bit):
    code = np.full((2, 4, 20, 20), bit, np.uint8)
    content = coder.encode(code)
    assert np.array_equal(coder.decode(content, code.shape), code)
    assert len(content) < code.size / 8 / 5


def test_orderly_bits_get_shorter_and_random_ones_hardly_longer():
    shape = (4, 8, 20, 20)
    assert len(coder.encode(orderly_code(*shape))) < 0.35 * math.prod(shape) / 8
    assert len(coder.encode(random_code(*shape))) < 1.1 * math.prod(shape) / 8


def test_the_length_is_the_information_that_the_network_leaves():
    code = orderly_code(3, 4, 12, 10)
    signs = np.zeros((4, 4, 14, 12))  # an iteration before the first, and a border
    networks = [np.zeros(8 + place) for place in range(4)]
    information = 0.0
    for t, y, x, c in ((t, y, x, c) for t in range(3) for y in range(12) for x in range(10) for c in range(4)):
        row, column, now, before = y + 1, x + 1, signs[t + 1, c], signs[t, c]
        around = [now[row, column - 1], now[row - 1, column], now[row - 1, column - 1], now[row - 1, column + 1]]
        earlier = [before[row, column], before[row, column + 1], before[row + 1, column]]
        inputs = np.array([1, *around, *earlier, *signs[t + 1, :c, row, column]])
        total = networks[c] @ inputs
        sign = 2.0 * code[t, c, y, x] - 1
        likelihood = (1 + sign * total / math.hypot(1, total)) / 2
        information -= math.log2(likelihood)
        # The gradient of log((1 + s t / sqrt(1 + t^2)) / 2) in t, by central differences
        above, below = ((1 + sign * (total + d) / math.hypot(1, total + d)) / 2 for d in (1e-5, -1e-5))
        networks[c] += 0.02 * (math.log(above) - math.log(below)) / 2e-5 * inputs
        signs[t + 1, c, row, column] = sign
    assert len(coder.encode(code)) == pytest.approx(information / 8, abs=2)


def test_the_bytes_of_the_first_iterations_are_known_from_those_of_all():
    code = orderly_code(4, 3, 7, 6)
    assert coder.lengths(code) == [len(coder.encode(code[:count])) for count in (1, 2, 3, 4)]


GOLDEN = "642483fedf57c13e2aa5ceb6"


def test_bytes_that_were_written_once_are_read_for_ever():
    code = (np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5) % 7 < 3).astype(np.uint8)
    assert coder.encode(code).hex() == GOLDEN
    assert np.array_equal(coder.decode(bytes.fromhex(GOLDEN), code.shape), code)


# Images as bytes


@CODERS
def test_an_image_of_bytes_has_its_size_its_iterations_and_its_code(entropy_coder):
    code = random_code(3, 8, 4, 6)
    content = stream.pack(code, 29, 45, entropy_coder)
    assert content[:6] == bytes([0, 29, 0, 45, 3, list(EntropyCoder).index(entropy_coder)])
    found, height, width = stream.unpack(content, bits=8, block=8)
    assert (height, width) == (29, 45)
    assert np.array_equal(found, code)


def _cut(content):
    return content[:-1]


def _longer(content):
    return content + b"\0"


def _flipped(content):
    return content[:20] + bytes([content[20] ^ 4]) + content[21:]


def _other_width(content):
    return content[:3] + b"\x31" + content[4:]


def _nothing(content):
    return b""


@CODERS
@pytest.mark.parametrize("damage", [_cut, _longer, _flipped, _other_width, _nothing])
def test_a_damaged_image_is_refused(entropy_coder, damage):
    content = damage(stream.pack(random_code(2, 8, 4, 6), 32, 48, entropy_coder))
    with pytest.raises(DataError) as caught:
        stream.unpack(content, bits=8, block=8)
    assert str(caught.value) == f"{len(content)} bytes that are no compressed image, or a damaged one. Restore it."


@CODERS
def test_an_image_of_a_codec_of_another_form_is_refused(entropy_coder):
    content = stream.pack(random_code(2, 8, 4, 6), 32, 48, entropy_coder)
    with pytest.raises(DataError, match=r"bytes of code, and \d+ are read: it is another codec's image\."):
        stream.unpack(content, bits=12, block=8)


def test_an_image_too_large_for_the_header_is_refused():
    with pytest.raises(DataError, match=r"an image of 70000x8 pixels: a side must be at most 65535\."):
        stream.pack(random_code(1, 1, 1, 8750), 8, 70_000, EntropyCoder.none)


@CODERS
def test_the_bytes_alone_decode_to_the_very_image_that_the_network_made(composed, entropy_coder):
    config = composed(TASK, f"model.entropy_coder={entropy_coder}")
    torch.manual_seed(0)
    module = Module(config, {}).to(memory_format=torch.channels_last).eval()
    whole = example_batch(Data(config), "val", 2)
    batch = [whole[0], whole[1][:, :91, :150]]  # the second is no multiple of the block
    answers = module.infer(batch)
    receiver = Module(config, {}).eval()
    receiver.load_state_dict(module.state_dict())
    receiver.to(memory_format=torch.channels_last)
    for image, answer in zip(batch, answers, strict=True):
        with torch.no_grad():
            codes, reconstructions = module(image[None])
            received = receiver.decompress(bytes(answer.content))
        expected = np.clip(np.rint(255 * (reconstructions[-1, 0].numpy() + 0.5)), 0, 255).astype(np.uint8)
        assert answer.picture.shape == image.shape
        assert np.array_equal(answer.picture.numpy(), expected)
        assert torch.equal(received, answer.picture)
        pixels = image.shape[1] * image.shape[2]
        if entropy_coder is EntropyCoder.none:
            assert len(answer.content) == 10 + math.ceil(codes.numel() / 8)
        assert answer.bits_per_pixel == 8 * len(answer.content) / pixels


def test_whole_blocks_take_the_bits_per_pixel_that_an_evaluation_states_and_the_header(composed):
    config = composed(TASK)
    module = Module(config, {}).eval()
    (answer,) = module.infer(example_batch(Data(config), "val", 1))
    assert answer.bits_per_pixel == pytest.approx(0.5 + 80 / 176**2)
