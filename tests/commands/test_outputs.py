"""Where a verb writes is checked before anything is read: no file of another kind is lost, no folder left."""

from __future__ import annotations

import shutil
from typing import get_type_hints

import pytest

from aibench import cli
from aibench.commands.app import VERBS, VERBS_OF_DATA
from aibench.commands.outputs import file_to_write, folder_to_write
from tests.conftest import ROOT

RESULT = ROOT / "experiments" / "run_to_run_variation" / "results" / "spatial_transformer_seed1.json"
WRITES = ("Write", "Draw", "File for", "Folder for", "Folder to draw")


def test_every_option_that_names_a_place_to_write_is_checked():
    found = {}
    for verb in (*VERBS.values(), *VERBS_OF_DATA.values()):
        for name, hint in get_type_hints(verb, include_extras=True).items():
            for option in getattr(hint, "__metadata__", ()):
                if (getattr(option, "help", None) or "").startswith(WRITES):
                    found[verb.__name__, name] = option.callback
    assert len(found) > 50
    unchecked = {place for place, check in found.items() if check not in (file_to_write, folder_to_write)}
    assert not unchecked


@pytest.fixture
def here(told, tmp_path):
    """A working folder with a run's result, a script, a table and a folder."""
    here = tmp_path / "here"
    shutil.copy(RESULT, here / "one.json")
    (here / "script.py").write_text("kept\n")
    (here / "old.csv").write_text("old\n")
    (here / "folder").mkdir()
    return here


PLACES = {
    "one.json": "a file of another kind is there",
    "script.py": "a file of another kind is there",
    "folder": "it is a folder",
    "": "it is a folder",
    "~nosuchuser/x.csv": "Give the path without ~",
    "script.py/x.csv": "is no folder",
    f"{'x' * 300}.csv": "File name too long",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("option", ["--csv", "--markdown"])
def test_a_place_that_cannot_or_must_not_be_written_is_refused_before_anything_is_read(option, place, here, told):
    before = {path: path.read_bytes() for path in here.iterdir() if path.is_file()}
    answer = told("variation", "one.json", option, place, entry=cli.main)
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr.startswith(f"aibench: {option}={place[:9]}")
    assert answer.stderr.count("\n") == 1
    assert PLACES[place] in answer.stderr
    assert {path: path.read_bytes() for path in here.iterdir() if path.is_file()} == before
    assert sorted(path.name for path in here.iterdir() if path.is_dir()) == ["folder"]


def test_one_bad_place_of_two_leaves_the_other_unwritten(here, told):
    answer = told("sensitivity", "one.json", "--csv", "new/table.csv", "--markdown", ".", entry=cli.main)
    assert answer.returncode == 1
    assert "--markdown=.: not written: it is a folder" in answer.stderr
    assert not (here / "new").exists()


def test_a_table_of_an_earlier_call_is_replaced(here, told):
    answer = told("variation", "one.json", "--csv", "old.csv", "--markdown", "new/table.md", entry=cli.main)
    assert answer.returncode == 0, answer
    assert (here / "old.csv").read_text().startswith("task,")
    assert (here / "new" / "table.md").is_file()


def test_a_result_is_not_replaced_by_a_file_of_its_suffix(here, told):
    before = (here / "one.json").read_bytes()
    answer = told("micro", "one.json", "--suite", "one.json", entry=cli.main)
    assert "--suite=one.json: not written: a file of another kind is there" in answer.stderr
    assert (here / "one.json").read_bytes() == before


def test_a_picture_of_no_known_kind_is_refused(here, told):
    answer = told("variation", "one.json", "--figure", "new/curves.unknown", entry=cli.main)
    assert answer.returncode == 1
    assert "--figure=new/curves.unknown: not written: no such kind of picture" in answer.stderr
    assert not (here / "new").exists()
