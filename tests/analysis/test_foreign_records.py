"""Records of others: an odd one is named, the tables are made of the rest, and no text of it acts."""

from __future__ import annotations

import json
import os
import re

import pytest
from typer.testing import CliRunner

from aibench.commands.app import app
from tests.analysis.test_foreign import HOSTILE, fields, put, strings
from tests.conftest import ROOT

RECORDS = ROOT / "experiments" / "model_characteristics" / "results" / "mini"
COUNTED = ROOT / "experiments" / "microarchitecture" / "results"
VERBS = {
    "breakdown": (RECORDS, []),
    "hotspots": (RECORDS, []),
    "coverage": (RECORDS, ["--scale", "mini"]),
    "similarity": (RECORDS, []),
    "counters": (COUNTED, []),
}
SECTION = {"similarity": "characteristics", "coverage": "characteristics", "counters": "counters"}


def some(verb, tmp_path, count=6):
    """A folder with a few sound records, and the last of them, to be changed."""
    place, _ = VERBS[verb]
    found = [path for path in sorted(place.glob("*.json")) if "schema_version" in path.read_text()[:200]][:count]
    folder = tmp_path / verb
    folder.mkdir()
    for path in found:
        (folder / path.name).write_bytes(path.read_bytes())
    return folder, json.loads(found[-1].read_text())


def run(verb, folder, *more):
    """The verb on `folder`; a traceback fails the test."""
    words = [verb, "--from", str(folder)] if verb == "counters" else [verb, str(folder)]
    done = CliRunner().invoke(app, [*words, *VERBS[verb][1], *more])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done


@pytest.mark.parametrize("verb", VERBS)
def test_no_text_of_a_record_acts(verb, tmp_path):
    folder, last = some(verb, tmp_path)
    changed = last
    for number, path in enumerate(strings(last)):
        if path[0] in ("name", "system", "torch") or path[-1] in ("reason", "name"):
            changed = put(changed, path, HOSTILE[number % len(HOSTILE)])
    changed["name"] = "".join(HOSTILE)
    (folder / "hostile.json").write_text(json.dumps(changed))
    done = run(verb, folder, *(("--markdown", str(tmp_path / "t.md")) if verb != "coverage" else ()))
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", done.output)
    if verb != "coverage":
        assert "<script" not in (tmp_path / "t.md").read_text()


@pytest.mark.parametrize("verb", VERBS)
def test_a_file_that_is_no_record_is_named_and_the_others_are_in_the_table(verb, tmp_path):
    folder, _ = some(verb, tmp_path)
    sound = run(verb, folder)
    (folder / "deep.json").write_text("[" * 100_000)
    (folder / "list.json").write_text("[]")
    (folder / "twice.json").write_text('{"schema_version": 1, "schema_version": 1}')
    (folder / "version.json").write_text('{"schema_version": true}')
    (folder / "nan.json").write_text('{"schema_version": NaN}')
    (folder / "folder.json").mkdir()
    os.mkfifo(folder / "pipe.json")
    done = run(verb, folder)
    assert done.exit_code == 1
    for name in ("deep", "list", "twice", "version", "nan", "folder", "pipe"):
        assert f"{name}.json: " in done.output.replace("\n", "")
    assert sound.stdout in done.stdout


ODD = (True, "x", -1, 1e300, [], {}, [1], {"a": 1}, None)


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
def test_an_odd_value_anywhere_in_a_record_is_named_or_shown(verb, tmp_path):
    """Each verb once, with a folder in which every record has another odd value."""
    folder, last = some(verb, tmp_path)
    section = SECTION.get(verb, "profile")
    places = [path for path in fields(last) if path[0] == section or len(path) == 1]
    for number, path in enumerate(places):
        value = ODD[number % len(ODD)]
        changed = put({**last, "name": f"odd{number}"}, path, value)
        (folder / f"odd{number}.json").write_text(json.dumps(changed))
    done = run(verb, folder)
    assert done.exit_code == 1
    assert "odd" in done.output
