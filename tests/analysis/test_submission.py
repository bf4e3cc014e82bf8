"""A submission is judged by the rules: good, picked and mixed sets of runs, each refusal in one line."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
from typer.testing import CliRunner

from aibench.analysis.runs.runs import of_result
from aibench.analysis.submission.entry import Entry, prescribed
from aibench.analysis.submission.submission import judge
from aibench.analysis.submission.table import scores, verdict
from aibench.commands import check
from aibench.commands.app import app
from aibench.results.result import Division, Status, Trust, read_result, write_result
from tests.conftest import ROOT

CLOSED, OPEN = Division("closed"), Division("open", ["optim.negatives=1 (the suite's: 4)"])
RUNS = {"image_classification": 5, "recommendation": 5}
BLOCK = prescribed(5)
STUDY = ROOT / "experiments" / "run_to_run_variation" / "results"
EPOCHS = (3.0, 3.1, 2.9, 3.2, 3.0)


@pytest.fixture
def submission(run, config):
    """`submission(epochs, task=..., seeds=..., **fields)`: entries of one task, sound and closed."""

    def make(epochs=EPOCHS, task="image_classification", seeds=BLOCK, division=CLOSED, faults=(), **fields):
        made = []
        for needed, seed in zip(epochs, seeds, strict=True):
            told = {"trust": Trust("ok", []), **fields}
            keys = told.pop("keys", {})
            made.append(
                Entry(
                    of_result(run(needed, seed, task=task, config=config(task, seed, **keys), **told)), division, faults
                )
            )
        return made

    return make


@pytest.fixture
def reference(submission):
    """`reference(...)`: ten runs of the study that others know."""

    def make(epochs=(*EPOCHS, *EPOCHS), seeds=range(101, 111), **fields):
        return submission(epochs, seeds=seeds, **fields)

    return make


def refused(entries, reference, runs=RUNS):
    return judge(entries, runs, reference).all_refusals


def both(make, **fields):
    return [*make(**fields), *make(task="recommendation", **fields)]


# Good sets


def test_a_whole_submission_is_accepted_and_scored_against_the_reference(submission, reference):
    found = judge(both(submission), RUNS, [*reference(), *reference(task="recommendation")])
    assert found.all_refusals == []
    assert (found.division, found.left_out) == ("closed", [])
    assert [one.epochs for one in found.scores] == [pytest.approx((3.0 + 3.1 + 3.0) / 3)] * 2
    assert [one.score for one in found.scores] == [pytest.approx(1.0, rel=0.01)] * 2
    assert verdict(found) == [f"accepted, closed division. Score: {found.score:.3g}, of the whole suite."]


def test_the_score_is_the_geometric_mean_of_the_references_seconds_over_the_submissions(submission, reference):
    """Half the seconds in one task, a quarter in the other, at the same epochs."""
    points = [*reference(), *reference(task="recommendation")]
    entries = both(submission)
    for entry in entries:
        factor = 2 if entry.run.task == "recommendation" else 4
        entry.run.to_quality.seconds /= factor
    found = judge(entries, RUNS, points)
    one, other = (task.score * task.convergence.factor for task in found.scores)
    mean = sum(sorted(EPOCHS)[1:-1]) / 3
    theirs = sum(sorted((*EPOCHS, *EPOCHS))[1:-1]) / 8
    assert (one, other) == (pytest.approx(4 * theirs / mean), pytest.approx(2 * theirs / mean))
    assert found.score == pytest.approx(math.sqrt(found.scores[0].score * found.scores[1].score))


def test_a_faster_convergence_within_the_limit_is_no_score(submission, reference):
    quick = [value - 0.05 for value in EPOCHS]
    found = judge(submission(quick), RUNS, reference())
    (one,) = found.scores
    assert found.all_refusals == []
    assert one.convergence.factor > 1
    assert one.score == pytest.approx(one.reference / (one.seconds * one.convergence.factor))


def test_one_run_may_miss_and_a_second_one_may_not(submission, reference):
    assert refused(submission([*EPOCHS[:4], None]), reference()) == []
    assert refused(submission([*EPOCHS[:3], None, None]), reference()) == [
        "image_classification: 2 of 5 runs missed the quality: the olympic mean leaves one out."
    ]


def test_a_part_of_the_suite_has_no_score_of_the_suite(submission, reference):
    (line,) = verdict(judge(submission(), RUNS, reference()))
    assert line.endswith(", of 1 of 2 tasks, not the suite's: without recommendation.")


def test_an_open_submission_says_so(submission, reference):
    found = judge(submission(division=OPEN), RUNS, reference())
    assert found.all_refusals == []
    assert verdict(found)[0].startswith("accepted, open division")


def test_a_reference_that_trained_on_after_the_quality_counts_too(submission, reference):
    longer = reference(session="epochs", keys={"session": "epochs"})
    assert refused(submission(), longer) == []


# Picked sets


def test_a_picked_seed_is_refused(submission, reference):
    picked = submission(seeds=(1001, 1002, 7, 1004, 1005))
    where, block = f"seed 7 ({picked[2].run.run_id})", "a submission holds 5 runs, of the seeds 1001 to 1005"
    assert refused(picked, reference()) == [
        f"image_classification: seed 1003 missing: {block}, whatever they gave.",
        f"image_classification: {where}: picked, {block}.",
    ]


def test_a_missing_seed_is_refused(submission, reference):
    assert refused(submission()[:3], reference()) == [
        "image_classification: seeds 1004, 1005 missing: a submission holds 5 runs, of the seeds 1001 to 1005, "
        "whatever they gave."
    ]


def test_a_doubled_seed_is_refused(submission, reference):
    (line,) = refused([*submission(), *submission(EPOCHS[:1], seeds=[1002])], reference())
    assert line.startswith("image_classification: seed 1002 is there 2 times: ")


@pytest.mark.parametrize("status", [Status.interrupted, Status.failed])
def test_a_run_that_was_started_and_not_finished_is_refused(submission, reference, status):
    entries = [*submission()[:4], *submission(EPOCHS[:1], seeds=[1005], status=status)]
    (line,) = refused(entries, reference())
    assert f"seed 1005 ({entries[4].run.run_id}) is {status}: every run that was started counts." in line


def test_a_divergent_run_counts_as_one_that_missed(submission, reference):
    entries = [*submission()[:4], *submission([None], seeds=[1005], status=Status.diverged)]
    found = judge(entries, RUNS, reference())
    assert (found.all_refusals, found.scores[0].missed) == ([], 1)


def test_a_set_that_converges_implausibly_quickly_is_refused(submission, reference):
    (line,) = refused(submission([value / 2 for value in EPOCHS]), reference())
    assert "converges in 1.52 epochs, and the reference in 3.04: fewer than " in line


def test_three_reference_runs_for_three_are_too_few(submission, reference):
    (line,) = refused(submission(EPOCHS[:3], seeds=prescribed(3)), reference()[:3], {"image_classification": 3})
    assert line == (
        "image_classification: reference points: 3 of 3 reference runs count; 6 are needed, 2 for each run of the "
        "submission."
    )


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"commit": "a" * 40 + "-dirty"}, "are of no commit as it is"),
        ({"division": OPEN}, "are not of the closed division"),
        ({"keys": {"data__batch_size": 32}}, "differ in data.batch_size"),
        ({"session": "quasi_entire"}, "went for another quality"),
        ({"seeds": [101] * 10}, "repeat a seed"),
    ],
)
def test_reference_runs_of_another_kind_do_not_count(submission, reference, fields, why):
    (line,) = refused(submission(), reference(**fields))
    assert why in line
    assert "10 are needed" in line


def test_the_submissions_own_runs_are_no_reference(submission):
    entries = submission()
    (line,) = refused(entries, [*entries, *entries])
    assert "0 of 10 reference runs count, 10 are of the submission itself" in line


def test_without_a_reference_nothing_is_accepted(submission):
    (line,) = refused(submission(), None)
    assert line.startswith("convergence: compared with no reference points. Give --reference")


# Mixed sets


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"commit": "b" * 40}, "commit: aaaaaaaaaaaa (4 runs); bbbbbbbbbbbb (1 run). A submission has one."),
        (
            {"system": {"cpu": "Other", "cores": 4, "threads": 2, "gpu": None}},
            "machine: cpu=Processor cores=2 gpu=none (4 runs); cpu=Other cores=4 gpu=none (1 run).",
        ),
        (
            {"versions": {"python": "3.12.3", "torch": "2.12.0"}},
            "version of torch: 2.11.0 (4 runs); 2.12.0 (1 run). A submission has one.",
        ),
        ({"scale": "reference"}, "scale: mini (4 runs); reference (1 run). A submission has one."),
        (
            {"suite_version": "0.0.9"},
            "version 0.0.9 of the suite: this is 0.1.0. Check it with the version that it is of.",
        ),
        ({"session": "quasi_entire"}, "session=quasi_entire: a submission holds sessions to the entire quality."),
        (
            {"keys": {"optim__lr": 0.3}},
            "image_classification: optim.lr differs: 0.1 (4 runs), 0.3 (1 run). All runs of a task have one setting",
        ),
        (
            {"division": OPEN},
            "of the open division, by optim.negatives=1 (the suite's: 4), and others are of the closed",
        ),
        ({"division": None}, "of no known division."),
        ({"commit": "a" * 40 + "-dirty"}, "made with files that no commit holds."),
        ({"commit": None}, "made with files that no commit holds."),
        ({"faults": ["status: wrong.", "quality: wrong."]}, "contradicts itself: status: wrong (and 1 more)."),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_mixed_or_unsound_is_refused_in_one_line(submission, reference, fields, wrong):
    entries = [*submission()[:4], *submission(EPOCHS[:1], seeds=[1005], **fields)]
    found = refused(entries, reference())
    assert any(wrong in line for line in found), found
    assert not any("\n" in line for line in found)


def test_other_samples_are_refused(submission, reference, run):
    entries = submission()
    data = dataclasses.replace(run().data, fingerprint="f" * 16)
    entries[4] = submission(EPOCHS[:1], seeds=[1005], data=data)[0]
    (line,) = refused(entries, reference())
    assert line.startswith("image_classification: data.fingerprint differs: 0123456789abcdef (4 runs), ffff")


def test_two_tasks_may_have_settings_of_their_own_and_one_machine_alone(submission, reference):
    points = [*reference(), *reference(task="recommendation")]
    assert refused([*submission(), *submission(task="recommendation", keys={"optim__lr": 0.3})], points) == []
    other = {"cpu": "Other", "cores": 2, "threads": 2, "gpu": None}
    assert refused([*submission(), *submission(task="recommendation", system=other)], points)[0].startswith("machine: ")


def test_a_task_that_the_suite_does_not_have_is_refused(submission):
    assert "poetry: no task of this suite. Leave its runs out." in refused(submission(task="poetry"), None)


# What is told


def test_doubtful_timings_resumed_runs_and_slow_convergence_are_told_and_not_refused(submission, reference):
    entries = submission([value * 2 for value in EPOCHS])
    doubted = submission([6.0], seeds=[1001], trust=Trust("warn", ["another process used 1.0 cores"]))
    entries[0] = dataclasses.replace(doubted[0], resumed=1)
    found = judge(entries, RUNS, reference())
    assert found.all_refusals == []
    notes = scores(found).notes
    assert notes[0] == (
        "image_classification: timings not to be trusted in 1 of 5 runs (1 warn): another process used 1.0 cores."
    )
    assert "continued from a checkpoint" in notes[1]
    assert "slower than the reference" in notes[2]


# The command


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Runs of a study as a submission, `new`, and as its reference, `old`; their divisions as the files say."""
    monkeypatch.setattr(check, "judged", lambda result: (result.division, ""))
    paths = sorted(STUDY.glob("spatial_transformer_seed*.json"))[:4]
    for name, seeds in (("new", prescribed(5)), ("old", range(101, 113))):
        for seed in seeds:
            result = read_result(paths[seed % len(paths)])
            result.seed = result.config["seed"] = seed
            result.run_id, result.commit = f"{name}{seed}", "c" * 40
            result.division = CLOSED
            write_result(tmp_path / name / str(seed), result)
    return tmp_path


