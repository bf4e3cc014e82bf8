"""From result files to the variation table: what is pooled, what is averaged, what is said."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from aibench.analysis.paper import VARIATION
from aibench.analysis.spread import runs_needed, vangel_interval
from aibench.analysis.summary import summarise
from aibench.analysis.variation.figure import plot
from aibench.analysis.variation.rows import variation
from aibench.analysis.variation.table import grid, markdown, names, notes, show, write_csv
from aibench.results.result import Phase, Status, write_result


def printed(rows, width=100, **options):
    text = io.StringIO()
    show(rows, Console(file=text, width=width, **options))
    return text.getvalue()


def summarised(folders, **outputs):
    text = io.StringIO()
    status = summarise(folders, Console(file=text, width=100), **outputs)
    return status, text.getvalue()


@pytest.fixture
def four(run):
    """Four runs of one task that reached their target."""
    return [run(epochs, seed) for seed, epochs in enumerate([3.0, 4.0, 4.5, 5.5], start=1)]


# What a row says


def test_a_row_has_the_statistics_of_the_epochs_to_quality(four):
    (row,) = variation(four)
    epochs = [3.0, 4.0, 4.5, 5.5]
    assert (row.runs, row.converged, row.seeds) == (4, 4, (1, 2, 3, 4))
    assert row.epochs.mean == pytest.approx(np.mean(epochs))
    assert row.epochs.cv == pytest.approx(np.std(epochs, ddof=1) / np.mean(epochs))
    assert row.epochs.cv_corrected == pytest.approx(row.epochs.cv * 17 / 16)
    assert row.seconds.cv == pytest.approx(row.epochs.cv)
    assert row.cv_floor == pytest.approx(0.1 / 12**0.5 / np.mean(epochs))


def test_the_interval_is_vangels_where_the_quantum_is_small(run):
    (row,) = variation([run(epochs, seed, quantum=1e-3) for seed, epochs in enumerate([3.0, 4.0, 4.5, 5.5])])
    assert (row.cv_low, row.cv_high) == pytest.approx(vangel_interval(row.epochs.cv, 4), rel=2e-3)


@pytest.mark.parametrize("quantum", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("cv", [0.01, 0.05, 0.1])
def test_the_interval_covers_the_true_coefficient_also_where_the_quantum_hides_it(run, cv, quantum):
    random = np.random.default_rng(round(1000 * cv))
    covered = 0
    for _ in range(150):
        true = random.normal(8 + random.uniform(0, quantum), 8 * cv, 4)
        seen = np.ceil(true / quantum) * quantum
        (row,) = variation([run(float(epochs), seed, quantum=quantum) for seed, epochs in enumerate(seen)])
        covered += row.cv_low <= cv <= row.cv_high
    assert covered / 150 > 0.9


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=30)
@given(st.lists(st.integers(5, 60), min_size=2, max_size=8), st.sampled_from([0.25, 0.5, 2.0, 8.0]), st.randoms())
def test_neither_the_unit_of_an_epoch_nor_the_order_of_the_seeds_matters(run, evaluations, factor, random):
    seeds = random.sample(range(100), len(evaluations))
    (one,) = variation(run(0.5 * number, seed, quantum=0.5) for seed, number in enumerate(evaluations))
    (other,) = variation(
        run(0.5 * number * factor, seed, quantum=0.5 * factor) for seed, number in zip(seeds, evaluations, strict=True)
    )
    for name in ("cv_low", "cv_high", "cv_floor", "runs_needed", "within_quantum"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-6, abs=1e-12)
    assert other.epochs.cv == pytest.approx(one.epochs.cv)


def test_eight_runs_have_an_interval_of_any_shape_and_four_have_none(run, four):
    (row,) = variation(four)
    assert (row.cv_low_any_shape, row.cv_high_any_shape) == (None, None)
    (row,) = variation([run(3.0 + 0.4 * (seed % 4) + (seed == 7), seed, quantum=1e-4) for seed in range(8)])
    assert row.cv_low_any_shape < row.epochs.cv < row.cv_high_any_shape
    assert f"{100 * row.cv_low_any_shape:.2f}" in markdown([row])


def test_the_runs_needed_have_the_ends_of_the_interval(run, four):
    (row,) = variation(four)
    few, many = row.runs_needed_between
    assert few < row.runs_needed < many
    assert (few, many) == (runs_needed(row.cv_low), runs_needed(row.cv_high))
    assert f"| {few:,}-{many:,} |" in markdown([row])
    (row,) = variation([run(epochs, seed) for seed, epochs in enumerate([1.0, 2.0, 4.0, 9.0])])
    assert row.runs_needed_between[1] is None
    assert f">= {row.runs_needed_between[0]}" in markdown([row])


def test_runs_that_missed_the_target_are_counted_and_never_averaged_in(run, four):
    others = [
        run(None, 5),
        run(None, 6, status=Status.diverged),
        run(None, 7, status=Status.interrupted),
        run(None, 8, status=Status.failed, data=None, message="out of memory"),
    ]
    (row,) = variation(four + others)
    (alone,) = variation(four)
    assert (row.runs, row.converged, row.missed, row.diverged, row.interrupted, row.failed) == (8, 4, 1, 1, 1, 1)
    assert row.epochs == alone.epochs
    assert row.seconds == alone.seconds
    assert any("1 missed the target" in note and "the quicker runs" in note for note in row.notes)


def test_epochs_are_also_counted_from_where_the_judged_model_starts_to_train(run, four):
    """A teacher of two epochs is trained before a student that takes 1, 2, 2.5 and 3.5."""
    for result in four:
        (phase,) = result.phases
        steps = round(phase.steps * 2 / result.to_quality.epochs)
        result.phases = [Phase("teacher", steps, 64 * steps, 1.0), Phase("student", phase.steps - steps, 0, 1.0)]
    (row,) = variation([*four, run(None, 5)])
    assert row.alone.values == pytest.approx([1.0, 2.0, 2.5, 3.5])
    assert row.epochs.values == (3.0, 4.0, 4.5, 5.5)
    said = f"counted from where the student starts to train: mean 2.25 epochs, CV {100 * row.alone.cv:.3g} %"
    assert said in row.notes


def test_epochs_of_a_training_of_one_part_are_counted_once(four):
    (row,) = variation(four)
    assert row.alone == row.epochs
    assert not any("counted from where" in note for note in row.notes)


def test_a_run_that_failed_after_it_reached_the_target_is_not_averaged_in(run, four):
    (row,) = variation([*four, run(9.0, 5, status=Status.failed)])
    assert row.converged == 4
    assert row.epochs.values == (3.0, 4.0, 4.5, 5.5)


def test_one_run_has_a_mean_and_says_why_it_has_no_coefficient(run):
    (row,) = variation([run(3.0, 1)])
    assert row.epochs.mean == 3.0
    assert (row.epochs.cv, row.cv_low, row.cv_high, row.runs_needed) == (None, None, None, None)
    assert "no coefficient of variation: one run" in row.notes


def test_one_run_of_four_that_reached_the_target_has_no_coefficient(run):
    (row,) = variation([run(3.0, 1), run(None, 2), run(None, 3), run(None, 4)])
    assert (row.converged, row.missed, row.epochs.cv) == (1, 3, None)


def test_no_run_that_reached_the_target_leaves_no_mean(run):
    (row,) = variation([run(None, 1), run(None, 2)])
    assert (row.epochs.mean, row.epochs.cv) == (None, None)
    assert "no coefficient of variation: no run reached the target" in row.notes
    assert "0/2" in printed([row])


def test_equal_runs_are_printed_as_below_the_quantum_and_not_as_0(run):
    (row,) = variation([run(5.0, seed, quantum=0.5) for seed in (1, 2, 3, 4)])
    assert row.within_quantum
    assert row.cv_low == 0
    assert row.cv_high > row.cv_floor == pytest.approx(0.5 / 12**0.5 / 5)
    assert "<= 2.89" in printed([row])
    assert any("quantum of 0.5 epochs explains the spread" in note for note in row.notes)


def test_runs_further_apart_than_the_quantum_explains_carry_no_such_note(four):
    (row,) = variation(four)
    assert not row.within_quantum
    assert not any("quantum" in note for note in row.notes)


def test_a_session_of_steps_has_no_target(run):
    target = dataclasses.replace(run().target, quality=None)
    steps = [run(None, seed, status=Status.completed, session="steps", target=target) for seed in (1, 2)]
    (row,) = variation(steps)
    assert (row.runs, row.converged, row.missed) == (2, 0, 0)
    assert any("session=steps has no target" in note for note in row.notes)


def test_a_session_of_epochs_is_read_at_the_target_it_passed(run):
    target = dataclasses.replace(run().target, quality=None)
    epochs = {1: 3.0, 2: 4.0, 3: None}
    (row,) = variation(
        run(value, seed, status=Status.completed, session="epochs", target=target) for seed, value in epochs.items()
    )
    assert (row.converged, row.missed, row.quality) == (2, 1, 0.9)
    assert row.epochs.mean == 3.5


# What is pooled


def test_runs_that_differ_in_the_place_and_manner_of_recording_are_pooled(run, config):
    ways = [
        config("image_classification", 1, output="a", data__root="/x"),
        config("image_classification", 2, output="b", progress=False, resume="auto"),
        config("image_classification", 3, tracking__kind="wandb", data__cache="/tmp/cache"),
    ]
    (row,) = variation(run(3.0 + seed, seed, config=way) for seed, way in enumerate(ways, start=1))
    assert (row.runs, row.differs) == (3, {})


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"optim__lr": 0.2}, "optim.lr"),
        ({"data__batch_size": 128}, "data.batch_size"),
        ({"data__seed": 1}, "data.seed"),
        ({"model__width": 64}, "model.width"),
        ({"hardware__precision": "bf16"}, "hardware.precision"),
        ({"target__evaluations_per_epoch": 2.0}, "target.evaluations_per_epoch"),
    ],
)
def test_runs_of_another_configuration_get_a_row_that_names_the_key(run, config, four, change, key):
    other = run(6.0, 5, config=config("image_classification", 5, **change))
    rows = variation([*four, other])
    assert sorted(row.runs for row in rows) == [1, 4]
    assert {tuple(row.differs) for row in rows} == {(key,)}
    assert len({row.differs[key] for row in rows}) == 2
    assert [f"{key}={row.differs[key]}" for row in rows] == [lines[-1] for lines in names(rows)]


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"suite_version": "0.2.0"}, "suite_version"),
        ({"versions": {"python": "3.12.3", "torch": "2.12.0"}}, "versions.torch"),
        ({"system": {"cpu": "Other", "cores": 2, "threads": 2, "gpu": None}}, "system.cpu"),
        ({"system": {"cpu": "Processor", "cores": 2, "threads": 2, "gpu": {"name": "H100"}}}, "system.gpu"),
    ],
)
def test_runs_of_another_version_or_machine_get_their_own_row(run, four, fields, key):
    rows = variation([*four, run(6.0, 5, **fields)])
    assert [set(row.differs) for row in rows] == [{key}, {key}]


def test_runs_on_other_samples_get_their_own_row(run, four):
    other = run(6.0, 5)
    other.data = dataclasses.replace(other.data, fingerprint="fedcba9876543210")
    assert [row.differs for row in variation([*four, other])] == [
        {"data.fingerprint": "0123456789abcdef"},
        {"data.fingerprint": "fedcba9876543210"},
    ]


def test_runs_to_another_quality_get_their_own_row(run, four):
    other = run(6.0, 5)
    other.target = dataclasses.replace(other.target, quality=0.8)
    assert [row.differs for row in variation([*four, other])] == [{"quality": "0.8"}, {"quality": "0.9"}]


def test_another_scale_or_session_is_a_row_that_lists_no_keys(run, four):
    rows = variation([*four, run(6.0, 5, scale="reference"), run(2.0, 6, session="quasi_entire")])
    assert [(row.scale, row.session, row.differs) for row in rows] == [
        ("mini", "entire", {}),
        ("mini", "quasi_entire", {}),
        ("reference", "entire", {}),
    ]
    assert "mini quasi_entire" in printed(rows)


def test_a_run_that_failed_before_it_saw_its_data_joins_the_runs_it_agrees_with(run, config, four):
    failed = run(None, 5, status=Status.failed, data=None, history=[])
    (row,) = variation([failed, *four])
    assert (row.runs, row.failed) == (5, 1)
    elsewhere = run(None, 6, status=Status.failed, data=None, config=config("image_classification", 6, optim__lr=9.0))
    assert [row.runs for row in variation([failed, *four, elsewhere])] == [5, 1]


def test_a_run_that_could_belong_to_two_rows_belongs_to_neither(run, four):
    other = run(6.0, 5)
    other.data = dataclasses.replace(other.data, fingerprint="fedcba9876543210")
    rows = variation([*four, other, run(None, 6, status=Status.failed, data=None)])
    assert sorted(row.runs for row in rows) == [1, 1, 4]
    assert {"data.fingerprint": "unknown"} in [row.differs for row in rows]


def test_a_copied_result_counts_once(four):
    (row,) = variation([*four, *four])
    assert row.runs == 4


def test_a_repeat_of_a_seed_with_the_same_history_counts_once(run, four):
    (row,) = variation([*four, run(3.0, 1)])
    assert (row.runs, row.epochs.values) == (4, (3.0, 4.0, 4.5, 5.5))
    assert any("1 more repeat the seed and the history" in note for note in row.notes)


def test_a_repeat_of_a_seed_with_another_history_is_kept_and_noted(run, four):
    (row,) = variation([*four, run(3.5, 1)])
    assert row.runs == 5
    assert any("several runs have seed 1" in note for note in row.notes)


def test_a_failed_run_and_its_successful_repeat_share_no_value(run, four):
    (row,) = variation([*four, run(None, 1, status=Status.failed, history=[], data=None)])
    assert row.failed == 1
    assert not any("independent" in note for note in row.notes)


def test_runs_of_one_seed_that_repeat_bit_for_bit_vary_by_exactly_0(run):
    (row,) = variation([run(3.0, 1) for _ in range(4)])
    assert (row.runs, row.epochs.cv, row.cv_low, row.cv_high) == (4, 0, 0, 0)
    assert not row.within_quantum
    assert any("one seed for all runs, and one history" in note for note in row.notes)


def test_runs_of_one_seed_that_do_not_repeat_show_what_a_fixed_seed_leaves(run):
    (row,) = variation([run(epochs, 1) for epochs in (3.0, 3.5, 4.0)])
    assert row.epochs.cv == pytest.approx(0.5 / 3.5)
    assert any("the variation that a fixed seed leaves" in note for note in row.notes)


# The paper


def test_only_the_numbers_of_5_3_1_are_published():
    assert {task: published.cv for task, published in VARIATION.items()} == {
        "image_classification": 0.0112,
        "learning_to_rank": 0.019,
        "object_detection": 0.0,
        "speech_recognition": 0.1208,
        "face_recognition_3d": 0.3846,
        "image_generation": None,
        "image_to_image": None,
    }
    assert all(published.where == "5.3.1" for published in VARIATION.values())


def test_the_papers_figure_stands_beside_the_measured_one(run):
    rows = variation(run(3.0 + seed, seed, task=task) for task in sorted(VARIATION) for seed in (1, 2))
    last = [
        line.split()[-1] for line in printed(rows).splitlines() if line.split()[:1] and line.split()[0] in VARIATION
    ]
    assert last[: len(rows)] == ["38.46", "1.12", "none", "none", "1.9", "0", "12.08"]


# How it is shown

TASKS = ("image_classification", "neural_architecture_search", "object_detection")


@pytest.fixture
def rows(run, config):
    runs = [run(2.0 + 0.5 * seed, seed, task=task) for task in TASKS for seed in range(1, 11)]
    runs += [run(20.25 * seed, seed, config=config(TASKS[0], seed, optim__lr=0.2)) for seed in (1, 2, 3, 4)]
    runs += [run(None, 11, task=TASKS[2]), run(3.0, 1, task="recommendation")]
    return variation(runs)


@pytest.mark.parametrize("width", [80, 100, 200])
def test_the_table_fits_the_terminal_and_breaks_no_number_or_name(rows, width):
    lines = printed(rows, width=width, force_terminal=True, no_color=True, color_system=None).splitlines()
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    for task in TASKS:
        assert re.search(rf"^{task} ", text, re.MULTILINE)
    assert "10/11" in text
    assert "optim.lr=0.2" in text


def test_a_file_gets_all_columns_and_no_colour_codes(rows):
    text = io.StringIO()
    show(rows, Console(file=text, width=40))
    assert "\x1b" not in text.getvalue()
    assert "Left out" not in text.getvalue()


def test_a_terminal_without_room_loses_columns_and_not_names(rows):
    heads = {width: set(grid(rows).fitting(width).heads) for width in (80, 100)}
    assert "CV %" in heads[80] < heads[100]


def test_the_table_is_plain_ascii_where_the_output_is(rows):
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii", write_through=True)  # which raises at any other character
    show(rows, Console(file=file))
    assert b"image_classification" in raw.getvalue()


def test_markup_in_a_name_is_printed_as_it_is(run, config):
    rows = variation([run(3.0, 1), run(3.0, 1, config=config("image_classification", 1, model__width="[red]x"))])
    assert "model.width=[red]x" in printed(rows)


def test_an_interval_without_upper_end_is_printed_by_its_lower_end(run):
    (row,) = variation([run(epochs, seed) for seed, epochs in enumerate([1.0, 2.0, 4.0, 9.0])])
    assert ">= " in printed([row])


def test_the_markdown_table_has_a_row_for_each(rows):
    lines = [line for line in markdown(rows).splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(rows)
    assert len({line.count("|") for line in lines}) == 1
    assert all(f"- {note}" in markdown(rows) for note in notes(rows))


def test_the_csv_file_reads_back(rows, tmp_path):
    write_csv(rows, tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(newline="") as file:
        records = list(csv.DictReader(file))
    assert [record["task"] for record in records] == [row.task for row in rows]
    for record, row in zip(records, rows, strict=True):
        assert record["cv"] == ("" if row.epochs.cv is None else str(row.epochs.cv))
        assert [float(value) for value in record["epochs"].split()] == list(row.epochs.values)
        assert int(record["missed"]) == row.missed


def test_the_figure_draws_every_run_also_where_none_reached_the_target(run, rows, tmp_path):
    none = variation([run(None, 1)])
    plot(none, tmp_path / "none.png")
    plot([*rows, *none], tmp_path / "runs.svg")
    assert (tmp_path / "none.png").stat().st_size > 1000
    assert (tmp_path / "runs.svg").read_text().count("</g>") > sum(row.converged for row in rows)


# From folders


def test_a_sweep_in_which_all_is_well_exits_0(four, write, tmp_path):
    write(tmp_path, four)
    status, text = summarised(tmp_path)
    assert status == 0
    assert re.search(r"image_classification +4/4", text)


def test_runs_of_a_number_of_steps_get_their_throughput_and_no_variation(run, four, write, tmp_path):
    timed = run(None, 1, task="object_detection", session="steps", status=Status.completed, history=[])
    write(tmp_path, [*four, timed])
    status, text = summarised(tmp_path)
    assert status == 0
    assert re.search(r"object_detection +images +500 +500 +500 +500", text)
    assert re.search(r"image_classification +4/4", text)
    assert "object_detection: " not in text  # it missed nothing


def test_a_failed_run_is_named_with_its_folder_and_message(run, four, write, tmp_path):
    write(tmp_path, [*four, run(None, 5, status=Status.failed, data=None, message="DataError: [red] truncated.jpg")])
    status, text = summarised(tmp_path)
    assert status == 1
    assert f"{tmp_path / '4'}: failed: DataError: [red] truncated.jpg\n" in text
    assert "4/5" in text


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        ('{"schema_version": 99}', "schema version 99"),
        ('{"schema_version": 1, "run_', "cut off or damaged"),
        ("", "cut off or damaged"),
        ('{"schema_version": 2}', "not a result"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_in_a_line_of_its_own(four, write, tmp_path, content, wrong):
    write(tmp_path, four)
    (tmp_path / "bad").mkdir()
    path = tmp_path / "bad" / "result.json"
    path.write_text(content)
    status, text = summarised([tmp_path])
    (line,) = [line for line in text.splitlines() if str(path) in line]
    assert status == 1
    assert wrong in line
    assert "4/4" in text


def test_several_folders_are_one_table(run, write, tmp_path):
    write(tmp_path / "a", [run(3.0, 1), run(4.0, 2)])
    write(tmp_path / "b", [run(3.5, 3), run(4.5, 4)])
    assert "4/4" in summarised([tmp_path / "a", tmp_path / "b"])[1]


@pytest.mark.parametrize(("name", "wrong"), [("empty", "holds no result"), ("missing", "no such folder")])
def test_a_folder_without_results_exits_1_and_says_so(tmp_path, name, wrong):
    (tmp_path / "empty").mkdir()
    status, text = summarised(tmp_path / name)
    assert status == 1
    assert text == f"{tmp_path / name}: {wrong}. Give the folder of a run or of a sweep.\n"


def test_the_files_asked_for_are_written(four, write, tmp_path):
    write(tmp_path, four)
    outputs = {"csv": tmp_path / "new" / "v.csv", "markdown": tmp_path / "v.md", "figure": tmp_path / "v.png"}
    assert summarised(tmp_path, **outputs)[0] == 0
    assert all(path.stat().st_size > 100 for path in outputs.values())


def test_a_file_that_cannot_be_written_is_named(four, write, tmp_path):
    write(tmp_path, four)
    status, text = summarised(tmp_path, figure=tmp_path / "v.unknown")
    assert status == 1
    assert f"{tmp_path / 'v.unknown'}: not written: " in text


def test_a_result_comes_back_from_its_file_as_the_same_row(four, tmp_path):
    from aibench.results.result import read_result

    read = [read_result(write_result(tmp_path / str(run.seed), run)) for run in four]
    assert variation(read) == variation(four)


def test_importing_the_analysis_loads_nothing_heavy():
    code = "import json, sys, aibench.analysis.summary; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", "scipy", "matplotlib", "rich", "aibench.tasks"} & set(json.loads(done.stdout))
