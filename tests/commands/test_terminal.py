"""Every table is readable at 80 columns: no line is longer, nothing is broken, and what is left out is named."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from aibench import __version__
from aibench.analysis.grid import Grid
from aibench.analysis.serving import turned
from aibench.commands.app import VERBS, app
from aibench.commands.console import console, print_result
from aibench.results.inference import read_inference
from aibench.results.result import read_result
from tests.conftest import ROOT

STUDY = "experiments/run_to_run_variation/results"
ONE = f"{STUDY}/recommendation_seed1.json"
RECORDS = "experiments/model_characteristics/results"
PRINTED = {  # a command line for each verb that prints a table of what is there already
    "show": [ONE, "--history"],
    "variation": [STUDY],
    "sensitivity": [STUDY],
    "cost": [STUDY, "--price-per-hour", "2.5", "--price-per-kwh", "0.3"],
    "subset": ["--k", "3", STUDY, "--records", f"{RECORDS}/reference"],
    "compare": [STUDY, "experiments/training/results"],
    "rank": [STUDY, "experiments/training/results"],
    "report": [STUDY],
    "rules": [],
    "coverage": [f"{RECORDS}/mini", f"{RECORDS}/reference", "--output"],
    "breakdown": [f"{RECORDS}/mini"],
    "hotspots": [f"{RECORDS}/mini"],
    "similarity": [f"{RECORDS}/mini"],
    "counters": ["--from", "experiments/microarchitecture/results"],
    "data": ["status"],
}
NO_TABLE = {"train", "dashboard", "system", "check", "calibrate", "mllog-rules", "schema", "characterize"}
MEASURES = {
    "batch",
    "infer",
    "estimate",
    "selftest",
    "baseline",
    "micro",
}  # tables of measurements: the same grids, tested below
OF_FILES = {"import", "paper", "scaling"}  # tables of files that this repository does not have


@pytest.fixture
def at(monkeypatch):
    """`at(width, *words)`: what `aibench` prints on a terminal of so many columns; None for a pipe."""

    def printed(width, *words):
        monkeypatch.chdir(ROOT)
        screen = console()
        monkeypatch.setattr(screen, "_force_terminal", width is not None)
        monkeypatch.setattr(screen, "_color_system", None)
        monkeypatch.setattr(screen, "_width", width or 80)
        return CliRunner().invoke(app, list(words)).output

    return printed


def test_each_verb_is_among_those_that_are_looked_at_or_has_a_reason():
    assert VERBS.keys() - PRINTED.keys() == NO_TABLE | MEASURES | OF_FILES


@pytest.mark.parametrize("verb", PRINTED)
def test_a_table_is_readable_at_80_columns(verb, at, tmp_path):
    words = [verb, *PRINTED[verb], *([str(tmp_path)] if PRINTED[verb][-1:] == ["--output"] else [])]
    narrow, whole = at(80, *words), at(None, *words)
    lines = narrow.splitlines()
    tables = [line for line in lines if re.search(r"\S  +\S|[│─]", line)]
    assert tables, narrow
    assert [line for line in tables if len(line) > 80 and not line.startswith("  ")] == []
    assert "…" not in narrow
    shown = {word for line in tables for word in line.split() if not set(word) <= set("─━│┃┏┳┓┡╇┩└┴┘")}
    assert shown - set(whole.split()) == set()
    if len(max(whole.splitlines(), key=len)) > 100 and "Left out" in narrow:
        assert "aibench --wide VERB" in " ".join(narrow.split())


def test_a_table_of_one_serving_session_fits(capsys, at):
    at(80, "--version")
    served = read_inference(ROOT / "experiments" / "inference" / "results" / "image_classification_seed1.json")
    assert turned(served).fitting(80) == turned(served)


def test_what_is_left_out_is_named_in_the_stated_order():
    table = Grid("t", ("task", "a", "b", "c"), [["x" * 20, "1" * 10, "2" * 10, "3" * 10]], dispensable=("b",))
    assert list(table.fitting(200).heads) == ["task", "a", "b", "c"]
    assert list(table.fitting(50).heads) == ["task", "a", "c"]
    assert list(table.fitting(40).heads) == ["task", "a"]
    assert list(table.fitting(5).heads) == ["task", "a"]


def test_all_columns_are_there_on_request(at):
    assert "Left out" in at(80, "report", STUDY)
    assert "Left out" not in at(80, "--wide", "report", STUDY)
    assert "Left out" not in at(None, "report", STUDY)


def test_records_are_found_in_the_folders_of_each_scale_too(at):
    assert "holds no record" not in at(None, "similarity", RECORDS, "--scale", "mini")
    assert at(None, "similarity", RECORDS, "--scale", "mini") == at(None, "similarity", f"{RECORDS}/mini")


def test_the_version_is_told(at, told):
    assert at(80, "--version") == f"aibench {__version__}\n"
    assert told("--version").stdout == f"aibench {__version__}\n"


def test_a_finished_run_is_shown_as_at_its_end(at, capsys):
    shown = at(80, "show", ONE)
    print_result(read_result(ROOT / ONE), ROOT / STUDY, "recommendation_seed1.json")
    assert shown == capsys.readouterr().out
    assert len(at(80, "show", STUDY).splitlines()) == len(list((ROOT / STUDY).glob("*.json")))
    assert "no such folder" in at(80, "show", "nowhere")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("aibench tra", ["train"]),
        ("aibench train task=obj", ["task=object_detection", "task=object_reconstruction_3d"]),
        ("aibench train task = obj", ["object_detection", "object_reconstruction_3d"]),
        ("aibench train task=recommendation data.so", ["data.source="]),
        ("aibench train session=q", ["session=quasi_entire"]),
    ],
)
def test_a_shell_completes_verbs_and_the_words_of_a_training(words, expected):
    environment = {"_AIBENCH_COMPLETE": "complete_bash", "COMP_WORDS": words}
    environment["COMP_CWORD"] = str(len(words.split()) - 1)
    found = CliRunner().invoke(app, [], prog_name="aibench", env=environment).output
    assert found.split() == expected
