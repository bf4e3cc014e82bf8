"""A user's mistake gets one line that names the key as typed, exit status 1, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

IC = "task=image_classification"

REFUSED = {
    "unknown task": (["task=nope"], "task=nope: no such option. One of: "),
    "near miss of a task": (["task=image_classifcation"], "Did you mean image_classification?"),
    "unknown group": (["tusk=image_classification"], "tusk: no such key. Did you mean task?"),
    "unknown option": ([IC, "hardware=tpu"], "hardware=tpu: no such option."),
    "unknown model": ([IC, "model=image_classification/huge"], "model=image_classification/huge: no such option."),
    "unknown key": ([IC, "optim.lrr=1"], "optim.lrr: no such key. Did you mean optim.lr?"),
    "unknown key with +": ([IC, "+model.typo=1"], "model.typo: no such key, with '+' or without it."),
    "unknown top-level key with +": ([IC, "+typo=1"], "typo: no such key, with '+' or without it."),
    "wrong type": ([IC, "optim.lr=abc"], "optim.lr: Value 'abc' of type 'str' could not be converted to Float."),
    "fraction for a whole number": ([IC, "seed=1.5"], "seed: Value '1.5'"),
    "unknown enum": ([IC, "session=foo"], "session: Invalid value 'foo', expected one of [entire, quasi_entire,"),
    "negative seed": ([IC, "seed=-1"], "seed=-1: must lie in 0 to 4294967295."),
    "zero learning rate": ([IC, "optim.lr=0"], "optim.lr=0.0: must be greater than 0."),
    "no root": ([IC, "scale=reference"], "data.root: no value, and task=image_classification scale=reference"),
    "root that is not there": ([IC, "scale=reference", "data.root=/nowhere"], "data.root=/nowhere: no such folder."),
    "wrong layout": ([IC, "scale=reference", "data.root=."], "data.root=."),
    "training on made-up samples": (
        [IC, "scale=reference", "data.source=synthetic"],
        "data.source=synthetic: made-up samples teach nothing",
    ),
    "batch larger than train_size": (
        [IC, "data.batch_size=200", "data.train_size=100"],
        "data.batch_size=200: larger than the 100 samples of data.train_size.",
    ),
    "a path with an equals sign": (
        [IC, "data.root=/d/a=b"],
        """data.root=/d/a=b: Hydra needs quotes around '='. Write 'data.root="/d/a=b"'.""",
    ),
    "a path with a letter beyond ASCII": ([IC, "data.root=/größe"], """Write 'data.root="/größe"'."""),
    "a path from home": ([IC, "data.root=~/data"], """Write 'data.root="~/data"'."""),
    "a list that does not end": ([IC, "data.mean=[0.5,0.5"], "data.mean=[0.5,0.5: a list that does not end"),
    "an unknown function": ([IC, "seed=rand(3)"], "seed=rand(3): Hydra has no function rand"),
    "an empty word": ([IC, ""], "'': an empty word."),
    "no key": ([IC, "=3"], "=3: no key. Write KEY=VALUE."),
    "a key with a space": ([IC, " seed=3"], "no key can be named ' seed'."),
    "a word of thousands of letters": ([IC, "a" * 9000 + "=1"], "(9,002 letters): longer than 8,192 letters."),
    "an option of thousands of letters": (
        [IC, "hardware=" + "a" * 5000],
        "One of: auto, cpu, cpu_fast, gpu, gpu_fast.",
    ),
    "a key of thousands of letters": ([IC, "optim." + "a" * 5000 + "=1"], "no such key."),
    "a number of thousands of digits": ([IC, "seed=" + "9" * 5000], "more digits than a number can have."),
    "bytes that are no text": ([IC, "data.root=/\udcff"], "data.root=/\\udcff: holds the sign '\\udcff'"),
    "a line break": ([IC, "data.root=/a\nb"], "data.root=/a\\nb: holds the sign '\\n'"),
    "a group as a key": ([IC, "hardware.cpu=1"], "hardware.cpu: no such key."),
    "no option": (
        [IC, "tracking="],
        "tracking=: no such option. One of: aim, comet, csv, mlflow, neptune, none, tensorboard, wandb.",
    ),
    "an option of another task": (
        [IC, "model=object_detection/mini"],
        "model=object_detection/mini: belongs to task=object_detection. One of: image_classification/mini, ",
    ),
    "an unknown launcher": ([IC, "hydra/launcher=mixi"], "hydra/launcher=mixi: no such option. One of: basic, "),
    "an unknown group": ([IC, "model/x=1"], "model/x=1: no such group. One of: task, "),
    "a key below one that is not there, added": (
        [IC, "++tracking.us.csv=1.5"],
        "tracking.us.csv: no such key, with '+'",
    ),
    "a key that is there, added": ([IC, "+seed=1"], "+seed: seed is there already. Write seed=VALUE."),
    "a group that is there, added": ([IC, "+hardware=cpu"], "+hardware=cpu: hardware is there already."),
    "a key taken away": ([IC, "~optim.lr"], "~optim.lr: nothing of a run can be left out."),
    "a package": ([IC, "hardware@x=cpu"], "hardware@x=cpu: '@' has no meaning here."),
    "an interpolation of nothing": ([IC, "optim.lr=${nope}"], "optim.lr: Interpolation key 'nope' not found"),
    "an interpolation of itself": ([IC, "output=${output}"], "output: Recursive interpolation detected"),
    "several values without -m": (
        [IC, "seed=1,2"],
        "seed=1,2: several values. Add -m to run each, or",
    ),
    "a sweep function without -m": ([IC, "seed=range(1,5)"], "seed=range(1,5): several values. Add -m"),
    "a sweep that the sweeper has not": (["-m", IC, "optim.lr=interval(1,2)"], "optim.lr=interval(1,2): this sweeper"),
    "a sweep over nothing": (["-m", IC, "seed=range(5,1)"], "seed=range(5,1): 0 runs. A sweep has 1 to 10,000."),
    "a sweep without an end": (["-m", IC, "seed=range(1,1000000000)"], "999,999,999 runs. A sweep has 1 to 10,000."),
    "a seed too large in a sweep": (["-m", IC, "seed=99999999999,1"], "seed=99999999999: must lie in 0 to 4294967295."),
    "an empty path": ([IC, "output="], "output=: no value;"),
    "a home that nobody has": ([IC, 'output="~nouser/x"'], "output=~nouser/x: begins with ~, which is no known home"),
    "a home that nobody has, of a cache": ([IC, 'data.cache="~nouser/x"'], "data.cache=~nouser/x: begins with ~,"),
    "a home that nobody has, of the data": (
        [IC, "scale=reference", 'data.root="~nouser/x"'],
        "data.root=~nouser/x: no such folder.",
    ),
    "an empty root": ([IC, "data.root="], "data.root=: no value;"),
    "a folder below a file": ([IC, "output=/dev/null/x"], "output=/dev/null/x: cannot be written to: Not a directory."),
    "a folder that is a file": ([IC, f"output={__file__}"], "cannot be written to: File exists."),
    "a folder below a file, of a sweep": (["-m", IC, "output=/dev/null/x"], "output=/dev/null/x: cannot be written to"),
    "a folder with too long a name": ([IC, "output=x/" + "b" * 300], "cannot be written to: File name too long."),
    "a folder that nobody can make": ([IC, "output=/proc/x/y"], "output=/proc/x/y: cannot be written to: "),
    "a file for the folder of the data": (
        [IC, "scale=reference", f"data.root={__file__}"],
        "a file, and its folder",
    ),
    "a learning rate that is no number": ([IC, "optim.lr=nan"], "optim.lr=nan: must be a finite number."),
    "an infinite price": ([IC, "cost.price_per_kwh=inf"], "cost.price_per_kwh=inf: must be a finite number."),
    "a size beyond all": ([IC, "data.size=1" + "0" * 30], ": must be at most 32768."),
    "halvings beyond all": (
        ["task=image_to_image", "model.halvings=40000000000"],
        "model.halvings=40000000000: must",
    ),
    "an unknown metric": ([IC, "target.metric=val/typo"], "target.metric=val/typo: no such metric. Set target.metric"),
    "an unknown origin": ([IC, "target.origin=mine"], "target.origin=mine: no such value. One of: paper, calibrated."),
    "a flag without its value": ([IC, "--cfg"], "--cfg: no value. Write --cfg VALUE."),
    "a flag with another value": ([IC, "--cfg", "all_of_it"], "invalid choice: 'all_of_it'"),
    "not a pair": ([IC, "nonsense"], "nonsense: not KEY=VALUE"),
    "missing value": ([IC, "optim.lr=???"], "optim.lr: no value. Set optim.lr=VALUE."),
    "number for a group": ([IC, "model=3"], "Config group override must be a string"),
    "fp16 on a CPU": ([IC, "hardware=cpu", "hardware.precision=fp16"], "hardware.precision=fp16:"),
    "TF32 on a CPU": ([IC, "hardware=cpu", "hardware.precision=tf32"], "hardware.precision=tf32: CPUs have no TF32."),
    "deterministic by the clock": (
        [IC, "hardware.deterministic=true", "hardware.cudnn_benchmark=true"],
        "hardware.cudnn_benchmark=true: it picks algorithms by their time",
    ),
    "unknown flag": ([IC, "--batch-size=3"], "--batch-size=3: no such flag."),
    "bad run in a sweep whose flag comes last": ([IC, "seed=1,2", "optim.lr=0.1,-1", "-m"], "optim.lr=-1.0: must be"),
    "bad run in a sweep over all tasks": (["-m", "task=glob(*)", "seed=-1"], "seed=-1: must lie in 0 to 4294967295."),
    "bad run in a sweep": (["-m", IC, "seed=1,2", "optim.lr=0.1,-1"], "optim.lr=-1.0: must be greater than 0."),
    "bad seed in a sweep": (["-m", IC, "seed=1,-2"], "seed=-2: must lie in 0 to 4294967295."),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_mistake_is_refused_in_one_line(case, told, tmp_path: Path):
    words, expected = REFUSED[case]
    answer = told(*words)
    assert answer.returncode == 1
    assert answer.stderr.startswith("aibench: ")
    assert answer.stderr.count("\n") == 1, answer.stderr
    assert expected in answer.stderr
    assert answer.stdout == ""
    assert list((tmp_path / "here").iterdir()) == []


def test_a_batch_larger_than_the_data_set_is_refused_and_leaves_nothing(command, tmp_path: Path):
    answer = command(IC, "hardware=cpu", "data.batch_size=100000")
    assert answer.returncode == 1
    assert answer.stderr.startswith("aibench: data.batch_size=100000: larger than the ")
    assert not list((tmp_path / "here").rglob("*.*"))


def test_a_folder_with_a_finished_result_is_refused(command, tmp_path: Path):
    folder = tmp_path / "here" / "run"
    folder.mkdir()
    (folder / "result.json").write_text('{"run_id": "1", "schema_version": 2, "task": "image_classification"}')
    for words in ([IC, "output=run"], ["-m", IC, "output=run", "seed=1,2"]):
        answer = command(*words)
        assert answer.returncode == 1
        assert answer.stderr.startswith("aibench: output=run: holds result.json of an earlier run.")
        assert [path.name for path in folder.iterdir()] == ["result.json"]


def test_refusing_imports_no_torch(command):
    answer = command(IC, "seed=-1", PYTHONPROFILEIMPORTTIME="1")
    imported = [line.rsplit("|", 1)[-1].strip() for line in answer.stderr.splitlines() if "import time:" in line]
    assert "hydra" in imported
    assert not {"torch", "numpy", "pytorch_lightning", "wandb", "pandas"} & set(imported)


def test_help_imports_neither_hydra_nor_torch_and_names_every_task(command):
    from aibench.composition.registry import task_names

    answer = command("-h", PYTHONPROFILEIMPORTTIME="1")
    imported = [line.rsplit("|", 1)[-1].strip() for line in answer.stderr.splitlines() if "import time:" in line]
    assert answer.returncode == 0
    assert not {"torch", "hydra", "omegaconf", "numpy"} & set(imported)
    for name in task_names():
        assert f"\n  {name} " in answer.stdout


@pytest.mark.parametrize("verb", [[], ["counters"], ["calibrate"], ["data", "verify"]])
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_verb_tells_of_itself(verb, option):
    from typer.testing import CliRunner

    from aibench.commands.app import app

    answer = CliRunner().invoke(app, [*verb, option])
    assert answer.exit_code == 0
    assert f"Usage: {' '.join(['root', *verb])}" in answer.output
