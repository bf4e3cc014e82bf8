"""A thousand random command lines: each runs, or is refused in one line that names a word; nothing is left behind.

The seed is fixed, so that a line which fails can be tried again; the figures are printed (`pytest -s`).
"""

from __future__ import annotations

import random
import re
import shutil
import time
from collections import Counter

import pytest

from aibench.composition import registry
from aibench.composition.compose import suite_config
from aibench.config import plain
from aibench.config.fields import shown
from aibench.results.division import flat

LINES, SEED = 1000, 1
GRAMMAR = re.compile(r"Traceback|mismatched|extraneous|no viable|token recognition|hydra\.cc|full_key|object_type")
GROUPS = ("task", "scale", "model", "data", "target", "hardware", "tracking", "experiment", "hydra/launcher", "optim")
VALUES = (
    *("", " ", "null", "true", "nan", "-inf", "1e400", "-1", "0", "1", "3", "1" + "0" * 30, "9" * 5000, "1.5", "0x10"),
    *(
        "abc",
        "größe",
        "日本",
        "\udcff",
        "a\0b",
        "a\nb",
        "a b",
        " a",
        "a ",
        "~/x",
        "/d/a=b",
        "/d/(a)",
        "/d/[a]",
        "/d/{a}",
    ),
    *("/d/#a", "/d/it's", '/d/"a"', "a,b", "[a,b]", "[1,2", "{a:1}", "{a", "[]", "[[1]]", "choice(1,2)", "range(1,4)"),
    *("range(1,1000000000)", "glob(*)", "interval(1,2)", "sort(3,1)", "f(x)", "${seed}", "${nope}", "${oc.env:NOPE}"),
    *("${output}", "${", "$x", "???", "'a'", "'a", '"', "\\", "a\\", "a:b", "@", "/dev/null/x", "x" * 300, "x" * 9000),
    *("mini", "cpu", "image_classification", "object_detection/mini", "val/typo", "nope", "embedded", "steps"),
)
FLAGS = (
    "-m",
    "--multirun",
    "-r",
    "--cfg",
    "-c",
    "job",
    "all",
    "--info",
    "defaults",
    "-p",
    "optim",
    "--resolve",
    "--nope",
)


def line(draw):
    """A line of some words: keys and groups of a task, whole or spoiled, with values that fit or do not."""
    task = draw.choice(registry.task_names())
    keys = [*KEYS[task], *GROUPS, "hydra.run.dir", "hydra.sweep.dir", "hydra.job.num", "hydra.launcher.n_jobs"]
    words = [f"task={task}"] if draw.random() < 0.8 else []
    for _ in range(draw.randint(1, 3)):
        key = draw.choice(keys)
        if draw.random() < 0.15 and key in KEYS[task]:
            words.append(f"{key}={str(KEYS[task][key]).replace('None', 'null').replace(' ', '')}")
            continue
        if draw.random() < 0.2:
            place = draw.randrange(len(key) + 1)
            key = key[:place] + draw.choice(["", ".", "/", "x", "=", " ", "@", "ö", "+", "~", "-"]) + key[place + 1 :]
        key = draw.choice(["", "", "", "", "", "+", "++", "~"]) + key
        word = f"{key}={draw.choice(VALUES)}" if draw.random() < 0.9 else key
        if draw.random() < 0.15:
            word = "".join(chr(draw.choice([draw.randint(32, 126), draw.randint(161, 0x24F)])) for _ in range(8))
        words.append(word)
    if draw.random() < 0.25:
        words.insert(draw.randrange(len(words) + 1), draw.choice(FLAGS))
    return words


KEYS = {}


@pytest.fixture(scope="module", autouse=True)
def _keys():
    KEYS.update({task: flat(plain(suite_config(task, "mini"))) for task in registry.task_names()})


@pytest.mark.slow
def test_a_thousand_random_lines_are_run_or_refused_in_one_line_that_names_a_word(told, tmp_path, capsys):
    draw = random.Random(SEED)
    figures: Counter[str] = Counter()
    wrong, slowest, begun, here = [], 0.0, time.perf_counter(), tmp_path / "here"
    for number in range(LINES):
        words = line(draw)
        start = time.perf_counter()
        answer = told(*words)
        slowest = max(slowest, time.perf_counter() - start)
        accepted = bool(answer.started) or answer.returncode == 0
        figures["accepted" if accepted else "refused"] += 1
        fault = fault_of(words, answer, accepted, here)
        if fault is not None:
            wrong.append(f"line {number}, {fault}: {words!r:.300}\n{answer.returncode}\n{answer.stderr[-400:]}")
        for path in here.iterdir():  # Hydra made them for the runs
            shutil.rmtree(path)
    with capsys.disabled():
        seconds = time.perf_counter() - begun
        print(f"\ntrain.py: {LINES} lines, {dict(figures)}, {seconds:.0f} s in all, {slowest:.1f} s the slowest")
    assert not wrong, "\n\n".join([f"{len(wrong)} lines", *wrong[:20]])


def fault_of(words, answer, accepted, here):
    """What is wrong with an answer, in a word; None where nothing is."""
    if not isinstance(answer.returncode, int) or GRAMMAR.search(answer.stdout + answer.stderr) is not None:
        return "traceback"
    if accepted:
        return None
    if answer.stderr.count("\n") != 1 or not answer.stderr.startswith(("aibench: ", "package '")):
        return "not one line"
    if not names_a_word(answer.stderr, words):
        return "names no word"
    return "left something" if list(here.iterdir()) else None


def names_a_word(text, words):
    """Whether a word stands in `text` as it was typed, or its key, or the value of a path."""
    parts = [part for word in words for part in (shown(word), word.split("=")[0].lstrip("+~"), repr(word))]
    parts += [word.split("=", 1)[1] for word in words if "=/" in word]
    return any(part and part in text for part in parts)
