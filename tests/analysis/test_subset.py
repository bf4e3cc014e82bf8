"""The choice of a subset, against brute force, scikit-learn and SciPy."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
from scipy import stats
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from typer.testing import CliRunner

from aibench.analysis.paper import SUBSET
from aibench.analysis.runs.runs import of_result
from aibench.analysis.spread import vangel_interval
from aibench.analysis.subset import table as tables
from aibench.analysis.subset.features import CharacteristicsError, principal_components, read_characteristics, space
from aibench.analysis.subset.selection import select
from aibench.analysis.subset.subset import Weights, choose
from aibench.analysis.subset.uncertainty import drawn, uncertainty
from aibench.commands.app import app
from aibench.results.record import read_records
from aibench.results.result import Measured, write_result
from tests.conftest import ROOT

TASKS = (
    *("image_classification", "object_detection", "learning_to_rank", "image_to_image"),
    *("recommendation", "text_to_text", "face_embedding", "spatial_transformer"),
)


@pytest.fixture
def suite(run):
    """Four runs of each of eight tasks; `systems` of them, each faster than the one before."""

    def make(systems=1, tasks=TASKS):
        runs = []
        for system, (place, task) in itertools.product(range(systems), enumerate(tasks)):
            random = np.random.default_rng(place)
            mean, cv, size, flops = (
                5 + 5 * place,
                0.02 * (1 + place % 3),
                10 ** random.uniform(4, 7),
                10 ** random.uniform(6, 9),
            )
            for seed in range(4):
                one = run(round(mean * random.normal(1, cv), 1), seed, task=task)
                one.run_id = f"{task}-{seed}-{system}"
                one.model.parameters, one.model.flops = round(size), Measured(flops, "FLOP/sample")
                one.to_quality.seconds /= 2**system * (1 + 0.01 * place * system)
                one.system = {**one.system, "cpu": f"Processor {system}"}
                runs.append(of_result(one))
        return runs

    return make


RECORDS = ROOT / "experiments" / "model_characteristics" / "results" / "reference"
EVEN = Weights(any_metric=True)


def chosen(subjects, size=3, weights=EVEN, records=()):
    return choose(subjects, size, weights, space(subjects, records))


def test_the_components_are_scikit_learns_up_to_their_sign():
    values = np.random.default_rng(0).normal(size=(17, 8)) @ np.diag([5, 3, 2, 1, 1, 0.5, 0.2, 0.1])
    values = StandardScaler().fit_transform(values)
    ours, explained = principal_components(values)
    theirs = PCA(0.9).fit(values)
    expected = theirs.transform(values)
    assert ours.shape == expected.shape
    np.testing.assert_allclose(np.abs(ours), np.abs(expected), atol=1e-9)
    np.testing.assert_allclose(explained[: ours.shape[1]], theirs.explained_variance_ratio_)


def test_the_search_finds_what_brute_force_finds(suite):
    subjects = select(suite()).subjects
    found = chosen(subjects, 3, Weights(diversity=1, repeatability=0, cost=0))
    points = space(subjects).points
    eligible = [place for place, subject in enumerate(subjects) if subject.accepted]
    distance = {
        subset: np.mean([min(math.dist(point, points[member]) for member in subset) for point in points])
        for subset in itertools.combinations(eligible, 3)
    }
    best = min(distance, key=distance.get)
    assert found.candidates[0].tasks == tuple(subjects[place].task for place in best)
    assert found.candidates[0].distance == pytest.approx(distance[best])
    assert len(found.candidates) == len(distance) == math.comb(7, 3)
    assert "image_to_image" in found.excluded


def test_each_criterion_alone_chooses_its_best(suite):
    subjects = select(suite()).subjects
    cheap = chosen(subjects, 3, Weights(0, 0, 1)).candidates
    assert cheap[0].share == min(one.share for one in cheap)
    steady = chosen(subjects, 3, Weights(0, 1, 0)).candidates
    assert steady[0].cv == min(one.cv for one in steady)
    assert chosen(subjects, 2).excluded == {}
    limit = sorted(subject.cv for subject in subjects)[4]
    assert all(one.cv <= limit for one in chosen(subjects, 2, Weights(most_cv=limit)).candidates)


def test_the_variation_counts_once_and_the_epochs_do(suite):
    """What varies more needs more runs; the criterion of cost is the time of one, and no distance knows the epochs."""
    subjects = select(suite()).subjects
    before = chosen(subjects, weights=Weights(1, 0, 1, any_metric=True)).candidates
    varied = [
        dataclasses.replace(one, cost=dataclasses.replace(one.cost, runs=100 + 50 * place))
        for place, one in enumerate(subjects)
    ]
    after = chosen(varied, weights=Weights(1, 0, 1, any_metric=True)).candidates
    assert [(one.tasks, one.score) for one in after] == [(one.tasks, one.score) for one in before]
    assert after[0].share_of_all_runs != before[0].share_of_all_runs
    assert {name for _, name in space(subjects).columns} == {"parameters", "flops"}


def test_shares_and_places_are_of_all_candidates(suite):
    found = chosen(select(suite()).subjects, 3, Weights())
    assert [one.rank for one in found.candidates] == list(range(1, len(found.candidates) + 1))
    assert min(one.placed[0] for one in found.candidates) == 0
    assert all(0 < one.share < 1 and 0 < one.coverage <= 1 for one in found.candidates)
    assert found.of(SUBSET) is not None


def test_too_few_eligible_tasks_are_refused_with_the_reasons(suite):
    with pytest.raises(
        ValueError, match=r"2 tasks may be chosen, fewer than 3.*image_to_image: no widely accepted metric"
    ):
        chosen(select(suite(tasks=TASKS[1:4])).subjects, 3, Weights())


def test_a_missing_characteristic_is_filled_in_or_left_out_and_named(suite):
    subjects = select(suite()).subjects
    subjects[0].characteristics["flops"] = None
    assert any("flops" in line and subjects[0].task in line for line in space(subjects).remarks)
    for subject in subjects[:4]:
        subject.characteristics["flops"] = None
    assert list(space(subjects).columns) == [("parameters", "parameters")]


def test_characteristics_of_reference_scale_replace_the_miniatures_and_each_group_weighs_the_same(suite):
    subjects = select(suite()).subjects
    where = space(subjects, read_records([RECORDS]))
    assert where.groups == ["size", "time"]
    log_parameters = dict(zip(TASKS, where.columns["size", "log parameters"], strict=False))
    by_task = {
        subject.task: value for subject, value in zip(subjects, where.columns["size", "log parameters"], strict=True)
    }
    assert by_task["image_classification"] == pytest.approx(math.log10(25_557_032))
    assert len(log_parameters) == len(TASKS)
    whole = sum(np.var(where.without(group).points, axis=0).sum() for group in where.groups)
    assert whole == pytest.approx(2, abs=0.2)  # each group alone has a variance of 1, of which 90 % are kept
    for subject in subjects:
        subject.characteristics["parameters"] = 1
    assert np.allclose(space(subjects, read_records([RECORDS])).points, where.points)


def test_a_task_without_a_record_stands_at_the_mean_and_is_named(suite):
    subjects = select(suite()).subjects
    where = space(subjects, [record for record in read_records([RECORDS]) if record.name != subjects[0].task])
    assert f"{subjects[0].task}: no usable record; they stand at the others' mean" in where.remarks
    assert np.allclose(where.points[0], 0, atol=1e-9)


def test_drawn_variation_has_the_quantiles_of_its_interval(suite):
    subject = select(suite()).subjects[0]
    exact = dataclasses.replace(subject.cost.variation, cv_floor=None)  # no evaluation quantum
    subject = dataclasses.replace(subject, cost=dataclasses.replace(subject.cost, variation=exact))
    cv, seconds = drawn(subject, np.random.default_rng(0), 200_000)
    assert np.quantile(cv, [0.025, 0.975]) == pytest.approx(vangel_interval(exact.epochs.cv, 4), rel=0.03)
    assert np.median(seconds) == pytest.approx(subject.cost.seconds, rel=0.01)
    assert np.std(seconds) > subject.cost.seconds * exact.epochs.cv / 2


def test_runs_that_all_pass_at_one_evaluation_are_drawn_with_the_variation_that_it_hides(run):
    runs = [of_result(run(5.0, seed, quantum=0.5)) for seed in range(4)]
    (subject,) = select(runs).subjects
    cv, _ = drawn(subject, np.random.default_rng(0), 20_000)
    assert subject.cost.variation.epochs.cv == 0
    assert 0.5 < np.median(cv) / (0.5 / math.sqrt(12) / 5.0) < 2


def test_few_runs_leave_a_choice_open_that_many_decide(run):
    """Two tasks differ in their variation alone: four runs do not tell which varies less, forty do."""
    shares = {}
    for count in (4, 40):
        runs = []
        for place, (task, cv) in enumerate(zip(TASKS[:3], (0.05, 0.1, 0.3), strict=True)):
            for seed in range(count):
                quantile = stats.norm.ppf((seed + 0.5) / count)
                one = run(round(20 * (1 + cv * quantile), 2), seed, task=task, quantum=0.01)
                one.model.parameters = 10 ** (3 + place)
                runs.append(of_result(one))
        subjects = select(runs).subjects
        weights = Weights(0, 1, 0, any_metric=True)
        found = chosen(subjects, 1, weights)
        sure = uncertainty(subjects, found, weights, found.candidates, 400)
        assert found.candidates[0].tasks == (TASKS[0],)
        assert sum(sure.best.values()) == pytest.approx(1)
        shares[count] = sure.best[found.candidates[0].tasks]
    assert shares[40] > 0.99
    assert 0.5 < shares[4] < 0.95


def test_the_intervals_of_a_choice_hold_its_place_and_repeat(suite):
    subjects = select(suite()).subjects
    found = chosen(subjects)
    about = tables.shown(found)
    first, second = (uncertainty(subjects, found, EVEN, about, 100) for _ in range(2))
    assert first == second
    assert set(first.places) == {one.tasks for one in about}
    assert all(1 <= low <= high <= len(found.candidates) for low, high in first.places.values())
    assert all(low < 1 - one.share < high for one in about for low, high in [first.saves[one.tasks]])
    assert set(first.without) == {"parameters", "flops"}
    assert sum(first.tasks.values()) == pytest.approx(3)
    grid = tables.candidates(found, EVEN, first)
    assert {len(row) for row in grid.rows} == {len(grid.heads)}
    assert any("(paper)" in row[0] for row in grid.rows)


def test_characteristics_come_from_a_file(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text(
        "task,scale,parameters,flops_forward,ipc\na,mini,10,5e6,0.4\na,reference,90,7e9,0.5\nb,mini,20,,x\n"
    )
    assert read_characteristics(path, "mini") == {
        "a": {"parameters": 10, "flops": 5e6, "ipc": 0.4},
        "b": {"parameters": 20},
    }


@pytest.mark.parametrize(
    ("text", "wrong"),
    [("name,x\n", "no column `task`"), ("task,x\na,1\na,2\n", "line 3: a is there twice"), (None, "No such")],
)
def test_a_bad_file_of_characteristics_is_named(tmp_path, text, wrong):
    path = tmp_path / "c.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(CharacteristicsError, match=wrong):
        read_characteristics(path, "mini")


def test_the_command_prints_the_choice_its_rank_and_the_papers(run, tmp_path):
    for place, task in enumerate(TASKS):
        for seed in range(3):
            one = run(4.0 + place + 0.1 * seed, seed, task=task)
            one.model.parameters = 1000 * 3**place
            write_result(tmp_path / "runs" / f"{task}{seed}", one)
    words = ["subset", str(tmp_path / "runs"), "--k", "3", "--markdown", str(tmp_path / "s.md")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    for text in ("Choice: ", "(paper)", "How sure: ", "Rank fidelity of the choice: not known", "place 3"):
        assert text in done.output or text == "place 3"
    assert done.output == CliRunner().invoke(app, words).output
    assert "<br>" in (tmp_path / "s.md").read_text()
    assert CliRunner().invoke(app, [*words, "--k", "20"]).exit_code == 1
    assert CliRunner().invoke(app, [*words, "--diversity", "0", "--cost", "0", "--repeatability", "0"]).exit_code == 1
    assert CliRunner().invoke(app, [*words, "--scale", "reference"]).exit_code == 1
