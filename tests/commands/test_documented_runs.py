"""Every command that README and docs print runs, or is marked with the reason; what it prints is what is shown below.

A training runs up to where it would train: its words are composed, its data asked for, its folder made.
tests/test_contract.py trains each task. A verb runs whole, on shipped results that lie where the page has its runs.
"""

from __future__ import annotations

import json
import re
import shutil

import pytest
from rich.console import Console
from typer.testing import CliRunner

from aibench.commands import train as training
from aibench.commands.app import app
from tests.analysis.test_published import ENTRY, event
from tests.commands.documented import ALL, NOT_RUN, PAGES, Line, of_others
from tests.conftest import ROOT, TINY
from tests.fixtures.imagenet import write_imagenet

pytestmark = pytest.mark.slow

STUDY = ROOT / "experiments" / "run_to_run_variation" / "results"
MODELS = ROOT / "experiments" / "model_characteristics"
SOME = "(image_classification|spatial_transformer)_seed[12]"  # few results: each verb is run once, not tried hard
MORE = "(image_classification|image_compression|image_generation|object_detection|learning_to_rank)_"  # for a subset
FOR_SUBSETS = ("runs/variation", "runs/one_machine", "runs/another")
RUN = {tuple(line.run): line for line in reversed(ALL) if line.reason is None}
TRAININGS = [line for line in RUN.values() if line.text.startswith(("python train.py", "aibench train "))]
VERBS = [line for line in RUN.values() if line not in TRAININGS]
SHOWN = [line for line in ALL if line.said and line.reason is None]
RUN_JOB = training.run_job
QUICKLY = ["queries=4", "seconds=0.05"]  # of each serving session
WITHOUT_DATA = re.compile(r"aibench: data\.root: no value|aibench: \w+\.(root|weights|segmenter)=/data\S*: no such f")
FOLDERS = re.compile(r"\b(?:runs|results|submission|study|imported|records|FOLDER)(?:/[\w-]+)?\b")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder where what the pages read lies: runs, records, logs of others, a data set."""
    from aibench.composition.compose import composed
    from aibench.training.run import train

    here = tmp_path_factory.mktemp("documented")
    here.joinpath("experiments").symlink_to(ROOT / "experiments")
    for name in sorted({found for line in VERBS for word in line.words for found in FOLDERS.findall(word)}):
        folder = here / name
        folder.mkdir(parents=True, exist_ok=True)
        source = MODELS / "results" / "mini" if name in ("records", "FOLDER") else STUDY
        wanted = "" if source != STUDY else MORE if name in FOR_SUBSETS else SOME
        for path in source.glob("*.json"):
            if re.match(wanted, path.name) and ("/" in name or name not in ("runs", "results")):
                shutil.copy(path, folder)
    for name in ("lab", "cloud"):
        for path in (here / "runs" / name).glob("*.json"):
            found = json.loads(path.read_text())
            found["system"]["cpu"] = name  # two systems in one folder
            found["run_id"] = f"{name}-{found['run_id']}"
            (here / "results" / f"{name}-{path.name}").write_text(json.dumps(found))
    for name in ("one", "DATE_TIME"):
        shutil.rmtree(here / "runs" / name, ignore_errors=True)
    words = [*TINY, "session=epochs", "epochs=1", "target.evaluations_per_epoch=1"]
    (here / "runs" / "one").mkdir()
    train(composed(words), here / "runs" / "one", None, Console(quiet=True))
    for name in ("characteristics.csv", "mine.csv"):
        shutil.copy(MODELS / "characteristics.csv", here / name)
    shutil.copy(ROOT / "aibench" / "characterization" / "classes.yaml", here / "my_classes.yaml")
    for number in range(3):
        (here / f"result_{number}.txt").write_text(log())
    (here / "entry.json").write_text(json.dumps(ENTRY))
    (here / "entry.tsv").write_text(
        "epoch\thours\ttop1Accuracy\ttop5Accuracy\n1\t0.5\t50.1\t75.0\n2\t1.0\t94.2\t93.9\n"
    )
    write_imagenet(here / "tiny")
    (here / "data" / "VOCdevkit").mkdir(parents=True)
    (here / "data" / "imagenet").mkdir()
    return here


def log():
    return "\n".join(
        [
            event("submission_benchmark", -1, "a_language_model"),
            event("train_samples", -1, 1000),
            event("run_start"),
            event("eval_error", 30, 2.0, samples_count=500),
            event("run_stop", 61, status="success"),
        ]
    )


def name_of(line: Line) -> str:
    return f"{line.page}: {line.text}"[:100]


@pytest.fixture
def verb(place, monkeypatch):
    """`verb(line)`: the exit status and the output of a line that begins with `aibench`."""
    monkeypatch.chdir(place)
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(place / "netrc"))

    def run(line):
        words = line.run[1:] + (QUICKLY if line.run[1] == "infer" else [])
        done = CliRunner().invoke(app, [word.replace("/data/tiny", f"{place}/tiny") for word in words])
        fault = done.exception
        assert fault is None or isinstance(fault, SystemExit), f"{line.text}: {fault!r}"
        return done.exit_code, done.output.replace(f"{place}/tiny", "/data/tiny")

    return run


@pytest.mark.parametrize("line", VERBS, ids=name_of)
def test_a_printed_verb_runs(line, verb):
    status, said = verb(line)
    if "data.root=/data" in line.text and "/data/tiny" not in line.text:
        assert re.search(r"^aibench: data\.root=/data\S*: no such folder", said), said
    elif "submission" in line.text:
        assert "refused" in said  # no set of shipped results is a submission
    else:
        assert status == 0, said


@pytest.mark.parametrize("line", TRAININGS, ids=name_of)
def test_a_printed_training_starts_or_asks_for_its_data(line, told):
    answer = told(*line.run[2:])
    if {"-h", "--help", "--cfg", "--info"} & set(line.words):
        assert answer.returncode == 0, answer
    elif not answer.started and not line.said:
        assert WITHOUT_DATA.match(answer.stderr), answer


def masked(text: str) -> str:
    """`text` without what depends on the machine: numbers of bytes and files' sums."""
    return re.sub(r"\b[0-9a-f]{16}\b|[\d,]+ bytes", "#", text)


