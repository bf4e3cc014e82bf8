"""The choice of a subset, against brute force, scikit-learn and SciPy."""

from __future__ import annotations

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
from aibench.analysis.subset.features import CharacteristicsError, principal_components, read_characteristics, space
from aibench.analysis.subset.fidelity import fidelity
from aibench.analysis.subset.selection import select
from aibench.analysis.subset.subset import Weights, choose, stability
from aibench.commands.app import app
from aibench.results.result import Measured, write_result

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


def test_the_components_are_scikit_learns_up_to_their_sign():
    values = np.random.default_rng(0).normal(size=(17, 8)) @ np.diag([5, 3, 2, 1, 1, 0.5, 0.2, 0.1])
    ours, explained = principal_components(values)
    theirs = PCA(0.9).fit(StandardScaler().fit_transform(values))
    expected = theirs.transform(StandardScaler().fit_transform(values))
    assert ours.shape == expected.shape
    np.testing.assert_allclose(np.abs(ours), np.abs(expected), atol=1e-9)
    np.testing.assert_allclose(explained[: ours.shape[1]], theirs.explained_variance_ratio_)


def test_the_search_finds_what_brute_force_finds(suite):
    subjects = select(suite()).subjects
    found = choose(subjects, 3, Weights(diversity=1, repeatability=0, cost=0))
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
    cheap = choose(subjects, 3, Weights(0, 0, 1)).candidates
    assert cheap[0].share == min(one.share for one in cheap)
    steady = choose(subjects, 3, Weights(0, 1, 0)).candidates
    assert steady[0].cv == min(one.cv for one in steady)
    assert choose(subjects, 2, Weights(any_metric=True)).excluded == {}
    limit = sorted(subject.cv for subject in subjects)[4]
    assert all(one.cv <= limit for one in choose(subjects, 2, Weights(most_cv=limit)).candidates)


def test_shares_and_places_are_of_all_candidates(suite):
    found = choose(select(suite()).subjects, 3, Weights())
    assert [one.rank for one in found.candidates] == list(range(1, len(found.candidates) + 1))
    assert min(one.placed[0] for one in found.candidates) == 0
    assert all(0 < one.share < 1 and 0 < one.coverage <= 1 for one in found.candidates)
    assert found.of(SUBSET) is not None


def test_too_few_eligible_tasks_are_refused_with_the_reasons(suite):
    with pytest.raises(
        ValueError, match=r"2 tasks may be chosen, fewer than 3.*image_to_image: no widely accepted metric"
    ):
        choose(select(suite(tasks=TASKS[1:4])).subjects, 3, Weights())


def test_a_missing_characteristic_is_filled_in_or_left_out_and_named(suite):
    subjects = select(suite()).subjects
    subjects[0].characteristics["flops"] = None
    assert any("flops" in line and subjects[0].task in line for line in space(subjects).remarks)
    for subject in subjects[:4]:
        subject.characteristics["flops"] = None
    assert space(subjects).names == ["parameters", "epochs"]


def test_the_choice_of_well_separated_tasks_is_stable_and_repeats(suite):
    subjects = select(suite()).subjects
    weights = Weights(1, 0, 0)
    best = choose(subjects, 3, weights).candidates[0]
    first, second = (stability(subjects, 3, weights, best, 20) for _ in range(2))
    assert first == second
    assert first.same > 0.5
    assert set(first.without) == {"parameters", "flops", "epochs"}
    assert sum(first.tasks.values()) == pytest.approx(3)


def test_the_rank_correlation_is_scipys_over_the_scores(suite):
    runs = suite(systems=4)
    found = fidelity(runs, SUBSET)
    assert found.tau == pytest.approx(stats.kendalltau(found.whole, found.part).statistic)
    assert found.whole[0] == 1
    expected = stats.gmean([2 * (1 + 0.01 * place) for place in range(len(TASKS))])
    assert found.whole[1] == pytest.approx(expected)
    assert 1 < found.error < 1.2


def test_one_system_says_nothing_of_the_order(suite):
    assert "one system" in fidelity(suite(), SUBSET)


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
    for text in ("Choice: ", "(paper)", "Stability: ", "Rank fidelity of the choice: not known", "Without parameters"):
        assert text in done.output or text.replace("(paper)", "The paper's three are number") in done.output
    assert done.output == CliRunner().invoke(app, words).output
    assert "<br>" in (tmp_path / "s.md").read_text()
    assert CliRunner().invoke(app, [*words, "--k", "20"]).exit_code == 1
    assert CliRunner().invoke(app, [*words, "--diversity", "0", "--cost", "0", "--repeatability", "0"]).exit_code == 1
    assert CliRunner().invoke(app, [*words, "--scale", "reference"]).exit_code == 1