def told(*words):
    done = CliRunner().invoke(app, ["check", *map(str, words)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done


def test_the_command_judges_a_folder(folder):
    words = (folder / "new", "--submission", "--reference", folder / "old")
    done = told(*words, "--markdown", folder / "t.md", "--csv", folder / "t.csv")
    assert done.exit_code == 0, done.output
    assert "accepted, closed division. Score: " in done.output
    assert ", of 1 of 17 tasks, not the suite's" in done.output
    assert "spatial_transformer" in (folder / "t.md").read_text()
    assert "least_epochs" in (folder / "t.csv").read_text()
    (folder / "new" / "1003" / "result.json").unlink()
    (folder / "new" / "1003" / ".run").write_text("{}")
    done = told(*words)
    assert done.exit_code == 1
    assert "refused: spatial_transformer: seed 1003 missing" in done.output
    assert f"refused: {folder / 'new' / '1003'}: a run began here and left no result." in done.output
    assert "refused for 2 reasons." in done.output


def test_an_edited_number_and_a_broken_file_are_refused(folder):
    path = folder / "new" / "1002" / "result.json"
    whole = json.loads(path.read_text())
    whole["to_quality"]["seconds"] *= 0.9
    path.write_text(json.dumps(whole))
    (folder / "new" / "1004" / "result.json").write_text("{")
    done = told(folder / "new", "--submission", "--reference", folder / "old")
    assert done.exit_code == 1
    assert f"seed 1002 ({path}) contradicts itself: to_quality.seconds: " in done.output
    assert "refused: " + str(folder / "new" / "1004" / "result.json") in done.output


def test_without_the_option_each_run_is_checked_alone(folder):
    done = told(folder / "new", folder / "old" / "101" / "result.json", folder / "new")
    assert done.exit_code == 0, done.output
    assert done.output.count("division: closed") == 6
    assert "6 runs, 0 of them with faults" in done.output
    (folder / "new" / "1004" / "result.json").write_text("{")
    assert told(folder / "new").exit_code == 1
    assert told(folder / "nothing").exit_code == 1
    done = told(folder / "new", "--reference", folder / "old")
    assert f"--reference={folder / 'old'}: belongs to --submission." in done.output
