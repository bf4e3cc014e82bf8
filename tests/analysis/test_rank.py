"""Several systems in order: the places, what decides them, and the profiles."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from aibench.analysis.ranking.ranking import rank
from aibench.analysis.ranking.table import places, plot, profiles
from aibench.analysis.runs.compared import SPEED, TIME
from aibench.analysis.runs.runs import of_result
from aibench.results.result import Measured

TASKS = ("image_classification", "object_detection", "recommendation", "text_to_text")
EPOCHS = (3.0, 3.4, 3.2, 3.6)


@pytest.fixture
def system(run):
    """`system(factor, name, ...)`: the runs of a system that takes `factor` times as long in every task."""

    def make(factor, name, tasks=TASKS, seeds=(1, 2, 3, 4), noise=0.01, of_task=None, missed=()):
        random = np.random.default_rng([ord(letter) for letter in name])
        made = []
        for task in tasks:
            for place, seed in enumerate(seeds):
                epochs = None if (task, seed) in missed else EPOCHS[place % 4]
                one = run(epochs, seed, task=task, quantum=0.2)
                took = factor * (of_task or {}).get(task, 1.0) * random.normal(1, noise)
                speed = Measured(500 / took, "samples/s")
                one.throughput = dataclasses.replace(one.throughput, training=speed)
                if epochs is not None:
                    one.to_quality.seconds *= took
                made.append(of_result(one))
        return made

    return make


def test_systems_stand_in_the_order_of_their_times_with_scores_relative_to_the_best(system):
    found = rank({"b": system(2.0, "b"), "a": system(1.0, "a"), "c": system(3.0, "c")}, TIME)
    assert [place.system for place in found.places] == ["a", "b", "c"]
    assert [place.score.value for place in found.places] == pytest.approx([1, 1 / 2, 1 / 3], rel=0.02)
    assert [place.decided for place in found.places] == [True, True, False]
    assert found.places[0].ahead.value == pytest.approx(2, rel=0.02)
    assert found.places[0].ahead.low < 2 < found.places[0].ahead.high


def test_the_order_is_the_same_whichever_system_is_named_first(system):
    sides = {name: system(factor, name) for name, factor in (("a", 1.3), ("b", 1.0), ("c", 1.1))}
    orders = [
        [place.system for place in rank({name: sides[name] for name in names}, SPEED).places]
        for names in ("abc", "cab", "bca")
    ]
    assert orders == [["b", "c", "a"]] * 3


def test_equal_systems_leave_their_places_open(system):
    found = rank({name: system(1.0, name, noise=0.02) for name in ("a", "b", "c", "d")}, TIME)
    assert [place.decided for place in found.places] == [False] * 4
    assert all(place.smallest > 1 for place in found.places[:-1])


def test_of_a_hundred_rankings_of_equal_systems_hardly_any_decides_a_place(system):
    decided = 0
    for trial in range(40):
        sides = {name: system(1.0, f"{name}{trial}", noise=0.03) for name in ("a", "b", "c")}
        decided += any(place.decided for place in rank(sides, SPEED).places)
    assert decided <= 2


def test_a_profile_is_the_share_of_tasks_within_a_factor_of_the_best(system):
    sides = {
        "a": system(1.0, "a", noise=0.0),
        "b": system(1.0, "b", noise=0.0, of_task={TASKS[0]: 0.5, TASKS[1]: 1.2, TASKS[2]: 1.4, TASKS[3]: 3.0}),
    }
    found = rank(sides, TIME)
    assert [found.profile("a", factor) for factor in (1.0, 1.9, 2.0)] == [0.75, 0.75, 1.0]
    assert [found.profile("b", factor) for factor in (1.0, 1.2, 1.5, 3.0)] == [0.25, 0.5, 0.75, 1.0]


def test_a_task_that_one_system_lacks_is_left_out_for_all_and_named(system):
    found = rank({"a": system(1.0, "a"), "b": system(2.0, "b", tasks=TASKS[:2])}, TIME)
    assert [task for task, _, _ in found.tasks] == sorted(TASKS[:2])
    assert "recommendation mini entire: b has no run of it." in places(found).notes


def test_a_system_that_misses_half_of_its_targets_is_within_no_factor_there(system):
    missed = [(TASKS[0], 1), (TASKS[0], 2)]
    found = rank({"a": system(1.0, "a"), "b": system(0.5, "b", missed=missed)}, TIME)
    assert found.costs["b"][found.tasks[0]] == math.inf
    assert found.profile("b", 1000) == 0.75
    assert "b: runs that missed the target are not in the score: image_classification (2)." in places(found).notes
    assert rank({"a": system(1.0, "a"), "b": system(0.5, "b", missed=missed)}, SPEED).places[0].missed == {}


def test_systems_without_a_common_task_are_refused_with_the_reason(system):
    with pytest.raises(ValueError, match="image_classification mini entire: b has no run of it"):
        rank({"a": system(1.0, "a", tasks=TASKS[:1]), "b": system(1.0, "b", tasks=TASKS[1:2])}, TIME)


def test_the_tables_and_the_figure_hold_what_was_found(system, tmp_path):
    found = rank({"a": system(1.0, "a"), "b": system(2.0, "b")}, TIME)
    assert places(found).rows[0][:3] == ["1", "a", "1"]
    assert places(found).rows[0][-1] == "decided"
    assert places(found).records[1]["place"] == 2
    assert profiles(found).rows == [["a", *["100"] * 7], ["b", *["0"] * 5, *profiles(found).rows[1][6:]]]
    plot(found, tmp_path / "profiles.png")
    assert (tmp_path / "profiles.png").stat().st_size > 5000


def test_the_command_names_systems_by_what_tells_their_folders_apart(system, run, write, tmp_path):
    from typer.testing import CliRunner

    from aibench.commands.app import app

    for name in ("x/results", "y/results"):
        write(tmp_path / name, [run(epochs, seed) for seed, epochs in enumerate(EPOCHS)])
    words = ["rank", str(tmp_path / "x/results"), str(tmp_path / "y/results"), "--csv", str(tmp_path / "t.csv")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "x/results" in (tmp_path / "t.csv").read_text()
    for wrong, message in (
        ([words[1]], "one system. Give two or more."),
        ([words[1], words[1]], "given twice"),
        ([words[1], str(tmp_path / "z")], "no such folder"),
        ([*words[1:3], "--level", "2"], "--level=2: must lie between 0 and 1."),
    ):
        refused = CliRunner().invoke(app, ["rank", *wrong])
        assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
        assert message in refused.stderr
