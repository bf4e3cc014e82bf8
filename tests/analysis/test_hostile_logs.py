"""Published logs that say something twice, in another type or unit, or not at all."""

from __future__ import annotations

import json
import os

import pytest
from typer.testing import CliRunner

from aibench.analysis.checking import faults
from aibench.analysis.published import dawnbench, foreign, mlperf
from aibench.analysis.published.foreign import ForeignError, as_result
from aibench.commands.app import app
from aibench.results.result import Status, read_result
from tests.analysis.test_published import START, entry, event  # noqa: F401 - a fixture

HEAD = [
    event("submission_benchmark", -9, "resnet"),
    event("submission_org", -9, "An organisation"),
    event("submission_platform", -9, "8xGPU"),
    event("submission_division", -9, "closed"),
    event("global_batch_size", -9, 256),
]
EVALUATIONS = [event("eval_accuracy", 60 * n, value, epoch_num=n) for n, value in enumerate([0.7, 0.8, 0.76], start=1)]
END = event("run_stop", 200, status="success")
SOUND = [*HEAD, event("seed", -5, 7), event("run_start"), *EVALUATIONS, END]


def write(tmp_path, lines):
    path = tmp_path / "result_0.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def without(key):
    return [line for line in SOUND if f'"{key}"' not in line]


def raw(**fields):
    return ":::MLLOG " + json.dumps({"key": "eval_accuracy", "time_ms": START + 1, "value": 0.5, **fields})


def test_a_sound_log_tells_what_it_says_and_no_more(tmp_path):
    run = mlperf.read(write(tmp_path, SOUND))
    assert (run.seconds, run.seed, run.best, run.history[-1][2]) == (200, 7, 0.8, 0.76)
    result = as_result(run)
    assert (result.best_quality, result.quality) == (0.8, 0.76)
    assert (result.history[0].steps, result.history[0].samples, result.history[0].training_seconds) == (None,) * 3
    assert faults(result) == []
    assert mlperf.read(write(tmp_path, without("seed"))).seed is None
    ranks = [*SOUND, event("seed", -5, 8)]
    assert mlperf.read(write(tmp_path, ranks)).seed is None  # each process its own


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        *[([*SOUND, line], f"a second {key}") for line, key in ((END, "run_stop"), (HEAD[0], "submission_benchmark"))],
        ([*HEAD, *SOUND], "a second submission_benchmark"),
        ([*SOUND[:6], raw(time_ms=None), *SOUND[6:]], "time_ms=None is no number"),
        ([*SOUND[:6], raw(time_ms="1700000000000"), *SOUND[6:]], "is no number"),
        ([*SOUND[:6], raw(time_ms=True), *SOUND[6:]], "is no number"),
        ([*SOUND[:6], raw(time_ms=1_700_000_000), *SOUND[6:]], "no time of MLPerf's in milliseconds"),
        ([*SOUND[:6], raw(time_ms=1e300), *SOUND[6:]], "is no number"),
        ([*SOUND[:6], raw(key=["x"]), *SOUND[6:]], "its key is no text"),
        ([*SOUND[:6], raw(metadata=[1]), *SOUND[6:]], "its metadata is no object"),
        ([*SOUND[:7], raw(value="0.5"), *SOUND[7:]], "eval_accuracy='0.5' is no number"),
        ([*SOUND[:7], raw(value=76.1), *SOUND[7:]], "eval_accuracy=76.1 is no ratio"),
        ([*SOUND[:7], raw(metadata={"epoch_num": "one"}), *SOUND[7:]], "epoch_num='one' is no number"),
        ([*SOUND[:7], raw(metadata={"epoch_num": -1}), *SOUND[7:]], "epoch_num=-1 is no number"),
        ([*SOUND[:-1], event("eval_accuracy", 190, 0.7, epoch_num=1), END], "goes back from epoch 3 to 1"),
        ([*SOUND[:-1], event("eval_accuracy", -60, 0.7, epoch_num=9), END], "stands before run_start"),
        ([*SOUND[:-1], event("run_stop", -1, status="success")], "run_stop stands before run_start"),
        ([*SOUND[:-1], event("run_stop", 200)], "has the status 'None'"),
        ([*SOUND[:-1], event("run_stop", 200, status=["success"])], "not success or aborted"),
        ([*without("seed")[:5], event("seed", -5, "x"), *SOUND[6:]], "seed='x' is no whole number"),
        ([*without("seed")[:5], event("seed", -5, -1), *SOUND[6:]], "seed=-1 is no whole number"),
        ([*without("submission_division"), event("submission_division", -9, "half")], "not closed or open"),
        ([*without("submission_org"), event("submission_org", -9, 3)], "submission_org is no text"),
        ([*without("submission_org"), event("submission_org", -9, "x" * 1000)], "submission_org is no text"),
        ([*without("submission_benchmark"), event("submission_benchmark", -9, 3)], "submission_benchmark is no text"),
        ([*without("global_batch_size"), event("global_batch_size", -9, 0)], "counts no samples"),
        ([*without("global_batch_size"), event("global_batch_size", -9, "big")], "is no number"),
        ([*SOUND, ":::MLLOG " + "[" * 100_000], "not JSON after"),
        ([*SOUND, ':::MLLOG {"key": "x", "time_ms": NaN}'], "not JSON after"),
        ([*SOUND, ':::MLLOG {"key": "x", "key": "y", "time_ms": 1}'], "not JSON after"),
        (without("run_stop"), "no run_stop"),
        (without("run_start"), "no run_start"),
        (without("submission_benchmark"), "no submission_benchmark"),
    ],
)
def test_a_log_that_says_it_twice_or_otherwise_is_named(tmp_path, lines, wrong):
    with pytest.raises(ForeignError) as raised:
        mlperf.read_all(write(tmp_path, lines))
    assert str(raised.value).startswith(str(tmp_path / "result_0.txt"))
    assert wrong in str(raised.value)


