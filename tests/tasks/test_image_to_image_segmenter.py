"""Image-to-image translation: the fixed networks that score, and runs on disk with and without one."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from fixtures import cityscapes as fixture
from fixtures.cityscapes import LIGHT, REFERENCE, TASK, WRITERS, read
from rich.console import Console

from aibench.config import ConfigError
from aibench.contract import DataError, example_batch
from aibench.results.result import Status
from aibench.tasks.image_to_image import segmenter, streets, train_segmenter
from aibench.tasks.image_to_image.data import Data
from aibench.tasks.image_to_image.module import Module
from aibench.training.run import train


@pytest.fixture(params=WRITERS)
def tree(request, tmp_path):
    return WRITERS[request.param](tmp_path / request.param)


def _size(size):
    return f"data.size={size}", "model.discriminator_layers=2"


def test_the_segmenter_of_the_streets_is_the_file_that_is_shipped_and_sees_what_real_photos_show(monkeypatch, tmp_path):
    assert segmenter.name_of_small() == segmenter.SHA256[:16]
    pairs = streets.pairs("test", 60, 0)
    seen = segmenter.load_small([32, 32])(torch.from_numpy(pairs.photos), torch.Size([32, 32]))
    assert (seen.numpy() == pairs.classes).mean() > 0.99
    other = tmp_path / "segmenter.npz"
    monkeypatch.setattr(segmenter, "WEIGHTS", other)
    with pytest.raises(DataError, match=r"segmenter\.npz: not the file that AIBench ships .*no file"):
        segmenter.name_of_small()
    other.write_bytes(b"other weights")
    with pytest.raises(DataError, match="not the file that AIBench ships"):
        segmenter.name_of_small()


def test_the_segmenter_of_the_streets_is_in_the_fingerprint(composed, monkeypatch):
    words = (TASK, "data.train_size=8", "data.val_size=4")
    before = Data(composed(*words)).fingerprint()
    assert Data(composed(*words)).fingerprint() == before
    monkeypatch.setattr(segmenter, "name_of_small", lambda: "another")
    assert Data(composed(*words)).fingerprint() != before


def test_the_script_trains_the_segmenter_and_writes_what_is_read(monkeypatch, tmp_path):
    pairs = streets.pairs("segmenter", 64, 0)
    photos, classes = torch.from_numpy(pairs.photos), torch.from_numpy(pairs.classes).long()
    network = train_segmenter.trained(photos, classes, 6)
    checksum = train_segmenter.write(network, tmp_path / "segmenter.npz")
    assert train_segmenter.write(network, tmp_path / "again.npz") == checksum
    monkeypatch.setattr(segmenter, "WEIGHTS", tmp_path / "segmenter.npz")
    monkeypatch.setattr(segmenter, "SHA256", checksum)
    assert segmenter.name_of_small() == checksum[:16]
    expected = segmenter.Segmenter(network, [32, 32])(photos, torch.Size([32, 32]))
    seen = segmenter.load_small([32, 32])(photos, torch.Size([32, 32]))
    assert (seen == expected).float().mean() > 0.99, "half precision changes little"
    assert (seen == classes).float().mean() > 0.5


def test_an_evaluation_of_another_part_has_that_parts_real_photos(composed, evaluated):
    words = (
        "data.train_size=8",
        "data.val_size=6",
        "data.batch_size=2",
        "optim.pool=0",
        "model.width=4",
        "model.blocks=1",
    )
    data = Data(composed(TASK, *words))
    module = Module(data.config, data.facts)
    logged = [evaluated(module, data)[0]]
    val, test = data.splits["val"], data.splits["test"]
    data.splits["val"], data.splits["test"] = test, val
    logged.append(evaluated(module, data, times=2)[0])
    fresh = evaluated(Module(data.config, data.facts), data)[0]
    assert logged[1]["val/real_class_iou"] == fresh["val/real_class_iou"] != logged[0]["val/real_class_iou"]
    scores = module.sample_scores()
    assert scores.value(np.arange(6)) == pytest.approx(logged[1]["val/criteria"], rel=1e-6)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """An untrained `fcn_resnet50`, saved as torchvision's training script would, auxiliary classifier and all."""
    from torchvision.models.segmentation import fcn_resnet50

    torch.manual_seed(0)
    network = fcn_resnet50(weights=None, weights_backbone=None, num_classes=19, aux_loss=True).eval()
    path = tmp_path_factory.mktemp("weights") / "fcn.pt"
    torch.save(network.state_dict(), path)
    return network, path