@pytest.mark.parametrize("line", SHOWN, ids=name_of)
def test_what_a_page_shows_below_a_command_is_what_it_prints(line, told, verb, place, tmp_path, monkeypatch):
    if line.text.startswith("python"):
        monkeypatch.chdir(tmp_path / "here")
        if "output=runs/sweep" in line.text:
            monkeypatch.setattr(training, "run_job", RUN_JOB)  # it refuses the folder before anything is trained
            folder = tmp_path / "here" / "runs" / "sweep" / "0_image_classification_seed1"
            folder.mkdir(parents=True)
            shutil.copy(STUDY / "image_classification_seed1.json", folder / "result.json")
        words = [word.replace("/data", f"{place}/data") if word == "data.root=/data" else word for word in line.words]
        answer = told(*words[2:])
        said = f"{answer.stdout}{answer.stderr}".replace(f"{place}/", "/")
    else:
        if "truncated" in line.said[0]:
            image = place / "tiny" / "train" / "n02105855" / "n02105855_3.JPEG"
            image.write_bytes(image.read_bytes()[:-500])
        _, said = verb(line)
    assert masked(said).rstrip().splitlines() == [masked(one) for one in line.said]


def test_each_reason_not_to_run_a_line_is_that_of_a_line():
    unused = [pattern for pattern in NOT_RUN if not any(re.search(pattern, line.text) for line in ALL)]
    assert unused == []


def test_what_other_programs_are_asked_for_is_known():
    programs = {re.split(r"[ =]", text)[0] for page in PAGES for text in of_others(page)}
    assert programs <= {
        *("make", "pip", "python", "torchrun", "srun", "wandb", "tensorboard", "eval", "unzip", "docker"),
        *(".venv/bin/python", "GOMP_SPINCOUNT"),
    }


def test_most_lines_are_run():
    assert len([line for line in ALL if line.reason is None]) > 0.7 * len(ALL)
