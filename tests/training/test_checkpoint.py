"""A damaged checkpoint is named in one line and never used; the newest whole one is."""

from __future__ import annotations

import random
import resource
import shutil
import signal
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from aibench.config import ConfigError
from aibench.results.result import BEST, LAST, PREVIOUS, Status, read_result
from aibench.training import checkpoint
from aibench.training.checkpoint import own_instruments
from aibench.training.ranks import Ranks
from aibench.training.resume import earlier, finished
from aibench.training.run import train
from aibench.world import World
from tests.conftest import TINY

QUIET = Console(quiet=True)
WORDS = (*TINY, "session=epochs", "epochs=3", "target.evaluations_per_epoch=1")


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    from aibench.composition.compose import composed

    folder = tmp_path_factory.mktemp("trained")
    train(composed(WORDS), folder, None, QUIET)
    return folder


@pytest.fixture
def unfinished(trained, tmp_path) -> Path:
    """A copy of the run without its result."""
    folder = tmp_path / "run"
    shutil.copytree(trained, folder)
    (folder / "result.json").unlink()
    return folder


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path, place: int | None = None) -> None:
    """Turn over one bit, of a tensor's record where no place is given."""
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda record: record.file_size)
    raw = bytearray(path.read_bytes())
    raw[largest.header_offset + 200 if place is None else place] ^= 8
    path.write_bytes(raw)


def overwrite(path: Path) -> None:
    path.write_bytes(random.Random(0).randbytes(path.stat().st_size))


def code(path: Path) -> None:
    torch.save({"callbacks": {"Recorder": Path("a class that weights_only refuses")}}, path)


def foreign(path: Path) -> None:
    torch.save({"state_dict": {}, "callbacks": {}}, path)


DAMAGES = [cut, empty, flip, overwrite, code, foreign]


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_one_before_a_damaged_checkpoint_goes_on_to_the_same_history(damage, unfinished, trained, composed, capsys):
    damage(unfinished / LAST)
    result = train(composed(*WORDS, "resume=auto"), unfinished, None, QUIET)
    said = capsys.readouterr().err
    assert said.startswith(f"aibench: {unfinished / LAST}: ")
    assert "Going on from previous.ckpt, of step 12; what was trained after it is trained again." in said
    assert "weights_only" not in said
    assert result.status is Status.completed
    assert [part.steps for part in result.parts] == [0, 12]
    expected = read_result(trained)
    assert [row.metrics for row in result.history] == [row.metrics for row in expected.history]
    assert checkpoint.load(unfinished / LAST)["callbacks"]["Recorder"]["record"]["steps"] == 18


def test_without_a_whole_checkpoint_the_run_is_refused(unfinished, composed):
    for name in (LAST, PREVIOUS, BEST):
        cut(unfinished / name)
    with pytest.raises(ConfigError, match=r"^\S+last\.ckpt: damaged: .* Remove them to start afresh"):
        earlier(composed(*WORDS, "resume=auto"), unfinished)
    assert {path.name for path in unfinished.glob("*.ckpt")} == {LAST, PREVIOUS, BEST}


def test_no_flipped_bit_changes_what_is_loaded(unfinished):
    path, places = unfinished / LAST, random.Random(1)
    whole, size = path.read_bytes(), path.stat().st_size
    expected = checkpoint.load(path)
    for _ in range(60):
        flip(path, places.randrange(size))
        try:
            found = checkpoint.load(path)
        except ConfigError as error:
            said = str(error)
            assert said.startswith(f"{path}: ")
            assert "\n" not in said
        else:
            same(found, expected)
        path.write_bytes(whole)


