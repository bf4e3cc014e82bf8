"""Random command lines of each verb: none ends in a traceback or hangs, what is wrong is told by its words.

Thirty of each verb here; `make fuzz` draws a thousand of each, and prints the figures.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from aibench import cli
from aibench.commands import characterize, micro, workloads
from aibench.commands.app import VERBS, VERBS_OF_DATA, command
from aibench.composition import registry
from aibench.config.fields import shown
from tests.conftest import ROOT

LINES, SEED = int(os.environ.get("AIBENCH_FUZZ_LINES", "30")), 1
HANGS = 300  # seconds of one line, on a machine that may be busy
NAMES = [*(name for name in VERBS if name != "train"), *(f"data {name}" for name in VERBS_OF_DATA), "nope", ""]
GRAMMAR = re.compile(r"Traceback|mismatched|extraneous|no viable|token recognition|hydra\.cc|full_key|object_type")
STUDY = ROOT / "experiments" / "run_to_run_variation" / "results"
NOWHERE = "/proc/nowhere"  # where nobody, not even root, can make a folder
VALUES = (
    *("", " ", "nan", "inf", "-inf", "-1", "0", "1", "3", "0.5", "1" + "0" * 30, "9" * 5000, "abc", "größe", "\udcff"),
    *(
        NOWHERE,
        f"{NOWHERE}/x.csv",
        "/dev/null",
        "/dev/null/x",
        "/etc/passwd",
        "x" * 300,
        "x" * 5000,
        "~nobody/x",
        "~nosuchuser/x",
        ".",
    ),
    *("mini", "reference", "cpu", "tpu", "characteristics", "a,b", "[1", "{", "(", "'", '"', "a\nb", "a=b", "-", "--"),
    *("task=image_classification", "task=all", "task=nope", "task=", "seed=nan", "optim.lr=-1", "data.root=/d/a=b"),
    *("scale=reference", "scale=huge", "hardware=tpu", f"run={NOWHERE}", "run=", "qps=inf", "queries=0", "scenario=x"),
    *(str(Path(__file__)), "mlperf", "dawnbench", f"from={NOWHERE}", "from=/etc/passwd"),
)


def line(draw, verb, results):
    """A verb with some of its options and arguments, and values that fit or do not."""
    taken, values = command(), [*VALUES, str(results), *map(str, sorted(results.iterdir())[:2])]
    for word in verb.split():
        taken = taken.commands.get(word)
    options = [name for each in getattr(taken, "params", []) for name in each.opts if name.startswith("-")]
    words = verb.split()
    if draw.random() < 0.4:  # what most verbs need, so that the rest of the line is read too
        words.append(draw.choice([str(results), "task=image_classification"]))
    for _ in range(draw.randint(0, 4)):
        if options and draw.random() < 0.4:
            words.append(draw.choice([name for name in options if name != "--probe"] + ["-x", "--nope"]))
        elif draw.random() < 0.1:
            words.append("".join(chr(draw.choice([draw.randint(32, 126), draw.randint(161, 0x24F)])) for _ in range(8)))
        else:
            words.append(draw.choice(values))
    return words


@pytest.fixture
def idle(monkeypatch):
    """Nothing is measured, read from end to end or trained: a line that would be ends with 0."""

    def end(*_, **__):
        raise SystemExit(0)

    monkeypatch.setattr("aibench.serving.session.serve", end)
    monkeypatch.setattr("aibench.training.forecast.probe", end)
    monkeypatch.setattr("aibench.characterization.largest_batch.tried", end)
    monkeypatch.setattr("aibench.meters.selftest.checks", end)
    monkeypatch.setattr(registry, "data_class", end)
    for module in (characterize, workloads):
        monkeypatch.setattr(module, "recorded", end)
    monkeypatch.setattr(micro, "_measured", end)
    monkeypatch.setattr(subprocess, "run", end)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A folder with some results of three tasks: what most of the verbs read."""
    folder = tmp_path_factory.mktemp("results")
    for task in ("learning_to_rank", "object_detection", "spatial_transformer"):
        for path in sorted(STUDY.glob(f"{task}_seed*.json"))[:3]:
            shutil.copy(path, folder)
    return folder


def hung(*_):
    raise TimeoutError(f"hangs: {HANGS} seconds")


@pytest.mark.slow
@pytest.mark.parametrize("verb", NAMES)
def test_random_lines_of_a_verb_end_without_a_traceback(verb, results, told, idle, tmp_path, capsys, record_property):
    draw, here = random.Random(f"{SEED} {verb}"), tmp_path / "here"
    figures, wrong = Counter({"accepted": 0, "refused": 0, "traceback": 0, "hangs": 0, "left a folder": 0}), []
    signal.signal(signal.SIGALRM, hung)
    for number in range(LINES):
        words = line(draw, verb, results)
        signal.alarm(HANGS)
        answer = told(*words, entry=cli.main)
        signal.alarm(0)
        fault = fault_of(words, answer, here)
        if fault is not None:
            said = f"{str(answer.returncode)[-800:]}\n{answer.stderr[-400:]}"
            wrong.append(f"line {number}, {fault}: {words!r:.300}\n{said}")
        figures[fault or ("accepted" if answer.returncode == 0 else "refused")] += 1
        for path in here.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    with capsys.disabled():
        said = ", ".join(f"{count} {what}" for what, count in figures.items())
        print(f"\n{verb or 'no verb'}: {LINES} lines, {said}")
    record_property("figures", said)  # for `--junitxml`: what processes of pytest-xdist print is lost
    assert not wrong, "\n\n".join([f"{len(wrong)} lines", *wrong[:20]])


def fault_of(words, answer, here):
    """What is wrong with an answer, in a word; None where nothing is."""
    said = answer.stdout + answer.stderr
    if "TimeoutError: hangs" in str(answer.returncode):
        return "hangs"
    if not isinstance(answer.returncode, int) or GRAMMAR.search(said) is not None:
        return "traceback"
    if answer.returncode == 0:
        return None
    if len(words) > 1 and not names_a_word(said, words):
        return "names no word"
    return "left a folder" if any(path.is_dir() for path in here.iterdir()) else None


def names_a_word(text, words):
    """Whether a word stands in `text` as it was typed, or its key; or the word that is missing does."""
    words = [*words, *(name for word in words if not word for name in (".:", "result.json:"))]  # where one stands in
    parts = [part for word in words for part in (shown(word), " ".join(word.split()), word.split("=")[0], repr(word))]
    parts += [str(Path(word)) for word in words if "/" in word]  # without an end of slashes, or two for one
    parts += [word[:60] for word in words if len(word) > 60]  # what is long is cut
    missing = any(f"{key}: no value. Give " in text for key in ("run", "task")) or "no workload to count" in text
    return missing or any(part and part in text for part in parts)
