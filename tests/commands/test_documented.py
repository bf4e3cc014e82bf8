"""A printed command that no test runs has words that the command takes; test_documented_runs.py runs the others."""

from __future__ import annotations

import re

import pytest
import typer

from aibench.commands.app import VERBS, VERBS_OF_DATA, app
from aibench.composition import groups
from aibench.composition.words import flags, in_order, parsed
from aibench.config import ConfigError
from aibench.results.result import read_result
from aibench.training.forecast import studied
from tests.commands.documented import ALL
from tests.conftest import ROOT

NOT_RUN = [line for line in ALL if line.reason is not None]
EXAMPLES = ("NAME", "TASK", "KEY=VALUE", "noisy_digits", "...")  # stand for what a reader puts there


@pytest.mark.parametrize("line", NOT_RUN, ids=lambda line: f"{line.page}: {line.text}"[:90])
def test_a_printed_command_that_no_test_runs_is_one_that_the_command_takes(line):
    words = line.words
    if any(example in word for word in words for example in EXAMPLES):
        pytest.skip("its words stand for others")
    if words[:2] == ["aibench", "train"] or words[0] == "python":
        assert complaint(words[2:]) is None
    else:
        takes_verb(words[1:])


def complaint(words):
    """What a training with `words` is refused with, as it is printed; None where its words are fine."""
    try:
        takes_training(words)
    except ConfigError as error:
        return f"aibench: {error}"


def takes_training(words):
    if set(words) & {"-h", "--help", "-sc"} or any(word.startswith("-sc") for word in words):
        return
    found = flags(in_order(words))
    groups.check(parsed(found.overrides), own=bool(found.config_dir or found.config_path))


def takes_verb(words):
    command = typer.main.get_command(app)
    while words and words[0] in ("--wide", "--version"):
        words = words[1:]
    if not words or words[0].startswith("-") or words[0] == "VERB":
        return
    verb = command.commands[words[0]]
    rest = words[1:]
    if words[0] == "data" and rest and rest[0] in VERBS_OF_DATA:
        verb, rest = verb.commands[rest[0]], rest[1:]
    if {"-h", "--help"} & set(rest):
        return
    verb.make_context("aibench", list(rest))


def test_the_study_that_the_package_has_is_that_of_the_repository():
    rows = {(row.task, row.quality): sorted(row.epochs) for row in studied()}
    result = read_result(ROOT / "experiments/run_to_run_variation/results/recommendation_seed1.json")
    assert result.to_quality.epochs in rows[result.task, result.target.quality]


def test_the_readme_names_every_verb():
    text = (ROOT / "README.md").read_text()
    table = text[text.index("| verbs | what they do |") : text.index("From Python, `import aibench`")]
    named = {name for row in table.split("\n|")[1:] for name in re.findall(r"`([a-z -]+)`", row.split("|")[0])}
    assert named == {*VERBS, *(f"data {name}" for name in VERBS_OF_DATA)}
