"""3D object reconstruction: which way around solids are, and generated and made-up samples."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from fixtures.shapenet import (
    CATEGORIES,
    PTN,
    PTN_DISTANCE,
    PTN_FOCAL,
    R2N2,
    R2N2_FOCAL,
    R2N2_SIZE,
    TASK,
    lopsided,
    points_in,
    seen,
    write_ptn,
    write_r2n2,
)

from aibench.contract import DataError, digest
from aibench.tasks.object_reconstruction_3d import shapes
from aibench.tasks.object_reconstruction_3d.backgrounds import backgrounds
from aibench.tasks.object_reconstruction_3d.camera import Camera, axes
from aibench.tasks.object_reconstruction_3d.config import AZIMUTHS, KINDS, CameraConfig
from aibench.tasks.object_reconstruction_3d.data import Data
from aibench.tasks.object_reconstruction_3d.model import Projector
from aibench.tasks.object_reconstruction_3d.renders import Renderer


@pytest.fixture
def ptn(tmp_path):
    return write_ptn(tmp_path / "ptn")


@pytest.fixture
def r2n2(tmp_path):
    return write_r2n2(tmp_path / "r2n2")


# Axes: a solid without symmetry, through files, readers and the projector


def turned_and_mirrored(solid):
    """`solid` in all 48 ways to order and reverse its axes, itself first."""
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            yield np.ascontiguousarray(solid.transpose(order)[tuple(slice(None, None, sign) for sign in signs)])


def projector(elevation, azimuth, focal, middle):
    """A projector whose only view is from `azimuth`, `middle` away from the middle, at 32x32 pixels.

    It samples the whole cube, of which a camera with a focal length of its own may see a part.
    """
    right, up, back = axes([azimuth], elevation)[0]
    distance = np.linspace(middle - 1.7, middle + 1.7, 64)[:, None, None, None]
    side = (2 * np.arange(32) + 1) / 32 - 1
    across = right * side[:, None] - up * side[:, None, None]
    built = Projector(CameraConfig(1, None, 0, 1, 1, 2))
    points = back * (middle - distance) + across * distance / focal
    built.grid = torch.from_numpy(points[None]).float().flip(-1)
    return built


def agreement(samples, projectors):
    """How well pictures fit the silhouettes of their solids, and of those turned and mirrored, float (48,)."""
    scores = np.zeros(48)
    for (picture, solid), one in zip(samples, projectors, strict=True):
        mask = picture.numpy().min(0) < 140
        ways = torch.from_numpy(np.stack(list(turned_and_mirrored(solid.numpy())))).float()
        shown = one(ways, torch.tensor([0]))[:, 0].numpy() > 0.5
        scores += (shown & mask).sum((1, 2)) / (shown | mask).sum((1, 2)) / len(samples)
    return scores


def test_the_solid_of_the_fixtures_has_no_symmetry():
    assert len({way.tobytes() for way in turned_and_mirrored(lopsided(0))}) == 48


def test_r2n2_pictures_are_of_their_volumes_and_of_no_turned_or_mirrored_ones(composed, r2n2):
    dataset = Data(composed(*R2N2, f"data.root={r2n2}")).dataset("val")
    folder = r2n2 / "ShapeNetRendering" / CATEGORIES[0] / f"{4:032x}" / "rendering"
    projectors = []
    for line in (folder / "rendering_metadata.txt").read_text().splitlines()[:8]:
        azimuth, elevation, _, ratio, _ = map(float, line.split())
        # Pictures are 1.75 times the ratio away, in edges of the cube; the reader cuts out 127 of 137 pixels.
        projectors.append(projector(elevation, azimuth, R2N2_FOCAL * R2N2_SIZE / 127, 3.5 * ratio))
    scores = agreement([dataset[view] for view in range(8)], projectors)
    assert scores[0] > 0.8
    assert scores[1:].max() < scores[0] - 0.2


def test_ptn_pictures_are_of_their_volumes_and_of_no_turned_or_mirrored_ones(composed, ptn):
    dataset = Data(composed(*PTN, f"data.root={ptn}")).dataset("val")
    views = range(0, 24, 3)
    # a015 is the first picture, and azimuths run the other way around.
    projectors = [projector(30, -15 * (view + 1), PTN_FOCAL, PTN_DISTANCE) for view in views]
    scores = agreement([dataset[view] for view in views], projectors)
    assert scores[0] > 0.7  # the camera sees the solid on a quarter of the pixels
    assert scores[1:].max() < scores[0] - 0.2


def test_both_layouts_hold_the_same_solid_the_same_way_around(composed, ptn, r2n2):
    for words in ((*PTN, f"data.root={ptn}"), (*R2N2, f"data.root={r2n2}")):
        dataset = Data(composed(*words)).dataset("val")
        volumes = [dataset[place * 24][1].numpy() for place in range(2)]
        for volume in volumes:
            np.testing.assert_array_equal(volume, lopsided(4))


@pytest.mark.parametrize("azimuth", [0, 70, 195, 330])
def test_generated_pictures_show_what_a_camera_there_sees(azimuth):
    solid, middle = lopsided(0), shapes.FOCAL_LENGTH + shapes.FOCAL_RANGE / 2
    camera = Camera(shapes.ELEVATION, shapes.FOCAL_LENGTH, shapes.FOCAL_RANGE, size=64, samples=120)
    picture = Renderer(camera, np.array([azimuth]), len(solid))(solid, 0) > 0
    turn, rise = np.radians([azimuth, shapes.ELEVATION])
    eye = middle * np.array([np.cos(turn) * np.cos(rise), np.sin(rise), np.sin(turn) * np.cos(rise)])
    # The outermost lines of sight go through the middles of the outermost pixels. Of nine parts of a pixel the one in
    # its middle counts.
    focal = shapes.FOCAL_LENGTH * 63 / 64
    expected = seen(points_in(solid, 6), eye, np.array([0, 1, 0]), focal, 3 * 64)[1::3, 1::3]
    assert (picture & expected).sum() / (picture | expected).sum() > 0.93


def test_a_face_towards_the_light_is_brighter_and_a_flat_one_is_of_one_brightness():
    solid = np.zeros((16,) * 3, dtype=bool)
    solid[4:12, 4:12, 4:12] = True
    camera = Camera(30, 5, 2.6, size=48, samples=96)
    picture = Renderer(camera, np.array([0.0]), 16)(solid, 0)
    levels, counts = np.unique(picture[picture > 0].round(4), return_counts=True)
    top, front = picture[picture > 0][0], picture[30, 24]
    assert top > front  # the light comes from above
    assert counts[np.isin(levels, [top.round(4), front.round(4)])].sum() > 0.9 * counts.sum()


# Generated samples


def test_the_splits_share_no_object_and_the_seed_of_the_data_decides_them_alone(composed):
    def solids(split, *words):
        torch.manual_seed(len(words))
        np.random.seed(len(words))
        dataset = Data(composed(TASK, "data.train_size=100", "data.val_size=50", *words)).dataset(split)
        return [solid.numpy().tobytes() for solid in dataset.volumes]

    train, val = solids("train"), solids("val")
    assert not set(train) & set(val)
    assert len({*train}) == 100
    assert solids("train", "seed=9") == train
    assert not set(solids("train", "data.seed=1")) & set(train)


def test_kinds_take_turns_and_each_stands_in_the_middle_of_the_cube(composed):
    dataset = Data(composed(TASK, "data.train_size=100", "data.val_size=50")).dataset("train")
    volumes = dataset.volumes.numpy()
    assert volumes.shape == (100, 24, 24, 24)
    filled = volumes.mean((1, 2, 3)).reshape(20, len(KINDS))
    assert filled.min() > 0.005
    assert filled.max() < 0.35
    np.testing.assert_array_equal(volumes, volumes[:, :, :, ::-1])  # every kind has a left and a right half


def test_pictures_of_an_object_are_of_one_colour_and_from_different_sides(composed, monkeypatch):
    monkeypatch.setattr(shapes, "backgrounds", lambda count, size, draw: np.full((count, 3, size, size), 240))
    words = ("data.train_size=30", "data.val_size=10", "data.views=24", "data.batch_size=10")
    dataset = Data(composed(TASK, *words)).dataset("train")
    assert dataset.pictures.shape == (30, 24, 3, 32, 32)
    assert dataset.pictures.dtype == torch.uint8
    for pictures in dataset.pictures[:5].numpy():
        foreground = pictures.min(1) < 200
        assert foreground.any((1, 2)).all()
        hues = [picture[:, mask].mean(1) for picture, mask in zip(pictures, foreground, strict=True)]
        hues = np.array([hue / hue.sum() for hue in hues])
        assert hues.std(0).max() < 0.03
    chair = dataset.pictures[1].numpy()
    assert len({picture.tobytes() for picture in chair}) == AZIMUTHS


def test_each_picture_has_a_background_of_its_own_of_clouds_under_blocks():
    pictures = backgrounds(40, 32, np.random.default_rng(0))
    assert pictures.shape == (40, 3, 32, 32)
    assert len({picture.tobytes() for picture in pictures}) == 40
    means = pictures.mean((2, 3))
    assert means.std() > 30
    assert (abs(pictures - means[:, :, None, None]) < 2.5 * 70).all()
    for picture in pictures:
        steps = abs(np.diff(picture, axis=2)).max((0, 1)) > 20  # edges of blocks, as far apart as a block is wide
        places = np.flatnonzero(steps)
        assert len(places) > 3
        assert set(np.diff(places)) <= {width * times for width in [min(np.diff(places))] for times in (1, 2)}


def test_backgrounds_are_these_on_every_machine():
    found = backgrounds(3, 32, np.random.default_rng(5))
    assert digest(torch.from_numpy(found)) == "324b841328a50c85"


def test_the_three_parts_share_no_object(composed):
    data = Data(composed(TASK, "data.train_size=60", "data.val_size=40"))
    solids = [{solid.numpy().tobytes() for solid in data.dataset(part).volumes} for part in data.parts]
    assert [len(part) for part in solids] == [60, 40, 40]
    assert len(set().union(*solids)) == 140


def test_what_answers_without_a_network_is_found_by_comparing_all_pictures(composed):
    data = Data(composed(TASK, "data.train_size=50", "data.val_size=20"))
    found = {one.name: one.quality for one in data.baselines()}
    train, val = data.dataset("train"), data.dataset("val")
    scores = []
    for index in range(len(val)):
        picture, solid = (part.numpy() for part in val[index])
        apart = [
            ((known.astype(float) - picture) ** 2).sum() for known in train.pictures.numpy().reshape(100, 3, 32, 32)
        ]
        answer = train.volumes[int(np.argmin(apart)) // 2].numpy()
        scores.append((answer & solid).sum() / (answer | solid).sum())
    assert found["volume of the training picture with the nearest pixels"]["val"] == pytest.approx(
        np.mean(scores), rel=1e-9
    )


def test_categories_choose_the_kinds(composed):
    words = ("data.train_size=20", "data.val_size=10")
    both = Data(composed(TASK, *words, "data.categories=[car,plane]"))
    assert both.facts == {"categories": ["car", "plane"]}
    volumes = both.dataset("train").volumes.float()
    assert volumes[::2].mean() > 1.5 * volumes[1::2].mean(), "cars fill more than planes"


def test_an_epoch_shows_each_object_once_from_a_side_that_is_drawn(composed):
    data = Data(composed(TASK, "data.train_size=50", "data.val_size=10", "data.views=3", "data.batch_size=16"))
    dataset = data.dataset("train")
    assert len(dataset) == 150
    plans = [np.concatenate(list(data.plan(dataset, np.random.default_rng(seed)))) for seed in range(9)]
    assert {len(plan) for plan in plans} == {48}
    assert all(len(set(plan // 3)) == 48 for plan in plans)
    assert set(np.concatenate(plans) % 3) == {0, 1, 2}
    batch = dataset.gather(torch.from_numpy(plans[0][:5]))
    for place, index in enumerate(plans[0][:5]):
        assert torch.equal(batch[0][place], dataset.pictures[index // 3, index % 3])
        assert torch.equal(batch[1][place], dataset[index][1])


def test_made_up_samples_are_few_and_stand_for_as_many_as_the_chairs(composed):
    data = Data(composed(TASK, "scale=reference", "data.source=synthetic", "session=steps"))
    dataset = data.dataset("train")
    assert len(dataset) == 4_744 * 24
    assert dataset.pictures.nbytes + dataset.volumes.nbytes < 5e6
    pictures, volumes = dataset.gather(torch.tensor([5, 100_000]))
    assert pictures.shape == (2, 3, 64, 64)
    assert volumes.shape == (2, 32, 32, 32)
    assert torch.equal(pictures[1], dataset[100_000][0])


def test_a_batch_larger_than_all_objects_is_refused(composed, ptn):
    with pytest.raises(DataError, match=r"data.batch_size=7: more than the 6 training objects."):
        Data(composed(*PTN, "data.batch_size=7", f"data.root={ptn}"))