def test_a_file_of_weights_is_torchvisions_network_on_enlarged_normalised_photos(weights):
    network, path = weights
    photos = torch.randint(256, (1, 3, 32, 32), dtype=torch.uint8)
    seen = segmenter.load_fcn(path, [48, 96])(photos, torch.Size([24, 48]))
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    normal = (photos.numpy() / 255 - mean[:, None, None]) / std[:, None, None]
    large = torch.nn.functional.interpolate(torch.tensor(normal).float(), size=(48, 96), mode="bilinear")
    with torch.no_grad():
        logits = network(large)["out"]
    expected = torch.nn.functional.interpolate(logits, size=(24, 48), mode="bilinear", antialias=True).argmax(1)
    assert seen.shape == (1, 24, 48)
    assert (seen == expected).float().mean() > 0.99


def test_a_session_to_a_quality_asks_for_the_segmenter(composed, tmp_path):
    root = fixture.write_raw(tmp_path)
    words = (*REFERENCE, f"data.root={root}", "session=entire", "target.entire=1")
    with pytest.raises(ConfigError) as caught:
        composed(*words)
    assert str(caught.value).startswith(
        "data.segmenter: no value, and the quality of session=entire is measured through"
    )
    with pytest.raises(
        ConfigError, match=r"data\.segmenter=/nowhere/fcn\.pt: no such file\. Give the state_dict of torch"
    ):
        composed(*words, "data.segmenter=/nowhere/fcn.pt")


def test_a_file_that_is_no_such_state_dict_is_named(composed, tmp_path):
    path = tmp_path / "fcn.pt"
    config = composed(TASK, "scale=reference", "data.source=synthetic", "session=steps", *LIGHT, *_segmenter(path))
    for content in ({"weight": torch.zeros(1)}, [1, 2]):
        torch.save(content, path)
        with pytest.raises(DataError) as caught:
            Module(config, Data(config).facts)
        assert str(caught.value).startswith(f"{path}: not a state_dict of torchvision's fcn_resnet50 with 19 classes: ")
        assert "\n" not in str(caught.value)
    path.write_bytes(b"<html>")
    with pytest.raises(DataError, match="not a state_dict"):
        Module(config, Data(config).facts)


def _segmenter(path):
    path.touch()
    return (f"data.segmenter={path}",)


def test_without_a_segmenter_the_scores_are_null_with_a_reason(composed, tmp_path, evaluated):
    data = read(composed, fixture.write_raw(tmp_path), *LIGHT, "data.load=36", *_size(32))
    module = Module(data.config, data.facts).eval()
    logged, _ = evaluated(module, data)
    figure = module.render(example_batch(data, "val", 1))
    assert math.isnan(logged.pop("val/criteria"))
    assert set(logged) == {"val/label_pixel_accuracy", "val/label_class_accuracy", "val/label_class_iou"}
    assert all(math.isfinite(value) for value in logged.values())
    assert module.unmeasured == "data.segmenter=null: the scores are measured through a segmenter"
    assert [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()] == [
        "label map",
        "generated photo",
        "real photo",
    ]


@pytest.mark.slow
def test_without_a_segmenter_a_session_can_end_at_the_accuracy_of_the_maps(composed, tmp_path):
    root = fixture.write_raw(tmp_path / "cityscapes")
    goal = ("session=entire", "target.metric=val/label_pixel_accuracy", "target.entire=1e-9", "target.max_epochs=1")
    config = composed(*REFERENCE, f"data.root={root}", *LIGHT, "data.load=36", *_size(32), *goal)
    (tmp_path / "run").mkdir()
    result = train(config, tmp_path / "run", None, Console(quiet=True))
    assert result.status is Status.converged, result.message


@pytest.mark.slow
def test_the_reference_trains_on_a_tree_and_is_scored_through_a_file_of_weights(composed, tree, weights, tmp_path):
    small = (*LIGHT, "data.load=36", *_size(32), f"data.segmenter={weights[1]}", "epochs=1")
    (tmp_path / "run").mkdir()
    config = composed(*REFERENCE, f"data.root={tree}", *small)
    result = train(config, tmp_path / "run", None, Console(quiet=True))
    assert result.status is Status.completed, result.message
    metrics = result.history[-1].metrics
    assert len(metrics) == 10
    assert all(math.isfinite(value) for value in metrics.values())
    assert len(result.data.facts["segmenter"]) == 16
