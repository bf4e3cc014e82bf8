"""Generated heads: what decides them, what they show, and what tells people apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aibench.vision import heads
from aibench.vision.heads import SIZE, people, portraits


def sitter(count, seed=0):
    """One person, `count` times."""
    return people(1, np.random.default_rng(seed)).take(np.zeros(count, np.int64))


@pytest.fixture
def still(monkeypatch):
    """Pictures without noise, all of them taken from the front, in even light."""
    shots = heads._shots

    def posed(count, generator):
        shot = shots(count, generator)
        light = np.tile(np.array([0, 0, 1, 1], np.float32), (count, 1))
        frame = np.tile(np.array([0, 0, 1, 0], np.float32), (count, 1))
        turns = np.tile(np.eye(3, dtype=np.float32), (count, 1, 1))
        return replace(shot, turns=turns, light=light, frame=frame, mouth=0 * shot.mouth, gain=1 + 0 * shot.gain)

    monkeypatch.setattr(heads, "_shots", posed)
    for name in ("_COLOUR_NOISE", "_DEPTH_NOISE", "_DROPOUTS"):
        monkeypatch.setattr(heads, name, 0.0)


def test_pictures_depend_on_their_generators_alone():
    def pictures(seed):
        np.random.seed(seed)
        return portraits(people(5, np.random.default_rng(seed)), np.random.default_rng(7))

    assert pictures(1).dtype == np.uint8
    assert pictures(1).shape == (5, 4, SIZE, SIZE)
    assert np.array_equal(pictures(1), pictures(1))
    assert not np.array_equal(pictures(1), pictures(2))


def test_a_picture_is_the_same_in_whichever_company_it_is_drawn(still, monkeypatch):
    everybody = people(9, np.random.default_rng(0))
    together = portraits(everybody, np.random.default_rng(1))
    monkeypatch.setattr(heads, "_CHUNK", 4)
    assert np.array_equal(portraits(everybody, np.random.default_rng(1)), together)


def test_no_two_pictures_of_a_person_are_alike():
    pictures = portraits(sitter(200), np.random.default_rng(0))
    assert len(np.unique(pictures.reshape(200, -1), axis=0)) == 200
    by_eye = pictures.astype(float).reshape(200, 4, -1)
    assert (by_eye.std(axis=0).mean(axis=1) > 10).all(), "colours and depths both vary from picture to picture"


def test_a_head_stands_before_its_backdrop(still):
    pictures = portraits(people(20, np.random.default_rng(0)), np.random.default_rng(1))
    known = pictures[:, 3] > 0
    assert known[:, 8:24, 11:21].all(), "the middle of every picture is a head"
    assert not known[:, [0, -1]].any()
    share = known.mean((1, 2))
    assert (share > 0.25).all()
    assert (share < 0.6).all()


def test_depth_is_that_of_the_height_field(still):
    person = sitter(1)
    person = replace(person, nose=0 * person.nose + np.float32([0, 1, 0]), bones=0 * person.bones)
    person = replace(person, eyes=person.eyes * np.float32([1, 1, 0]), oval=np.float32([[0.8, 1.0, 0.9, 0.0]]))
    depth = portraits(person, np.random.default_rng(0))[0, 3].astype(float)
    z = (depth - 1) / 254 * (heads.NEAREST - heads.FARTHEST) + heads.FARTHEST
    for row, column in ((16, 16), (10, 12), (16, 20), (22, 13), (7, 16)):
        u, v = ((place + 0.5) * 2.4 / SIZE - 1.2 for place in (column, row))
        ellipsoid = 0.9 * np.sqrt(1 - (u / 0.8) ** 2 - v**2) - 0.3
        mouth = 0.05 * np.exp(-((u / person.mouth[0, 1]) ** 2) - ((v - person.mouth[0, 0]) / 0.05) ** 2)
        assert z[row, column] == pytest.approx(ellipsoid + mouth, abs=0.06)


def test_the_nearest_point_is_seen(still, monkeypatch):
    posed = heads._shots

    def from_the_side(count, generator):
        return replace(posed(count, generator), turns=heads._about(1, np.full(count, np.pi / 2, np.float32)))

    monkeypatch.setattr(heads, "_shots", from_the_side)
    profile = portraits(sitter(1), np.random.default_rng(0))[0, 3]
    person = sitter(1)
    half_width = person.oval[0, 0]
    seen = (profile[16].astype(float) - 1) / 254 * (heads.NEAREST - heads.FARTHEST) + heads.FARTHEST
    assert seen[profile[16] > 0].max() == pytest.approx(half_width, abs=0.08), "the near ear, and not the far one"


@pytest.mark.parametrize("part", ["shape", "complexion"])
def test_people_differ_in_shape_and_in_complexion(still, part):
    two = people(2, np.random.default_rng(3))
    of_shape = ("oval", "nose", "eyes", "bones", "mouth")
    names = [name for name in vars(two) if (name in of_shape) == (part == "shape")]
    other = replace(two, **{name: getattr(two, name)[[0, 0]] for name in names})
    other = replace(other, **{name: getattr(two, name)[[0, 1]] for name in names})
    same = {name: getattr(two, name)[[0, 0]] for name in vars(two) if name not in names}
    first, second = portraits(replace(other, **same), np.random.default_rng(0)).astype(float)
    middle = np.abs(first - second)[:, 8:24, 11:21].mean((1, 2))
    assert (middle[:3] > 2).all()
    assert (middle[3] > 2) == (part == "shape"), "complexion alone does not change depths"


def test_the_sensor_misses_some_depths():
    depth = portraits(sitter(300), np.random.default_rng(0))[:, 3, 12:20, 14:18]
    assert (depth == 0).mean() == pytest.approx(0.02, abs=0.004)