def later(line, seconds):
    """The line of a log, so many seconds later."""
    before, _, said = line.partition(":::MLLOG ")
    fields = json.loads(said)
    return f"{before}:::MLLOG {json.dumps({**fields, 'time_ms': fields['time_ms'] + 1000 * seconds})}"


def test_each_attempt_in_a_file_is_a_run(tmp_path):
    relaunch = [later(line, 86_400) for line in SOUND]
    died, whole = mlperf.read_all(write(tmp_path, [*SOUND[:8], *relaunch]))
    assert (died.status, died.seconds, len(died.history)) == (Status.failed, None, 1)
    assert (whole.status, whole.seconds, len(whole.history)) == (Status.converged, 200, 3)
    assert as_result(died).run_id != as_result(whole).run_id
    first, second = mlperf.read_all(write(tmp_path, [*SOUND, *relaunch]))
    assert (first.seconds, second.seconds) == (200, 200)
    bare = [line for line in relaunch if "submission_" not in line]  # a relaunch that does not repeat its head
    assert [run.benchmark for run in mlperf.read_all(write(tmp_path, [*SOUND, *bare]))] == ["resnet", "resnet"]
    with pytest.raises(ForeignError, match="holds 2 attempts"):
        mlperf.read(write(tmp_path, [*SOUND, *relaunch]))
    done = CliRunner().invoke(
        app, ["import", "mlperf", str(tmp_path / "result_0.txt"), "--output", str(tmp_path / "o")]
    )
    assert done.exit_code == 0, done.output
    assert len(list((tmp_path / "o").iterdir())) == 2


def test_a_loss_that_mlperf_calls_an_accuracy_is_better_when_smaller(tmp_path):
    head = event("submission_benchmark", -9, "llama2_70b_lora")
    losses = [event("eval_accuracy", 60 * n, value, epoch_num=n) for n, value in enumerate([0.95, 0.92, 0.93], start=1)]
    run = mlperf.read(write(tmp_path, [head, event("run_start"), *losses, END]))
    assert (run.mode, run.best) == ("min", 0.92)


@pytest.mark.parametrize("name", ["../../escaped/x", "/etc/x", "a/b", "..", ".", "\\x", "a\nb", "ü" * 200, "x" * 200])
def test_an_import_writes_only_below_its_output(tmp_path, name):
    lines = [event("submission_benchmark", -9, name), *SOUND[6:]]
    out = tmp_path / "deep" / "out"
    path = write(tmp_path, lines)
    before = set(tmp_path.rglob("*"))
    done = CliRunner().invoke(app, ["import", "mlperf", str(path), "--output", str(out)])
    assert done.exit_code == 0, done.output
    new = set(tmp_path.rglob("*")) - before - {tmp_path / "deep"}
    assert all(one == out or out in one.parents for one in new)
    (result,) = out.glob("*/result.json")
    assert read_result(result).task == name
    assert CliRunner().invoke(app, ["check", str(result)]).exit_code == 0


