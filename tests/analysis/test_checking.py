"""`aibench check` finds an edited number, and nothing wrong with what the committed studies hold."""

from __future__ import annotations

import fnmatch
import json
import re
from functools import cache

import pytest
from typer.testing import CliRunner

from aibench.analysis.checking import MEASURED, faults
from aibench.commands.app import app
from aibench.commands.divisions import judged
from aibench.results.mllog import write_log
from aibench.results.result import ResultError, _adapter, read_result, write_result
from aibench.tracking.trackers import CsvTracking
from tests.conftest import ROOT

STUDIES = sorted((ROOT / "experiments").glob("*/results/*.json"))
FIRST = sorted((ROOT / "experiments" / "run_to_run_variation" / "results").glob("*_seed1.json"))
TIMED = sorted((ROOT / "experiments" / "gpu" / "results").glob("*.json"))[:3]


def a_result(path):
    """The result in `path`; None for records of other kinds."""
    try:
        return read_result(path)
    except ResultError:
        return None


def numbers(node, path=()):
    """The path and the value of every number in `node` but 0."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from numbers(value, (*path, key))
    elif isinstance(node, list):
        for place, value in enumerate(node):
            yield from numbers(value, (*path, place))
    elif isinstance(node, int | float) and not isinstance(node, bool) and node != 0:
        yield path, node


def changed(node, path, value):
    """`node` with another value at `path`; what is not on the way is shared."""
    if not path:
        return value
    copied = list(node) if isinstance(node, list) else dict(node)
    copied[path[0]] = changed(node[path[0]], path[1:], value)
    return copied


@cache
def is_measured(name):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in MEASURED)


def test_the_results_of_all_studies_are_sound():
    found = {str(path): wrong for path in STUDIES if (result := a_result(path)) and (wrong := faults(result))}
    assert found == {}


@pytest.mark.parametrize("path", [*FIRST, *TIMED], ids=lambda path: f"{path.parents[1].name}-{path.stem}")
def test_every_number_that_follows_from_others_is_a_fault_once_edited_by_a_tenth(path):
    whole = json.loads(path.read_text())
    unseen = set()
    for place, value in numbers(whole):
        name = ".".join(map(str, place))
        if is_measured(name):
            continue
        for factor in (1.1, 0.9):
            other = (
                value * factor if isinstance(value, float) else round(value * factor) if abs(value) > 4 else value + 1
            )
            edited = _adapter().validate_json(json.dumps(changed(whole, place, other)))
            if not faults(edited):
                unseen.add(f"{name} x {factor}")
    assert unseen == set()


@pytest.mark.parametrize(
    ("path", "value", "wrong"),
    [
        (("status",), "not_converged", "status"),
        (("status",), "completed", "status"),
        (("session",), "epochs", "session"),
        (("seed",), 2, "seed"),
        (("target", "mode"), "min", "target.mode"),
        (("target", "quality"), None, "target.quality"),
        (("to_quality", "seconds"), None, "to_quality.seconds"),
        (("quality",), None, "quality"),
        (("model", "use", "mfu", "value"), None, "model.use.mfu"),
        (("cost", "time", "value"), 1.0, "cost.time"),
        (("energy", "to_quality", "value"), 1.0, "energy.to_quality"),
        (("history",), [], "quality"),
        (("phases",), [], "phases"),
    ],
)
def test_words_and_nulls_follow_too(path, value, wrong):
    whole = json.loads(FIRST[0].read_text())
    found = faults(_adapter().validate_json(json.dumps(changed(whole, path, value))))
    assert any(line.startswith(wrong) or f" {wrong}" in line for line in found), found


def test_the_documentation_lists_what_is_measured():
    text = (ROOT / "docs" / "sessions.md").read_text()
    for pattern in MEASURED:
        assert f"`{pattern.removesuffix('.value')}`" in text, pattern


@pytest.fixture
def folder(run, tmp_path):
    """The folder of a run, with what its trackers wrote."""
    result = read_result(FIRST[0])
    result.figure = None
    result.division, _ = judged(result)  # of this version of the suite, whose data may be others by now
    write_result(tmp_path, result)
    write_log(tmp_path, result)
    CsvTracking(tmp_path).restore(result.history)
    return tmp_path


def check(folder):
    done = CliRunner().invoke(app, ["check", str(folder)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done


def test_files_beside_the_result_that_say_the_same_are_sound(folder):
    assert check(folder).exit_code == 0, check(folder).output


@pytest.mark.parametrize(
    ("name", "pattern", "other", "wrong"),
    [
        ("mllog.txt", r'"eval_accuracy", "value": [\d.]+', '"eval_accuracy", "value": 0.99', "eval_accuracy, number 1"),
        ("mllog.txt", r'"success"', '"aborted"', "run_stop, number 1"),
        (
            "mllog.txt",
            r'"time_ms": (?=\d+, "event_type": "INTERVAL_START", "key": "run)',
            '"time_ms": 9',
            "number 1",
        ),
        ("mllog.txt", r".*run_stop.*\n", "", "0 lines of run_stop"),
        ("mllog.txt", r":::MLLOG \{", ":::MLLOG [", "cannot be read"),
        ("metrics.csv", r"\n1\.0,", "\n1.5,", "row 1: epochs"),
        ("metrics.csv", r"\n[^\n]*\n\Z", "\n", "rows, and the history has"),
        ("metrics.csv", r"\Aepochs", "epoch", "epoch is 1.0"),
        ("metrics.csv", r"\n1\.0,", "\nx,", "cannot be read"),
    ],
)
def test_a_file_beside_the_result_that_says_otherwise_is_a_fault(folder, name, pattern, other, wrong):
    text = (folder / name).read_text()
    edited = re.sub(pattern, other, text, count=1)
    assert edited != text
    (folder / name).write_text(edited)
    done = check(folder)
    assert done.exit_code == 1
    assert f"fault: {name}: " in done.output
    assert wrong in done.output


def test_a_division_that_the_configuration_does_not_give_is_a_fault(folder):
    whole = json.loads((folder / "result.json").read_text())
    key = next(iter(whole["config"]["model"]))
    whole["config"]["model"][key] = 3
    whole["division"] = {"name": "closed", "left": []}
    (folder / "result.json").write_text(json.dumps(whole))
    done = check(folder)
    assert done.exit_code == 1
    assert "division: open" in done.output
    assert "fault: division: the file says closed" in done.output
