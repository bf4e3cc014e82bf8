"""MLPerf's models: their sizes against published ones and against sums by hand, and real training steps."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch
from torchvision.models import ResNet50_Weights
from torchvision.models.detection import MaskRCNN_ResNet50_FPN_Weights

from aibench.characterization import mlperf
from aibench.characterization.mlperf import (
    catalogue,
    gnmt,
    mask_rcnn,
    ncf,
    resnet50,
    ssd_boxes,
    ssd_resnet34,
    transformer_big,
)
from aibench.characterization.workload import Steps, Workload, run_steps
from aibench.config import ConfigError
from aibench.meters.flops import count, on_meta
from aibench.meters.operations import forward_count, step_count

SMALL_DETECTOR = mask_rcnn.Sizes(height=160, width=224, samples=16, candidates=40, proposals=30, detections=5)
SMALL_GNMT = gnmt.Sizes(vocabulary=50, hidden=16)
SMALL_TRANSFORMER = transformer_big.Sizes(vocabulary=50, layers=2, dimensions=32, feed_forward=64, heads=4)


def seeded():
    return torch.Generator().manual_seed(0)


SMALL = {  # a module and a batch that a step takes moments of
    "resnet50": lambda: (resnet50.Module(4), resnet50.made_up(4, seeded(), size=64)),
    "mask_rcnn": lambda: (mask_rcnn.Module(2, SMALL_DETECTOR), mask_rcnn.made_up(2, seeded(), SMALL_DETECTOR)),
    "ssd_resnet34": lambda: (ssd_resnet34.Module(1), ssd_resnet34.made_up(1, seeded())),
    "gnmt": lambda: (gnmt.Module(4, SMALL_GNMT), gnmt.made_up(4, seeded(), 50, 6)),
    "transformer_big": lambda: (
        transformer_big.Module(4, SMALL_TRANSFORMER),
        transformer_big.made_up(4, seeded(), 50, 6),
    ),
    "ncf": lambda: (ncf.Module(64, 30, 20), ncf.made_up(64, seeded(), 30, 20)),
}


def parameters(module):
    return sum(weight.numel() for weight in module.parameters())


def unreal(make):
    with torch.device("meta"):
        return make().to("meta")


def macs(module):
    return forward_count(module, device="meta").flops / 2


def convolution(inputs, outputs, kernel, height, width):
    """Multiply-adds of one that makes `height` x `width` places."""
    return inputs * outputs * kernel**2 * height * width


# The list


def test_the_seven_of_the_paper_are_there_and_one_is_not_reported():
    assert mlperf.names() == ["resnet50", "mask_rcnn", "ssd_resnet34", "gnmt", "transformer_big", "ncf"]
    assert len(catalogue.BENCHMARKS) == 7
    assert set(mlperf.NOT_REPORTED) == {"minigo"}
    assert set(SMALL) == set(mlperf.names())


@pytest.mark.parametrize("name", ["resnet", "mlperf/bert", "minigo", "mlperf/minigo", ""])
def test_what_is_not_built_is_refused_in_one_line(name):
    with pytest.raises(ConfigError, match="mlperf/") as caught:
        mlperf.workload(name)
    assert "\n" not in str(caught.value)
    if "minigo" in name:
        assert "vary" in str(caught.value)


def test_a_batch_of_nothing_is_refused():
    with pytest.raises(ConfigError, match=r"data\.batch_size=0"):
        mlperf.workload("ncf", batch_size=0)


def test_the_list_needs_no_torch():
    code = "import sys; from aibench.characterization.mlperf import catalogue; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "pytorch_lightning", "numpy"} & set(loaded)


@pytest.mark.parametrize("name", mlperf.names())
def test_a_workload_says_what_it_is(name):
    workload = mlperf.workload(f"mlperf/{name}")
    assert (workload.name, workload.suite, workload.scale) == (f"mlperf/{name}", "MLPerf", "reference")
    assert workload.batch_size == catalogue.benchmark(name).batch_size
    assert workload.uncountable is None
    assert mlperf.workload(name, batch_size=3).batch_size == 3


def test_batches_are_as_large_as_asked_for_and_the_same_in_every_run():
    for name in ("resnet50", "ssd_resnet34", "gnmt", "transformer_big", "ncf"):
        first, again = (mlperf.workload(name, batch_size=2).batch() for _ in range(2))
        assert all(len(part) == 2 for part in first), name
        assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True)), name
    images, targets = mlperf.workload("mask_rcnn", batch_size=1).batch()
    assert images.shape == (1, 3, 800, 1344)
    assert targets[0]["masks"].shape == (8, 800, 1344)


def test_an_epoch_can_be_gone_through_again():
    batches = mlperf.workload("ncf", batch_size=2).batches()
    assert len(list(batches)) == len(list(batches)) == len(batches)


# Parameters


def test_resnet_has_the_parameters_that_torchvision_publishes():
    assert parameters(unreal(resnet50.Module)) == ResNet50_Weights.IMAGENET1K_V1.meta["num_params"] == 25_557_032


def test_mask_rcnn_has_the_parameters_that_torchvision_publishes_but_for_ten_classes_fewer():
    ten_classes = 10 * ((1024 + 1) * 5 + 256 + 1)  # class and box of the box head, and a mask
    published = MaskRCNN_ResNet50_FPN_Weights.COCO_V1.meta["num_params"]
    assert parameters(unreal(mask_rcnn.Module)) == published - ten_classes == 44_347_573


def test_ssd_has_the_parameters_of_mlperfs_file():
    """OpenVINO's model zoo, ssd-resnet34-1200-onnx: 20.058 million, with what the file has besides weights."""
    assert parameters(unreal(ssd_resnet34.Module)) == 19_972_534 == pytest.approx(20.058e6, rel=0.01)


