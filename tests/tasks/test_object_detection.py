"""The detector, its three sources of data and its schedule."""

from __future__ import annotations

import copy
import functools
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import resnet50

from aibench.composition.compose import composed
from aibench.config import ConfigError, Session, Source
from aibench.config.checks import problems
from aibench.contract import DataError, example_batch
from aibench.nn.decay import Decay
from aibench.tasks.object_detection import scenes, voc
from aibench.tasks.object_detection.config import Backbone
from aibench.tasks.object_detection.data import Data, Mirrored, Noise
from aibench.tasks.object_detection.model import Detector
from aibench.tasks.object_detection.module import Module
from tests.fixtures.voc2007 import OBJECTS, write_voc2007

SMALL = ("data.train_size=24", "data.val_size=8", "data.batch_size=8", "data.eval_batch_size=8")
TIMING = ("scale=reference", "data.source=synthetic", "data.workers=0", "session=steps")


@functools.cache
def composed_once(words):
    return composed(["task=object_detection", *words])


def run(*words, **changes):
    """The run of `words`, and then with other values of dotted keys: Hydra takes a quarter of a second."""
    config = copy.deepcopy(composed_once(words))
    for key, value in changes.items():
        *path, name = key.split("__")
        setattr(functools.reduce(getattr, path, config), name, value)
    return config


@pytest.fixture
def devkit(tmp_path):
    return write_voc2007(tmp_path / "VOCdevkit")


def on_disk(root, **changes):
    """The data of a VOCdevkit, as a run at reference scale reads them."""
    config = run(*TIMING, data__source=Source.disk, data__root=str(root), **changes)
    assert not list(problems(config))
    return Data(config)


@functools.cache
def reference_detector(model):
    config = run(*TIMING, f"model=object_detection/{model}")
    with torch.device("meta"):
        return Detector(config.model, 20).eval()


# The reference model


@pytest.mark.parametrize(
    ("model", "millions"), [("reference", 28.470), ("resnet101_c4", 47.462), ("resnet50_fpn", 41.45)]
)
def test_has_as_many_parameters_as_the_network_it_stands_for(model, millions):
    detector = reference_detector(model)
    assert sum(weight.numel() for weight in detector.parameters()) == pytest.approx(millions * 1e6, rel=0.001)


