"""`aibench data verify`: what is refused at once, and with which words."""

from __future__ import annotations

import subprocess
import sys

import pytest
from fixtures.librispeech import write_librispeech
from fixtures.multi30k import write_multi30k
from fixtures.trees import TREES

from aibench.config import ConfigError
from aibench.tasks.speech_recognition.data import Data as Speech
from aibench.tasks.speech_recognition.module import Module as Recogniser
from aibench.tasks.text_to_text.data import Data as Translation
from aibench.training.loader import EvalBatches, TrainBatches

REFUSED = """
import sys
import typer
from aibench.commands.verify import verify
for task in sys.argv[2:]:
    try:
        verify([*task.split(","), f"data.root={sys.argv[1]}", "hardware=cpu"])
    except typer.Exit as error:
        assert error.exit_code == 1, task
    else:
        raise AssertionError(task)
heavy = {"torch", "torchvision", "pytorch_lightning", "matplotlib", "numpy", "pandas", "scipy"}
print(*sorted(heavy & set(sys.modules)))
"""


def test_a_wrong_folder_is_refused_by_every_task_before_anything_heavy_is_loaded(tmp_path):
    (tmp_path / "wrong").mkdir()
    tasks = sorted({f"task={tree.task}" for tree in TREES})
    tasks[tasks.index("task=image_to_text")] += ",model.frozen=false"  # else its missing weights are refused first
    command = [sys.executable, "-c", REFUSED, str(tmp_path / "wrong"), *tasks]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.strip() == "", "loads these"
    refusals = finished.stderr.splitlines()
    assert len(refusals) == len(tasks), refusals
    assert all(line.startswith(f"aibench: data.root={tmp_path / 'wrong'}: ") for line in refusals), refusals


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("u.data", "a file, and its folder is wanted. Set data.root to the folder that holds the data set."),
        ("ml-100k.zip", "an archive, and a folder is wanted. Unpack it. Set data.root to the folder"),
        ("VOC.TAR", "an archive, and a folder is wanted. Unpack it. Set data.root to the folder"),
        ("train.tar.gz", "an archive, and a folder is wanted."),
        ("nothing", "no such folder. Set data.root to the folder"),
    ],
)
def test_what_is_no_folder_is_called_what_it_is(composed, tmp_path, name, said):
    if name != "nothing":
        (tmp_path / name).touch()
    with pytest.raises(ConfigError) as refused:
        composed("task=recommendation", "scale=reference", f"data.root={tmp_path / name}")
    assert str(refused.value).startswith(f"data.root={tmp_path / name}: {said}")


def test_where_tokens_decide_a_batch_a_small_corpus_is_no_fault(composed, tmp_path):
    write_multi30k(tmp_path / "root")
    places = (f"data.root={tmp_path / 'root'}", f"data.cache={tmp_path / 'cache'}", "session=epochs")
    words = (
        "task=text_to_text",
        "scale=reference",
        "model=text_to_text/multi30k",
        "data=text_to_text/multi30k",
        *places,
    )
    data = Translation(composed(*words, "data.batch_tokens=60", "data.batch_size=4096", "data.train_size=3"))
    assert len(TrainBatches(data, data.dataset("train"), seed=1)) >= 1
    with pytest.raises(ConfigError, match=r"data\.batch_size=4096: larger than the 3 samples"):
        composed(*words, "data.batch_size=4096", "data.train_size=3")


def test_one_held_out_set_has_its_word_error_rate_under_its_name(composed, tmp_path):
    root = write_librispeech(tmp_path / "data")
    words = ("task=speech_recognition", "scale=reference", f"data.root={root}", f"data.cache={tmp_path / 'cache'}")
    small = (
        "model.hidden=4",
        "model.layers=1",
        "data.batch_size=2",
        "data.workers=0",
        "session=epochs",
        "hardware=cpu",
    )
    metric = ("data.held_out_sets=[test-clean]", "target.metric=val/wer_test-clean")
    data = Speech(composed(*words, *small, *metric))
    module, logged = Recogniser(data.config, data.facts).eval(), {}
    module.log_dict = logged.update
    for place, batch in enumerate(EvalBatches(data, data.dataset("val"))):
        module.validation_step(batch, place)
    module.on_validation_epoch_end()
    assert logged["val/wer_test-clean"] == logged["val/wer"]