def test_gnmt_has_the_parameters_of_mlperfs():
    """160,671,297 with 32,320 entries, says a public test of distributed optimisers with apex of "MLPerf GNMT"."""
    assert parameters(unreal(lambda: gnmt.Module(sizes=gnmt.Sizes(vocabulary=32_320)))) == 160_671_297
    assert parameters(unreal(gnmt.Module)) == 160_665_150


def test_transformer_has_the_parameters_of_its_paper():
    """Vaswani et al. 2017, Table 3: 213 million, with a vocabulary of about 37,000."""
    big = transformer_big.Sizes(vocabulary=37_000)
    assert parameters(unreal(lambda: transformer_big.Module(sizes=big))) == pytest.approx(213e6, rel=0.01)
    feed_forward = 2 * 1024 * 4096 + 4096 + 1024
    layers = 6 * (4 * 1024**2 + feed_forward + 2 * 2048) + 6 * (8 * 1024**2 + feed_forward + 3 * 2048)
    assert parameters(unreal(transformer_big.Module)) == 33_708 * 1024 + layers + 2 * 2048 == 210_804_736


def test_ncf_has_the_parameters_of_movielens_20m():
    assert parameters(unreal(ncf.Module)) == (138_493 + 26_744) * (64 + 128) + 107_073 == 31_832_577


# Multiply-adds of a sample


def test_ncf_takes_the_paper_s_least_operations():
    count_ = forward_count(unreal(ncf.Module), device="meta")
    assert count_.flops == 213_248  # 5.2.1: 0.213248 M-FLOPs
    assert count_.flops == 2 * 106_624 == 2 * (256 * 256 + 256 * 128 + 128 * 64 + 128)


def test_resnet_takes_the_operations_that_torchvision_publishes():
    assert macs(unreal(resnet50.Module)) == pytest.approx(1e9 * ResNet50_Weights.IMAGENET1K_V1.meta["_ops"], rel=0.001)