@pytest.mark.parametrize(("model", "width", "giga"), [("resnet101_c4", 900, 157.969), ("resnet101_c4", 800, 147.586)])
def test_multiplies_as_often_as_the_authors_network(model, width, giga):
    detector = reference_detector(model)
    with FlopCounterMode(display=False) as counter, torch.no_grad(), torch.device("meta"):
        features = detector.backbone(torch.empty(1, 3, 600, width))
        detector.rpn.head([features])
        heads = detector.roi_heads
        heads.box_predictor(heads.box_head(torch.empty(300, 1024, 7, 7)))
    assert features.shape == (1, 1024, 38, -(-width // 16))
    assert counter.get_total_flops() / 2 == pytest.approx(giga * 1e9, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["reference", "resnet50_fpn"])
def test_a_gradient_step_at_reference_scale_moves_the_weights(model):
    config = run(*TIMING, f"model=object_detection/{model}", data__height=120, data__width=160, model__short_side=120)
    data = Data(config)
    module = Module(config, data.facts)
    before = [weight.detach().clone() for weight in module.parameters()]
    loss = module.training_step(example_batch(data, "train", 1), 0)
    loss.backward()
    torch.optim.SGD(module.parameters(), lr=0.01).step()
    assert math.isfinite(float(loss.detach()))
    assert all(not torch.equal(old, new) for old, new in zip(before, module.parameters(), strict=True))


# Weights from a file


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(5)
    network = resnet50()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
    path = tmp_path_factory.mktemp("weights") / "resnet50.pth"
    torch.save(network.state_dict(), path)
    return path, network.state_dict()


def test_loaded_weights_stay_where_the_recipe_freezes_them(weights):
    path, state = weights
    config = run(*TIMING, model__weights=str(path), data__height=64, data__width=64, model__short_side=64)
    config.model.roi.batch = 8
    data = Data(config)
    module = Module(config, data.facts).train()
    module.training_step(example_batch(data, "train", 2), 0).backward()
    own = module.detector.backbone.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in own.items())
    graded = {name for name, weight in module.detector.backbone.named_parameters() if weight.grad is not None}
    assert graded == {name for name in own if name.startswith(("layer2", "layer3")) and is_convolution(name)}
    assert str(path) in module.initialisation


def is_convolution(name):
    return name.endswith("weight") and ("conv" in name or "downsample.0" in name)


def test_from_scratch_nothing_is_frozen():
    with torch.device("meta"):
        module = Module(run(*TIMING), {"classes": voc.CLASSES})
    assert all(weight.requires_grad for weight in module.parameters())
    assert all(part.training for part in module.train().modules())
    assert module.initialisation == "from scratch"


def test_weights_of_another_network_are_refused_in_one_line(weights, tmp_path):
    config = run(*TIMING, model__weights=str(weights[0]), model__backbone=Backbone.resnet101)
    with torch.device("meta"), pytest.raises(ConfigError, match=r"or of another shape, first layer3\.6\.conv1\.weight"):
        Detector(config.model, 20)
    config.model.weights = str(tmp_path / "weights.pth")
    (tmp_path / "weights.pth").write_bytes(b"no weights")
    with (
        torch.device("meta"),
        pytest.raises(ConfigError, match=r"not a state_dict \(.*\)\. Save one with torch\.save\.$"),
    ):
        Detector(config.model, 20)


# Losses and images


def test_the_box_loss_counts_objects_alone_and_their_own_class():
    heads = Detector(run(*SMALL, model__roi__beta=0.5).model, 3).roi_heads
    generator = torch.Generator().manual_seed(0)
    logits, predicted, wanted = (torch.randn(6, width, generator=generator) for width in (4, 16, 4))
    labels = torch.tensor([0, 3, 1, 0, 0, 2])
    total = 0.0
    for row, label in enumerate(labels.tolist()):
        for side in range(4):
            error = abs(float(predicted[row, 4 * label + side]) - float(wanted[row, side]))
            if label:
                total += error**2 / (2 * 0.5) if error < 0.5 else error - 0.25
    losses = heads.losses(logits, predicted, labels, wanted)
    assert float(losses["loss_box_reg"]) == pytest.approx(total / 6, rel=1e-5)
    chosen = logits.softmax(1)[torch.arange(6), labels].log().mean()
    assert float(losses["loss_classifier"]) == pytest.approx(-float(chosen), rel=1e-5)


def test_images_are_scaled_to_the_short_or_the_long_side_and_boxes_with_them():
    resize = reference_detector("reference").transform
    image = torch.full((3, 60, 90), 255, dtype=torch.uint8)
    panorama = torch.zeros(3, 30, 90, dtype=torch.uint8)
    boxes = torch.tensor([[9.0, 6.0, 90.0, 60.0]])
    batch, targets = resize([image, panorama], [{"boxes": boxes}, {"boxes": boxes / 2}])
    assert batch.image_sizes == [(600, 900), (333, 1000)]
    assert batch.tensors.shape == (2, 3, 608, 1008)
    torch.testing.assert_close(targets[0]["boxes"], boxes * 10)
    white = (1 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(batch.tensors[0, :, :600, :900].mean((1, 2)), white)
    assert batch.tensors[0, :, 600:].abs().max() == 0, "padding is the mean colour"


# Generated scenes


def test_the_parts_share_no_digit_and_no_pixel(monkeypatch):
    numbers = np.broadcast_to(np.arange(640)[None, :, None], (427, 640, 3))
    numbered = np.concatenate([numbers[..., :1] // 256, numbers[..., 1:] % 256], 2).astype(np.uint8)
    used = {"train": set(), "val": set(), "test": set()}

    def spy_on_digit(generator, digit):
        used[split].add(digit.tobytes())
        return ink(generator, digit)

    def spy_on_background(generator, columns, size):
        crop = background(generator, columns, size)
        used[split].update((np.rint(crop[0] / np.float32(0.75 / 255)) @ [256, 1, 0]).astype(int).tolist())
        return crop

    ink, background = scenes._ink, scenes._background
    monkeypatch.setattr(scenes, "photographs", lambda: (numbered, numbered))
    monkeypatch.setattr(scenes, "_ink", spy_on_digit)
    monkeypatch.setattr(scenes, "_background", spy_on_background)
    for split in used:
        scenes.scenes(split, 100, 96, seed=0)
    assert min(map(len, used.values())) > 220
    assert {50, 100, 400} <= used["train"]
    assert {440, 480, 520} <= used["val"]
    assert {540, 580, 630} <= used["test"]
    assert len(set.union(*used.values())) == sum(map(len, used.values()))


def test_every_digit_can_be_seen_where_its_box_is_and_touches_no_other():
    pictures, targets = scenes.scenes("train", 200, 96, seed=1)
    contrast = []
    for picture, target in zip(pictures, targets, strict=True):
        boxes = target["boxes"].astype(int)
        assert len(boxes) == len(target["labels"]) > 0
        assert (boxes >= 0).all()
        assert (boxes <= 96).all()
        filled = np.zeros((96, 96), int)
        for left, top, right, bottom in boxes:
            filled[top:bottom, left:right] += 1
            grey = picture[:, top:bottom, left:right].mean(0)
            contrast.append(grey.max() - grey.min())
        assert filled.max() == 1
    assert np.quantile(contrast, 0.02) > 60
    assert set(np.concatenate([target["labels"] for target in targets])) == set(range(1, 11))


def test_the_same_seed_generates_the_same_scenes():
    one, two, other = (scenes.scenes("val", 5, 96, seed)[0] for seed in (0, 0, 1))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


# VOC2007 on disk


def test_reads_boxes_classes_and_difficult_objects_as_they_are_annotated(devkit):
    data = on_disk(devkit, data__mirror=False)
    dataset = data.dataset("train")
    image, target = dataset[0]
    assert (image.shape, image.dtype) == ((3, 37, 50), torch.uint8)
    expected = [[box[0] - 1, box[1] - 1, box[2], box[3]] for _, box, _ in OBJECTS["000005"]]
    assert target["boxes"].tolist() == expected
    assert [data.facts["classes"][label - 1] for label in target["labels"]] == ["chair", "person", "chair"]
    assert target["difficult"].tolist() == [False, False, True]
    assert len(data.dataset("val")) == 2
    assert data.facts["classes"] == sorted(data.facts["classes"])


def test_the_folder_itself_is_as_good_as_the_one_that_holds_it(devkit):
    assert on_disk(devkit).fingerprint() == on_disk(devkit / "VOC2007").fingerprint()


def test_the_mirrored_half_shows_the_same_objects_the_other_way_round(devkit):
    dataset = on_disk(devkit).dataset("train")
    assert len(dataset) == 4
    (image, target), (mirror, mirrored) = dataset[0], dataset[2]
    for box, other in zip(target["boxes"].int().tolist(), mirrored["boxes"].int().tolist(), strict=True):
        inside = image[:, box[1] : box[3], box[0] : box[2]]
        assert torch.equal(mirror[:, other[1] : other[3], other[0] : other[2]], inside.flip(2))
    assert torch.equal(target["labels"], mirrored["labels"])


def edit(devkit, old, new):
    path = devkit / "VOC2007/Annotations/000007.xml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path.name


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        (
            "<xmax>30</xmax>",
            "<xmax>31</xmax>",
            r"the box \(14, 7, 31, 40\) of a car does not lie in the image of 30x40",
        ),
        ("<ymin>7</ymin>", "<ymin>0</ymin>", "does not lie in the image"),
        ("<xmin>14</xmin>", "<xmin>31</xmin>", "does not lie in the image"),
        ("<xmin>14</xmin>", "<xmin>x</xmin>", "object/bndbox/xmin is 'x', not a number"),
        ("<xmin>14</xmin>", "", "object/bndbox/xmin is missing"),
        ("<name>car</name>", "<name>cart</name>", "'cart' is not one of VOC2007's twenty classes"),
        ("object>", "thing>", "no object with a box"),
        ("</annotation>", "", "line 15: not well-formed XML"),
    ],
)
def test_a_wrong_annotation_is_named_in_one_line(old, new, wrong, devkit):
    name = edit(devkit, old, new)
    with pytest.raises(DataError, match=wrong) as error:
        on_disk(devkit)
    assert name in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("gone", ["JPEGImages/000007.jpg", "Annotations/000007.xml"])
def test_a_missing_file_is_named(gone, devkit):
    (devkit / "VOC2007" / gone).unlink()
    with pytest.raises(DataError, match=f"{gone}: no such file"):
        on_disk(devkit)


def test_a_truncated_image_is_named_when_it_is_read(devkit):
    path = devkit / "VOC2007/JPEGImages/000007.jpg"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"000007\.jpg: .*truncated"):
        on_disk(devkit).verify()


def test_an_image_of_another_size_than_annotated_is_named(devkit):
    edit(devkit, "<width>30</width>", "<width>31</width>")
    with pytest.raises(DataError, match=r"000007\.jpg: 30x40 pixels, and its annotation says 31x40"):
        on_disk(devkit).verify()


def test_a_wrong_layout_is_refused_with_what_was_looked_for_and_found(tmp_path):
    (tmp_path / "JPEGImages").mkdir()
    (tmp_path / "labels").mkdir()
    (problem,) = problems(run(*TIMING, data__source=Source.disk, data__root=str(tmp_path), session=Session.entire))
    assert problem.startswith(
        f"data.root={tmp_path}: looked in {tmp_path} for Annotations, ImageSets/Main/trainval.txt, "
    )
    assert "found JPEGImages, labels. " in problem


# Batches and training


def test_batches_keep_to_one_orientation_as_far_as_they_can():
    data = Data(run(*SMALL, data__batch_size=4))
    portrait = np.arange(23) % 3 == 0  # 8 upright, 15 flat
    batches = data.plan(SimpleNamespace(portrait=portrait), np.random.default_rng(0))
    kinds = [set(portrait[batch]) for batch in batches]
    assert len(np.unique(np.concatenate(batches))) == 20
    assert sorted(map(len, kinds)) == [1] * 5
    two_of_each = data.plan(SimpleNamespace(portrait=np.array([0, 0, 1, 1], bool)), np.random.default_rng(0))
    assert sorted(two_of_each[0]) == [0, 1, 2, 3]


def test_a_batch_gathered_at_once_is_one_collated_sample_by_sample():
    data = Data(run(*SMALL))
    dataset = data.dataset("train")
    gathered, collated = dataset.gather(torch.tensor([5, 0, 17])), data.collate([dataset[i] for i in (5, 0, 17)])
    for one, other in zip(gathered[0], collated[0], strict=True):
        assert torch.equal(one, other)
    for one, other in zip(gathered[1], collated[1], strict=True):
        assert all(torch.equal(one[key], other[key]) for key in voc.TARGET_KEYS)


def test_made_up_images_depend_on_their_index_alone():
    noise = Noise(3, (3, 30, 40), (0, 1))
    (image, target), (again, _), (other, _) = noise[1], noise[1], noise[2]
    assert torch.equal(image, again)
    assert not torch.equal(image, other)
    left, top, right, bottom = target["boxes"].unbind(1)
    assert bool(((left >= 0) & (left < right) & (right <= 40) & (top >= 0) & (top < bottom) & (bottom <= 30)).all())
    assert len(Mirrored(noise)) == 6


def test_the_learning_rate_falls_by_steps_or_along_a_cosine(rates):
    module = Module(run(*SMALL), {"classes": ["a"]})
    step = {"decay": Decay.step, "decay_epochs": 2, "decay_factor": 0.5, "warmup_steps": 0}
    assert rates(module, (0, 19, 20, 39, 40), 10, 60, **step) == [1, 1, 0.5, 0.5, 0.25]
    cosine = {"decay": Decay.cosine, "warmup_steps": 4}
    assert rates(module, range(6), 10, 10**9, **cosine) == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1])
    assert rates(module, (50, 100, 101), 10, 100, **cosine) == pytest.approx([0.5, 0, 0])