def test_an_import_follows_no_link_out_of_its_output(tmp_path):
    path, out = write(tmp_path, SOUND), tmp_path / "out"
    (tmp_path / "elsewhere").mkdir()
    out.mkdir()
    run = mlperf.read(path)
    (out / f"resnet_{as_result(run).run_id}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="lies outside"):
        foreign.write([run], out)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_file_that_fails_is_named_and_the_others_are_read(tmp_path):
    good, pipe, null = write(tmp_path, SOUND), tmp_path / "pipe", tmp_path / "null.txt"
    os.mkfifo(pipe)
    null.write_text(raw(time_ms=None))
    words = ["import", "mlperf", str(pipe), str(null), "/dev/zero", str(tmp_path), str(good)]
    done = CliRunner().invoke(app, [*words, "--output", str(tmp_path / "out")])
    assert done.exit_code == 1
    for name in (pipe, null, "/dev/zero"):
        assert f"aibench: {name}" in done.output
    assert "1 results in" in done.output.replace("\n", " ")


ROWS = "1\t0.5\t50.1\n2\t1.0\t94.2\n3\t1.5\t93.0\n"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("epoch\thours\ttop1Accuracy\n2\t0.5\t50\n1\t1.0\t60\n", "line 3: epoch and hours must grow"),
        ("epoch\thours\ttop1Accuracy\n1\t0.5\t50\n2\t0.4\t60\n", "line 3: epoch and hours must grow"),
        ("epoch\thours\ttop1Accuracy\n1\t-0.5\t50\n", "line 2: epoch and hours must grow"),
        ("epoch\thours\ttop1Accuracy\n1\tnan\t50\n", "line 2: epoch and hours must grow"),
        ("epoch\thours\ttop1Accuracy\ninf\t1\t50\n", "line 2: epoch and hours must grow"),
        ("epoch\thours\ttop1Accuracy\n1\t1\t101\n", "neither a ratio nor a percent"),
        ("epoch\thours\ttop1Accuracy\n1\t1\t-1\n", "neither a ratio nor a percent"),
        ("epoch\thours\ttop1Accuracy\n1\t1\tinf\n", "neither a ratio nor a percent"),
        ("epoch\thours\ttop1Accuracy\ttop1Accuracy\n1\t1\t50\t60\n", "a column is there twice"),
        ("epoch\thours\ttop1Accuracy\n1\t1\n", "must be numbers"),
        ("epoch\thours\ttop1Accuracy\n1\t1\t" + "5" * 200_000 + "\n", "field larger than field limit"),
    ],
)
def test_an_entry_that_says_otherwise_is_named(entry, text, wrong):  # noqa: F811 - the fixture
    with pytest.raises(ForeignError, match=wrong):
        dawnbench.read(entry(text))


@pytest.mark.parametrize(
    ("facts", "wrong"),
    [
        ("[" * 100_000, "not JSON"),
        ("[]", "not a description, but list"),
        ('{"author": ["x"]}', "author is no text"),
        ('{"author": "a", "author": "b"}', "not JSON"),
        ('{"hardware": 3}', "hardware is no text"),
        ('{"version": NaN}', "not JSON"),
    ],
)
def test_a_description_that_says_otherwise_is_named(entry, facts, wrong):  # noqa: F811 - the fixture
    path = entry("epoch\thours\ttop1Accuracy\n" + ROWS)
    path.with_suffix(".json").write_text(facts)
    with pytest.raises(ForeignError, match=wrong):
        dawnbench.read(path)


def test_an_entry_tells_what_it_says_and_no_more(entry):  # noqa: F811 - the fixture
    run = dawnbench.read(entry("epoch\thours\ttop1Accuracy\n" + ROWS))
    assert (run.seed, run.seconds, run.best) == (None, 3600, pytest.approx(0.942))
    assert faults(as_result(run)) == []
    missed = dawnbench.read(entry("epoch\thours\ttop1Accuracy\n" + ROWS), 0.99)
    assert (missed.status, missed.best) == (Status.not_converged, pytest.approx(0.942))
    unmeasured = dawnbench.read(entry("epoch\thours\ttop1Accuracy\n1\t1\tnan\n"))
    assert (unmeasured.status, unmeasured.best) == (Status.not_converged, None)