def bottlenecks(height, width):
    """Of ResNet-50 without its last layer; the images have `height` x `width` pixels."""
    total, inputs = convolution(3, 64, 7, height // 2, width // 2), 64
    for group, blocks in enumerate((3, 4, 6, 3)):
        inner, scale = 64 * 2**group, 4 * 2**group
        for block in range(blocks):
            before = scale // 2 if block == 0 and group > 0 else scale  # the 3x3 convolution has the stride
            total += convolution(inputs, inner, 1, height // before, width // before)
            total += convolution(inner, inner, 3, height // scale, width // scale)
            total += convolution(inner, 4 * inner, 1, height // scale, width // scale)
            if block == 0:
                total += convolution(inputs, 4 * inner, 1, height // scale, width // scale)
            inputs = 4 * inner
    return total


def test_the_sum_by_hand_is_right_of_resnet():
    assert bottlenecks(224, 224) + 2048 * 1000 == macs(unreal(resnet50.Module))


def detector(height, width, proposals, masks):
    total = bottlenecks(height, width)
    places = [((height // scale), (width // scale)) for scale in (4, 8, 16, 32)]
    for channels, place in zip((256, 512, 1024, 2048), places, strict=True):
        total += convolution(channels, 256, 1, *place) + convolution(256, 256, 3, *place)
    for place in [*places, (math.ceil(height / 64), math.ceil(width / 64))]:
        total += convolution(256, 256, 3, *place) + convolution(256, 3 + 12, 1, *place)
    total += proposals * (256 * 7 * 7 * 1024 + 1024 * 1024 + 1024 * 5 * 81)
    mask = 4 * convolution(256, 256, 3, 14, 14) + 4 * 256 * 256 * 14 * 14 + 256 * 81 * 28 * 28
    return total + masks * mask


def test_mask_rcnn_takes_the_operations_of_its_layers():
    assert macs(unreal(mask_rcnn.Module)) == detector(800, 1344, 1000, 100)


@pytest.mark.slow
@pytest.mark.parametrize("training", [False, True])
def test_made_up_places_take_a_detector_the_operations_of_real_ones(training):
    """What is counted on the meta device against what a real pass over real boxes takes."""
    torch.manual_seed(0)
    module, batch = SMALL["mask_rcnn"]()
    if training:
        real, meta = step_count(module, batch), step_count(SMALL["mask_rcnn"]()[0].to("meta"), on_meta(batch))
    else:
        real, meta = forward_count(module), forward_count(SMALL["mask_rcnn"]()[0].to("meta"), device="meta")
        assert real.flops == 2 * detector(160, 224, 30, 5)
    assert real.flops == meta.flops


def basic_blocks(side):
    """Of SSD's backbone, for images of `side` x `side` pixels."""
    half, quarter, eighth = (math.ceil(side / scale) for scale in (2, 4, 8))
    total = convolution(3, 64, 7, half, half) + 6 * convolution(64, 64, 3, quarter, quarter)
    for inputs, blocks in ((64, 4), (128, 6)):
        width = 2 * inputs
        total += convolution(inputs, width, 3, eighth, eighth) + convolution(inputs, width, 1, eighth, eighth)
        total += (2 * blocks - 1) * convolution(width, width, 3, eighth, eighth)
    return total


def test_ssd_takes_the_operations_of_its_layers():
    total, places = basic_blocks(300), (38, 19, 10, 5, 3, 1)
    for boxes, channels, side in zip((4, 6, 6, 6, 4, 4), (256, 512, 512, 256, 256, 256), places, strict=True):
        total += convolution(channels, boxes * (4 + 81), 3, side, side)
    for before, between, after, side, smaller in (
        (256, 256, 512, 38, 19),
        (512, 256, 512, 19, 10),
        (512, 128, 256, 10, 5),
        (256, 128, 256, 5, 3),
        (256, 128, 256, 3, 1),
    ):
        total += convolution(before, between, 1, side, side) + convolution(between, after, 3, smaller, smaller)
    assert macs(unreal(ssd_resnet34.Module)) == total


def test_ssd_at_the_size_of_mlperfs_inference_takes_what_is_published_of_it():
    """OpenVINO's model zoo, ssd-resnet34-1200-onnx: 433.411 GFLOPs, of which the heads look at every third place."""

    def large():
        network = ssd_resnet34.SSD()
        network.further[3][2].stride = (2, 2)
        for head in [*network.offsets, *network.logits]:
            head.stride = (3, 3)
        return network

    network = unreal(large).eval()
    counted = count(lambda: network(torch.zeros(1, 3, 1200, 1200, device="meta")))
    assert counted.flops == pytest.approx(433.411e9, rel=0.01)


def test_gnmt_takes_the_operations_of_its_layers():
    tokens, width = 32, 1024
    lstm = {inputs: tokens * 4 * width * (inputs + width) for inputs in (width, 2 * width)}
    encoder = 2 * lstm[width] + lstm[2 * width] + 2 * lstm[width]
    attention = 2 * tokens * width**2 + tokens**2 * width + tokens**2 * width
    decoder = lstm[width] + attention + 3 * lstm[2 * width] + tokens * width * 32_317
    assert macs(unreal(gnmt.Module)) == encoder + decoder


def test_transformer_takes_the_operations_of_its_layers():
    tokens, width = 32, 1024
    attention = 4 * tokens * width**2 + 2 * tokens**2 * width
    feed_forward = 2 * tokens * width * 4 * width
    layers = 6 * (attention + feed_forward) + 6 * (2 * attention + feed_forward)
    assert macs(unreal(transformer_big.Module)) == layers + tokens * width * 33_708


@pytest.mark.slow
@pytest.mark.parametrize("name", mlperf.names())
def test_a_training_step_takes_about_three_forward_passes(name):
    workload = mlperf.workload(name, batch_size=1)
    step = step_count(unreal(workload.build), on_meta(workload.batch()))
    assert step.flops == pytest.approx(3 * 2 * macs(unreal(workload.build)), rel=0.1)


# Training


HEAVY = ("resnet50", "mask_rcnn", "ssd_resnet34")
TRAINED = [pytest.param(name, marks=[pytest.mark.slow] * (name in HEAVY)) for name in mlperf.names()]


@pytest.mark.parametrize("name", TRAINED)
def test_every_weight_is_trained_and_the_loss_falls(name):
    torch.manual_seed(0)
    module, batch = SMALL[name]()
    module.train()
    for part in module.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    weights = [weight for weight in module.parameters() if weight.requires_grad]
    optimizer = torch.optim.Adam(weights, lr=1e-3)
    losses = []
    for _ in range(4 if name in HEAVY else 12):
        optimizer.zero_grad()
        loss = module.training_step(batch, 0)
        loss.backward()
        losses.append(loss.item())
        missing = [key for key, weight in module.named_parameters() if weight.requires_grad and weight.grad is None]
        assert missing == []
        assert all(weight.grad.isfinite().all() for weight in weights)
        optimizer.step()
    assert all(map(math.isfinite, losses))
    assert losses[-1] < losses[0], losses


class Small(Workload):
    """A small module, trained as a workload is."""

    suite, scale = "MLPerf", "reference"

    def __init__(self, name):
        self.name = name

    def build(self):
        return SMALL[self.name]()[0]

    def batch(self):
        return SMALL[self.name]()[1]

    def batches(self):
        return InTurn(self.batch())


class InTurn:
    """Three times the same batch; Lightning takes a list for several loaders."""

    def __init__(self, batch):
        self.batch = batch

    def __len__(self):
        return 3

    def __iter__(self):
        return iter([self.batch] * 3)


@pytest.mark.parametrize("name", TRAINED)
def test_steps_run_through_lightning_with_the_optimiser_of_the_reference(name):
    torch.manual_seed(0)
    before = {key: weight.clone() for key, weight in Small(name).build().named_parameters()}
    torch.manual_seed(0)
    module = run_steps(Small(name), Steps(warmup=1, count=2))
    trained = {key: weight for key, weight in module.named_parameters() if weight.requires_grad}
    assert all(weight.isfinite().all() for weight in trained.values())
    moved = [key for key, weight in trained.items() if not torch.equal(weight, before[key])]
    assert len(moved) > 0.9 * len(trained)


def test_the_workloads_own_steps_run():
    module = run_steps(mlperf.workload("ncf", batch_size=64), Steps(warmup=0, count=2))
    assert isinstance(module, ncf.Module)


# Parts


@pytest.mark.slow
def test_a_detector_is_trained_with_the_stated_number_of_regions_and_masks():
    module, (images, targets) = SMALL["mask_rcnn"]()
    seen = {}
    module.network.heads.box_head.register_forward_pre_hook(lambda _, inputs: seen.update(boxes=len(inputs[0])))
    module.network.heads.mask_head.register_forward_pre_hook(lambda _, inputs: seen.update(masks=len(inputs[0])))
    module.training_step((images, targets), 0)
    assert seen == {"boxes": 2 * 16, "masks": 2 * 4}
    boxes, masks = module.eval()(images)
    assert [len(each) for each in boxes] == [5, 5]
    assert masks.shape == (10, 81, 28, 28)


def test_made_up_boxes_near_an_object_overlap_it_by_more_than_half():
    for target in mask_rcnn.made_up(2, seeded(), SMALL_DETECTOR)[1]:
        for index, (left, top, right, bottom) in enumerate(target["near"].tolist()):
            x0, y0, x1, y1 = target["boxes"][index % 8].tolist()
            shared = max(0, min(right, x1) - max(left, x0)) * max(0, min(bottom, y1) - max(top, y0))
            union = (right - left) * (bottom - top) + (x1 - x0) * (y1 - y0) - shared
            assert shared / union > 0.5
        assert (target["boxes"] >= 0).all()
        assert (target["boxes"][:, [2, 3]] <= torch.tensor([224, 160])).all()


def test_ssd_has_8732_default_boxes_of_the_published_sizes():
    boxes = ssd_boxes.default_boxes()
    assert boxes.shape == (8732, 4)
    torch.testing.assert_close(boxes[0], torch.tensor([4 / 300, 4 / 300, 0.07, 0.07]))
    torch.testing.assert_close(boxes[1], torch.tensor([12 / 300, 4 / 300, 0.07, 0.07]))  # places go right first
    middle = math.sqrt(261 * 315) / 300
    torch.testing.assert_close(boxes[8729], torch.tensor([0.5, 0.5, middle, middle]))
    torch.testing.assert_close(
        boxes[8730], torch.tensor([0.5, 0.5, min(1, 0.87 * math.sqrt(2)), 0.87 / math.sqrt(2)]), atol=1e-6, rtol=0
    )


def test_each_object_is_matched_with_its_best_default_box_and_with_all_that_overlap_it_by_half():
    defaults = ssd_boxes.default_boxes()
    objects = torch.tensor([[0.1, 0.1, 0.4, 0.5], [0.6, 0.55, 0.61, 0.56]])
    boxes, classes = ssd_boxes.wanted(objects, torch.tensor([7, 9]), defaults)

    def overlap(one, other):
        sides = [min(one[i + 2], other[i + 2]) - max(one[i], other[i]) for i in (0, 1)]
        shared = max(sides[0], 0) * max(sides[1], 0)
        return shared / sum([(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)], -shared)

    corners = [(x - w / 2, y - h / 2, x + w / 2, y + h / 2) for x, y, w, h in defaults.tolist()]
    table = [[overlap(each.tolist(), corner) for corner in corners] for each in objects]
    expected = {index for index, value in enumerate(table[0]) if value > 0.5} | {table[0].index(max(table[0]))}
    assert set(torch.where(classes == 7)[0].tolist()) == expected
    assert torch.where(classes == 9)[0].tolist() == [table[1].index(max(table[1]))]  # small: overlaps none by half
    torch.testing.assert_close(boxes[classes == 7][0], torch.tensor([0.25, 0.3, 0.3, 0.4]))


def test_ssd_s_loss_counts_objects_and_three_times_as_many_of_the_worst_others():
    torch.manual_seed(0)
    module, (_, boxes, classes) = SMALL["ssd_resnet34"]()
    offsets, logits = torch.randn(1, 4, 8732), torch.randn(1, 81, 8732)
    module.forward = lambda _: (offsets, logits)
    found = [index for index in range(8732) if classes[0, index] > 0]
    wrong = (logits.logsumexp(1) - logits.gather(1, classes[:, None])[:, 0])[0].tolist()
    worst = sorted((value for index, value in enumerate(wrong) if index not in set(found)), reverse=True)
    total = sum(wrong[index] for index in found) + sum(worst[: 3 * len(found)])
    for index in found:
        (x, y, w, h), (cx, cy, cw, ch) = boxes[0, :, index].tolist(), ssd_boxes.default_boxes()[index].tolist()
        target = [10 * (x - cx) / cw, 10 * (y - cy) / ch, 5 * math.log(w / cw), 5 * math.log(h / ch)]
        for value, goal in zip(offsets[0, :, index].tolist(), target, strict=True):
            error = abs(value - goal)
            total += error - 0.5 if error > 1 else error**2 / 2
    loss = module.training_step((torch.zeros(1, 3, 300, 300), boxes, classes), 0)
    assert float(loss) == pytest.approx(total / len(found), rel=1e-4)


def test_gnmt_s_attention_equals_its_definition_and_leaves_padding_out():
    torch.manual_seed(0)
    layer = gnmt.Attention(4)
    queries, memory = torch.randn(1, 3, 4), torch.randn(1, 5, 4)
    mask = torch.tensor([[True, True, True, False, False]])
    found = layer(queries, memory, mask)
    v = layer.weights / layer.weights.square().sum().sqrt() * layer.scale
    for place in range(3):
        scores = [
            (
                v * torch.tanh(layer.query.weight @ queries[0, place] + layer.key.weight @ memory[0, key] + layer.bias)
            ).sum()
            for key in range(3)
        ]
        shares = torch.stack(scores).exp() / torch.stack(scores).exp().sum()
        torch.testing.assert_close(found[0, place], shares @ memory[0, :3])


def test_padding_of_a_source_changes_no_translation_of_the_transformer():
    torch.manual_seed(0)
    module = SMALL["transformer_big"]()[0].eval()
    source, target = torch.randint(4, 50, (2, 5)), torch.randint(4, 50, (2, 6))
    padded = torch.cat([source, torch.zeros(2, 3, dtype=torch.int64)], 1)
    torch.testing.assert_close(module(source, target), module(padded, target))


def test_a_token_of_the_transformer_s_target_sees_none_that_are_later():
    torch.manual_seed(0)
    module = SMALL["transformer_big"]()[0].eval()
    source, target = torch.randint(4, 50, (2, 5)), torch.randint(4, 50, (2, 6))
    other = target.clone()
    other[:, 4:] = 5
    torch.testing.assert_close(module(source, target)[:, :4], module(source, other)[:, :4])


@pytest.mark.parametrize(
    ("name", "rates"),
    [("resnet50", [0.128 / 4]), ("mask_rcnn", [0.0025 / 3, 0.005 / 3]), ("ssd_resnet34", [0.0025]), ("ncf", [5e-4])],
)
def test_learning_rates_suit_the_batch(name, rates):
    """MLPerf's for its own batch, at the first step; a detector's biases have twice the rate."""
    optimizer = SMALL[name]()[0].configure_optimizers() if name == "ncf" else built(name).configure_optimizers()
    optimizer = optimizer["optimizer"] if isinstance(optimizer, dict) else optimizer
    assert sorted({group["lr"] for group in optimizer.param_groups}) == pytest.approx(rates)


def built(name):
    return mlperf.workload(name).build()