def test_learns_a_single_scene_by_heart():
    data = Data(run(*SMALL))
    torch.manual_seed(0)
    module = Module(data.config, data.facts)
    images, targets = example_batch(data, "train", 1)
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.003)
    for _ in range(50):
        optimizer.zero_grad()
        module.training_step((images * 2, targets * 2), 0).backward()
        optimizer.step()
    module.eval()
    (answer,) = module.infer((images, targets))
    seen = [item for item in answer if item["score"] > 0.5]
    assert sorted(item["class"] for item in seen) == sorted(
        data.facts["classes"][label - 1] for label in targets[0]["labels"]
    )
    scored = {}
    module.log = lambda name, value: scored.update({name: float(value)})
    module.validation_step((images, targets), 0)
    module.on_validation_epoch_end()
    assert scored["val/map50"] > 0.9
    figure = module.render((images, targets))
    assert len(figure.axes[0].patches) == len(seen) + len(targets[0]["boxes"])


def test_coco_metric_is_logged_beside():
    pytest.importorskip("pycocotools")
    data = Data(run(*SMALL, model__coco_metric=True))
    module = Module(data.config, data.facts).eval()
    scored = {}
    module.log = lambda name, value: scored.update({name: float(value)})
    images, targets = example_batch(data, "val", 4)
    perfect = [{**target, "scores": torch.ones(len(target["labels"]))} for target in targets]
    module.forward = lambda images: perfect
    module.validation_step((images, targets), 0)
    module.on_validation_epoch_end()
    assert scored == {"val/map50": 1.0, "val/coco_map": 1.0}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model__pyramid": True}, "model.pyramid=true: backbone=convolutions has no levels."),
        ({"model__weights": __file__}, f"model.weights={__file__}: ImageNet weights fit a ResNet."),
        ({"model__strides": [2]}, "model.channels=[16, 32, 48, 48]: model.strides=[2] must be as many"),
        ({"model__roi__hidden": 0}, "model.roi.hidden=0: must be at least 1"),
        ({"data__height": 20, "data__width": 20}, "data.height=20: embedded scenes are square, of 48 to 110 pixels."),
        ({"data__height": 97}, "data.height=97: embedded scenes are square"),
        ({"data__train_size": None}, "data.train_size, data.val_size: no value"),
        ({"optim__decay_epochs": 0}, "optim.decay_epochs=0: must be at least 1."),
    ],
)
def test_what_cannot_run_is_refused_with_its_key(changes, message):
    (problem,) = problems(run(**changes))
    assert problem.startswith(message)


def test_a_file_of_weights_that_is_not_there_is_refused_with_its_key():
    (problem,) = problems(run(*TIMING, model__weights="/nowhere/a.pth"))
    assert problem.startswith("model.weights=/nowhere/a.pth: no such file.")


def test_a_missing_pycocotools_is_named_with_the_extra_that_brings_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (problem,) = problems(run(*SMALL, model__coco_metric=True))
    assert 'Install the extra "detection"' in problem