def same(found: Any, expected: Any) -> None:
    torch.testing.assert_close(found["state_dict"], expected["state_dict"], rtol=0, atol=0, equal_nan=True)
    assert found["callbacks"]["Recorder"]["record"] == expected["callbacks"]["Recorder"]["record"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_serving_names_a_damaged_checkpoint(damage, unfinished, composed):
    from aibench.serving.session import Server

    damage(unfinished / BEST)
    with pytest.raises(ConfigError, match=r"^\S+best\.ckpt: ") as caught:
        Server(composed(*WORDS), unfinished / BEST)
    assert "weights_only" not in str(caught.value)


@pytest.mark.parametrize("damage", DAMAGES[:4])
def test_first_weights_are_checked_too(damage, tmp_path):
    from aibench.nn.weights import backbone_state

    network = torch.nn.Linear(64, 64)
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    backbone_state(network, str(tmp_path / "weights.pt"))
    damage(tmp_path / "weights.pt")
    with pytest.raises(ConfigError, match=r"^model\.weights=\S+: not a state_dict") as caught:
        backbone_state(network, str(tmp_path / "weights.pt"))
    assert "weights_only" not in str(caught.value)


def test_other_samples_are_refused_and_the_same_elsewhere_are_not(unfinished, composed, monkeypatch, tmp_path):
    from aibench.composition.registry import data_class

    config = composed(*WORDS, "resume=auto", f"data.cache={tmp_path / 'elsewhere'}")
    with monkeypatch.context() as patch:
        patch.setattr(data_class("image_classification"), "fingerprint", lambda self: "another")
        with pytest.raises(ConfigError, match=r"^data: \S+ holds a run on other samples \(fing"):
            train(config, unfinished, None, QUIET)
    result = train(config, unfinished, None, QUIET)
    assert result.status is Status.completed
    assert result.parts[-1].config == {"data.cache": str(tmp_path / "elsewhere")}


def test_a_checkpoint_of_before_without_parts_or_fingerprint_goes_on(unfinished, composed):
    path = unfinished / LAST
    content = checkpoint.load(path)
    state = content["callbacks"]["Recorder"]
    for name in ("fingerprint", "system", "versions"):
        del state["identity"][name]
    del state["record"]["parts"], state["evaluation_is_due"], state["identity"]["config"]["checkpoint"]
    torch.save(content, path)
    result = train(composed(*WORDS, "resume=auto"), unfinished, None, QUIET)
    assert (result.status, [part.steps for part in result.parts]) == (Status.completed, [0, 18])
    assert result.parts[0].started is None


def test_another_machine_is_recorded_part_by_part(unfinished, trained, composed, monkeypatch):
    from aibench.analysis.runs.runs import of_result
    from aibench.meters import system as meters

    here = meters.system()
    monkeypatch.setattr(meters, "system", lambda **_: {**here, "cpu": "another processor"})
    result = train(composed(*WORDS, "resume=auto"), unfinished, None, QUIET)
    assert [part.system["cpu"] for part in result.parts] == [here["cpu"], "another processor"]
    assert of_result(result).traits["system.cpu"] == f"{here['cpu']}, then another processor"
    assert of_result(read_result(trained)).traits["system.cpu"] == here["cpu"]


OTHERS = ("hardware.precision=bf16", "hardware.threads=2", "data.workers=1", "data.eval_batch_size=8")


@pytest.mark.parametrize("word", OTHERS)
def test_a_finished_run_is_not_the_one_with_another_word(word, trained, composed):
    assert finished(composed(*WORDS, "resume=auto", f"output={trained}"), trained) is not None
    with pytest.raises(ConfigError, match=f"^{word}: .* holds a run with {word.split('=')[0]}="):
        finished(composed(*WORDS, "resume=auto", word), trained)


def test_a_sweep_looks_at_its_finished_runs_before_the_first_starts(trained, composed, tmp_path):
    from aibench.commands.hooks import _check_finished

    shutil.copytree(trained, tmp_path / "1_image_classification_seed1")
    other = [*WORDS, "resume=auto"]
    _check_finished(tmp_path, [[*other, "seed=2"], other])
    with pytest.raises(ConfigError, match=r"^hardware\.threads=2: \S+1_image_classification_seed1 holds a run with"):
        _check_finished(tmp_path, [other, [*other, "hardware.threads=2"]])


def test_a_disk_that_takes_no_more_is_told_with_the_folder_of_the_run(composed, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    (tmp_path / "run").mkdir()
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        result = train(composed(*WORDS), tmp_path / "run", None, QUIET)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert result.status is Status.failed
    assert result.message == f"OSError: [Errno 27] File too large: '{tmp_path / 'run' / LAST}'"
    assert len(result.history) == 1
    assert not list((tmp_path / "run").glob("*.ckpt")) + list((tmp_path / "run").glob(".*.tmp"))


def test_instruments_of_each_rank_go_on_from_their_own_and_lost_sensors_make_the_energy_unknown():
    def counted(*sensors):
        return {"seconds": {}, "energy_faults": [], "sensors": list(sensors)}

    two = {"instruments": counted("a gpu0"), "ranks": [{"instruments": counted(f"a gpu{rank}")} for rank in (0, 1)]}
    first, second = (Ranks(World(rank=rank, size=2)) for rank in (0, 1))
    assert own_instruments(two, second) == counted("a gpu1")
    alone = own_instruments(two, Ranks(World()))
    assert alone["energy_faults"] == ["1 sensors of the ranks before are not this process's"]
    one = {"instruments": counted("a gpu0")}
    assert own_instruments(one, first) == counted("a gpu0")
    assert own_instruments(one, second) is None, "a rank that is new has counted nothing"
